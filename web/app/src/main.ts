// The app begins here: language, brand, service worker, then the screen that the address names.
import { App } from "./app.ts";
import { Branding } from "./brand.ts";
import { h } from "./dom.ts";
import { keepInstallOffer } from "./install.ts";
import { camera, linked, typed } from "./screens/enrol.ts";
import { id } from "./screens/id.ts";
import { add, ids, start } from "./screens/ids.ts";
import { changePin, manage, past, remove, rename, renew } from "./screens/manage.ts";
import { type Language, preferredLanguage, translator } from "./texts.ts";
import { startWorkers } from "./workers.ts";

const element = (name: string) => document.getElementById(name)!;

async function begin(): Promise<void> {
  // The invitation's secret must not stay in the address bar, nor in the history.
  const link = location.hash.startsWith("#i=") ? location.href : undefined;
  if (link) history.replaceState(null, "", `${location.pathname}#/ids`);

  const app = new App(element("main"), element("status"), {
    "": start, ids, add, id, scan: camera, type: typed, history: past, manage, renew, pin: changePin, rename, remove,
  });
  const kept = await app.store.setting<Language>("language");
  app.setLanguage(kept ?? preferredLanguage(navigator.languages));

  const footer = element("footer");
  const languages = () => footer.replaceChildren(...(["de", "en"] as const).map((language) =>
    h("button", {
      type: "button", class: "link", lang: language, "aria-pressed": String(language === app.language),
      onclick: () => {
        app.setLanguage(language);
        languages();
        void app.store.set("language", language);
        app.open();
      },
    }, translator(language)("language"))));
  languages();

  keepInstallOffer();
  const branding = new Branding(app.store, element("company"), element("logo") as HTMLImageElement);
  app.others = () => branding.others();
  void branding.load();
  navigator.serviceWorker?.addEventListener("message", () => window.dispatchEvent(new Event("latchkey-push")));
  void startWorkers().catch((error: unknown) => console.warn(error));

  // A link that is opened while the app is open comes as a change of the fragment only.
  window.addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#i=")) return app.open();
    const late = location.href;
    history.replaceState(null, "", `${location.pathname}#/ids`);
    void app.run(linked(late));
  });
  if (link) await app.run(linked(link));
  else app.open();
}

begin().catch((error: unknown) => {
  console.error(error);
  element("main").textContent = translator(preferredLanguage(navigator.languages))("unsupported");
});
