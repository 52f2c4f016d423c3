// What the screens share, and the way from one to the next. A screen lives until the next one comes: its signal ends
// whatever it has going on.
import { Device, ProblemError, Transport } from "@latchkey/device-client";
import { h } from "./dom.ts";
import { explain } from "./explain.ts";
import { BrowserStore } from "./idb.ts";
import { type Language, type Translate, translator } from "./texts.ts";

export interface View {
  /** Aborted when the next screen comes. */
  signal: AbortSignal;
  /** Fills the screen and moves the focus to its heading, so that a screen reader begins there. */
  show(title: string, ...content: (Node | string | false)[]): void;
  /** The same without moving the focus: for what changes by itself. */
  refresh(title: string, ...content: (Node | string | false)[]): void;
}

export type Screen = (app: App, view: View, ...parts: string[]) => void | Promise<void>;

export class App {
  readonly store = new BrowserStore();
  readonly transport = new Transport(this.store);
  t: Translate = translator("en");
  language: Language = "en";
  /** Other appliances that this app may hold IDs of. */
  others: () => Promise<string[]> = async () => [];
  #leave = new AbortController();
  #quiet: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly main: HTMLElement, readonly status: HTMLElement, readonly routes: Record<string, Screen>) {}

  device(id: string): Device {
    return new Device(this.transport, id);
  }

  setLanguage(language: Language): void {
    this.language = language;
    this.t = translator(language);
    document.documentElement.lang = language;
  }

  /** Says something that a screen reader reads out wherever the focus is. */
  announce(text: string): void {
    this.status.textContent = text;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => (this.status.textContent = ""), 8000);
  }

  /** #/name/part…; replace: the way back leads past this screen. */
  go(route: string, replace = false): void {
    const url = `#/${route}`;
    if (location.hash === url || replace) {
      history.replaceState(null, "", url);
      this.open();
    } else {
      location.hash = url;
    }
  }

  /** Opens the screen that the address names. */
  open(): void {
    const [name, ...parts] = location.hash.replace(/^#\/?/, "").split("/");
    const screen = this.routes[name ?? ""] ?? this.routes[""]!;
    void this.run(screen, ...parts);
  }

  async run(screen: Screen, ...parts: string[]): Promise<void> {
    this.#leave.abort();
    const leave = (this.#leave = new AbortController());
    const put = (title: string, content: (Node | string | false)[], focus: boolean) => {
      if (leave.signal.aborted) return;
      const heading = h("h1", { tabindex: -1 }, title);
      this.main.replaceChildren(heading, ...content.filter((c): c is Node | string => c !== false));
      document.title = `${title} · Latchkey`;
      if (focus) {
        heading.focus({ preventScroll: true });
        window.scrollTo(0, 0);
      }
    };
    const view: View = {
      signal: leave.signal,
      show: (title, ...content) => put(title, content, true),
      refresh: (title, ...content) => put(title, content, false),
    };
    try {
      await screen(this, view, ...parts);
    } catch (error) {
      this.failed(view, error);
    }
  }

  /** A screen could not do its work: says why, and offers to try again. */
  failed(view: View, error: unknown): void {
    if (view.signal.aborted) return;
    if (!(error instanceof ProblemError)) console.warn(error);
    view.show(this.t("logins"), h("p", { class: "error", role: "alert" }, explain(this.t, error)),
      h("div", { class: "actions" },
        h("button", { type: "button", class: "primary", onclick: () => this.open() }, this.t("retry")),
        h("button", { type: "button", onclick: () => this.go("ids") }, this.t("ids"))));
  }
}
