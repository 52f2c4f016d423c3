// Signed calls. The counter is durable before a call leaves, and calls of one device go out one after the other in
// the whole browser: a call that overtakes another would look like a copied phone.
import { base64url, utf8 } from "./bytes.ts";
import { signCall } from "./keys.ts";
import { callMessage } from "./messages.ts";
import { NetworkError, ProblemError, problemOf, ProtocolError } from "./problem.ts";
import { Reply } from "./reply.ts";
import type { DeviceRecord, DeviceStore } from "./store.ts";

export interface TransportOptions {
  fetch?: typeof fetch;
  /** Waits before a call is repeated, in milliseconds; as many repetitions as there are entries. */
  repeats?: readonly number[];
  /** How long one try may take, in milliseconds. */
  timeout?: number;
}

/** With these nothing was stored: the same call may be sent again. */
const again = [429, 503];

export class Transport {
  readonly #fetch: typeof fetch;
  readonly #repeats: readonly number[];
  readonly #timeout: number;
  /** By how much each appliance's clock is ahead of ours, by its last reply. */
  readonly #ahead = new Map<string, number>();

  constructor(readonly store: DeviceStore, options: TransportOptions = {}) {
    this.#fetch = options.fetch ?? ((...args) => fetch(...args));
    this.#repeats = options.repeats ?? [250, 1000, 3000];
    this.#timeout = options.timeout ?? 15_000;
  }

  /** A signed call. Repeats a lost one with the same counter and the same body, to which there is one reply only. */
  async call(id: string, op: string, body: object): Promise<Reply> {
    const path = `/api/v1/device/${op}`;
    const bytes = utf8(JSON.stringify(body));
    return this.store.exclusive(id, async () => {
      const record = await this.#record(id);
      const headers = await this.#sign(record, "POST", path, bytes);
      headers["Content-Type"] = "application/json";
      return this.#send(record.origin + path, { method: "POST", headers, body: bytes });
    });
  }

  /**
   * Opens the stream of events; the counter is used up, nothing is repeated. The signal ends the stream, but never the
   * wait for its header: a call that began before the appliance had judged this one could overtake it.
   */
  async stream(id: string, signal: AbortSignal): Promise<Response> {
    const path = "/api/v1/device/events";
    return this.store.exclusive(id, async () => {
      const record = await this.#record(id);
      if (signal.aborted) throw new NetworkError("no longer wanted");
      const headers = await this.#sign(record, "GET", path, utf8(""));
      headers["Accept"] = "text/event-stream";
      const stop = new AbortController();
      const late = setTimeout(() => stop.abort(), this.#timeout);
      try {
        const response = await this.#once(record.origin + path, { method: "GET", headers, signal: stop.signal });
        if (!response.ok) throw await problemOf(response);
        if (signal.aborted) stop.abort();
        else signal.addEventListener("abort", () => stop.abort(), { once: true });
        return response;
      } finally {
        clearTimeout(late);
      }
    });
  }

  /** A call without a device: enrolment, which the same device key may repeat. */
  async bare(origin: string, path: string, body: object): Promise<Reply> {
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: utf8(JSON.stringify(body)) };
    return this.#send(origin + path, init);
  }

  async #record(id: string): Promise<DeviceRecord> {
    const record = await this.store.get(id);
    if (!record) throw new ProblemError("unknown-device", 0, "this ID is no longer on this device");
    return record;
  }

  async #sign(record: DeviceRecord, method: "GET" | "POST", path: string, body: ReturnType<typeof utf8>) {
    const counter = await this.store.advance(record.id);
    const signature = await signCall(record.deviceKey, await callMessage(record.id, counter, method, path, body));
    const headers: Record<string, string> = {
      "Latchkey-Device": record.id, "Latchkey-Counter": String(counter), "Latchkey-Signature": base64url(signature),
    };
    return headers;
  }

  async #send(url: string, init: RequestInit): Promise<Reply> {
    for (let tried = 0; ; tried++) {
      try {
        return await this.#try(url, init);
      } catch (error) {
        const passing = error instanceof NetworkError || (error instanceof ProblemError && again.includes(error.status));
        const wait = passing ? this.#repeats[tried] : undefined;
        if (wait === undefined) throw error;
        await new Promise((done) => setTimeout(done, wait));
      }
    }
  }

  async #try(url: string, init: RequestInit): Promise<Reply> {
    const response = await this.#once(url, { ...init, signal: AbortSignal.timeout(this.#timeout) });
    if (!response.ok) throw await problemOf(response);
    let body: string;
    try {
      body = await response.text();
    } catch (cause) {
      throw new NetworkError("the reply was cut off", { cause });
    }
    try {
      return new Reply(JSON.parse(body), this.#ahead.get(new URL(url).origin));
    } catch {
      throw new ProtocolError("a reply is no JSON object");
    }
  }

  async #once(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      // No cookies, no cache, no redirects: the device key is the only credential, and it signs this path at this host.
      response = await this.#fetch(url, { ...init, credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" });
    } catch (cause) {
      throw new NetworkError("the appliance cannot be reached", { cause });
    }
    const date = Date.parse(response.headers.get("Date") ?? "");
    // The header has whole seconds; a difference below that is noise.
    if (!Number.isNaN(date)) this.#ahead.set(new URL(url).origin, Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now());
    return response;
  }
}
