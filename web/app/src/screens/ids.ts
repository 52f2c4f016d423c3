// The list of IDs: which user at which appliance, and what waits there. With several, the ID is picked before anything else.
import { type DeviceRecord, isSymbol, type Pending } from "@latchkey/device-client";
import type { App, Screen, View } from "../app.ts";
import { h, symbolShape } from "../dom.ts";
import { explain } from "../explain.ts";
import { installHint } from "../install.ts";
import { follow } from "../live.ts";

export const start: Screen = async (app) => {
  const list = await app.store.list();
  app.go(list.length === 1 ? `id/${list[0]!.id}` : "ids", true);
};

export const ids: Screen = async (app, view) => {
  const { t } = app;
  const list = await app.store.list();
  if (list.length === 0) {
    const shapes = ["anchor", "star", "moon", "clover"].filter(isSymbol).map(symbolShape);
    view.show(t("welcome"), h("div", { class: "banner", "aria-hidden": "true" }, ...shapes), h("p", {}, t("welcomeText")),
      installHint(app) ?? false, addActions(app));
    return;
  }
  const several = new Set(list.map((r) => r.origin)).size > 1 || list[0]!.origin !== location.origin;
  const cards = list.map((record) => h("li", {}, card(app, view, record, several)));
  view.show(t("ids"), h("ul", { class: "cards" }, ...cards), installHint(app) ?? false,
    h("div", { class: "actions" }, h("a", { class: "button", href: "#/add" }, t("addId"))));
};

/** One ID. Each that is active hears of its own logins, from its own appliance. */
function card(app: App, view: View, record: DeviceRecord, several: boolean): HTMLElement {
  const { t } = app;
  const badge = h("span", { class: "badge" });
  const lines = h("span", { class: "lines", "aria-live": "polite" });
  const questions = h("span", { class: "lines", "aria-live": "polite" });
  const state = { setup: t("setupUnfinished"), inert: t("inert"), active: "" }[record.state];
  if (record.state === "active") {
    follow(app.device(record.id), {
      pendings: (waiting: Pending[]) => {
        badge.textContent = waiting.length ? t("waitingCount", { n: waiting.length }) : "";
        lines.replaceChildren(...waiting.map((p) => h("small", {}, `${p.service} · ${p.host}`)));
      },
      // Whose mark it is; the question itself stands on the screen of the ID.
      messages: (list) => questions.replaceChildren(...list.map((m) => h("small", {}, t("messageTitle", { mark: m.mark })))),
      connected: (now) => {
        if (!now) lines.replaceChildren(h("small", { class: "bad" }, t("offline")));
        else if (lines.querySelector(".bad")) lines.replaceChildren();
      },
      refused: (error) => lines.replaceChildren(h("small", { class: "bad" }, explain(t, error))),
    }, view.signal);
  }
  return h("a", { class: "card id", href: `#/id/${record.id}` },
    h("strong", {}, record.user), h("span", {}, record.appliance),
    several && h("small", {}, new URL(record.origin).host), h("small", {}, state || record.name), lines, questions, badge);
}

/** Whose ID this is, and where: with the address, where it is not this app's own. */
export function whose(record: DeviceRecord): string {
  return `${record.user} · ${record.appliance}${record.origin === location.origin ? "" : ` (${new URL(record.origin).host})`}`;
}

export function addActions(app: App): HTMLElement {
  return h("div", { class: "actions" },
    h("a", { class: "button primary", href: "#/scan" }, app.t("scan")),
    h("a", { class: "button", href: "#/type" }, app.t("typeCode")));
}

export const add: Screen = (app, view) => {
  const { t } = app;
  view.show(t("addId"), h("p", {}, t("welcomeText")), installHint(app) ?? false, addActions(app), backTo(app, "ids"));
};

export const backTo = (app: App, route: string): HTMLElement =>
  h("p", {}, h("a", { class: "back", href: `#/${route}` }, app.t("back")));
