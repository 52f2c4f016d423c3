// The phones of a user: named, locked when lost, unlocked and removed on the word of a phone; a new one comes by an
// invitation of this session, which this session confirms.
import { button, field, form, h, submitButton } from "../dom.ts";
import { type Invitation, type Phone, Refused } from "./api.ts";
import { backHome } from "./home.ts";
import type { Me, Page } from "./pages.ts";
import { change, proven } from "./proof.ts";
import { hasText } from "./texts.ts";

const when = (me: Me, text: string) => new Date(text).toLocaleString(me.language, { dateStyle: "medium", timeStyle: "short" });

export const phones: Page = async (me, view) => {
  const known = await me.refresh();
  const { t } = me;
  const add = { "yes": t("addPhone"), "proof": t("addPhone"), "ask-admin": "", "not-offered": "" }[known.add_phone];
  const problem = h("p", { class: "error", role: "alert" });
  view.show(t("phones"),
    known.devices.length === 0 ? h("p", {}, t("noPhones")) : h("ul", { class: "cards" }, ...known.devices.map((d) => phone(me, view.signal, d))),
    known.add_phone === "ask-admin" && h("p", { class: "hint-box" }, t(known.devices.length > 0 ? "nextPhoneAdmin" : "firstPhoneAdmin")),
    add !== "" && h("div", { class: "actions" }, button(add, async () => {
      problem.textContent = "";
      try {
        const made = await proven(me, view.signal, () => me.api.call<Invitation>("devices/invite", {}));
        if (made) await me.run(invited(made));
      } catch (error) {
        if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
        problem.textContent = me.explain(error);
      }
    }, "primary"), problem),
    known.invitation?.device && h("div", { class: "actions" }, button(t("goOnConfirm"), () => me.run(confirm))),
    backHome(me));
};

function phone(me: Me, gone: AbortSignal, d: Phone): HTMLElement {
  const { t } = me;
  const again = () => void me.run(phones);
  const why = `why_${d.why ?? ""}`;
  const call = (op: string, label: string, look = "") => change(me, gone, label, () => me.api.call(`devices/${op}`, { device: d.id }), again, look);
  return h("li", { class: "card" },
    h("h2", {}, d.name),
    h("p", { class: d.state === "active" ? "good" : "bad" }, t(`state_${d.state}`), d.state === "locked" && hasText(why) ? `: ${t(why)}` : ""),
    h("p", { class: "quiet" }, t("since", { date: when(me, d.created) }), d.last_seen ? ` ${t("lastSeen", { date: when(me, d.last_seen) })}` : ""),
    h("details", {}, h("summary", {}, t("more")), h("div", { class: "actions" },
      button(t("rename"), () => me.run(rename(d))),
      d.state === "active" ? call("lock", t("lost")) : false,
      d.state === "locked" && (d.why === "pin" || d.why === "lost") ? call("unlock", t("unlock")) : false,
      button(t("removePhone"), () => me.run(remove(d)), "danger"))));
}

const rename = (d: Phone): Page => (me, view) => {
  const { t } = me;
  const name = field(t("phoneName"), { value: d.name, maxlength: 64, autocomplete: "off" });
  view.show(t("rename"), form(async () => {
    try {
      const done = await proven(me, view.signal, async () => (await me.api.call("devices/rename", { device: d.id, name: name.input.value }), true));
      if (done) await me.run(phones);
    } catch (error) {
      if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
      name.fail(me.explain(error));
    }
  }, name.node, submitButton(t("save"))), backPhones(me));
};

const remove = (d: Phone): Page => (me, view) => {
  const { t } = me;
  view.show(t("removePhone"), h("p", {}, t("removeText", { phone: d.name })), h("div", { class: "actions" },
    change(me, view.signal, t("removeYes"), () => me.api.call("devices/revoke", { device: d.id }), () => void me.run(phones), "danger")), backPhones(me));
};

const backPhones = (me: Me) => h("p", {}, button(me.t("back"), () => me.run(phones), "link"));

/** The QR code, drawn from numbers: nothing that comes from elsewhere becomes markup. */
function qr(me: Me, { size, path }: Invitation["qr"]): HTMLElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `-4 -4 ${size + 8} ${size + 8}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", me.t("qrCode"));
  svg.setAttribute("shape-rendering", "crispEdges");
  const dark = document.createElementNS(space, "path");
  dark.setAttribute("d", path);
  svg.append(dark);
  return h("div", { class: "qr" }, svg as unknown as Node);
}

const invited = (made: Invitation): Page => (me, view) => {
  const { t } = me;
  view.show(t("addPhone"),
    h("ol", { class: "steps" }, h("li", {}, t("scanText", { host: location.host })), h("li", {}, t("pinText")), h("li", {}, t("checkText"))),
    qr(me, made.qr),
    h("details", {}, h("summary", {}, t("noCamera")), h("p", {}, t("typedText")), h("p", { class: "typed" }, made.typed),
      h("p", {}, h("a", { href: made.url, target: "_blank", rel: "noopener" }, t("thisDevice")))),
    h("p", { role: "status" }, t("waitingPhone")),
    h("div", { class: "actions" }, button(t("cancel"), () => me.run(phones))));
  void follow(me, view.signal);
};

/** Looks until the phone shows its check code, then asks for it. */
async function follow(me: Me, gone: AbortSignal): Promise<void> {
  while (!gone.aborted) {
    await new Promise((done) => setTimeout(done, 1500));
    if (gone.aborted) return;
    try {
      const known = await me.refresh();
      if (gone.aborted) return;
      if (known.invitation === null) return void me.run(phones);
      if (known.invitation.ready) return void me.run(confirm);
    } catch (error) {
      if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
    }
  }
}

const confirm: Page = (me, view) => {
  const { t } = me;
  const code = field(t("checkCode"), { autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: 16, class: "code" }, t("checkHint"));
  view.show(t("confirmPhone"), h("p", {}, t("confirmText")), form(async () => {
    try {
      await me.api.call("devices/confirm", { code: code.input.value });
      me.announce(t("phoneReady"));
      await me.run(phones);
    } catch (error) {
      if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
      code.fail(me.explain(error));
    }
  }, code.node, submitButton(t("confirm"))), h("p", { class: "hint" }, t("otherCode")), backPhones(me));
  code.input.focus();
};
