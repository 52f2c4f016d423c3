// An ID comes in: by camera, by typed code or by link; then it is confirmed, and only then the invitation is spent.
import {
  enrol, type Invitation, InvitationError, NetworkError, newDeviceKey, parseInvitationCode, parseInvitationLink,
} from "@latchkey/device-client";
import type { App, Screen, View } from "../app.ts";
import { button, field, form, h, submitButton } from "../dom.ts";
import { explain } from "../explain.ts";
import { installHint } from "../install.ts";
import { scan } from "../scanner.ts";
import { backTo } from "./ids.ts";

export const typed: Screen = async (app, view) => {
  const { t } = app;
  // A code does not say whose it is.
  const others = await app.others();
  const where = h("select", { id: "where" }, ...[location.origin, ...others].map((o) => h("option", { value: o }, new URL(o).host)));
  const code = field(t("code"), { autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: 300, class: "code" }, t("codeHint"));
  view.show(t("typeCode"), form(async () => {
    const text = code.input.value.trim();
    try {
      // Whoever pastes the link here means the same.
      const given = text.startsWith("http") ? parseInvitationLink(text) : { ...(await parseInvitationCode(text)), origin: where.value };
      await confirm(app, view, given);
    } catch (error) {
      code.fail(explain(t, error));
    }
  }, code.node, others.length > 0 && h("div", { class: "field" }, h("label", { for: "where" }, t("whichAppliance")), where),
  submitButton(t("next"))), backTo(app, "ids"));
  code.input.focus();
};

export const camera: Screen = async (app, view) => {
  const { t } = app;
  const video = h("video", { playsinline: true, muted: true, "aria-label": t("scanning") });
  const note = h("p", { class: "error", role: "alert" });
  view.show(t("scan"), h("p", {}, t("scanning")), h("div", { class: "finder" }, video), note,
    h("div", { class: "actions" }, h("a", { class: "button", href: "#/type" }, t("typeCode"))), backTo(app, "ids"));
  try {
    for await (const text of scan(video, view.signal)) {
      try {
        return await confirm(app, view, parseInvitationLink(text));
      } catch (error) {
        note.textContent = explain(t, error);
      }
    }
  } catch (error) {
    console.warn(error);
    if (!view.signal.aborted) note.textContent = t("cameraRefused");
  }
};

/** The link that the app was opened with; its secret has left the address bar already. */
export const linked = (link: string): Screen => async (app, view) => {
  try {
    await confirm(app, view, parseInvitationLink(link));
  } catch (error) {
    if (!(error instanceof InvitationError)) throw error;
    view.show(app.t("addId"), h("p", { class: "error", role: "alert" }, explain(app.t, error)), backTo(app, "ids"));
  }
};

function deviceName(): string {
  const agent = navigator.userAgent;
  const known = [["iPhone", /iPhone/], ["iPad", /iPad/], ["Android", /Android/], ["Mac", /Mac OS/], ["Windows", /Windows/], ["Linux", /Linux/]] as const;
  return known.find(([, pattern]) => pattern.test(agent))?.[0] ?? "Web";
}

async function confirm(app: App, view: View, invitation: Invitation): Promise<void> {
  const { t } = app;
  const origin = invitation.origin ? new URL(invitation.origin).origin : location.origin;
  const { host } = new URL(origin);
  const elsewhere = origin !== location.origin;
  if (elsewhere && !(await app.others()).includes(origin)) {
    // This page's policy lets it talk to those only that are listed. The link holds the secret, so it is not shown.
    view.show(t("addId"), h("p", {}, t("otherAppliance")), h("p", { class: "wide" }, `${origin}/app/`),
      h("p", { class: "hint" }, t("otherNotListed", { host })), backTo(app, "ids"));
    return;
  }
  const name = field(t("deviceName"), { value: deviceName(), maxlength: 64, required: true, autocomplete: "off" });
  const problem = h("p", { class: "error", role: "alert" });
  // One key for all tries: with another one the appliance would see a second use of the invitation.
  const key = newDeviceKey();
  view.show(t("confirmAdd"), installHint(app) ?? false, h("p", {}, t("confirmAddText")),
    h("p", { class: "wide" }, host),
    elsewhere && h("p", { class: "hint" }, t("elsewhere")),
    form(async () => {
      problem.textContent = "";
      try {
        const record = await enrol(app.transport, origin, invitation, name.input.value.trim() || deviceName(), await key);
        // Asks the browser not to clear what cannot be had again.
        void navigator.storage?.persist?.();
        app.go(`id/${record.id}`, true);
      } catch (error) {
        problem.textContent = elsewhere && error instanceof NetworkError ? t("notLetIn", { host, app: location.origin }) : explain(t, error);
      }
    }, name.node, problem, h("div", { class: "actions" }, submitButton(t("add")), button(t("cancel"), () => app.go("ids")))));
}
