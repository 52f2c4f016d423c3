// The recent logins: when, where, how it ended and why; and the word that one of them was somebody else's.
import { button, h } from "../dom.ts";
import { type Login, Refused } from "./api.ts";
import { backHome } from "./home.ts";
import type { Me, Page } from "./pages.ts";
import { hasText } from "./texts.ts";

/** Where the person was, in words. */
export function place(me: Pick<Me, "t">, source: string): string {
  const [kind, ...rest] = source.split(":");
  const value = rest.join(":");
  if (kind === "addr") return value;
  if (kind === "uid") return me.t("localUser", { n: value });
  return me.t("unknownPlace");
}

const reason = (me: Me, login: Login): string => {
  const key = `r_${login.reason}`;
  return hasText(key) ? me.t(key) : login.reason;
};

export const logins: Page = async (me, view) => {
  const list = (await me.api.call<{ logins: Login[] }>("logins")).logins;
  const { t } = me;
  view.show(t("logins"), h("p", {}, t("loginsText")),
    list.length === 0 ? h("p", { class: "empty" }, t("noLogins")) : h("ul", { class: "cards" }, ...list.map((login) => h("li", { class: "card past" },
      h("span", { class: "wide" }, new Date(login.time).toLocaleString(me.language, { dateStyle: "medium", timeStyle: "short" })),
      h("span", { class: `verdict ${login.result === "accept" ? "good" : "bad"}` }, t(login.result === "accept" ? "letIn" : "refused")),
      h("span", { class: "host" }, login.door === "selfservice" ? t(login.service === "selfservice-change" ? "selfServiceChange" : "selfService") : `${login.service} · ${login.host}`),
      h("small", {}, `${t("from")} ${place(me, login.source)} · ${reason(me, login)}`),
      h("small", {}, `Ref. ${login.reference}`),
      h("div", { class: "host" }, named(button(t("notMe"), () => me.run(notMe(login)), "link"), login.reference))))),
    backHome(me));
};

/** Of many buttons that say the same, each is told by what it is about. */
function named(element: HTMLElement, about: string): HTMLElement {
  element.setAttribute("aria-label", `${element.textContent}: ${about}`);
  return element;
}

const notMe = (login: Login): Page => (me, view) => {
  const { t } = me;
  const problem = h("p", { class: "error", role: "alert" });
  view.show(t("notMe"), h("p", {}, t("notMeText")), problem, h("div", { class: "actions" }, button(t("notMeYes"), async () => {
    try {
      const { locked } = await me.api.call<{ locked: boolean }>("logins/not-me", { reference: login.reference });
      if (locked) {
        me.known = undefined;
        view.show(t("reported"), h("p", { role: "status" }, t("reportedLocked")));
        return;
      }
      view.show(t("reported"), h("p", { role: "status" }, t("reportedText")), backHome(me));
    } catch (error) {
      if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
      problem.textContent = me.explain(error);
    }
  }, "danger"), button(t("cancel"), () => me.run(logins))));
};
