// Reads the appliance's replies. A reply of the wrong shape is a ProtocolError, never an undefined further down.
import { type Bytes, unbase64url } from "./bytes.ts";
import type { Pending } from "./messages.ts";
import { ProtocolError } from "./problem.ts";

export class Reply {
  readonly #fields: Record<string, unknown>;
  /** ahead: by how many milliseconds the clock of who replied is before this device's. */
  constructor(value: unknown, readonly ahead = 0) {
    if (!value || typeof value !== "object" || Array.isArray(value)) throw new ProtocolError("a reply is no object");
    this.#fields = value as Record<string, unknown>;
  }

  #wrong(field: string, want: string): ProtocolError {
    return new ProtocolError(`reply: ${field} is not ${want}`);
  }

  text(field: string): string {
    const value = this.#fields[field];
    if (typeof value !== "string") throw this.#wrong(field, "a text");
    return value;
  }
  optionalText(field: string): string | undefined {
    return this.#fields[field] === undefined ? undefined : this.text(field);
  }
  count(field: string): number {
    const value = this.#fields[field];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw this.#wrong(field, "a count");
    return value;
  }
  optionalCount(field: string): number | undefined {
    return this.#fields[field] === undefined ? undefined : this.count(field);
  }
  bytes(field: string): Bytes {
    try {
      return unbase64url(this.text(field));
    } catch {
      throw this.#wrong(field, "base64url");
    }
  }
  /** The base64url text itself, once it is known to be such. */
  binary(field: string): string {
    this.bytes(field);
    return this.text(field);
  }
  array(field: string): unknown[] {
    const value = this.#fields[field];
    if (!Array.isArray(value)) throw this.#wrong(field, "a list");
    return value;
  }
  texts(field: string): string[] {
    const list = this.array(field);
    if (!list.every((t) => typeof t === "string")) throw this.#wrong(field, "a list of texts");
    return list as string[];
  }
  objects(field: string): Reply[] {
    return this.array(field).map((item) => new Reply(item, this.ahead));
  }
  object(field: string): Reply | undefined {
    const value = this.#fields[field];
    return value === undefined || value === null ? undefined : new Reply(value, this.ahead);
  }
  /** A time, and when that is by this device's own clock, in milliseconds. */
  time(field: string): { text: string; here: number } {
    const text = this.text(field);
    const there = Date.parse(text);
    if (Number.isNaN(there)) throw this.#wrong(field, "a time");
    return { text, here: there - this.ahead };
  }
  raw(field: string): unknown {
    return this.#fields[field];
  }
  pendings(field: string): Pending[] {
    return this.objects(field).map((p) => {
      const expires = p.time("expires");
      return {
        id: p.text("id"), kind: (["pair", "code"] as const).find((k) => k === p.raw("kind")) ?? "symbol", service: p.text("service"), host: p.text("host"), source: p.text("source"),
        created: p.time("created").text, expires: expires.text, ends: expires.here,
      };
    });
  }
}
