// Every screen in both languages, light and dark, on narrow and usual phones: nothing is cut off, everything has a
// name. Leaves pictures in .build/screens to be looked at.
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import type { Page } from "playwright-core";
import { newProfile, phone } from "./browser.ts";
import { type Target, target } from "./target.ts";

const pictures = path.join(process.env["LATCHKEY_APP_ROOT"]!, ".build/screens");
const logo = "data:image/svg+xml;base64," + Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><circle cx="20" cy="20" r="16" fill="#e8b400"/><rect x="46" y="12" width="70" height="16" rx="8" fill="#e8b400"/></svg>',
).toString("base64");

let there: Target;
before(async () => {
  there = await target();
  mkdirSync(pictures, { recursive: true });
});
after(() => there.stop());

async function check(page: Page, name: string): Promise<void> {
  const faults = await page.evaluate(async () => {
    const out: string[] = [];
    for (const e of document.querySelectorAll<HTMLElement>(".symbol")) {
      const file = /url\("(.*)"\)/.exec(getComputedStyle(e).maskImage)?.[1];
      if (!file || !(await fetch(file)).ok) out.push(`a symbol without its shape: ${e.className}`);
    }
    if (document.documentElement.scrollWidth > innerWidth) out.push(`wider than the window: ${document.documentElement.scrollWidth}`);
    for (const e of document.querySelectorAll<HTMLElement>("button, a, input")) {
      const box = e.getBoundingClientRect();
      if (box.width === 0) continue;
      const named = e.textContent?.trim() || e.getAttribute("aria-label") || (e instanceof HTMLInputElement && e.labels?.length);
      if (!named) out.push(`no name: ${e.outerHTML}`);
      if (box.height < 43 && !e.closest("p:not([class])")) out.push(`too low to tap: ${Math.round(box.height)} ${e.outerHTML.slice(0, 80)}`);
      if (e.scrollWidth > e.clientWidth + 1 && !(e instanceof HTMLInputElement)) out.push(`cut off: ${e.textContent}`);
    }
    if (document.querySelectorAll("h1").length !== 1) out.push("not one heading");
    return out;
  });
  await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
  assert.deepEqual(faults, [], name);
}

const variants = [
  { width: 320, colorScheme: "light", locale: "de-DE", brand: {} },
  { width: 320, colorScheme: "dark", locale: "en-GB", brand: { name: "Example Versicherungen", logo, colour: "#e8b400" } },
  { width: 390, colorScheme: "light", locale: "en-GB", brand: { name: "Example Versicherungen", logo, colour: "#e8b400" } },
  { width: 390, colorScheme: "dark", locale: "de-DE", brand: { name: "Grün & Söhne", colour: "#123456", colour_dark: "#663399" } },
] as const;

for (const { width, colorScheme, locale, brand } of variants) {
  const name = `${width}-${colorScheme}-${locale.slice(0, 2)}`;
  test(name, async () => {
    const profile = newProfile();
    const { page, close, complaints } = await phone(there, profile, { viewport: { width, height: 700 }, colorScheme, locale });
    const user = `maximiliane.mustermann-${name}@corp.example`;
    const heading = (text: RegExp) => page.getByRole("heading", { name: text, level: 1 }).waitFor();
    await there.order("set", { brand });
    await page.goto(`${there.url}/app/`);
    await heading(/phone|Telefon/);
    await check(page, `${name}-1-welcome`);
    const { url } = await there.order("invite", { user });
    await page.goto("about:blank");
    await page.goto(url!);
    await heading(/Add this|hinzufügen/);
    await check(page, `${name}-2-confirm`);
    await page.locator("button[type=submit]").click();
    await heading(/Choose|wählen/);
    await page.locator("input.pin").first().fill("123456");
    await page.locator("button[type=submit]").click();
    await check(page, `${name}-3-pin`);
    await page.locator("input.pin").first().fill("294713");
    await page.locator("input.pin").nth(1).fill("294713");
    await page.locator("button[type=submit]").click();
    await heading(/check code|Prüfcode/);
    await check(page, `${name}-4-check`);
    await there.order("confirm", { user, code: (await page.locator(".big-code").textContent())!.replace(" ", "") });
    await heading(/Waiting|Wartende/);
    await page.locator(".empty").waitFor();
    await check(page, `${name}-5-none`);
    const login = await there.order("login", { user, service: "Citrix Zugang Außendienst", host: "very-long-gateway-name-01.datacentre.example.org", source: "2001:db8:85a3:1234:5678:8a2e:370:7334" });
    await page.locator(".login").waitFor();
    await check(page, `${name}-6-list`);
    await page.locator(".login button").click();
    await heading(/Why|Warum/);
    await check(page, `${name}-7-deny`);
    await page.goBack().catch(() => undefined);
    await page.goto(`${there.url}/app/`);
    await page.locator(".login").waitFor();
    await page.locator("main > div button.primary").click();
    await page.locator("input.pin").fill("830517");
    await page.keyboard.press("Enter");
    await page.getByText(/4 more tries|4 Versuche/).waitFor();
    await check(page, `${name}-8-pin`);
    await page.locator("input.pin").fill("294713");
    await page.keyboard.press("Enter");
    await page.locator(".grid").waitFor();
    await check(page, `${name}-9-grid`);
    await page.locator(`[data-symbol="${login["symbol"]}"]`).click();
    await page.locator(".result").waitFor();
    await check(page, `${name}-a-result`);
    await page.locator("button.primary").click();
    await there.order("set", { symbols: "pair" });
    try {
      const pair = await there.order("login", { user, service: "VPN", host: "gate.example.org", source: "198.51.100.7" });
      await page.locator("main > div button.primary").click();
      await page.locator("input.pin").fill("294713");
      await page.keyboard.press("Enter");
      await page.locator(".grid").waitFor();
      const [first, second] = pair["symbol"]!.split(",");
      await page.locator(`[data-symbol="${first}"]`).click();
      await check(page, `${name}-a2-pair`);
      await page.locator(`[data-symbol="${second}"]`).click();
      await page.locator(".result").waitFor();
    } finally { // what fails here must not fail whatever comes after
      await there.order("set", { symbols: "one" });
    }
    await page.locator("button.primary").click();
    await page.locator(".menu a").first().click();
    await page.locator(".past").first().waitFor();
    await check(page, `${name}-b-history`);
    for (const [at, route] of ["manage", "renew", "pin", "rename", "remove"].entries()) {
      const id = /history\/([0-9a-f]+)/.exec(page.url())?.[1] ?? /\/([0-9a-f]{24})/.exec(page.url())![1]!;
      await page.goto(`${there.url}/app/#/${route}/${id}`);
      await page.locator("main button, main nav").first().waitFor();
      await check(page, `${name}-c${at}-${route}`);
    }
    await page.goto(`${there.url}/app/#/ids`);
    await page.locator(".card.id").waitFor();
    await check(page, `${name}-d-ids`);
    await page.goto(`${there.url}/app/#/type`);
    await page.locator("input.code").waitFor();
    await check(page, `${name}-e-type`);
    assert.deepEqual(complaints, []);
    await close();
    rmSync(profile, { recursive: true });
  });
}
