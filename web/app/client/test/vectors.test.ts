// The vectors that the Go client runs as well: docs/vectors/mobile.json.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { ristretto255_oprf } from "@noble/curves/ed25519.js";
import { base64url, unbase64url as un, utf8 } from "../src/bytes.ts";
import { invitationCode, parseInvitationCode, parseInvitationLink } from "../src/invitation.ts";
import { signApproval, signCall } from "../src/keys.ts";
import * as messages from "../src/messages.ts";
import { BlindedPin, deriveWrappingKey, WrappingKey } from "../src/pin.ts";
import { normalisePin, pinFault } from "../src/pinrules.ts";
import { symbolNames } from "../src/symbols.ts";

type Texts = Record<string, string>;
interface Vectors {
  version: number;
  keys: Record<"device" | "approval", { pkcs8: string; spki: string }>;
  frames: { domain: string; parts: string[]; frame: string }[];
  messages: { name: string; signer: "device" | "approval"; fields: Texts & { counter: number; generation: number }; frame: string; signature: string }[];
  displayed: { pendings: messages.Pending[]; hash: string }[];
  check_code: Texts;
  oprf: Texts[];
  points_refused: Texts[];
  pin: Texts[];
  invitations: Texts[];
  typed_alike: Texts[];
  urls_refused: Texts[];
  typed_refused: Texts[];
  pin_checks: { pin: string; digits: number; verdict: string }[];
  symbols: Texts[];
}

const file = path.join(process.env["LATCHKEY_APP_ROOT"]!, "../../docs/vectors/mobile.json");
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const { oprf } = ristretto255_oprf;

/** Every list must have something to say: an empty one would pass for ever. */
function each<T>(list: T[]): T[] {
  assert.ok(list.length > 0, "an empty list of vectors");
  return list;
}

const algorithms = {
  device: { importing: { name: "ECDSA", namedCurve: "P-256" }, using: { name: "ECDSA", hash: "SHA-256" }, sign: signCall },
  approval: { importing: { name: "RSA-PSS", hash: "SHA-256" }, using: { name: "RSA-PSS", saltLength: 32 }, sign: signApproval },
};

test("frames", () => {
  assert.equal(vectors.version, 1);
  for (const v of each(vectors.frames)) assert.equal(base64url(messages.frame(v.domain, ...v.parts.map(un))), v.frame);
});

test("messages: the same bytes, and signatures that both ends take", async () => {
  for (const v of each(vectors.messages)) {
    const f = v.fields;
    const made: Record<string, () => Promise<Uint8Array> | Uint8Array> = {
      "call": () => messages.callMessage(f["device"]!, f.counter, f["method"] as "GET", f["path"]!, utf8(f["body"]!)),
      "enrol": () => messages.enrolMessage(un(f["invitation"]!), un(f["secret"]!), un(f["device_key"]!)),
      "key": () => messages.keyMessage(f["device"]!, f["evaluation"]!, f["nonce"]!, un(f["approval_key"]!)),
      "open": () => messages.openMessage(f["device"]!, f["evaluation"]!, f["nonce"]!),
      "approve": () => messages.approveMessage(f["device"]!, f["nonce"]!, f["symbol"]!, un(f["displayed"]!)),
      "renew-begin": () => messages.renewBeginMessage(f["device"]!, f["evaluation"]!, f["nonce"]!),
      "renew": () => messages.renewMessage(f["device"]!, f.generation, f["nonce"]!, un(f["approval_key"] ?? f["next_key"]!)),
    };
    assert.ok(made[v.name], `no such message: ${v.name}`);
    assert.equal(base64url(await made[v.name]!()), v.frame, v.name);
    const how = algorithms[v.signer];
    const pair = vectors.keys[v.signer];
    const open = await crypto.subtle.importKey("spki", un(pair.spki), how.importing, true, ["verify"]);
    const secret = await crypto.subtle.importKey("pkcs8", un(pair.pkcs8), how.importing, false, ["sign"]);
    assert.ok(await crypto.subtle.verify(how.using, open, un(v.signature), un(v.frame)), `${v.name}: theirs`);
    assert.ok(await crypto.subtle.verify(how.using, open, await how.sign(secret, un(v.frame)), un(v.frame)), `${v.name}: ours`);
  }
});

test("what was displayed, and the check code", async () => {
  for (const v of each(vectors.displayed)) assert.equal(base64url(await messages.displayedHash(v.pendings)), v.hash);
  const c = vectors.check_code;
  assert.equal(await messages.checkCode(c["device"]!, c["nonce"]!, un(vectors.keys.device.spki), un(vectors.keys.approval.spki)), c["code"]);
});

test("the oblivious function", () => {
  for (const v of each(vectors.oprf)) {
    assert.equal(base64url(oprf.blindEvaluate(un(v["key"]!), un(v["blinded"]!))), v["evaluated"]);
    assert.equal(base64url(oprf.finalize(un(v["input"]!), un(v["blind"]!), un(v["evaluated"]!))), v["output"]);
  }
  const waiting = new BlindedPin("101112131415161718191a1b", "481516");
  for (const v of each(vectors.points_refused)) assert.throws(() => waiting.finalize(un(v["text"]!)), { name: "ProtocolError" }, v["why"]);
});

test("from PIN to wrapped key", async () => {
  for (const v of each(vectors.pin)) {
    const device = v["device"]!;
    assert.equal(normalisePin(v["pin"]!), v["normalised"]);
    assert.equal(base64url(messages.pinInput(device, v["pin"]!)), v["input"]);
    const output = un(v["output"]!);
    assert.equal(base64url(oprf.finalize(un(v["input"]!), un(v["blind"]!), un(v["evaluated"]!))), v["output"]);
    // Blinded afresh, the same output comes out.
    const blinded = new BlindedPin(device, v["pin"]!);
    assert.equal(base64url(blinded.finalize(oprf.blindEvaluate(un(v["key"]!), blinded.blinded))), v["output"]);
    const key = await deriveWrappingKey(device, output, true);
    assert.equal(base64url(new Uint8Array(await crypto.subtle.exportKey("raw", key))), v["wrapping_key"]);
    const wrapping = new WrappingKey(device, key);
    const approval = await wrapping.unwrap({ sealed: un(v["wrapped"]!), generation: 1 });
    assert.ok(approval);
    const open = await crypto.subtle.importKey("spki", un(vectors.keys.approval.spki), algorithms.approval.importing, true, ["verify"]);
    const message = utf8("message");
    assert.ok(await crypto.subtle.verify(algorithms.approval.using, open, await signApproval(approval, message), message));
  }
});

test("invitations", async () => {
  for (const v of each(vectors.invitations)) {
    const link = parseInvitationLink(v["url"]!);
    assert.equal(link.origin, v["origin"]);
    assert.equal(base64url(link.id), v["id"]);
    assert.equal(base64url(link.secret), v["secret"]);
    assert.equal(link.pin && base64url(link.pin), v["pin"]);
    assert.equal(await invitationCode(link), v["typed"]);
  }
  for (const v of each(vectors.typed_alike)) assert.equal(await invitationCode(await parseInvitationCode(v["text"]!)), v["typed"]);
  for (const v of each(vectors.urls_refused)) assert.throws(() => parseInvitationLink(v["text"]!), { name: "InvitationError" }, v["why"]);
  for (const v of each(vectors.typed_refused)) await assert.rejects(parseInvitationCode(v["text"]!), { name: "InvitationError" }, v["why"]);
});

test("which PINs are refused", () => {
  const verdicts = (fault: ReturnType<typeof pinFault>) =>
    fault === undefined ? "ok" : ["short", "long", "text"].includes(fault) ? fault : "common";
  for (const v of each(vectors.pin_checks)) assert.equal(verdicts(pinFault(v.pin, v.digits)), v.verdict, JSON.stringify(v.pin));
});

test("symbols", () => {
  const ours = Object.entries(symbolNames).map(([id, { en, de }]) => [id, en.toLowerCase(), de]);
  assert.deepEqual(ours, each(vectors.symbols).map((s) => [s["id"], s["en"], s["de"]]));
});
