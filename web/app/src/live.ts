// Hears of logins while the app is open: by the stream of events, and by asking every few seconds while there is none.
import { type Device, type Message, NetworkError, type Pending, ProblemError } from "@latchkey/device-client";

export interface LiveHandlers {
  pendings(list: Pending[]): void;
  messages(list: Message[]): void;
  /** The connection is gone, or back. */
  connected(now: boolean): void;
  /** The appliance refuses this device. */
  refused(error: unknown): void;
}

const pollEvery = 5000;

export function follow(device: Device, handlers: LiveHandlers, leave: AbortSignal): void {
  let stream: AbortController | undefined;
  let streaming = false;
  let asking: Promise<void> | undefined;
  let again = false;

  async function ask(): Promise<void> {
    try {
      const list = await device.pendings();
      if (leave.aborted) return;
      handlers.connected(true);
      handlers.pendings(list);
      const messages = await device.messages();
      if (leave.aborted) return;
      handlers.messages(messages);
    } catch (error) {
      if (leave.aborted) return;
      if (error instanceof NetworkError) handlers.connected(false);
      else if (error instanceof ProblemError && error.code !== "busy" && error.code !== "too-many-calls") handlers.refused(error);
    }
  }

  /** One question at a time; one that comes meanwhile is asked once more afterwards. */
  function refresh(): void {
    if (asking) {
      again = true;
      return;
    }
    asking = ask().finally(() => {
      asking = undefined;
      if (again && !leave.aborted) {
        again = false;
        refresh();
      }
    });
  }

  function begin(): void {
    if (stream || leave.aborted || document.visibilityState !== "visible") return;
    const mine = (stream = new AbortController());
    refresh();
    device.events((event) => {
      streaming = true;
      if (event.type === "open") handlers.connected(true);
      refresh();
    }, mine.signal, () => (streaming = false)).catch((error: unknown) => {
      if (!leave.aborted) handlers.refused(error);
    });
  }

  function end(): void {
    stream?.abort();
    stream = undefined;
    streaming = false;
  }

  const timer = setInterval(() => {
    if (!streaming && document.visibilityState === "visible") refresh();
  }, pollEvery);
  document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? begin() : end()), { signal: leave });
  window.addEventListener("online", () => (end(), begin()), { signal: leave });
  window.addEventListener("latchkey-push", refresh, { signal: leave });
  leave.addEventListener("abort", () => {
    clearInterval(timer);
    end();
  });
  begin();
}
