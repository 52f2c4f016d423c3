// One ID: setting it up, waiting to be confirmed, or the list of logins that wait.
import { type Message, type Pending, pinBounds, pinFault } from "@latchkey/device-client";
import type { App, Screen, View } from "../app.ts";
import { button, form, h, submitButton } from "../dom.ts";
import { explain } from "../explain.ts";
import { follow } from "../live.ts";
import { loginCard, tick } from "../logincard.ts";
import { lettersToggle, pinField } from "../pinentry.ts";
import { approve, deny } from "./approve.ts";
import { backTo, whose } from "./ids.ts";

export const id: Screen = async (app, view, which = "") => {
  const record = await app.store.get(which);
  if (!record) return app.go("ids", true);
  if (record.state === "setup") return setUp(app, view, which);
  if (record.state === "inert") return inert(app, view, which);
  return waiting(app, view, which);
};

/** Two fields for a new PIN, and what they say together; undefined: it was refused, and told why. */
export function newPin(app: App, digits: number) {
  const { t } = app;
  let letters = false;
  const hint = () => (letters ? t("passphraseHint") : t("pinDigits", { n: digits }));
  const first = pinField(t, t("pin"), hint());
  const again = pinField(t, t("pinAgain"));
  const toggle = lettersToggle(t, (on) => {
    letters = on;
    first.node.querySelector(".hint")!.textContent = hint();
  }, false, first, again);
  return {
    nodes: [first.node, again.node, toggle],
    focus: () => first.input.focus(),
    letters: () => letters,
    value(): string | undefined {
      const fault = pinFault(first.input.value, digits);
      if (fault) return void first.fail(t(fault));
      if (first.input.value !== again.input.value) return void again.fail(t("pinDiffers"));
      return first.input.value;
    },
  };
}

async function setUp(app: App, view: View, which: string): Promise<void> {
  const { t } = app;
  const record = await app.device(which).record();
  const fields = newPin(app, record.pinDigits || pinBounds.digits);
  const problem = h("p", { class: "error", role: "alert" });
  view.show(t("choosePin"), h("p", {}, t("choosePinText")), form(async () => {
    const pin = fields.value();
    if (pin === undefined) return;
    app.announce(t("makingKey"));
    problem.textContent = "";
    try {
      await app.device(which).setUpPin(pin);
      await app.store.set(`letters-${which}`, fields.letters());
      app.announce("");
      await id(app, view, which);
    } catch (error) {
      app.announce("");
      problem.textContent = explain(t, error);
    }
  }, ...fields.nodes, problem, submitButton(t("setPin"))));
  fields.focus();
}

async function inert(app: App, view: View, which: string): Promise<void> {
  const { t } = app;
  const record = await app.device(which).record();
  const { checkCode = "" } = record;
  const spelt = checkCode.replace(/(....)(?=.)/, "$1 ");
  view.show(t("checkCode"), h("p", { class: "who" }, whose(record)), h("p", {}, t("checkCodeText")),
    h("p", { class: "big-code", "aria-label": Array.from(checkCode).join(" ") }, spelt), h("p", { role: "status" }, t("waitingConfirm")), backTo(app, "ids"));
  const ask = async () => {
    if (document.visibilityState !== "visible") return;
    const hello = await app.device(which).hello().catch(() => undefined);
    if (view.signal.aborted || hello?.state !== "active") return;
    clearInterval(timer);
    app.announce(t("active"));
    await app.run(id, which);
  };
  const timer = setInterval(() => void ask(), 3000);
  view.signal.addEventListener("abort", () => clearInterval(timer));
  document.addEventListener("visibilitychange", () => void ask(), { signal: view.signal });
}

async function waiting(app: App, view: View, which: string): Promise<void> {
  const { t } = app;
  const device = app.device(which);
  const record = await device.record();
  const several = (await app.store.list()).length > 1;
  const list = h("div", { "aria-live": "polite" }, h("p", { class: "quiet" }, t("loading")));
  const line = h("p", { class: "error", role: "status" });
  let shown: string | undefined;

  const render = (pendings: Pending[]) => {
    const key = pendings.map((p) => p.id).join();
    if (key === shown) return;
    shown = key;
    if (pendings.length === 0) {
      list.replaceChildren(h("div", { class: "empty" }, h("p", { class: "empty-title" }, t("noLogins")), h("p", {}, t("noLoginsText"))));
      return;
    }
    const cards = pendings.map((p) => loginCard(app, p, button(t("deny"), () => app.run(deny(which, p)), "quiet-button")));
    list.replaceChildren(...(pendings.length > 1 ? [h("p", { class: "warn" }, t(pendings.some((p) => p.kind !== "code") ? "twoLogins" : "twoCodeLogins"))] : []), ...cards,
      h("div", { class: "actions" }, button(t("approve"), () => app.run(approve(which, pendings)), "primary")));
  };

  let questions: string | undefined;
  const asked = h("div", { "aria-live": "polite" });
  let over: ReturnType<typeof setTimeout> | undefined;
  const ask = (messages: Message[]) => {
    clearTimeout(over);
    const open = messages.filter((m) => m.ends > Date.now());
    // Not only until the next event: a question must not stay on a screen that was left open.
    if (open.length) over = setTimeout(() => ask(open), Math.min(Math.max(...open.map((m) => m.ends)) - Date.now(), 2 ** 31 - 1));
    const key = open.map((m) => m.id + m.text).join();
    if (key === questions) return;
    questions = key;
    asked.replaceChildren(...open.map((m) => h("section", { class: "card message", "data-message": m.id },
      h("h2", {}, t("messageTitle", { mark: m.mark })), h("p", {}, m.text), h("p", { class: "hint" }, t("messageHint", { mark: m.mark })))));
  };
  view.signal.addEventListener("abort", () => clearTimeout(over));

  view.show(t("logins"), h("p", { class: "who" }, whose(record)), line, asked, list,
    h("nav", { class: "menu", "aria-label": t("manage") },
      h("a", { href: `#/history/${which}` }, t("history")), h("a", { href: `#/manage/${which}` }, t("manage")),
      several ? h("a", { href: "#/ids" }, t("ids")) : h("a", { href: "#/add" }, t("addId"))));
  tick(app, view.signal, () => {
    // A login whose time has run out is asked for once more, and goes.
    shown = undefined;
    window.dispatchEvent(new Event("latchkey-push"));
  });
  follow(device, {
    pendings: render,
    messages: ask,
    connected: (now) => (line.textContent = now ? "" : t("offline")),
    refused: (error) => {
      list.replaceChildren();
      ask([]);
      line.textContent = explain(t, error);
    },
  }, view.signal);
}
