// The list of IDs: which user at which appliance. With several, the ID is picked before anything else.
import { isSymbol } from "@latchkey/device-client";
import type { Screen } from "../app.ts";
import { h, symbolShape } from "../dom.ts";
import { installHint } from "../install.ts";

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
  const cards = list.map((record) => {
    const badge = h("span", { class: "badge" });
    const state = { setup: t("setupUnfinished"), inert: t("inert"), active: "" }[record.state];
    const card = h("a", { class: "card id", href: `#/id/${record.id}` },
      h("strong", {}, record.user), h("span", {}, record.appliance), h("small", {}, state || record.name), badge);
    if (record.state === "active") {
      const count = async () => {
        const waiting = await app.device(record.id).pendings().catch(() => []);
        badge.textContent = waiting.length ? t("waitingCount", { n: waiting.length }) : "";
      };
      void count();
      const timer = setInterval(() => document.visibilityState === "visible" && void count(), 5000);
      view.signal.addEventListener("abort", () => clearInterval(timer));
      window.addEventListener("latchkey-push", () => void count(), { signal: view.signal });
    }
    return h("li", {}, card);
  });
  view.show(t("ids"), h("ul", { class: "cards" }, ...cards), installHint(app) ?? false,
    h("div", { class: "actions" }, h("a", { class: "button", href: "#/add" }, t("addId"))));
};

export function addActions(app: Parameters<Screen>[0]): HTMLElement {
  return h("div", { class: "actions" },
    h("a", { class: "button primary", href: "#/scan" }, app.t("scan")),
    h("a", { class: "button", href: "#/type" }, app.t("typeCode")));
}

export const add: Screen = (app, view) => {
  const { t } = app;
  view.show(t("addId"), h("p", {}, t("welcomeText")), installHint(app) ?? false, addActions(app), backTo(app, "ids"));
};

export const backTo = (app: Parameters<Screen>[0], route: string): HTMLElement =>
  h("p", {}, h("a", { class: "back", href: `#/${route}` }, app.t("back")));
