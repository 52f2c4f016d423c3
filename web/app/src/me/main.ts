// Self-service begins here: language, brand, then the page that the address names.
import { Branding } from "../brand.ts";
import { h } from "../dom.ts";
import { answers, setAnswer } from "./answers.ts";
import { Refused } from "./api.ts";
import { home } from "./home.ts";
import { logins } from "./logins.ts";
import { Me } from "./pages.ts";
import { phones } from "./phones.ts";
import { recovery } from "./recovery.ts";
import { codeWord, signIn } from "./signin.ts";
import { type Language, preferredLanguage, translator } from "./texts.ts";

const element = (name: string) => document.getElementById(name)!;

async function begin(): Promise<void> {
  const footer = element("footer");
  const languages = () => footer.replaceChildren(...(["de", "en"] as const).map((language) =>
    h("button", {
      type: "button", class: "link", lang: language, "aria-pressed": String(language === me.language), onclick: () => void choose(language),
    }, translator(language)("language"))));
  const me = new Me(element("main"), element("status"), {
    "": home, home, "sign-in": signIn, "code-word": codeWord, answers, answer: setAnswer, phones, logins, recovery,
  }, languages);
  async function choose(language: Language): Promise<void> {
    me.setLanguage(language);
    if (me.known) {
      try {
        await me.api.call("language", { language });
        me.known.language = language;
      } catch (error) {
        if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
        me.announce(me.explain(error));
      }
    }
    me.open();
  }
  me.setLanguage(preferredLanguage(navigator.languages));
  // Nothing is kept in this browser but the cookie of the session.
  const nowhere = { setting: async () => undefined, set: async () => undefined };
  void new Branding(nowhere, element("company"), element("logo") as HTMLImageElement).load();
  window.addEventListener("hashchange", () => me.open());
  try {
    const known = await me.refresh();
    if (known.language === "de" || known.language === "en") me.setLanguage(known.language);
  } catch (error) {
    if (!(error instanceof Refused && error.code === "signed-out")) console.warn(error);
  }
  me.open();
}

begin().catch((error: unknown) => {
  console.error(error);
  element("main").textContent = translator(preferredLanguage(navigator.languages))("unsupported");
});
