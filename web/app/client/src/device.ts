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
  /** The generation of the approval key, where the appliance tells it. */
  generation?: number;
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

interface Evaluation {
  wrapping: WrappingKey;
  evaluation: string;
  nonce: string;
  triesLeft?: number;
}

/** The approval key, unwrapped, with the evaluation that its signature will pay back. */
interface Unlocked extends Evaluation {
  key: CryptoKey;
  /** The key was the renewed one. */
  renewed: boolean;
}

type Purpose = "setup" | "unlock" | "next";

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
    const reply = await this.#call("pin/evaluate", { blinded: base64url(blinded.blinded), purpose });
    const triesLeft = reply.optionalCount("tries_left");
    return {
      wrapping: await blinded.wrappingKey(reply.bytes("evaluated")),
      evaluation: reply.binary("evaluation"), nonce: reply.binary("nonce"), ...(triesLeft === undefined ? {} : { triesLeft }),
    };
  }

  /** Asks for the state, and brings the record in line with it. */
  async hello(): Promise<Hello> {
    const reply = await this.#call("hello");
    const told = reply.text("state");
    const state = told === "active" || told === "inert" ? told : "setup";
    const hello: Hello = {
      state, user: reply.text("user"), appliance: reply.text("appliance"), pinDigits: reply.count("pin_digits"),
    };
    const generation = reply.optionalCount("generation");
    if (generation !== undefined) hello.generation = generation;
    const vapidKey = reply.optionalText("vapid_key");
    if (vapidKey) hello.vapidKey = vapidKey;
    const record = await this.record();
    // Without a wrapped key here the appliance's key is of no use: the PIN has to be set up again.
    const now = record.wrapped ? state : "setup";
    await this.transport.store.update(this.id, {
      state: now, user: hello.user, appliance: hello.appliance, pinDigits: hello.pinDigits,
      ...(now === "active" ? { checkCode: undefined } : {}),
    });
    return { ...hello, state: now };
  }

  /**
   * Sets the PIN and makes the approval key. The wrapped key is stored before the appliance is told, so that no crash
   * leaves an appliance with a key that nobody has. The public key leaves memory with this call.
   */
  async setUpPin(pin: string): Promise<DeviceRecord> {
    const { deviceSpki } = await this.record();
    const { wrapping, evaluation, nonce } = await this.#evaluate(pin, "setup");
    const { key, spki, pkcs8 } = await newApprovalKey();
    await this.transport.store.update(this.id, { wrapped: await wrapping.wrap(pkcs8, 0) });
    const signature = await signApproval(key, await keyMessage(this.id, evaluation, nonce, spki));
    const reply = await this.#call("key", { evaluation, approval_key: base64url(spki), signature: base64url(signature) });
    const state = reply.text("state") === "active" ? "active" : "inert";
    const code = state === "inert" && deviceSpki ? await checkCode(this.id, nonce, deviceSpki, spki) : undefined;
    await this.transport.store.update(this.id, { state, checkCode: code, deviceSpki: undefined });
    return this.record();
  }

  async pendings(): Promise<Pending[]> {
    return (await this.#call("pendings")).pendings("pendings");
  }

  /**
   * Unwraps the approval key. After a renewal whose reply was lost there are two candidates; both are tried, the new
   * one first, because its first signature ends the old one.
   */
  async #unlock(pin: string): Promise<Unlocked> {
    const { next, wrapped } = await this.record();
    if (!wrapped) throw new ProtocolError("this device has no PIN yet");
    if (next) {
      // A next key that the appliance has not taken has no evaluation there either: then the old one still holds.
      const first = next.ownPin ? await this.#evaluate(pin, "next").catch((error: unknown) => {
        if (error instanceof ProblemError && error.code === "stale-generation") return undefined;
        throw error;
      }) : await this.#evaluate(pin, "unlock");
      const key = await first?.wrapping.unwrap(next);
      if (first && key) return { ...first, key, renewed: true };
      const old = !next.ownPin && first ? await first.wrapping.unwrap(wrapped) : undefined;
      if (first && old) return { ...first, key: old, renewed: false };
    }
    const last = await this.#evaluate(pin, "unlock");
    const key = await last.wrapping.unwrap(wrapped);
    if (!key) throw new WrongPinError(last.triesLeft);
    return { ...last, key, renewed: false };
  }

  /** The first signature: shows that PIN and key are right, and brings the symbols. */
  async open(pin: string): Promise<Approval> {
    let unlocked = await this.#unlock(pin);
    const send = async () => this.#call("open", {
      evaluation: unlocked.evaluation,
      signature: base64url(await signApproval(unlocked.key, openMessage(this.id, unlocked.evaluation, unlocked.nonce))),
    });
    let reply: Reply;
    try {
      reply = await send();
    } catch (error) {
      if (!unlocked.renewed || !(error instanceof ProblemError) || error.code !== "bad-signature") throw error;
      // The appliance never took the renewed key.
      await this.transport.store.update(this.id, { next: undefined });
      unlocked = await this.#unlock(pin);
      reply = await send();
    }
    if (unlocked.renewed) await this.#settle();
    return Approval.from(this.transport, this.id, unlocked.key, reply);
  }

  /** The renewed key has signed: from here on it is the only one. */
  async #settle(): Promise<void> {
    const { next } = await this.record();
    if (!next) return;
    const { ownPin: _, ...wrapped } = next;
    await this.transport.store.update(this.id, { wrapped, next: undefined });
  }

  /** Refuses a login. `not-me` raises an alert. Needs no PIN: to say no must always be easy. */
  async deny(pending: string, reason: "cancel" | "not-me"): Promise<void> {
    await this.#call("deny", { pending, reason });
  }

  /**
   * Replaces the approval key, and with newPin the PIN too. Both keys are kept until the new one has signed, so that a
   * reply that was lost costs nothing; the first signature is made at once.
   */
  async renew(pin: string, newPin?: string): Promise<void> {
    const { next: unsettled } = await this.record();
    if (unsettled) await this.open(pin).catch((error: unknown) => {
      if (!(error instanceof ProblemError && error.code === "no-such-pending")) throw error;
    });
    const unlocked = await this.#unlock(pin);
    const begin = await this.#call("renew/begin", {
      evaluation: unlocked.evaluation,
      signature: base64url(await signApproval(unlocked.key, renewBeginMessage(this.id, unlocked.evaluation, unlocked.nonce))),
      new_pin: newPin !== undefined,
    });
    const generation = begin.count("generation");
    const nonce = begin.binary("nonce");
    const wrapping = newPin === undefined ? unlocked.wrapping : (await this.#evaluate(newPin, "next")).wrapping;
    const { key, spki, pkcs8 } = await newApprovalKey();
    const forAppliance = await renewMessage(this.id, generation, nonce, spki);
    const [old, fresh] = await Promise.all([signApproval(unlocked.key, forAppliance), signApproval(key, forAppliance)]);
    const wrapped = await wrapping.wrap(pkcs8, generation + 1);
    await this.transport.store.update(this.id, { next: { ...wrapped, ownPin: newPin !== undefined } });
    try {
      await this.#call("renew", {
        generation, nonce, approval_key: base64url(spki), signature_old: base64url(old), signature_new: base64url(fresh),
      });
    } catch (error) {
      // A refusal is certain, a lost reply is not.
      if (error instanceof ProblemError) await this.transport.store.update(this.id, { next: undefined });
      throw error;
    }
    await this.open(newPin ?? pin).catch((error: unknown) => {
      // The renewal stands; its first signature will come with the next login.
      if (error instanceof WrongPinError) throw error;
    });
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
    return (await this.#call("history")).objects("logins").map((l) => ({
      time: l.text("time"), service: l.text("service"), host: l.text("host"), source: l.text("source"), result: l.text("result"),
    }));
  }

  /** Follows the server-sent events until the signal aborts; comes back by itself after a break. */
  events(handler: EventHandler, signal: AbortSignal): Promise<void> {
    return follow(this.transport, this.id, handler, signal);
  }
}

