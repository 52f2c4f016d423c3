// The company's name, logo and colours. Applied through the style object model, because the policy allows no style
// in the document; the last ones known serve while there is no connection.

/** Where the last brand known is kept, if anywhere. */
export interface BrandStore {
  setting<T>(name: string): Promise<T | undefined>;
  set(name: string, value: unknown): Promise<void>;
}

interface Brand {
  name?: string;
  logo?: string;
  /** #RRGGBB; the second one in dark mode, where there is one. */
  colour?: string;
  colour_dark?: string;
  /** Other appliances that this app may talk to. */
  appliances?: string[];
}

type Rgb = [number, number, number];

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4)) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The contrast of WCAG 2. */
export function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** The colour, moved towards black or white until it can be read on the background. */
export function readable(color: Rgb, background: Rgb): Rgb {
  const goal = luminance(background) > 0.18 ? 0 : 255;
  let now = color;
  for (let part = 0; contrast(now, background) < 4.5 && part <= 1; part += 0.05) {
    now = color.map((v) => Math.round(v + (goal - v) * part)) as Rgb;
  }
  return now;
}

/** Any colour that CSS knows, as numbers. */
function parseColor(color: string): Rgb | undefined {
  if (!CSS.supports("color", color)) return undefined;
  const probe = document.createElement("span");
  probe.style.color = color;
  document.body.append(probe);
  const found = /^rgba?\((\d+), (\d+), (\d+)/.exec(getComputedStyle(probe).color);
  probe.remove();
  return found ? [Number(found[1]), Number(found[2]), Number(found[3])] : undefined;
}

const css = (c: Rgb) => `rgb(${c.join(" ")})`;

export class Branding {
  #brand: Brand = {};
  #loaded: Promise<void> | undefined;
  constructor(readonly store: BrandStore, readonly name: HTMLElement, readonly logo: HTMLImageElement) {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#apply());
    logo.addEventListener("error", () => (logo.hidden = true));
  }

  /** Once for all who ask. */
  load(): Promise<void> {
    return (this.#loaded ??= this.#load());
  }

  /** The origins of other appliances that this one lets its app talk to; the policy of this page says the same. */
  async others(): Promise<string[]> {
    await this.load();
    const list = Array.isArray(this.#brand.appliances) ? this.#brand.appliances : [];
    return list.filter((o) => typeof o === "string" && /^https:\/\/[^/\s]+$/.test(o) && o !== location.origin);
  }

  async #load(): Promise<void> {
    const kept = await this.store.setting<Brand>("brand");
    if (kept) this.#apply(kept);
    try {
      const response = await fetch("/api/v1/brand", { credentials: "omit" });
      if (!response.ok) return;
      const brand = (await response.json()) as Brand;
      this.#apply(brand);
      await this.store.set("brand", brand);
    } catch {
      // The last ones known stay.
    }
  }

  #apply(brand = this.#brand): void {
    this.#brand = brand;
    this.name.textContent = typeof brand.name === "string" && brand.name ? brand.name : "Latchkey";
    const logo = typeof brand.logo === "string" ? brand.logo : "";
    const allowed = /^data:image\//.test(logo) || /^\/(?!\/)/.test(logo);
    this.logo.hidden = !allowed;
    if (allowed && this.logo.getAttribute("src") !== logo) this.logo.src = logo;
    const style = document.documentElement.style;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const chosen = (dark && brand.colour_dark) || brand.colour;
    const accent = typeof chosen === "string" ? parseColor(chosen) : undefined;
    for (const name of ["--accent", "--on-accent", "--accent-ink"]) style.removeProperty(name);
    if (!accent) return;
    const surface = parseColor(getComputedStyle(document.documentElement).getPropertyValue("--surface").trim()) ?? [255, 255, 255];
    const black: Rgb = [0, 0, 0];
    const white: Rgb = [255, 255, 255];
    style.setProperty("--accent", css(accent));
    style.setProperty("--on-accent", css(contrast(accent, white) >= contrast(accent, black) ? white : black));
    style.setProperty("--accent-ink", css(readable(accent, surface)));
  }
}
