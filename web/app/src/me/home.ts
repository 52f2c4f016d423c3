// The first page: what there is, and the way to each part of it.
import { button, h } from "../dom.ts";
import type { Me, Page } from "./pages.ts";

export const home: Page = async (me, view) => {
  if (!me.known && !(await tryRefresh(me))) return me.go("sign-in");
  const known = await me.refresh();
  const { t } = me;
  const worn = known.answers.filter((a) => a.renew || a.retired).length;
  const card = (route: string, title: string, text: string, badge = "") =>
    h("li", {}, h("a", { class: "card id", href: `#/${route}` }, h("span", { class: "wide" }, title), h("small", {}, text), badge ? h("span", { class: "badge" }, badge) : false));
  view.show(t("title"),
    h("p", {}, t("signedInAs", { user: known.user })),
    !known.enrolled && h("p", { class: "hint-box" }, t("enrolFirst")),
    known.enrolled && known.newcomer && known.add_phone === "yes" && h("p", { class: "hint-box" }, t("phoneNext")),
    h("ul", { class: "cards" },
      card("answers", t("questions"), known.enrolled ? t("answered", { n: known.answers.length }) : t("progress", { n: known.answers.length, of: known.minimum_answers }),
        worn > 0 ? t("renewBadge", { n: worn }) : ""),
      (known.devices.length > 0 || known.add_phone !== "not-offered") &&
        card("phones", t("phones"), known.devices.length > 0 ? known.devices.map((d) => d.name).join(", ") : t("noPhones")),
      card("logins", t("logins"), t("loginsShort")),
      known.recovery && card("recovery", t("recovery"), known.recovery.left > 0 ? t("codesLeft", { n: known.recovery.left }) : t("noCodes")),
    ),
    h("div", { class: "actions" }, button(t("signOut"), async () => {
      await me.api.call("sign-out", {}).catch(() => undefined);
      me.known = undefined;
      me.announce(t("signedOut"));
      me.go("sign-in");
    })));
};

async function tryRefresh(me: Me): Promise<boolean> {
  try {
    await me.refresh();
    return true;
  } catch {
    return false;
  }
}

export const backHome = (me: Me): HTMLElement => h("p", {}, h("a", { class: "back", href: "#/home" }, me.t("back")));
