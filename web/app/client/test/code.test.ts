// A login that can show nothing: what is signed for it, and what is taken for a code.
import assert from "node:assert/strict";
import test from "node:test";
import { Approval } from "../src/approval.ts";
import { base64url, hex } from "../src/bytes.ts";
import { approveMessage, displayedHash } from "../src/messages.ts";
import { Reply } from "../src/reply.ts";
import type { Transport } from "../src/transport.ts";

const device = "00112233445566778899aabb";
const id = (n: number) => base64url(new Uint8Array(16).fill(n));
const nonce = base64url(new Uint8Array(32).fill(7));
const login = (n: number, kind?: string) => ({
  id: id(n), ...(kind ? { kind } : {}), service: "vpn", host: "gate", source: "addr:192.0.2.7", created: "2026-03-02T09:00:00Z", expires: "2026-03-02T09:01:30Z",
});

async function opened(pendings: object[], symbols: string[], answer: object) {
  const keys = await crypto.subtle.generateKey({ name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, false, ["sign", "verify"]);
  const calls: Record<string, string>[] = [];
  const transport = { call: async (_: string, op: string, body: Record<string, string>) => (calls.push({ op, ...body }), new Reply(answer)) };
  const told = new Reply({ pendings }).pendings("pendings");
  const reply = new Reply({ pendings, symbols, nonce, displayed: base64url(await displayedHash(told)) });
  const approval = await Approval.from(transport as unknown as Transport, device, keys.privateKey, reply);
  const verify = async (symbol: string, shown: typeof told) => crypto.subtle.verify({ name: "RSA-PSS", saltLength: 32 }, keys.publicKey,
    Buffer.from(calls[0]!["signature"]!, "base64url"), approveMessage(device, nonce, symbol, await displayedHash(shown)));
  return { approval, calls, verify, told };
}

const nine = ["anchor", "umbrella", "star", "moon", "sun", "scissors", "telephone", "envelope", "crown"];
const done = { result: "approved", pending: id(2), code: "004217", expires: "2026-03-02T09:02:00Z" };

test("the code is for one login, and so is the signature", async () => {
  const { approval, calls, verify, told } = await opened([login(1, "symbol"), login(2, "code")], nine, done);
  assert.deepEqual(approval.pendings.map((p) => p.kind), ["symbol", "code"]);
  assert.deepEqual(await approval.approveCode(id(2)), { pending: id(2), code: "004217", expires: done.expires, ends: Date.parse(done.expires) });
  const { op, symbol, pending } = calls[0]!;
  assert.deepEqual([op, symbol, pending], ["approve", "code", id(2)]);
  assert.ok(await verify("code", [told[1]!]));
  assert.ok(!(await verify("code", told)), "nothing else is signed");
  await assert.rejects(approval.approveCode(id(2)), { name: "ProtocolError" }, "works once");
  assert.equal(calls.length, 1);
});

test("no code for a login that shows a symbol, or that was not shown", async () => {
  const { approval, calls } = await opened([login(1, "symbol"), login(2)], nine, done);
  for (const n of [1, 2, 3]) await assert.rejects(approval.approveCode(id(n)), { name: "ProtocolError" });
  assert.equal(calls.length, 0);
});

test("logins of codes alone bring no symbols; \"code\" is none to pick", async () => {
  const { approval, calls } = await opened([login(2, "code")], [], done);
  assert.deepEqual(approval.symbols, []);
  await assert.rejects(approval.approve("code"), { name: "ProtocolError" });
  assert.equal(calls.length, 0);
  assert.equal(hex(await displayedHash([...approval.pendings])).length, 64);
});

test("what is no code is not shown as one", async () => {
  const { code: _, ...without } = done;
  for (const answer of [without, { ...done, code: "12345" }, { ...done, code: "12345a" }, { ...done, pending: id(1) }, { ...done, result: "denied" }, { ...done, expires: "soon" }]) {
    const { approval } = await opened([login(2, "code")], [], answer);
    await assert.rejects(approval.approveCode(id(2)), { name: "ProtocolError" });
  }
});
