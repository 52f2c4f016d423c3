// A change wants a factor, now: the page asks for it in a dialog, and then goes on with what was to be done.
import { button, field, form, h, submitButton } from "../dom.ts";
import { Refused, type Step } from "./api.ts";
import type { Me } from "./pages.ts";
import { challenge, focusQuestion } from "./signin.ts";

/** Does something; where a proof is missing or too weak, asks for one and does it again. Undefined: the person has given up. */
export async function proven<T>(me: Me, gone: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused && (error.code === "proof-needed" || error.code === "factor-too-weak"))) throw error;
  }
  if (!(await prove(me, gone))) return undefined;
  return await work();
}

function prove(me: Me, gone: AbortSignal): Promise<boolean> {
  const { t } = me;
  return new Promise((finish) => {
    const over = new AbortController();
    const title = h("h2", { id: "proof-title", tabindex: -1 }, t("proofTitle"));
    const body = h("div", {});
    const dialog = h("dialog", { "aria-labelledby": "proof-title" }, title, body, h("div", { class: "actions" }, button(t("cancel"), () => end(false))));
    const before = document.activeElement;
    const end = (shown: boolean) => {
      if (over.signal.aborted) return;
      over.abort();
      dialog.close();
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      finish(shown);
    };
    const start = () => {
      const password = field(t("password"), { type: "password", autocomplete: "current-password", maxlength: 256, required: true });
      body.replaceChildren(h("p", {}, t("proofText")), form(async () => {
        if (!password.input.value) return password.fail(t("fillIn"));
        try {
          const step = await me.api.call<Step>("proof", { password: password.input.value });
          const asked = challenge(me, over.signal, step, (token, text, signal) => me.api.call<Step>("proof/answer", { token, text }, signal),
            () => end(true), start);
          body.replaceChildren(asked);
          focusQuestion(asked);
        } catch (error) {
          password.input.value = "";
          if (error instanceof Refused && error.code === "signed-out") {
            end(false);
            return me.signedOut();
          }
          password.fail(me.explain(error));
        }
      }, password.node, submitButton(t("next"))));
      if (dialog.open) password.input.focus();
    };
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      end(false);
    });
    gone.addEventListener("abort", () => end(false));
    start();
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("input")?.focus();
  });
}

/** A button for a change that may want a proof; what goes wrong is said beside it. */
export function change(me: Me, gone: AbortSignal, label: string, work: () => Promise<unknown>, done: () => void, look = ""): HTMLElement {
  const problem = h("p", { class: "error", role: "alert" });
  return h("div", {}, button(label, async () => {
    problem.textContent = "";
    try {
      const made = await proven(me, gone, async () => (await work(), true));
      if (made) done();
    } catch (error) {
      if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
      problem.textContent = me.explain(error);
    }
  }, look), problem);
}
