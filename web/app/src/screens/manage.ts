// What an ID's owner can change without an administrator: the key, the PIN, the name, notifications, and the end of it.
import { NetworkError, pinBounds } from "@latchkey/device-client";
import type { App, Screen } from "../app.ts";
import { button, field, form, h, submitButton } from "../dom.ts";
import { explain } from "../explain.ts";
import { origin, time } from "../logincard.ts";
import { pushPossible, subscribe } from "../push.ts";
import { silence } from "../workers.ts";
import { hasText } from "../texts.ts";
import { ownPin } from "./approve.ts";
import { newPin } from "./id.ts";
import { backTo, whose } from "./ids.ts";

export const manage: Screen = async (app, view, which = "") => {
  const { t } = app;
  const record = await app.store.get(which);
  if (!record) return app.go("ids", true);
  const note = h("p", { role: "status" });
  const notify = pushPossible() && button(t("notify"), async () => {
    try {
      note.textContent = (await subscribe(app.device(which))) ? t("notified") : t("notifyRefused");
    } catch (error) {
      note.textContent = explain(t, error);
    }
  });
  const link = (route: string, text: string) => h("a", { href: `#/${route}/${which}` }, text);
  view.show(t("manage"), h("p", { class: "who" }, `${whose(record)} · ${record.name}`),
    h("nav", { class: "menu", "aria-label": t("manage") }, link("renew", t("renewKey")), link("pin", t("changePin")), link("rename", t("rename")), link("remove", t("remove"))),
    ...(notify ? [h("div", { class: "hint-box" }, h("p", {}, t("notifyText")), notify)] : []), note, backTo(app, `id/${which}`));
};

/** A screen that does one thing and says how it went. */
function done(app: App, which: string, text: string): void {
  app.announce(text);
  app.go(`manage/${which}`, true);
}

export const renew: Screen = async (app, view, which = "") => {
  const { t } = app;
  const pin = await ownPin(app, which, t("pin"));
  view.show(t("renewKey"), h("p", {}, t("renewText")), form(async () => {
    try {
      await app.device(which).renew(pin.input.value);
      done(app, which, t("renewed"));
    } catch (error) {
      pin.input.value = "";
      pin.fail(explain(t, error));
    }
  }, pin.node, pin.toggle, submitButton(t("renewKey"))), backTo(app, `manage/${which}`));
  pin.input.focus();
};

export const changePin: Screen = async (app, view, which = "") => {
  const { t } = app;
  const record = await app.device(which).record();
  const old = await ownPin(app, which, t("currentPin"));
  const fresh = newPin(app, record.pinDigits || pinBounds.digits);
  view.show(t("changePin"), form(async () => {
    const pin = fresh.value();
    if (pin === undefined) return;
    app.announce(t("makingKey"));
    try {
      await app.device(which).renew(old.input.value, pin);
      await app.store.set(`letters-${which}`, fresh.letters());
      done(app, which, t("pinChanged"));
    } catch (error) {
      app.announce("");
      old.input.value = "";
      old.fail(explain(t, error));
    }
  }, old.node, ...fresh.nodes, submitButton(t("changePin"))), backTo(app, `manage/${which}`));
  old.input.focus();
};

export const rename: Screen = async (app, view, which = "") => {
  const { t } = app;
  const { name } = await app.device(which).record();
  const input = field(t("deviceName"), { value: name, maxlength: 64, required: true, autocomplete: "off" });
  view.show(t("rename"), form(async () => {
    try {
      await app.device(which).rename(input.input.value.trim() || name);
      done(app, which, t("renamed"));
    } catch (error) {
      input.fail(explain(t, error));
    }
  }, input.node, submitButton(t("save"))), backTo(app, `manage/${which}`));
  input.input.focus();
};

export const remove: Screen = async (app, view, which = "") => {
  const { t } = app;
  const { user, origin: at } = await app.device(which).record();
  const problem = h("p", { class: "error", role: "alert" });
  const actions = h("div", { class: "actions" });
  const gone = async () => {
    if (!(await app.store.list()).some((r) => r.origin === at)) await silence(at).catch(() => undefined);
    app.announce(t("removed"));
    app.go("ids", true);
  };
  actions.append(button(t("removeYes"), async () => {
    try {
      await app.device(which).remove();
      await gone();
    } catch (error) {
      problem.textContent = `${explain(t, error)} ${error instanceof NetworkError ? t("removeOffline") : ""}`;
      actions.append(button(t("removeHere"), async () => {
        await app.store.remove(which);
        await gone();
      }, "danger"));
    }
  }, "danger"), button(t("cancel"), () => app.go(`manage/${which}`)));
  view.show(t("remove"), h("p", {}, t("removeText", { user })), problem, actions);
};

export const past: Screen = async (app, view, which = "") => {
  const { t } = app;
  view.show(t("history"), h("p", { class: "quiet" }, t("loading")));
  const list = await app.device(which).history();
  const word = (result: string) => {
    const key = `r_${result}`;
    return hasText(key) ? t(key) : result;
  };
  const items = list.map((l) => h("li", { class: "card past" },
    h("strong", {}, l.service), h("span", { class: `verdict ${l.result === "approved" ? "good" : "bad"}` }, word(l.result)),
    h("span", { class: "host" }, l.host),
    h("small", {}, `${time(app, l.time)} · ${origin(app, l.source)}`)));
  view.refresh(t("history"), items.length ? h("ul", { class: "cards" }, ...items) : h("p", {}, t("noHistory")), backTo(app, `id/${which}`));
};
