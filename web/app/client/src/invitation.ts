// The one-time invitation, as a link (or the QR code of it) and as a code to type.
import { type Bytes, concat, hex, unbase64url } from "./bytes.ts";
import { frame, sha256 } from "./messages.ts";

export interface Invitation {
  /** Where the appliance is, such as https://latchkey.example.org:8443; empty for a typed code, which does not say. */
  origin: string;
  /** Eight bytes. */
  id: Bytes;
  /** Sixteen bytes, spent with the first use. */
  secret: Bytes;
  /** SHA-256 of the public key that the appliance's TLS chain must hold. Browsers cannot check it; other clients must. */
  pin?: Bytes;
}

/** why: `shape` is no invitation at all, `typo` a mistyped one, `version` one of a newer protocol. */
export class InvitationError extends Error {
  override readonly name = "InvitationError";
  constructor(readonly why: "shape" | "typo" | "version") {
    super({ shape: "this is no invitation", typo: "a letter of the invitation is wrong", version: "this invitation is of a newer version" }[why]);
  }
}

const version = 1;
const idLength = 8;
const secretLength = 16;
const length = 1 + idLength + secretLength;
const checksumLength = 3;

function unpack(bytes: Bytes): Pick<Invitation, "id" | "secret"> {
  if (bytes.length > 0 && bytes[0] !== version) throw new InvitationError("version");
  if (bytes.length !== length) throw new InvitationError("shape");
  return { id: bytes.slice(1, 1 + idLength), secret: bytes.slice(1 + idLength) };
}

/** Strict, as the document has it: https, the app's path, a fragment of i and perhaps c, in this order. */
export function parseInvitationLink(link: string): Invitation {
  const found = /^(https:\/\/[^/?#@\\\s]+)\/app\/#i=([A-Za-z0-9_-]+)(?:&c=([A-Za-z0-9_-]+))?$/.exec(link);
  if (!found) throw new InvitationError("shape");
  const [, origin, i, c] = found as unknown as [string, string, string, string | undefined];
  let bytes: Bytes;
  let pin: Bytes | undefined;
  try {
    if (new URL(origin).origin !== origin.replace(/:443$/, "")) throw new SyntaxError("not an origin");
    bytes = unbase64url(i);
    pin = c === undefined ? undefined : unbase64url(c);
  } catch {
    throw new InvitationError("shape");
  }
  if (pin && (pin.length !== 32 || pin.every((b) => b === 0))) throw new InvitationError("shape");
  return { origin, ...unpack(bytes), ...(pin ? { pin } : {}) };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

async function checksum(bytes: Bytes): Promise<Bytes> {
  return (await sha256(frame("latchkey/v1/invitation", bytes))).slice(0, checksumLength);
}

/**
 * The typed form: base32 (RFC 4648) in nine groups of five, the last ones a checksum that finds a slip before it spends
 * anything. Case, spaces and dashes do not matter, and 0, 1 and 8 are read as O, I and B.
 */
export async function parseInvitationCode(text: string): Promise<Invitation> {
  const letters = text.toUpperCase().replace(/[ -]/g, "").replace(/0/g, "O").replace(/1/g, "I").replace(/8/g, "B");
  if (letters.length * 5 !== (length + checksumLength) * 8 + 1) throw new InvitationError("shape");
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of letters) {
    const value = alphabet.indexOf(letter);
    if (value < 0) throw new InvitationError("typo");
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  const all = Uint8Array.from(bytes);
  const body = all.slice(0, length);
  if ((held & ((1 << bits) - 1)) !== 0 || hex(all.slice(length)) !== hex(await checksum(body))) throw new InvitationError("typo");
  return { origin: "", ...unpack(body) };
}

/** The typed form of an invitation. */
export async function invitationCode(invitation: Pick<Invitation, "id" | "secret">): Promise<string> {
  const body = concat(Uint8Array.of(version), invitation.id, invitation.secret);
  let out = "";
  let bits = 0;
  let held = 0;
  for (const b of concat(body, await checksum(body))) {
    held = ((held << 8) | b) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += alphabet[(held >> bits) & 31];
    }
  }
  if (bits > 0) out += alphabet[(held << (5 - bits)) & 31];
  return out.match(/.{5}/g)!.join("-");
}
