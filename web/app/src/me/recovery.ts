// Recovery codes: made on the word of a phone, shown this once, to be printed or written down.
import { button, h } from "../dom.ts";
import { Refused } from "./api.ts";
import { backHome } from "./home.ts";
import type { Page } from "./pages.ts";
import { change, proven } from "./proof.ts";

export const recovery: Page = async (me, view) => {
  const known = await me.refresh();
  const state = known.recovery;
  if (!state) return me.go("home");
  const { t } = me;
  const problem = h("p", { class: "error", role: "alert" });
  view.show(t("recovery"), h("p", {}, t("recoveryText")),
    h("p", { class: "wide" }, state.left > 0 ? t("codesLeft", { n: state.left }) : t("noCodes")),
    state.may === "ask-admin" ? h("p", { class: "hint-box" }, t("recoveryNeeds")) : h("div", { class: "actions" }, button(t(state.left > 0 ? "newCodes" : "makeCodes", { n: state.of }), async () => {
      problem.textContent = "";
      try {
        const made = await proven(me, view.signal, () => me.api.call<{ codes: string[] }>("recovery/make", {}));
        if (made) await me.run(codes(made.codes));
      } catch (error) {
        if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
        problem.textContent = me.explain(error);
      }
    }, "primary"), problem),
    state.left > 0 && change(me, view.signal, t("voidCodes"), () => me.api.call("recovery/void", {}), () => void me.run(recovery), "danger"),
    backHome(me));
};

const codes = (list: string[]): Page => (me, view) => {
  const { t } = me;
  view.show(t("recovery"), h("p", { class: "warn" }, t("codesOnce")),
    h("p", { class: "print-only" }, `${document.getElementById("company")?.textContent ?? ""} · ${me.known?.user ?? ""} · ${new Date().toLocaleDateString(me.language)}`),
    h("ol", { class: "codes" }, ...list.map((code) => h("li", {}, code))),
    h("p", {}, t("codesUse")),
    h("div", { class: "actions" }, button(t("print"), () => window.print(), "primary"), button(t("codesKept"), () => me.run(recovery))));
};
