// The stream of server-sent events, read by fetch, because an EventSource can send no signature.
import { ProblemError } from "./problem.ts";
import type { Transport } from "./transport.ts";

export interface DeviceEvent {
  /** `pending`, `message` or `ended`; `open` once the stream stands. */
  type: "pending" | "message" | "ended" | "open";
  /** The id of the pending or message. */
  id: string;
}

export type EventHandler = (event: DeviceEvent) => void;

/** Cuts a stream of text into events (the WHATWG's event stream format, without retry and last id). */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<{ type: string; data: string }> {
  const decoder = new TextDecoder();
  let rest = "";
  let type = "";
  let data: string[] = [];
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > 65536) throw new RangeError("an event is too long");
    // A CR at the very end may be half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "") {
        if (data.length) yield { type: type || "message", data: data.join("\n") };
        type = "";
        data = [];
        continue;
      }
      const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
      if (field === "event") type = value ?? "";
      if (field === "data") data.push(value ?? "");
    }
  }
}

async function* chunksOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** The id of an event: bare, or in an object. */
function idOf(data: string): string {
  try {
    const parsed: unknown = JSON.parse(data);
    if (parsed && typeof parsed === "object" && "id" in parsed && typeof parsed.id === "string") return parsed.id;
  } catch {
    // Bare.
  }
  return data;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish, { once: true });
    function finish() {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      done();
    }
  });
}

const refusalsForGood = ["device-cloned", "device-revoked", "unknown-device", "bad-signature"];

export async function follow(
  transport: Transport, id: string, handler: EventHandler, signal: AbortSignal, broken?: () => void,
): Promise<void> {
  let wait = 1000;
  while (!signal.aborted) {
    try {
      const response = await transport.stream(id, signal);
      handler({ type: "open", id: "" });
      wait = 1000;
      if (response.body) {
        for await (const event of readEvents(chunksOf(response.body, signal))) {
          if (event.type === "pending" || event.type === "message" || event.type === "ended") handler({ type: event.type, id: idOf(event.data) });
        }
      }
    } catch (error) {
      if (error instanceof ProblemError && refusalsForGood.includes(error.code)) throw error;
    }
    if (signal.aborted) return;
    broken?.();
    await pause(wait * (0.75 + Math.random() / 2), signal);
    wait = Math.min(wait * 2, 60_000);
  }
}
