// A login is answered: the PIN, the nine symbols, the result; or a no, for which there are two words.
import { type Approval, type ApprovedByCode, isSymbol, type Pending, ProblemError, symbolNames, WrongPinError } from "@latchkey/device-client";
import type { App, Screen, View } from "../app.ts";
import { button, form, h, submitButton, symbolShape } from "../dom.ts";
import { explain } from "../explain.ts";
import { countdown, loginCard, tick } from "../logincard.ts";
import { lettersToggle, pinField } from "../pinentry.ts";

/** A field for the PIN that is set, with the keys that were used when it was. */
export async function ownPin(app: App, which: string, label: string) {
  const pin = pinField(app.t, label);
  const letters = (await app.store.setting<boolean>(`letters-${which}`)) ?? false;
  const toggle = lettersToggle(app.t, (on) => void app.store.set(`letters-${which}`, on), letters, pin);
  return { ...pin, toggle };
}

export const approve = (which: string, pendings: Pending[]): Screen => async (app, view) => {
  const { t } = app;
  const pin = await ownPin(app, which, t("pin"));
  const cards = pendings.map((p) => loginCard(app, p));
  view.show(t("enterPin"), ...cards, form(async () => {
    if (!pin.input.value) return pin.fail(t("short"));
    app.announce(t("loading"));
    try {
      const approval = await app.device(which).open(pin.input.value);
      pin.input.value = "";
      app.announce("");
      if (view.signal.aborted) return approval.close();
      if (approval.pendings.length === 0) return over(app, view, which, "ended", "endedText");
      await app.run(symbols(which, approval));
    } catch (error) {
      app.announce("");
      pin.input.value = "";
      if (!(error instanceof WrongPinError) && error instanceof ProblemError && error.code === "no-such-pending") {
        return over(app, view, which, "ended", "endedText");
      }
      pin.fail(explain(t, error));
    }
  }, pin.node, pin.toggle, h("div", { class: "actions" }, submitButton(t("next")), leave(app, which))));
  tick(app, view.signal, () => over(app, view, which, "ended", "endedText"));
  pin.input.focus();
};

const symbols = (which: string, approval: Approval): Screen => (app, view) => {
  const { t } = app;
  view.signal.addEventListener("abort", () => approval.close());
  const attempt = async (run: () => Promise<void>) => {
    for (const one of [grid, ...cards]) one.inert = true;
    app.announce(t("loading"));
    try {
      await run();
    } catch (error) {
      app.announce("");
      const code = error instanceof ProblemError ? error.code : undefined;
      if (code === "wrong-symbol") return result(app, view, which, "bad", t("wrongSymbol"), h("p", {}, t("wrongSymbolText")));
      if (code === "pending-ended" || code === "no-such-pending" || code === "stale-nonce") return over(app, view, which, "ended", "endedText");
      result(app, view, which, "bad", t("ended"), h("p", {}, explain(t, error)));
    }
  };
  const pick = (symbol: string, second?: string) => attempt(async () => {
    const done = await approval.approve(symbol, second);
    app.announce("");
    const login = approval.pendings.find((p) => p.id === done.pending);
    result(app, view, which, "good", t("approved"), h("p", {}, login ? `${login.service} · ${login.host}` : ""), h("p", {}, t("approvedText")));
  });
  const take = (login: Pending) => attempt(async () => {
    const done = await approval.approveCode(login.id);
    app.announce("");
    if (!view.signal.aborted) await app.run(typeCode(which, login, done));
  });
  const called = (name: string) => (isSymbol(name) ? symbolNames[name][app.language] : name);
  const pairs = approval.shows("pair");
  let first: HTMLButtonElement | undefined;
  // Of a pair the first stays marked; tapped once more it is taken back. With the second it is sent.
  const mark = (chosen: HTMLButtonElement | undefined) => {
    first?.setAttribute("aria-pressed", "false");
    first?.querySelector(".order")?.remove();
    first = chosen;
    chosen?.setAttribute("aria-pressed", "true");
    chosen?.append(h("span", { class: "order", "aria-hidden": "true" }, "1"));
    alone.hidden = !chosen || !approval.shows("symbol");
    step.textContent = chosen ? t("secondSymbol", { name: called(chosen.dataset["symbol"]!) }) : t("firstSymbol");
  };
  const tap = (button: HTMLButtonElement) => {
    const name = button.dataset["symbol"]!;
    if (!pairs) return void pick(name);
    if (first === button) return mark(undefined);
    if (!first) return mark(button);
    void pick(first.dataset["symbol"]!, name);
  };
  const choice = (name: string) => {
    const button = h("button", { type: "button", class: "choice", "data-symbol": name, ...(pairs ? { "aria-pressed": "false" } : {}), onclick: () => tap(button) },
      symbolShape(name), h("span", {}, called(name)));
    return h("li", {}, button);
  };
  const step = h("p", { class: "step", role: "status" });
  const alone = button(t("onlyOne"), () => pick(first!.dataset["symbol"]!), "primary");
  // The grid is for the logins that show a symbol; each of those that can show nothing has a button of its own.
  const shows = approval.symbols.length > 0;
  const card = (p: Pending) => loginCard(app, p, ...(p.kind === "code"
    ? [h("p", { class: "hint" }, t("codeLoginText")), h("div", { class: "actions" }, button(t("showCode"), () => take(p), shows ? "" : "primary"))] : []));
  const cards = approval.pendings.map(card);
  const several = approval.pendings.length > 1;
  const one = approval.pendings[0]!;
  const refuse = h("div", { class: "actions" },
    button(t(several ? "cancel" : shows ? "noSymbol" : "deny"), () => (several ? app.go(`id/${which}`) : app.run(deny(which, one)))));
  const hint = several ? h("p", { class: "warn" }, t(shows ? "twoLogins" : "twoCodeLogins")) : shows ? h("p", { class: "hint" }, t(pairs ? "pickPairText" : "pickSymbolText")) : false;
  const grid = h("ul", { class: "grid" }, ...approval.symbols.map(choice));
  mark(undefined);
  if (shows) view.show(t(!pairs ? "pickSymbol" : approval.shows("symbol") ? "pickEither" : "pickPair"), hint, pairs && step, grid, pairs && alone, refuse, ...cards);
  else view.show(t("codeLogin"), hint, ...cards, refuse);
  tick(app, view.signal, () => over(app, view, which, "ended", "endedText"));
};

const typeCode = (which: string, login: Pending, done: ApprovedByCode): Screen => (app, view) => {
  const { t } = app;
  view.show(t("codeTitle"), h("p", {}, `${login.service} · ${login.host}`),
    h("p", { class: "big-code", role: "status" }, done.code), countdown(done.ends), h("p", { class: "hint" }, t("codeText")),
    h("div", { class: "actions" }, button(t("close"), () => app.go(`id/${which}`), "primary")));
  tick(app, view.signal, () => over(app, view, which, "ended", "endedText"));
};

export const deny = (which: string, pending: Pending): Screen => (app, view) => {
  const { t } = app;
  const problem = h("p", { class: "error", role: "alert" });
  const say = async (reason: "cancel" | "not-me") => {
    try {
      await app.device(which).deny(pending.id, reason);
      result(app, view, which, "bad", t("denied"), h("p", {}, t(reason === "cancel" ? "deniedText" : "notMeText")));
    } catch (error) {
      const code = error instanceof ProblemError ? error.code : undefined;
      if (code === "pending-ended" || code === "no-such-pending") return over(app, view, which, "ended", "endedText");
      problem.textContent = explain(t, error);
    }
  };
  view.show(t("denyTitle"), loginCard(app, pending), problem, h("div", { class: "actions" },
    button(t("denyCancel"), () => say("cancel"), "primary"), button(t("denyNotMe"), () => say("not-me"), "danger"), leave(app, which)),
  h("p", { class: "hint" }, t("denyNotMeText")));
  tick(app, view.signal, () => over(app, view, which, "ended", "endedText"));
};

const leave = (app: App, which: string) => button(app.t("back"), () => app.go(`id/${which}`));

function over(app: App, view: View, which: string, title: "ended", text: "endedText"): void {
  result(app, view, which, "bad", app.t(title), h("p", {}, app.t(text)));
}

function result(app: App, view: View, which: string, mood: "good" | "bad", title: string, ...content: Node[]): void {
  if (view.signal.aborted) return;
  // A screen of its own, so that no countdown or grid of the last one lives on.
  void app.run((_, next) => {
    next.show(title, h("div", { class: `result ${mood}`, "aria-hidden": "true" }), h("div", { role: "status" }, ...content),
      h("div", { class: "actions" }, button(app.t("close"), () => app.go(`id/${which}`), "primary")));
  });
}
