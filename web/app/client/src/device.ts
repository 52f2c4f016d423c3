// One enrolled device and what it can do.
import { base64url } from "./bytes.ts";
import { type EventHandler, follow } from "./events.ts";
import { newApprovalKey, signApproval } from "./keys.ts";
import { checkCode, keyMessage, openMessage, type Pending, renewBeginMessage, renewMessage } from "./messages.ts";
import { Approval } from "./approval.ts";
import { BlindedPin, type WrappingKey } from "./pin.ts";
import { ProblemError, ProtocolError, WrongPinError } from "./problem.ts";
import type { Reply } from "./reply.ts";
import type { DeviceRecord } from "./store.ts";
import type { Transport } from "./transport.ts";

/** What the appliance says of this device. */
export interface Hello {
  state: DeviceRecord["state"];
  user: string;
  appliance: string;
  pinDigits: number;
  /** The newest approval key that the appliance has taken; 0: none yet. */
  generation: number;
  /** The key under which push messages are sent (P-256, uncompressed), where the appliance sends any. */
  vapidKey?: string;
}

/** A login of the past. */
export interface PastLogin {
  time: string;
  service: string;
  host: string;
  source: string;
  result: string;
}

/** The question of a login whose prompt names its mark. Shown until it ends, and stored nowhere. */
export interface Message {
  id: string;
  mark: string;
  text: string;
  created: string;
  /** When it is no more to be shown, by this device's own clock, in milliseconds. */
  ends: number;
}

interface Evaluation {
  wrapping: WrappingKey;
  evaluation: string;
  nonce: string;
  triesLeft?: number;
  /** The appliance knows pairs of symbols, and wants to hear whether this app does. */
  pair: boolean;
}

/** The approval key, unwrapped, with the evaluation that its signature will pay back. */
interface Unlocked extends Evaluation {
  key: CryptoKey;
}

type Purpose = { purpose: "setup" | "next" } | { purpose: "unlock"; generation: number };

export class Device {
  constructor(readonly transport: Transport, readonly id: string) {}

  async record(): Promise<DeviceRecord> {
    const record = await this.transport.store.get(this.id);
    if (!record) throw new ProblemError("unknown-device", 0, "this ID is no longer on this device");
    return record;
  }

  #call(op: string, body: object = {}): Promise<Reply> {
    return this.transport.call(this.id, op, body);
  }

  async #evaluate(pin: string, purpose: Purpose): Promise<Evaluation> {
    const blinded = new BlindedPin(this.id, pin);
    const reply = await this.#call("pin/evaluate", { blinded: base64url(blinded.blinded), ...purpose });
    const triesLeft = reply.optionalCount("tries_left");
    return {
      wrapping: await blinded.wrappingKey(reply.bytes("evaluated")),
      evaluation: reply.binary("evaluation"), nonce: reply.binary("nonce"), pair: reply.raw("pair") === true, ...(triesLeft === undefined ? {} : { triesLeft }),
    };
  }

  /** Asks for the state, and brings the record in line with it. */
  async hello(): Promise<Hello> {
    const reply = await this.#call("hello");
    const { wrapped, next } = await this.record();
    const generation = reply.count("generation");
    // Without a key at both ends the PIN has to be set up, whatever else is there.
    const state = generation === 0 || !wrapped ? "setup" : reply.text("state") === "active" ? "active" : "inert";
    const hello: Hello = {
      state, generation, user: reply.text("user"), appliance: reply.text("appliance"), pinDigits: reply.count("pin_digits"),
    };
    const vapidKey = reply.optionalText("vapid_key");
    if (vapidKey) hello.vapidKey = vapidKey;
    await this.transport.store.update(this.id, {
      state, user: hello.user, appliance: hello.appliance, pinDigits: hello.pinDigits,
      ...(state === "active" ? { checkCode: undefined } : {}),
      // A renewal whose reply was lost: the newest key that the appliance has taken is the one to go on with.
      ...(next ? { next: undefined, ...(generation === next.generation ? { wrapped: next } : {}) } : {}),
    });
    return hello;
  }

  /**
   * Sets the PIN and makes the approval key. The wrapped key is stored before the appliance is told, so that no crash
   * leaves an appliance with a key that nobody has. The public key leaves memory with this call.
   */
  async setUpPin(pin: string): Promise<DeviceRecord> {
    const { deviceSpki, wrapped } = await this.record();
    // An earlier try may have arrived without its reply.
    if (wrapped && (await this.hello()).state !== "setup") return this.record();
    if (!deviceSpki) throw new ProtocolError("this device has its PIN");
    const { wrapping, evaluation, nonce } = await this.#evaluate(pin, { purpose: "setup" });
    const { key, spki, pkcs8 } = await newApprovalKey();
    await this.transport.store.update(this.id, { wrapped: await wrapping.wrap(pkcs8, 1) });
    const signature = await signApproval(key, await keyMessage(this.id, evaluation, nonce, spki));
    const reply = await this.#call("key", { evaluation, approval_key: base64url(spki), signature: base64url(signature) });
    const state = reply.text("state") === "active" ? "active" : "inert";
    const code = await checkCode(this.id, nonce, deviceSpki, spki);
    if (state === "inert" && reply.text("check_code") !== code) throw new ProtocolError("the appliance has another check code");
    await this.transport.store.update(this.id, { state, checkCode: state === "inert" ? code : undefined, deviceSpki: undefined });
    return this.record();
  }

  async pendings(): Promise<Pending[]> {
    return (await this.#call("pendings")).pendings("pendings");
  }

  /** The questions that this phone may show now. An appliance that does not know them yet has none. */
  async messages(): Promise<Message[]> {
    try {
      return (await this.#call("messages")).objects("messages").map((m) => ({
        id: m.text("id"), mark: m.text("mark"), text: m.text("text"), created: m.time("created").text, ends: m.time("expires").here,
      }));
    } catch (error) {
      if (error instanceof ProblemError && error.code === "bad-request") return [];
      throw error;
    }
  }

  /** Unwraps the approval key; after a renewal whose reply was lost, the one that the appliance has. */
  async #unlock(pin: string): Promise<Unlocked> {
    if ((await this.record()).next) await this.hello();
    const { wrapped } = await this.record();
    if (!wrapped) throw new ProtocolError("this device has no PIN yet");
    const evaluated = await this.#evaluate(pin, { purpose: "unlock", generation: wrapped.generation });
    const key = await evaluated.wrapping.unwrap(wrapped);
    if (!key) throw new WrongPinError(evaluated.triesLeft);
    return { ...evaluated, key };
  }

  /** The first signature: shows that PIN and key are right, and brings the symbols. */
  async open(pin: string): Promise<Approval> {
    const { key, evaluation, nonce, pair } = await this.#unlock(pin);
    const signature = base64url(await signApproval(key, openMessage(this.id, evaluation, nonce)));
    // An appliance that does not know the word would refuse it.
    return Approval.from(this.transport, this.id, key, await this.#call("open", { evaluation, signature, ...(pair ? { pair } : {}) }));
  }

  /** Refuses a login. `not-me` raises an alert. Needs no PIN: to say no must always be easy. */
  async deny(pending: string, reason: "cancel" | "not-me"): Promise<void> {
    await this.#call("deny", { pending, reason });
  }

  /**
   * Replaces the approval key, and with newPin the PIN too. Both keys are kept until it is known that the appliance has
   * taken the new one; its first signature, which ends the old one there, is made at once.
   */
  async renew(pin: string, newPin?: string): Promise<void> {
    const unlocked = await this.#unlock(pin);
    const begin = await this.#call("renew/begin", {
      evaluation: unlocked.evaluation,
      signature: base64url(await signApproval(unlocked.key, renewBeginMessage(this.id, unlocked.evaluation, unlocked.nonce))),
      new_pin: newPin !== undefined,
    });
    const generation = begin.count("generation");
    const nonce = begin.binary("nonce");
    const wrapping = newPin === undefined ? unlocked.wrapping : (await this.#evaluate(newPin, { purpose: "next" })).wrapping;
    const { key, spki, pkcs8 } = await newApprovalKey();
    const message = await renewMessage(this.id, generation, nonce, spki);
    const [old, fresh] = await Promise.all([signApproval(unlocked.key, message), signApproval(key, message)]);
    const next = await wrapping.wrap(pkcs8, generation + 1);
    await this.transport.store.update(this.id, { next });
    try {
      await this.#call("renew", {
        generation, nonce, approval_key: base64url(spki), signature_old: base64url(old), signature_new: base64url(fresh),
      });
    } catch (error) {
      // A refusal is certain, a lost reply is not.
      if (error instanceof ProblemError) await this.transport.store.update(this.id, { next: undefined });
      throw error;
    }
    await this.transport.store.update(this.id, { wrapped: next, next: undefined });
    // The renewal stands; if this first signature cannot be made now, the next login makes it.
    (await this.open(newPin ?? pin).catch(() => undefined))?.close();
  }

  /** subscription: what PushSubscription.toJSON gives; null ends the messages. */
  async push(subscription: object | null): Promise<void> {
    await this.#call("push", { subscription });
  }

  async rename(name: string): Promise<void> {
    await this.#call("rename", { name });
    await this.transport.store.update(this.id, { name });
  }

  /** Takes this device away, there and here. Where the appliance no longer knows it, here is enough. */
  async remove(): Promise<void> {
    try {
      await this.#call("remove");
    } catch (error) {
      const gone = error instanceof ProblemError && ["unknown-device", "device-revoked", "device-cloned", "bad-signature"].includes(error.code);
      if (!gone) throw error;
    }
    await this.transport.store.remove(this.id);
  }

  async history(): Promise<PastLogin[]> {
    return (await this.#call("history")).objects("history").map((l) => ({
      time: l.text("time"), service: l.text("service"), host: l.text("host"), source: l.text("source"), result: l.text("result"),
    }));
  }

  /** Follows the server-sent events until the signal aborts; comes back by itself after a break, of which `broken` tells. */
  events(handler: EventHandler, signal: AbortSignal, broken?: () => void): Promise<void> {
    return follow(this.transport, this.id, handler, signal, broken);
  }
}

