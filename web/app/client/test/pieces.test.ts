import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { ristretto255_oprf } from "@noble/curves/ed25519.js";
import { base64url, concat, hex, u64, unbase64url, unhex } from "../src/bytes.ts";
import { readEvents } from "../src/events.ts";
import { invitationCode, InvitationError, parseInvitationCode, parseInvitationLink } from "../src/invitation.ts";
import { displayedHash, frame } from "../src/messages.ts";
import { BlindedPin, deriveWrappingKey, WrappingKey } from "../src/pin.ts";
import { pinFault } from "../src/pinrules.ts";
import { problemOf } from "../src/problem.ts";
import { isSymbol, symbolNames } from "../src/symbols.ts";

const root = process.env["LATCHKEY_APP_ROOT"]!;

test("base64url has one spelling a value", () => {
  for (const bytes of [[], [0], [255, 254], [1, 2, 3], [251, 255, 191, 0]]) {
    assert.deepEqual([...unbase64url(base64url(Uint8Array.from(bytes)))], bytes);
  }
  for (const wrong of ["A", "AB", "AA==", "A+", "A/", " AA", "AA\n"]) assert.throws(() => unbase64url(wrong), SyntaxError, wrong);
});

test("frames put the length before the domain and each part", () => {
  assert.equal(hex(frame("ab", Uint8Array.of(1), new Uint8Array())), "00000002" + "6162" + "00000001" + "01" + "00000000");
  assert.notEqual(hex(frame("a", Uint8Array.of(1, 2))), hex(frame("a", Uint8Array.of(1), Uint8Array.of(2))));
  assert.equal(hex(u64(2 ** 40 + 7)), "0000010000000007");
  assert.throws(() => u64(-1), RangeError);
  assert.throws(() => u64(1.5), RangeError);
});

test("RFC 9497 appendix A.1.1: ristretto255-SHA512, base mode", () => {
  const known = JSON.parse(readFileSync(path.join(root, "client/test/rfc9497.json"), "utf8")) as {
    seed: string; keyInfo: string; skSm: string; vectors: Record<string, string>[];
  };
  const { oprf } = ristretto255_oprf;
  assert.equal(hex(oprf.deriveKeyPair(unhex(known.seed), unhex(known.keyInfo)).secretKey), known.skSm);
  assert.equal(known.vectors.length, 2);
  for (const v of known.vectors) {
    assert.equal(hex(oprf.blindEvaluate(unhex(known.skSm), unhex(v["BlindedElement"]!))), v["EvaluationElement"]);
    assert.equal(hex(oprf.finalize(unhex(v["Input"]!), unhex(v["Blind"]!), unhex(v["EvaluationElement"]!))), v["Output"]);
  }
});

const device = "0123456789abcdef01234567";

test("the same PIN and share give the same wrapping key whatever the blind; others do not", async () => {
  const { oprf } = ristretto255_oprf;
  const share = oprf.generateKeyPair().secretKey;
  const output = (id: string, pin: string, key = share) => {
    const blinded = new BlindedPin(id, pin);
    return hex(blinded.finalize(oprf.blindEvaluate(key, blinded.blinded)));
  };
  const one = output(device, "294713");
  assert.equal(output(device, "294713"), one);
  assert.equal(output(device, " 294713 "), one, "spaces at the ends are none");
  assert.equal(output(device, "２９４７１３"), one, "wide digits are digits");
  assert.notEqual(output(device, "294714"), one);
  assert.notEqual(output("0123456789abcdef01234568", "294713"), one);
  assert.notEqual(output(device, "294713", oprf.generateKeyPair().secretKey), one);
});

test("a point that is none, or the identity, is refused", () => {
  const blinded = new BlindedPin(device, "294713");
  for (const bad of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(32).fill(255), unhex("01".padEnd(64, "0"))]) {
    assert.throws(() => blinded.finalize(bad), { name: "ProtocolError" });
  }
});

test("a wrapped key opens with its own wrapping key only, and the PKCS#8 is wiped", async () => {
  const pair = await crypto.subtle.generateKey({ name: "RSA-PSS", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) }, true, ["sign", "verify"]);
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  const key = async (fill: number, id = device) => new WrappingKey(id, await deriveWrappingKey(id, new Uint8Array(64).fill(fill)));
  const wrapped = await (await key(1)).wrap(pkcs8, 0);
  assert.ok(pkcs8.every((b) => b === 0));
  assert.ok(await (await key(1)).unwrap(wrapped));
  assert.equal(await (await key(2)).unwrap(wrapped), undefined);
  assert.equal(await (await key(1, "0123456789abcdef01234568")).unwrap(wrapped), undefined);
});

test("invitations: link and typed code", async () => {
  const id = unhex("0011223344556677");
  const secret = unhex("000102030405060708090a0b0c0d0e0f");
  const packed = base64url(concat(Uint8Array.of(1), id, secret));
  const link = parseInvitationLink(`https://latchkey.example.org:8443/app/#i=${packed}&c=${base64url(new Uint8Array(32).fill(7))}`);
  assert.equal(link.origin, "https://latchkey.example.org:8443");
  assert.deepEqual([link.id, link.secret, link.pin], [id, secret, new Uint8Array(32).fill(7)]);
  const code = await invitationCode(link);
  assert.match(code, /^([A-Z2-7]{5}-){8}[A-Z2-7]{5}$/);
  for (const typed of [code, code.toLowerCase(), code.replaceAll("-", " "), code.replaceAll("-", ""), code.replaceAll("O", "0").replaceAll("I", "1").replaceAll("B", "8")]) {
    assert.deepEqual(await parseInvitationCode(typed), { origin: "", id, secret });
  }
  for (let at = 0; at < code.length; at++) {
    if (code[at] === "-") continue;
    const slip = code.slice(0, at) + (code[at] === "C" ? "D" : "C") + code.slice(at + 1);
    await assert.rejects(parseInvitationCode(slip), { name: "InvitationError", why: "typo" }, slip);
  }
  await assert.rejects(parseInvitationCode("AAAAA"), { why: "shape" });
  for (const [wrong, why] of [
    ["hello", "shape"], ["https://a.example/app/", "shape"], ["http://a.example/app/#i=" + packed, "shape"],
    ["https://a.example/app/#i=" + base64url(concat(Uint8Array.of(1), id)), "shape"], ["https://a.example/app/#i=A", "shape"],
    ["https://a.example/app/#i=" + base64url(concat(Uint8Array.of(2), id, secret)), "version"],
  ] as const) {
    assert.throws(() => parseInvitationLink(wrong), (e) => e instanceof InvitationError && e.why === why, wrong);
  }
});

test("PINs that are tried first are refused, each with its reason", () => {
  const cases: [string, number, ReturnType<typeof pinFault>][] = [
    ["294713", 6, undefined], ["8305", 4, undefined], ["83051", 4, undefined], ["2947", 6, "short"], ["2947138305167", 6, "long"],
    ["000000", 6, "same"], ["121212", 6, "same"], ["123456", 6, "sequence"], ["987654", 6, "sequence"], ["2468", 4, "sequence"],
    ["112233", 6, "sequence"], ["123654", 6, "sequence"], ["102030", 6, "sequence"], ["479479", 6, "repeat"], ["479974", 6, "mirror"],
    ["241281", 6, "date"], ["1987", 4, "date"], ["19871224", 6, "date"], ["147896", 6, "keypad"], ["2580", 4, "keypad"],
    ["159753", 6, "sequence"], ["314159", 6, "number"], ["5201314", 6, "number"],
    ["kurzer", 6, "short"], ["Passwort123!", 6, "word"], ["qwertzuiop", 6, "keypad"], ["abcabcabc", 6, "same"], ["abcdefghij", 6, "sequence"],
    ["drei rote Äpfel", 6, undefined], ["abc\u0007defgh", 6, "text"], ["x".repeat(65), 6, "long"],
  ];
  for (const [pin, digits, want] of cases) assert.equal(pinFault(pin, digits), want, pin);
});

test("what was displayed: order, content and whole seconds count", async () => {
  const p = { id: base64url(new Uint8Array(16).fill(1)), service: "VPN", host: "gate", source: "192.0.2.1", created: "2026-01-02T03:04:05Z", expires: "2026-01-02T03:05:05Z" };
  const q = { ...p, id: base64url(new Uint8Array(16).fill(2)) };
  const h = async (...list: (typeof p)[]) => hex(await displayedHash(list));
  const one = await h(p, q);
  assert.equal(await h({ ...p, created: "2026-01-02T03:04:05.900Z", expires: "" }, q), one);
  for (const other of [[q, p], [p], [{ ...p, service: "vpn" }, q], [{ ...p, service: "VP", host: "Ngate" }, q], [{ ...p, source: "192.0.2.2" }, q], [{ ...p, created: "2026-01-02T03:04:06Z" }, q]]) {
    assert.notEqual(await h(...other), one);
  }
});

test("server-sent events, cut anywhere", async () => {
  const stream = ": hello\r\n\r\nevent: pending\ndata: {\"id\":\"a\"}\n\ndata: x\rdata:y\r\revent: ended\ndata: ü\n\nevent: cut\ndata: off";
  const bytes = new TextEncoder().encode(stream);
  for (let size = 1; size < bytes.length; size++) {
    async function* chunks() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
    }
    const events = [];
    for await (const event of readEvents(chunks())) events.push(event);
    assert.deepEqual(events, [
      { type: "pending", data: '{"id":"a"}' }, { type: "message", data: "x\ny" }, { type: "ended", data: "ü" },
    ], `pieces of ${size}`);
  }
});

test("problems: a code, or what can be made of the rest", async () => {
  const of = async (body: string, status = 403) => {
    const p = await problemOf(new Response(body, { status }));
    return [p.code, p.status, p.detail];
  };
  assert.deepEqual(await of('{"type":"urn:latchkey:problem:pin-locked","title":"t","detail":"d","code":"pin-locked"}'), ["pin-locked", 403, "d"]);
  assert.deepEqual(await of('{"type":"urn:latchkey:problem:wrong-symbol","title":"t"}'), ["wrong-symbol", 403, "t"]);
  assert.deepEqual(await of('{"code":"__proto__"}'), ["unknown", 403, ""]);
  assert.deepEqual(await of("<html>", 503), ["busy", 503, ""]);
  assert.deepEqual(await of("[]", 500), ["unknown", 500, ""]);
});

test("sixteen symbols, named in both languages, no name twice", () => {
  assert.equal(Object.keys(symbolNames).length, 16);
  for (const language of ["de", "en"] as const) assert.equal(new Set(Object.values(symbolNames).map((n) => n[language])).size, 16);
  assert.ok(isSymbol("anchor"));
  assert.ok(!isSymbol("toString"));
});
