// The appliance's half of the protocol's cryptography, by Node's own crypto and written apart from the client, so
// that the two hold each other to the document.
import { constants, createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { ristretto255_oprf } from "@noble/curves/ed25519.js";

export function frame(domain: string, ...parts: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from(domain), ...parts].flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  }));
}

export const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
export const text = (value: string): Buffer => Buffer.from(value, "utf8");

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** Base64url without padding, in its one spelling. */
export function decode(value: unknown): Buffer | undefined {
  if (typeof value !== "string") return undefined;
  const bytes = Buffer.from(value, "base64url");
  return bytes.toString("base64url") === value ? bytes : undefined;
}

export function publicKey(spki: Uint8Array, want: "ec" | "rsa"): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    const details = key.asymmetricKeyDetails;
    const good = want === "ec" ? details?.namedCurve === "prime256v1" : details?.modulusLength === 2048;
    return key.asymmetricKeyType === want && good ? key : undefined;
  } catch {
    return undefined;
  }
}

export const verifyCall = (key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean =>
  verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);

export const verifyApproval = (key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean =>
  verify("sha256", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature);

export const newShare = (): Uint8Array => ristretto255_oprf.oprf.generateKeyPair().secretKey;

export function evaluate(share: Uint8Array, blinded: Uint8Array): Buffer | undefined {
  if (blinded.length !== 32 || blinded.every((b) => b === 0)) return undefined;
  try {
    return Buffer.from(ristretto255_oprf.oprf.blindEvaluate(share, blinded));
  } catch {
    return undefined;
  }
}

export function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (b) => b.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{1,5}/g) ?? []).map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[parseInt(five.padEnd(5, "0"), 2)]).join("");
}
