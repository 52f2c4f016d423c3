// How to install the app, where it is not. On iOS this comes first: the installed app has a storage of its own.
import type { App } from "./app.ts";
import { button, h } from "./dom.ts";

interface InstallPrompt extends Event {
  prompt(): Promise<void>;
}

const installed = () => matchMedia("(display-mode: standalone)").matches || (navigator as { standalone?: boolean }).standalone === true;

const isIos = () => /iPhone|iPad|iPod/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);

let offered: InstallPrompt | undefined;

/** The browser offers the installation once, early; the offer is kept until the user wants it. */
export function keepInstallOffer(): void {
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    offered = event as InstallPrompt;
    window.dispatchEvent(new Event("latchkey-installable"));
  });
}

export function installHint(app: App): HTMLElement | undefined {
  if (installed()) return undefined;
  const { t } = app;
  if (isIos()) return h("aside", { class: "hint-box" }, h("h2", {}, t("installFirst")), h("p", {}, t("installIos")));
  const box = h("aside", { class: "hint-box", hidden: !offered }, h("p", {}, t("installOther")), button(t("install"), async () => {
    await offered?.prompt();
    box.hidden = true;
  }));
  window.addEventListener("latchkey-installable", () => (box.hidden = false), { once: true });
  return box;
}
