// What the pages share, and the way from one to the next. A page lives until the next one comes.
import { h } from "../dom.ts";
import { Api, type Overview, Refused } from "./api.ts";
import { hasText, type Language, type Translate, translator } from "./texts.ts";

export interface View {
  /** Aborted when the next page comes. */
  signal: AbortSignal;
  /** Fills the page and moves the focus to its heading, so that a screen reader begins there. */
  show(title: string, ...content: (Node | string | false | null | undefined)[]): void;
}

export type Page = (me: Me, view: View, ...parts: string[]) => void | Promise<void>;

export class Me {
  readonly api = new Api();
  t: Translate = translator("en");
  language: Language = "en";
  /** What was known last; undefined: nobody is signed in, as far as this page knows. */
  known: Overview | undefined;
  #leave = new AbortController();
  #quiet: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly main: HTMLElement, readonly status: HTMLElement, readonly pages: Record<string, Page>, readonly languages: () => void) {}

  setLanguage(language: Language): void {
    this.language = this.api.language = language;
    this.t = translator(language);
    document.documentElement.lang = language;
    this.languages();
  }

  announce(text: string): void {
    this.status.textContent = text;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => (this.status.textContent = ""), 8000);
  }

  async refresh(): Promise<Overview> {
    return (this.known = await this.api.call<Overview>(""));
  }

  go(route: string): void {
    if (location.hash === `#/${route}`) this.open();
    else location.hash = `#/${route}`;
  }

  open(): void {
    const [name, ...parts] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
    void this.run(this.pages[name ?? ""] ?? this.pages[""]!, ...parts);
  }

  async run(page: Page, ...parts: string[]): Promise<void> {
    this.#leave.abort();
    const leave = (this.#leave = new AbortController());
    const view: View = {
      signal: leave.signal,
      show: (title, ...content) => {
        if (leave.signal.aborted) return;
        const heading = h("h1", { tabindex: -1 }, title);
        this.main.replaceChildren(heading, ...content.filter((c): c is Node | string => c !== false && c !== null && c !== undefined));
        document.title = `${title} · Latchkey`;
        heading.focus({ preventScroll: true });
        window.scrollTo(0, 0);
      },
    };
    try {
      await page(this, view, ...parts);
    } catch (error) {
      if (leave.signal.aborted) return;
      if (error instanceof Refused && error.code === "signed-out") return this.signedOut();
      if (!(error instanceof Refused)) console.warn(error);
      view.show(this.t("title"), h("p", { class: "error", role: "alert" }, this.explain(error)),
        h("div", { class: "actions" }, h("button", { type: "button", class: "primary", onclick: () => this.open() }, this.t("retry"))));
    }
  }

  /** The session is over, here or there. */
  signedOut(): void {
    const was = this.known !== undefined;
    this.known = undefined;
    if (was) this.announce(this.t("sessionOver"));
    this.go("sign-in");
  }

  /** A refusal in words. That the session is over is nothing to explain: the sign-in comes. */
  explain(error: unknown): string {
    if (!(error instanceof Refused)) return this.t("e_network");
    // These are made for the person, in the language of the page, with numbers or a reference in them.
    const told = ["denied", "answer-too-short", "answer-repeats", "answer-common", "answer-personal", "answer-unusable"];
    if (told.includes(error.code) && error.detail) return error.detail;
    const key = `e_${error.code}`;
    return hasText(key) ? this.t(key) : this.t("e_other", { code: error.code });
  }
}
