// The operations of the device protocol, each as the document has it.
import { randomBytes } from "node:crypto";
import { decode, evaluate, frame, newShare, number, publicKey, sha256, text, verifyApproval, verifyCall } from "./crypto.ts";
import { grid, type Login, type PhoneDevice, Problem, type State } from "./state.ts";

type Body = Record<string, unknown>;
type Operation = (state: State, device: PhoneDevice, body: Body) => object;

const fresh = (size: number) => randomBytes(size).toString("base64url");

function fields(body: Body, ...names: string[]): void {
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown || names.some((name) => !(name in body))) throw new Problem("bad-request", 400);
}

function bytes(body: Body, name: string): Buffer {
  const value = decode(body[name]);
  if (!value) throw new Problem("bad-request", 400);
  return value;
}

/** An evaluation that no signature has answered yet. */
function take(device: PhoneDevice, body: Body, purpose: string): { evaluation: Buffer; nonce: Buffer } {
  const id = String(body["evaluation"]);
  const found = device.evaluations.get(id);
  if (found?.purpose !== purpose) throw new Problem("stale-nonce", 409);
  return { evaluation: Buffer.from(id, "base64url"), nonce: Buffer.from(found.nonce, "base64url") };
}

function refund(device: PhoneDevice, evaluation: Buffer): void {
  if (device.evaluations.delete(evaluation.toString("base64url"))) device.life--;
  device.row = 0;
}

/** The renewed key's first valid signature ends the old one. */
function signedBy(device: PhoneDevice, message: Buffer, signature: Buffer): boolean {
  if (device.nextApproval && verifyApproval(device.nextApproval, message, signature)) {
    device.approval = device.nextApproval;
    device.approvalSpki = device.nextSpki;
    device.share = device.nextShare ?? device.share;
    device.nextApproval = device.nextSpki = device.nextShare = undefined;
    return true;
  }
  return !!device.approval && verifyApproval(device.approval, message, signature);
}

const shown = (l: Login) => ({
  id: l.id, kind: l.code !== undefined ? "code" : l.symbol.includes(",") ? "pair" : "symbol", service: l.service, host: l.host, source: l.source, created: l.created.toISOString(), expires: l.expires.toISOString(),
});

function displayed(logins: Login[]): Buffer {
  return sha256(frame("latchkey/v1/displayed", ...logins.flatMap((l) => [
    Buffer.from(l.id, "base64url"), text(l.service), text(l.host), text(l.source), number(Math.floor(l.created.getTime() / 1000)),
  ])));
}

function active(device: PhoneDevice): void {
  if (device.state !== "active") throw new Problem("device-inert", 409);
}

export function enrol(state: State, body: Body): object {
  fields(body, "invitation", "secret", "device_key", "name", "proof");
  const id = bytes(body, "invitation");
  const secret = bytes(body, "secret");
  const spki = bytes(body, "device_key");
  const invited = state.invitations.get(id.toString("hex"));
  if (!invited || !invited.secret.equals(secret)) throw new Problem("invitation-void", 410);
  if (invited.spentBy) {
    state.devices.get(invited.spentBy)!.refused = "device-locked";
    throw new Problem("invitation-void", 410);
  }
  const key = publicKey(spki, "ec");
  if (!key) throw new Problem("bad-key", 400);
  if (!verifyCall(key, frame("latchkey/v1/enrol", id, secret, spki), bytes(body, "proof"))) throw new Problem("bad-signature", 401);
  const device: PhoneDevice = {
    id: randomBytes(12).toString("hex"), user: invited.user, name: String(body["name"]), key, keySpki: spki, counter: 0,
    state: "setup", share: newShare(), generation: 0, evaluations: new Map(), row: 0, life: 0, streams: new Set(),
  };
  invited.spentBy = device.id;
  state.devices.set(device.id, device);
  return { device: device.id, user: device.user, appliance: state.appliance, pin_digits: state.pinDigits, counter: 0 };
}

export const operations: Record<string, Operation> = {
  "hello": (state, device, body) => {
    fields(body);
    return {
      state: device.state, user: device.user, appliance: state.appliance, brand: state.brand, pin_digits: state.pinDigits,
      generation: device.generation, ...(device.state === "inert" ? { check_code: device.checkCode } : {}),
    };
  },

  "pin/evaluate": (state, device, body) => {
    const purpose = String(body["purpose"]);
    fields(body, "blinded", "purpose", ...(purpose === "unlock" ? ["generation"] : []));
    if ((purpose === "setup") !== (device.state === "setup")) throw new Problem("bad-request", 400);
    const newest = body["generation"] === device.generation;
    // Until the renewed key has signed, the one before it is good as well.
    if (purpose === "unlock" && !newest && !(device.nextApproval && body["generation"] === device.generation - 1)) {
      throw new Problem("stale-generation", 409);
    }
    const renewed = purpose === "next" || (newest && !!device.nextApproval);
    if (purpose === "next" && (!device.nextShare || device.nextApproval)) throw new Problem("stale-generation", 409);
    if (device.life >= state.triesForLife) throw new Problem("pin-erased");
    if (device.row >= state.triesInRow) throw new Problem("pin-locked");
    device.life++;
    device.row++;
    const evaluated = evaluate((renewed && device.nextShare) || device.share, bytes(body, "blinded"));
    if (!evaluated) throw new Problem("bad-point", 400);
    const evaluation = fresh(16);
    const nonce = fresh(32);
    device.evaluations.set(evaluation, { nonce, purpose, renewed });
    return { evaluated: evaluated.toString("base64url"), evaluation, nonce, tries_left: state.triesInRow - device.row, pair: true };
  },

  "key": (state, device, body) => {
    fields(body, "evaluation", "approval_key", "signature");
    if (device.state !== "setup") throw new Problem("bad-request", 400);
    const { evaluation, nonce } = take(device, body, "setup");
    const spki = bytes(body, "approval_key");
    const key = publicKey(spki, "rsa");
    if (!key) throw new Problem("bad-key", 400);
    const message = frame("latchkey/v1/key", Buffer.from(device.id, "hex"), evaluation, nonce, sha256(spki));
    if (!verifyApproval(key, message, bytes(body, "signature"))) throw new Problem("bad-signature", 401);
    refund(device, evaluation);
    device.approval = key;
    device.approvalSpki = spki;
    device.generation = 1;
    const trusted = [...state.invitations.values()].some((i) => i.spentBy === device.id && i.trusted);
    device.state = trusted ? "active" : "inert";
    const hash = sha256(frame("latchkey/v1/check", Buffer.from(device.id, "hex"), nonce, sha256(device.keySpki), sha256(spki)));
    let n = hash.readBigUInt64BE();
    device.checkCode = "";
    for (let i = 0; i < 8; i++, n /= 20n) device.checkCode += "BCDFGHJKLMNPQRSTVWXZ"[Number(n % 20n)];
    return { state: device.state, check_code: device.checkCode };
  },

  "pendings": (state, device, body) => {
    fields(body);
    active(device);
    return { pendings: state.waitingOf(device.user).map(shown) };
  },

  "messages": (state, device, body) => {
    fields(body);
    active(device);
    const one = state.messages.get(device.user);
    return { messages: one && one.expires.getTime() > Date.now() ? [one] : [] };
  },

  "open": (state, device, body) => {
    fields(body, "evaluation", "signature", ...("pair" in body ? ["pair"] : []));
    active(device);
    const { evaluation, nonce } = take(device, body, "unlock");
    const message = frame("latchkey/v1/open", Buffer.from(device.id, "hex"), evaluation, nonce);
    if (!signedBy(device, message, bytes(body, "signature"))) throw new Problem("bad-signature", 401);
    refund(device, evaluation);
    const logins = state.waitingOf(device.user);
    if (body["pair"] !== true && logins.some((l) => l.symbol.includes(","))) throw new Problem("app-outdated", 409);
    device.openNonce = { nonce: fresh(32), logins };
    return {
      pendings: logins.map(shown), symbols: grid(logins), nonce: device.openNonce.nonce,
      displayed: displayed(logins).toString("base64url"),
    };
  },

  "approve": (state, device, body) => {
    fields(body, "nonce", "symbol", "signature", ...("pending" in body ? ["pending"] : []));
    active(device);
    const open = device.openNonce;
    device.openNonce = undefined;
    if (!open || open.nonce !== body["nonce"]) throw new Problem("stale-nonce", 409);
    const symbol = String(body["symbol"]);
    const typed = symbol === "code" ? open.logins.find((l) => l.id === body["pending"] && l.code !== undefined) : undefined;
    if ((symbol === "code") !== !!typed) throw new Problem("bad-request", 400);
    const message = frame("latchkey/v1/approve", Buffer.from(device.id, "hex"), bytes(body, "nonce"), text(symbol), text("approve"), displayed(typed ? [typed] : open.logins));
    if (!device.approval || !verifyApproval(device.approval, message, bytes(body, "signature"))) throw new Problem("bad-signature", 401);
    const waiting = state.waitingOf(device.user);
    if (!open.logins.some((l) => waiting.includes(l))) throw new Problem("pending-ended", 409);
    if (typed) {
      for (const login of waiting) if (login !== typed) state.end(login, "other-chosen");
      typed.code = String(randomBytes(4).readUInt32BE() % 1_000_000).padStart(6, "0");
      typed.expires = new Date(Date.now() + 60_000);
      state.approvedByCode.set(typed.user, typed);
      state.hide(typed);
      return { result: "approved", pending: typed.id, code: typed.code, expires: typed.expires.toISOString() };
    }
    const chosen = waiting.find((l) => l.code === undefined && l.symbol === symbol && open.logins.includes(l));
    for (const login of waiting) if (login !== chosen) state.end(login, chosen ? "other-chosen" : "wrong-symbol");
    if (!chosen) throw new Problem("wrong-symbol");
    state.end(chosen, "approved");
    return { result: "approved", pending: chosen.id };
  },

  "deny": (state, device, body) => {
    fields(body, "pending", "reason");
    active(device);
    const reason = body["reason"];
    if (reason !== "cancel" && reason !== "not-me") throw new Problem("bad-request", 400);
    const login = state.logins.get(String(body["pending"]));
    if (!login || login.user !== device.user) throw new Problem("no-such-pending", 404);
    if (login.outcome) throw new Problem("pending-ended", 409);
    state.end(login, reason);
    return {};
  },

  "renew/begin": (_state, device, body) => {
    fields(body, "evaluation", "signature", "new_pin");
    active(device);
    const { evaluation, nonce } = take(device, body, "unlock");
    const message = frame("latchkey/v1/renew-begin", Buffer.from(device.id, "hex"), evaluation, nonce);
    if (!signedBy(device, message, bytes(body, "signature"))) throw new Problem("bad-signature", 401);
    refund(device, evaluation);
    device.nextApproval = device.nextSpki = undefined;
    device.nextShare = body["new_pin"] === true ? newShare() : undefined;
    device.renewNonce = fresh(32);
    return { nonce: device.renewNonce, generation: device.generation };
  },

  "renew": (state, device, body) => {
    fields(body, "generation", "nonce", "approval_key", "signature_old", "signature_new");
    active(device);
    const nonce = device.renewNonce;
    device.renewNonce = undefined;
    if (body["generation"] !== device.generation) throw new Problem("stale-generation", 409);
    if (!nonce || nonce !== body["nonce"]) throw new Problem("stale-nonce", 409);
    const spki = bytes(body, "approval_key");
    const key = publicKey(spki, "rsa");
    if (!key) throw new Problem("bad-key", 400);
    const message = frame("latchkey/v1/renew", Buffer.from(device.id, "hex"), number(device.generation), bytes(body, "nonce"), sha256(spki));
    if (!verifyApproval(device.approval!, message, bytes(body, "signature_old")) || !verifyApproval(key, message, bytes(body, "signature_new"))) {
      throw new Problem("bad-signature", 401);
    }
    for (const [id, { purpose }] of device.evaluations) if (purpose === "next") refund(device, Buffer.from(id, "base64url"));
    device.nextApproval = key;
    device.nextSpki = spki;
    device.generation++;
    device.openNonce = undefined;
    for (const login of state.waitingOf(device.user)) state.end(login, "expired");
    return { generation: device.generation };
  },

  "push": (_state, device, body) => {
    fields(body, "subscription");
    const subscription = body["subscription"] as { endpoint?: unknown } | null;
    if (subscription && !String(subscription.endpoint).startsWith("https://")) throw new Problem("subscription-refused", 422);
    device.subscription = subscription;
    return {};
  },

  "rename": (_state, device, body) => {
    fields(body, "name");
    device.name = String(body["name"]);
    return {};
  },

  "remove": (_state, device, body) => {
    fields(body);
    device.refused = "device-revoked";
    for (const send of device.streams) send("");
    return {};
  },

  "history": (state, device, body) => {
    fields(body);
    const ended = [...state.logins.values()].filter((l) => l.user === device.user && l.outcome).reverse();
    return { history: ended.map((l) => ({ time: l.created.toISOString(), service: l.service, host: l.host, source: l.source, result: l.outcome })) };
  },
};
