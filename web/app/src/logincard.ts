// How a waiting login looks: which service on which host, from where, since when, and how long it still waits.
import type { Pending } from "@latchkey/device-client";
import type { App } from "./app.ts";
import { h } from "./dom.ts";

export function time(app: App, when: string): string {
  // The app's language, in the person's own region where they fit: en-GB writes dates as en-US does not.
  const locale = navigator.languages.find((l) => l.toLowerCase().startsWith(app.language)) ?? app.language;
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(when));
}

const secondsLeft = (ends: number) => Math.max(0, Math.ceil((ends - Date.now()) / 1000));

const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

/** From where, for a person: the appliance says addr:ADDRESS, uid:NUMBER, or nas:NAME where it knows the gateway alone. */
export function origin({ t }: Pick<App, "t">, source: string): string {
  const [, kind, value] = /^(addr|uid|nas):(.*)$/.exec(source) ?? [];
  if (kind === "uid") return t("localUser", { n: value! });
  if (kind === "addr") return value!;
  return kind === "nas" || source === "unknown" || !source ? t("unknownSource") : source;
}

export function loginCard(app: App, p: Pending, ...actions: Node[]): HTMLElement {
  const { t } = app;
  const row = (name: string, value: string) => [h("dt", {}, name), h("dd", {}, value)];
  return h("section", { class: "card login", "data-pending": p.id },
    h("h2", {}, p.service),
    h("dl", {}, ...row(t("host"), p.host), ...row(t("source"), origin(app, p.source)), ...row(t("time"), time(app, p.created)),
      h("dt", {}, t("left")), h("dd", { class: "left", role: "timer", "data-ends": p.ends }, clock(secondsLeft(p.ends)))),
    h("progress", { value: secondsLeft(p.ends), max: (Date.parse(p.expires) - Date.parse(p.created)) / 1000, "data-ends": p.ends, "aria-hidden": "true" }),
    ...actions);
}

/** A countdown of its own, which tick keeps going. */
export const countdown = (ends: number): HTMLElement =>
  h("p", { class: "left", role: "timer", "data-ends": ends }, clock(secondsLeft(ends)));

/** Keeps the countdowns going; over: a login's time has run out. */
export function tick(app: App, signal: AbortSignal, over: () => void): void {
  const ended = new Set<string>();
  const update = () => {
    for (const element of app.main.querySelectorAll<HTMLElement>("[data-ends]")) {
      const seconds = secondsLeft(Number(element.dataset["ends"]));
      if (element instanceof HTMLProgressElement) element.value = seconds;
      else {
        if (element.textContent !== clock(seconds)) element.textContent = clock(seconds);
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
