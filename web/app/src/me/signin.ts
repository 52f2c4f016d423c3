// Signing in: by the code word of the first day, or by password and second factor.
import { isSymbol, symbolNames } from "@latchkey/device-client";
import { button, field, form, h, submitButton, symbolShape } from "../dom.ts";
import type { Options, Step } from "./api.ts";
import type { Me, Page } from "./pages.ts";

const nameField = (me: Me) => field(me.t("name"), { autocomplete: "username", autocapitalize: "off", spellcheck: "false", maxlength: 253, required: true });

async function arrived(me: Me): Promise<void> {
  const known = await me.refresh();
  if (known.language === "de" || known.language === "en") me.setLanguage(known.language);
  me.go(known.enrolled || !known.newcomer ? "home" : "answers");
}

export const signIn: Page = async (me, view) => {
  const options = await me.api.call<Options>("options");
  if (!options.password) return me.go("code-word");
  const { t } = me;
  const name = nameField(me);
  const password = field(t("password"), { type: "password", autocomplete: "current-password", maxlength: 256, required: true });
  view.show(t("signIn"), form(async () => {
    if (!name.input.value.trim()) return name.fail(t("fillIn"));
    if (!password.input.value) return password.fail(t("fillIn"));
    const user = name.input.value;
    try {
      const step = await me.api.call<Step>("sign-in", { user, password: password.input.value });
      await me.run((_, next) => {
        const asked = challenge(me, next.signal, step, (token, text, signal) => me.api.call<Step>("sign-in/answer", { user, token, text }, signal),
          () => arrived(me), () => me.go("sign-in"));
        next.show(t("signIn"), asked);
        focusQuestion(asked);
      });
    } catch (error) {
      password.input.value = "";
      password.fail(me.explain(error));
    }
  }, name.node, password.node, submitButton(t("next"))),
  options.code_word && h("p", { class: "aside" }, h("a", { href: "#/code-word" }, t("haveCodeWord"))));
  name.input.focus();
};

export const codeWord: Page = async (me, view) => {
  const options = await me.api.call<Options>("options");
  const { t } = me;
  const name = nameField(me);
  const word = field(t("codeWord"), { autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: 256, required: true }, t("codeWordHint"));
  view.show(t("firstDay"), h("p", {}, t("firstDayText")), form(async () => {
    if (!name.input.value.trim()) return name.fail(t("fillIn"));
    if (!word.input.value.trim()) return word.fail(t("fillIn"));
    try {
      await me.api.call<Step>("code-word", { user: name.input.value, code_word: word.input.value });
      await arrived(me);
    } catch (error) {
      word.input.value = "";
      word.fail(me.explain(error));
    }
  }, name.node, word.node, submitButton(t("next"))),
  options.password && h("p", { class: "aside" }, h("a", { href: "#/sign-in" }, t("havePassword"))));
  name.input.focus();
};

/** To the field that is to be filled in, once it is there to be seen. */
export const focusQuestion = (box: HTMLElement): void => box.querySelector<HTMLElement>("form input")?.focus();

type Reply = (token: string, text: string, signal?: AbortSignal) => Promise<Step>;

/** Asks what a step asks, and again what its answer asks, until it is through; again: back to the beginning. */
export function challenge(me: Me, gone: AbortSignal, first: Step, reply: Reply, done: () => void | Promise<void>, again: () => void): HTMLElement {
  const box = h("div", {});
  const ask = (step: Step): void => {
    if (step.state !== "challenge") return void done();
    box.replaceChildren(step.waiting ? waiting(step) : question(step));
    focusQuestion(box);
  };
  const failed = (error: unknown) => {
    if (gone.aborted) return;
    const text = h("p", { class: "error", role: "alert", tabindex: -1 }, me.explain(error));
    box.replaceChildren(text, h("div", { class: "actions" }, button(me.t("again"), again, "primary")));
    text.focus();
  };
  const question = (step: Step): HTMLElement => {
    const reading = field(step.prompt ?? "", {
      type: step.secret ? "password" : "text", autocomplete: "one-time-code", autocapitalize: "off", spellcheck: "false", maxlength: 64,
    });
    return form(async () => {
      try {
        ask(await reply(step.token!, reading.input.value));
      } catch (error) {
        failed(error);
      }
    }, reading.node, submitButton(me.t("next")), step.resend ? button(me.t("resend"), async () => {
      try {
        ask(await reply(step.token!, "resend"));
      } catch (error) {
        failed(error);
      }
    }, "link") : false);
  };
  const waiting = (step: Step): HTMLElement => {
    const stop = new AbortController();
    gone.addEventListener("abort", () => stop.abort());
    const code = field(me.t("code"), { autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false", maxlength: 32 }, me.t("codeHint"));
    const listen = async (now: Step): Promise<void> => {
      try {
        while (now.state === "challenge" && now.waiting && !stop.signal.aborted) now = await reply(now.token!, "", stop.signal);
        if (!stop.signal.aborted) ask(now);
      } catch (error) {
        if (!stop.signal.aborted) failed(error);
      }
    };
    void listen(step);
    const shown = step.symbols ?? [];
    return h("div", {},
      h("div", { role: "status" }, h("p", {}, me.t(shown.length > 1 ? "pickPair" : "pickSymbol")),
        h("p", { class: "banner" }, ...shown.map((name) => h("span", { class: "shown" }, symbolShape(name),
          h("span", { class: "wide" }, isSymbol(name) ? symbolNames[name][me.language] : name))))),
      step.fallback ? h("p", {}, button(me.t("askInstead"), async () => {
        stop.abort();
        try {
          ask(await reply(step.token!, "p"));
        } catch (error) {
          failed(error);
        }
      }, "link")) : false,
      h("details", {}, h("summary", {}, me.t("phoneAway")), form(async () => {
        stop.abort();
        try {
          ask(await reply(step.token!, code.input.value));
        } catch (error) {
          failed(error);
        }
      }, code.node, submitButton(me.t("next")))));
  };
  ask(first);
  return box;
}
