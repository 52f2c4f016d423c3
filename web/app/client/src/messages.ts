// What is signed, and what goes into the PIN's function: frames, each with a domain of its own, so that a
// signature made for one purpose says nothing in another.
import { type Bytes, concat, u64, unbase64url, unhex, utf8 } from "./bytes.ts";
import { normalisePin } from "./pinrules.ts";

/** The domain and each part, every one behind its length in four bytes, big-endian. */
export function frame(domain: string, ...parts: Uint8Array[]): Bytes {
  const pieces: Uint8Array[] = [];
  for (const part of [utf8(domain), ...parts]) {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, part.length);
    pieces.push(length, part);
  }
  return concat(...pieces);
}

export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** One waiting login as the server tells it. `created` and `expires` are RFC 3339 in UTC. */
export interface Pending {
  id: string;
  /** How login and approval are brought together: by the symbol at its prompt, by two in their order, or by a code that is typed there. */
  kind: "symbol" | "pair" | "code";
  service: string;
  host: string;
  source: string;
  created: string;
  expires: string;
  /** When it expires by this device's own clock, in milliseconds: that may be wrong by hours, a countdown must not be. */
  ends: number;
}

/** Whole seconds since 1970. Fractions of a second are cut off, as the server does. */
export function unixSeconds(time: string): number {
  const ms = Date.parse(time);
  if (Number.isNaN(ms)) throw new SyntaxError(`not a time: ${time}`);
  return Math.floor(ms / 1000);
}

export async function callMessage(device: string, counter: number, method: "GET" | "POST", path: string, body: Bytes) {
  return frame("latchkey/v1/call", unhex(device), u64(counter), utf8(method), utf8(path), await sha256(body));
}

export function enrolMessage(invitation: Bytes, secret: Bytes, deviceKey: Bytes): Bytes {
  return frame("latchkey/v1/enrol", invitation, secret, deviceKey);
}

export function pinInput(device: string, pin: string): Bytes {
  return frame("latchkey/v1/pin", unhex(device), utf8(normalisePin(pin)));
}

export async function keyMessage(device: string, evaluation: string, nonce: string, approvalKey: Bytes) {
  return frame("latchkey/v1/key", unhex(device), unbase64url(evaluation), unbase64url(nonce), await sha256(approvalKey));
}

export function openMessage(device: string, evaluation: string, nonce: string): Bytes {
  return frame("latchkey/v1/open", unhex(device), unbase64url(evaluation), unbase64url(nonce));
}

/** The hash of what stood on the screen; the approval covers it, so that nobody can show one login and accept another. */
export async function displayedHash(pendings: Omit<Pending, "kind" | "ends">[]): Promise<Bytes> {
  const parts = pendings.flatMap((p) => [
    unbase64url(p.id), utf8(p.service), utf8(p.host), utf8(p.source), u64(unixSeconds(p.created)),
  ]);
  return sha256(frame("latchkey/v1/displayed", ...parts));
}

export function approveMessage(device: string, nonce: string, symbol: string, displayed: Bytes): Bytes {
  return frame("latchkey/v1/approve", unhex(device), unbase64url(nonce), utf8(symbol), utf8("approve"), displayed);
}

export function renewBeginMessage(device: string, evaluation: string, nonce: string): Bytes {
  return frame("latchkey/v1/renew-begin", unhex(device), unbase64url(evaluation), unbase64url(nonce));
}

export async function renewMessage(device: string, generation: number, nonce: string, approvalKey: Bytes) {
  return frame("latchkey/v1/renew", unhex(device), u64(generation), unbase64url(nonce), await sha256(approvalKey));
}

/** Without vowels, so that no words come out, and without letters that look or sound alike. */
const checkLetters = "BCDFGHJKLMNPQRSTVWXZ";

/**
 * The eight letters by which an administrator knows the device in the user's hand. Made here from the device's own
 * keys, so that nobody in between can show the code of another device.
 */
export async function checkCode(device: string, nonce: string, deviceKey: Bytes, approvalKey: Bytes): Promise<string> {
  const message = frame("latchkey/v1/check", unhex(device), unbase64url(nonce), await sha256(deviceKey), await sha256(approvalKey));
  let n = new DataView((await sha256(message)).buffer).getBigUint64(0);
  let code = "";
  for (let i = 0; i < 8; i++) {
    code += checkLetters[Number(n % 20n)];
    n /= 20n;
  }
  return code;
}
