// The two keys of a device. The device key signs every call and never leaves the runtime's key store; the approval
// key exists in the clear only between the PIN and the second signature.
import type { Bytes } from "./bytes.ts";

const deviceAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const approvalAlgorithm = { name: "RSA-PSS", hash: "SHA-256" } as const;

export interface NewKey {
  key: CryptoKey;
  /** SubjectPublicKeyInfo, DER: for the appliance only, never kept. */
  spki: Bytes;
}

export async function newDeviceKey(): Promise<NewKey> {
  const pair = await crypto.subtle.generateKey(deviceAlgorithm, false, ["sign", "verify"]);
  return { key: pair.privateKey, spki: new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey)) };
}

/** r and s, 32 bytes each. */
export async function signCall(key: CryptoKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, message));
}

/** pkcs8 is the caller's to wrap and to wipe. */
export async function newApprovalKey(): Promise<NewKey & { pkcs8: Bytes }> {
  const pair = await crypto.subtle.generateKey(
    { ...approvalAlgorithm, modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) }, true, ["sign", "verify"],
  );
  const [spki, pkcs8] = await Promise.all([
    crypto.subtle.exportKey("spki", pair.publicKey), crypto.subtle.exportKey("pkcs8", pair.privateKey),
  ]);
  return { key: pair.privateKey, spki: new Uint8Array(spki), pkcs8: new Uint8Array(pkcs8) };
}

export async function importApprovalKey(pkcs8: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", pkcs8, approvalAlgorithm, false, ["sign"]);
}

export async function signApproval(key: CryptoKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign({ name: "RSA-PSS", saltLength: 32 }, key, message));
}
