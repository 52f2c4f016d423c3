// From the PIN to the key that wraps the approval key. The PIN alone is worth nothing offline: the wrapping key comes
// out of an oblivious function (RFC 9497, ristretto255-SHA512, base mode) of the PIN and of a key that only the
// appliance has, so that each try costs a call that the appliance counts.
import { ristretto255_oprf } from "@noble/curves/ed25519.js";
import { type Bytes, concat, unhex, utf8 } from "./bytes.ts";
import { importApprovalKey } from "./keys.ts";
import { pinInput } from "./messages.ts";
import { ProtocolError } from "./problem.ts";

const { oprf } = ristretto255_oprf;

/** A wrapped approval key. Its tag tells a right PIN only to who can ask the appliance. */
export interface WrappedKey {
  /** 12 bytes of nonce, ciphertext, tag. */
  sealed: Bytes;
  /** The number of the approval key: 1 is the first, each renewal adds one. */
  generation: number;
}

/** A PIN that is on its way: `blinded` goes to the appliance, the rest stays in memory. */
export class BlindedPin {
  readonly #input: Bytes;
  readonly #blind: Uint8Array;
  readonly #device: string;
  readonly blinded: Bytes;

  /** random: for test vectors only; the default is the runtime's. */
  constructor(device: string, pin: string, random?: (length?: number) => Uint8Array) {
    this.#device = device;
    this.#input = pinInput(device, pin);
    const { blind, blinded } = oprf.blind(this.#input, random as never);
    this.#blind = blind;
    this.blinded = new Uint8Array(blinded);
  }

  /** The function's output, 64 bytes. Refuses what is no element of the group, and the identity. */
  finalize(evaluated: Uint8Array): Bytes {
    if (evaluated.length !== 32 || evaluated.every((b) => b === 0)) throw new ProtocolError("bad point from the appliance");
    try {
      return new Uint8Array(oprf.finalize(this.#input, this.#blind, evaluated));
    } catch {
      throw new ProtocolError("bad point from the appliance");
    }
  }

  async wrappingKey(evaluated: Uint8Array): Promise<WrappingKey> {
    const output = this.finalize(evaluated);
    const key = await deriveWrappingKey(this.#device, output);
    output.fill(0);
    return new WrappingKey(this.#device, key);
  }
}

/** HKDF-SHA256 with the device's id as salt; AES-256-GCM. */
export async function deriveWrappingKey(device: string, output: Bytes, extractable = false): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", output, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: unhex(device), info: utf8("latchkey/v1/wrap") };
  return crypto.subtle.deriveKey(how, secret, { name: "AES-GCM", length: 256 }, extractable, ["encrypt", "decrypt"]);
}

/** Wraps and unwraps approval keys while the PIN is fresh. */
export class WrappingKey {
  readonly #device: string;
  readonly #key: CryptoKey;
  constructor(device: string, key: CryptoKey) {
    this.#device = device;
    this.#key = key;
  }

  #how(iv: Bytes) {
    return { name: "AES-GCM", iv, additionalData: unhex(this.#device) };
  }

  /** Wipes the PKCS#8. */
  async wrap(pkcs8: Bytes, generation: number): Promise<WrappedKey> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = concat(iv, new Uint8Array(await crypto.subtle.encrypt(this.#how(iv), this.#key, pkcs8)));
    pkcs8.fill(0);
    return { sealed, generation };
  }

  /** The approval key, or undefined where the PIN does not open it. */
  async unwrap(wrapped: WrappedKey): Promise<CryptoKey | undefined> {
    let pkcs8: Bytes;
    try {
      pkcs8 = new Uint8Array(await crypto.subtle.decrypt(this.#how(wrapped.sealed.slice(0, 12)), this.#key, wrapped.sealed.slice(12)));
    } catch {
      return undefined;
    }
    const key = await importApprovalKey(pkcs8);
    pkcs8.fill(0);
    return key;
  }
}
