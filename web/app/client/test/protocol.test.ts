// The client against an appliance over HTTP: every operation, and every way in which replies get lost.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { Appliance } from "../../test/appliance/server.ts";
import {
  Device, type DeviceEvent, enrol, MemoryStore, NetworkError, parseInvitationCode, parseInvitationLink, ProblemError, Transport, WrongPinError,
} from "../src/index.ts";

const appliance = new Appliance("");
before(() => appliance.start());
after(() => appliance.stop());

async function control<T = Record<string, string>>(what: string, order: object): Promise<T> {
  const response = await fetch(`${appliance.control}/${what}`, { method: "POST", body: JSON.stringify(order) });
  assert.equal(response.status, 200, what);
  return (await response.json()) as T;
}

let users = 0;
const pin = "294713";

async function enrolled(options: { trusted?: boolean } = {}) {
  const user = `user${++users}`;
  const store = new MemoryStore();
  const transport = new Transport(store, { repeats: [1, 1, 1] });
  const { code } = await control("invite", { user, trusted: options.trusted ?? true });
  const { id } = await enrol(transport, appliance.url, await parseInvitationCode(code!), "phone");
  const device = new Device(transport, id);
  await device.setUpPin(pin);
  return { user, store, transport, device, there: appliance.state.devices.get(id)! };
}

const refusal = (code: string) => (error: unknown) => error instanceof ProblemError && error.code === code;

test("enrolment by link: inert until the check code is confirmed", async () => {
  const store = new MemoryStore();
  const transport = new Transport(store);
  const { url } = await control("invite", { user: "lutz" });
  const record = await enrol(transport, appliance.url, parseInvitationLink(url!), "phone");
  assert.equal(record.state, "setup");
  const device = new Device(transport, record.id);
  const { state, checkCode } = await device.setUpPin(pin);
  assert.equal(state, "inert");
  assert.match(checkCode!, /^[BCDFGHJKLMNPQRSTVWXZ]{8}$/);
  await assert.rejects(device.pendings(), refusal("device-inert"));
  await control("confirm", { user: "lutz", code: checkCode });
  assert.equal((await device.hello()).state, "active");
  assert.equal((await device.record()).checkCode, undefined);
  assert.deepEqual(await device.pendings(), []);
});

test("after enrolment no public key is kept", async () => {
  const { device, there } = await enrolled();
  const record = await device.record();
  const kept = Object.values(record).flatMap((v) => (v instanceof Uint8Array ? [Buffer.from(v)] : typeof v === "string" ? [Buffer.from(v)] : []));
  assert.ok(record.wrapped);
  assert.equal(record.deviceSpki, undefined);
  assert.equal(record.deviceKey.extractable, false);
  const modulus = there.approvalSpki!.subarray(33, 33 + 32);
  for (const bytes of [...kept, Buffer.from(record.wrapped.sealed)]) assert.equal(bytes.indexOf(modulus), -1);
});

test("a login: two signatures, the right symbol", async () => {
  const { user, device, there } = await enrolled();
  const { login, symbol } = await control("login", { user, service: "VPN", host: "gäte", source: "2001:db8::7" });
  const [pending] = await device.pendings();
  assert.deepEqual([pending!.id, pending!.host, pending!.source], [login, "gäte", "addr:2001:db8::7"]);
  const approval = await device.open(pin);
  assert.equal(approval.symbols.length, 9);
  assert.deepEqual(await approval.approve(symbol!), { pending: login });
  assert.deepEqual(await control("outcome", { login }), { outcome: "approved" });
  await assert.rejects(approval.approve(symbol!), { name: "ProtocolError" });
  assert.deepEqual([there.row, there.life], [0, 0], "the signature pays the evaluation back");
  assert.equal((await device.history())[0]!.result, "approved");
});

test("a question: the stream names it, the call brings it, and nothing keeps it", async () => {
  const { user, store, device } = await enrolled();
  assert.deepEqual(await device.messages(), []);
  const leave = new AbortController();
  const heard: DeviceEvent[] = [];
  let wake = () => {};
  const event = async (n: number) => {
    while (heard.length < n) await new Promise<void>((done) => (wake = done));
    return heard[n - 1]!;
  };
  const following = device.events((e) => (heard.push(e), wake()), leave.signal);
  assert.equal((await event(1)).type, "open");
  const text = "Please enter the 1st and the last character of your place of birth. (KX)";
  await control("message", { user, mark: "KX", text });
  const told = await event(2);
  const [message] = await device.messages();
  assert.deepEqual([told.type, told.id, message!.mark, message!.text], ["message", message!.id, "KX", text]);
  assert.ok(message!.ends > Date.now());
  assert.ok(!JSON.stringify(await store.list()).includes("place of birth"));
  await control("message", { user });
  assert.deepEqual(await event(3), { type: "ended", id: message!.id });
  assert.deepEqual(await device.messages(), []);
  leave.abort();
  await following;
  // Not confirmed: nothing. And an appliance of before knows no such call.
  const other = await enrolled({ trusted: false });
  await control("message", { user: other.user, text });
  await assert.rejects(other.device.messages(), refusal("device-inert"));
});

test("a pair: both symbols in their order; nothing else is sent; an app that knows none is told so", async () => {
  const { user, device } = await enrolled();
  const { login, symbol } = await control<Record<string, string>>("login", { user, pair: true });
  const [first, second] = symbol!.split(",") as [string, string];
  assert.equal((await device.pendings())[0]!.kind, "pair");
  const approval = await device.open(pin);
  for (const pick of [[first], [first, first], [first, "none"]] as [string, string?][]) {
    await assert.rejects(approval.approve(...pick), { name: "ProtocolError" });
  }
  assert.deepEqual(await approval.approve(first, second), { pending: login });
  const swapped = await control<Record<string, string>>("login", { user, pair: true });
  const [one, two] = swapped["symbol"]!.split(",") as [string, string];
  await assert.rejects((await device.open(pin)).approve(two, one), refusal("wrong-symbol"));
  await assert.rejects(device.transport.call(device.id, "open", { evaluation: "AA", signature: "AA" }), refusal("stale-nonce"));
});

test("two logins: the symbol chooses one, the other ends; a wrong one ends both", async () => {
  const { user, device } = await enrolled();
  const one = await control("login", { user });
  const two = await control("login", { user, source: "203.0.113.9" });
  assert.equal((await (await device.open(pin)).approve(two["symbol"]!)).pending, two["login"]);
  assert.deepEqual(await control("outcome", { login: one["login"] }), { outcome: "other-chosen" });

  const three = await control("login", { user });
  const four = await control("login", { user });
  const approval = await device.open(pin);
  const wrong = approval.symbols.find((s) => s !== three["symbol"] && s !== four["symbol"])!;
  await assert.rejects(approval.approve(wrong), refusal("wrong-symbol"));
  for (const { login } of [three, four]) assert.deepEqual(await control("outcome", { login }), { outcome: "wrong-symbol" });
});

test("deny, both forms; too late is told", async () => {
  const { user, device } = await enrolled();
  for (const reason of ["cancel", "not-me"] as const) {
    const { login } = await control("login", { user });
    await device.deny(login!, reason);
    assert.deepEqual(await control("outcome", { login }), { outcome: reason });
    await assert.rejects(device.deny(login!, reason), refusal("pending-ended"));
  }
});

test("a wrong PIN is told here and counted there; five lock; a right one ends the row", async () => {
  const { user, device, there } = await enrolled();
  for (let i = 0; i < 4; i++) await assert.rejects(device.open("830517"), WrongPinError);
  await control("login", { user });
  await device.open(pin);
  assert.deepEqual([there.row, there.life], [0, 4]);
  for (let i = 0; i < 5; i++) await assert.rejects(device.open("830517"), WrongPinError);
  await assert.rejects(device.open(pin), refusal("pin-locked"));
  await control("unlock", { user });
  await device.open(pin);
});

test("lost replies: the call is repeated with the same counter, taken once, and answered alike", async () => {
  const { user, device, there } = await enrolled();
  const { symbol, login } = await control("login", { user });
  appliance.state.loseReplies = 2;
  const approval = await device.open(pin);
  assert.deepEqual([there.row, there.life], [0, 0]);
  appliance.state.loseReplies = 3;
  assert.equal((await approval.approve(symbol!)).pending, login);
  appliance.state.loseReplies = 99;
  await assert.rejects(device.hello(), NetworkError);
  appliance.state.loseReplies = 0;
  assert.equal((await device.hello()).state, "active", "a call that was given up is no clone");
});

test("many calls at once leave in the order of their counters", async () => {
  const { device, there } = await enrolled();
  await Promise.all(Array.from({ length: 20 }, () => device.hello()));
  assert.equal(there.refused, undefined);
});

test("a copied profile is found out by its counter", async () => {
  const { device, store, there } = await enrolled();
  const copy = new MemoryStore();
  for (const record of await store.list()) await copy.add(record);
  await device.hello();
  await assert.rejects(new Device(new Transport(copy), device.id).pendings(), refusal("device-cloned"));
  assert.equal(there.refused, "device-cloned");
  await assert.rejects(device.hello(), refusal("device-cloned"));
});

test("renewal: a new key under the same PIN; the old one is gone", async () => {
  const { user, device, there } = await enrolled();
  const before = there.approvalSpki!;
  await device.renew(pin);
  assert.ok(!there.approvalSpki!.equals(before));
  assert.equal(there.nextApproval, undefined);
  const record = await device.record();
  assert.equal(record.wrapped!.generation, 2);
  assert.equal(record.next, undefined);
  const { symbol, login } = await control("login", { user });
  assert.equal((await (await device.open(pin)).approve(symbol!)).pending, login);
});

test("a change of PIN: the old one opens nothing any more, and costs nothing for life", async () => {
  const { device, there } = await enrolled();
  await device.renew(pin, "drei rote Äpfel");
  assert.deepEqual([there.row, there.life], [0, 0]);
  await assert.rejects(device.open(pin), WrongPinError);
  await device.open("drei rote Äpfel");
});

/** Lets the reply of one operation get lost for good, before or after the appliance took it. */
function losing(store: MemoryStore, op: string, when: "before" | "after"): Transport {
  return new Transport(store, {
    repeats: [], fetch: async (url, init) => {
      if (!String(url).endsWith(op)) return fetch(url, init);
      if (when === "after") await fetch(url, init);
      throw new TypeError("lost");
    },
  });
}

for (const newPin of [undefined, "618394"]) {
  for (const when of ["before", "after"] as const) {
    test(`renewal ${newPin ? "with a new PIN" : "of the key"}, lost ${when} it was taken: the phone goes on`, async () => {
      const { user, store, transport, device, there } = await enrolled();
      await assert.rejects(new Device(losing(store, "/device/renew", when), device.id).renew(pin, newPin), NetworkError);
      assert.ok((await device.record()).next);
      // The user knows only that something went wrong, and tries what they meant last, then what was before.
      const again = new Device(transport, device.id);
      const { symbol, login } = await control("login", { user });
      const valid = newPin && when === "after" ? newPin : pin;
      const approval = await again.open(valid);
      assert.equal((await approval.approve(symbol!)).pending, login);
      if (when === "after") {
        assert.equal((await again.record()).next, undefined);
        assert.equal(there.generation, 2);
      }
      await again.renew(valid);
      assert.equal((await again.record()).next, undefined);
      await again.open(valid);
    });
  }
}

test("a setup whose last reply was lost is finished by asking", async () => {
  const { code } = await control("invite", { user: "lossy", trusted: true });
  const store = new MemoryStore();
  const { id } = await enrol(new Transport(store), appliance.url, await parseInvitationCode(code!), "phone");
  await assert.rejects(new Device(losing(store, "/device/key", "after"), id).setUpPin(pin), NetworkError);
  const device = new Device(new Transport(store), id);
  assert.equal((await device.hello()).state, "active");
  await device.open(pin);
});

test("a spent invitation locks what it made", async () => {
  const { code } = await control("invite", { user: "twice", trusted: true });
  const invitation = await parseInvitationCode(code!);
  const transport = new Transport(new MemoryStore());
  const { id } = await enrol(transport, appliance.url, invitation, "first");
  await assert.rejects(enrol(transport, appliance.url, invitation, "second"), refusal("invitation-void"));
  await assert.rejects(new Device(transport, id).hello(), refusal("device-locked"));
});

test("events come while the stream stands, and it comes back after a break", async () => {
  const { user, device, there } = await enrolled();
  const stop = new AbortController();
  const seen: DeviceEvent[] = [];
  let wake = () => {};
  const until = async (type: string, id = "") => {
    while (!seen.some((e) => e.type === type && e.id === id)) await new Promise<void>((done) => (wake = done));
    seen.length = 0;
  };
  const done = device.events((event) => (seen.push(event), wake()), stop.signal);
  await until("open");
  const { login } = await control("login", { user });
  await until("pending", login);
  await device.deny(login!, "cancel");
  await until("ended", login);
  for (const send of there.streams) send("");
  await until("open");
  stop.abort();
  await done;
});

test("a stream that is given up while it opens is waited for: no later call overtakes it", async () => {
  const { store, device, there } = await enrolled();
  let arrived = () => {};
  const opening = new Promise<void>((done) => (arrived = done));
  const order: string[] = [];
  const slow = new Transport(store, {
    fetch: async (url, init) => {
      const name = String(url).replace(/.*device./, "");
      if (name === "events") {
        arrived();
        await new Promise((done) => setTimeout(done, 50));
      }
      init?.signal?.throwIfAborted();
      const response = await fetch(url, init);
      order.push(name);
      return response;
    },
  });
  const stop = new AbortController();
  const phone = new Device(slow, device.id);
  const done = phone.events(() => undefined, stop.signal);
  await opening;
  stop.abort();
  await phone.hello();
  await done;
  assert.deepEqual(order, ["events", "hello"]);
  assert.equal(there.refused, undefined);
});

test("rename, push, remove", async () => {
  const { device, store, there } = await enrolled();
  await device.rename("Büro");
  assert.equal(there.name, "Büro");
  await device.push({ endpoint: "https://push.example/1", keys: { p256dh: "a", auth: "b" } });
  await assert.rejects(device.push({ endpoint: "http://push.example/1" }), refusal("subscription-refused"));
  await device.push(null);
  assert.equal(there.subscription, null);
  await device.remove();
  assert.deepEqual(await store.list(), []);
  assert.equal(there.refused, "device-revoked");
});

test("an appliance that displays something else than it sends is not followed", async () => {
  const { user, store, device } = await enrolled();
  await control("login", { user });
  const lying = new Transport(store, {
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (!String(url).endsWith("/open")) return response;
      const reply = (await response.json()) as { pendings: { source: string }[] };
      reply.pendings[0]!.source = "192.0.2.200";
      return Response.json(reply);
    },
  });
  await assert.rejects(new Device(lying, device.id).open(pin), { name: "ProtocolError" });
});
