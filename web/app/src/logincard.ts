// How a waiting login looks: which service on which host, from where, since when, and how long it still waits.
import type { Pending } from "@latchkey/device-client";
import type { App } from "./app.ts";
import { h } from "./dom.ts";

export function time(app: App, when: string): string {
  return new Intl.DateTimeFormat(app.language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(when));
}

export function loginCard(app: App, p: Pending, ...actions: Node[]): HTMLElement {
  const { t } = app;
  const row = (name: string, value: string) => [h("dt", {}, name), h("dd", {}, value)];
  return h("section", { class: "card login", "data-pending": p.id },
    h("h2", {}, p.service),
    h("dl", {}, ...row(t("host"), p.host), ...row(t("source"), p.source || t("unknownSource")), ...row(t("time"), time(app, p.created)),
      h("dt", {}, t("left")), h("dd", { class: "left", role: "timer", "data-expires": p.expires })),
    h("progress", { max: (Date.parse(p.expires) - Date.parse(p.created)) / 1000, "data-expires": p.expires, "aria-hidden": "true" }),
    ...actions);
}

/** Keeps the countdowns going, by the appliance's clock; over: a login's time has run out. */
export function tick(app: App, signal: AbortSignal, over: () => void): void {
  const left = (element: HTMLElement) => Math.max(0, Math.ceil((Date.parse(element.dataset["expires"]!) - app.transport.now()) / 1000));
  const ended = new Set<string>();
  const update = () => {
    for (const element of app.main.querySelectorAll<HTMLElement>("[data-expires]")) {
      const seconds = left(element);
      if (element instanceof HTMLProgressElement) element.value = seconds;
      else {
        const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
        if (element.textContent !== text) element.textContent = text;
        const which = element.closest<HTMLElement>("[data-pending]")?.dataset["pending"] ?? "";
        if (seconds === 0 && !ended.has(which)) {
          ended.add(which);
          over();
        }
      }
    }
  };
  const timer = setInterval(update, 250);
  signal.addEventListener("abort", () => clearInterval(timer));
}
