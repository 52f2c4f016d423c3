// The pages at /me/ against the real latchkeyd: a newcomer's first day with the keyboard alone, the phone that he adds, and
// every page in both languages, light and dark, from a narrow phone to a desktop. Leaves pictures in .build/selfservice-screens.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import test, { after, before } from "node:test";
import type { Page } from "playwright-core";
import { newProfile, type Phone, phone } from "../browser/browser.ts";
import { type Target, target } from "../browser/target.ts";

const root = process.env["LATCHKEY_APP_ROOT"]!;
const pictures = path.join(root, ".build/selfservice-screens");
const axe = readFileSync(createRequire(path.join(root, "package.json")).resolve("axe-core/axe.min.js"), "utf8");

let there: Target;
before(async () => {
  there = await target();
  mkdirSync(pictures, { recursive: true });
});
after(() => there.stop());

interface Finding { id: string; nodes: { html: string; failureSummary?: string }[] }

/** Nothing is cut off or too small to tap, and axe finds nothing. */
async function check(page: Page, name: string): Promise<void> {
  // Outlines and colours that move would be judged half-way.
  await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished)));
  const faults = await page.evaluate(() => {
    const out: string[] = [];
    if (document.documentElement.scrollWidth > innerWidth) out.push(`wider than the window: ${document.documentElement.scrollWidth}`);
    for (const e of document.querySelectorAll<HTMLElement>("button, a, input, summary")) {
      const box = e.getBoundingClientRect();
      if (box.width === 0) continue;
      if (box.height < 43 && !e.closest("p:not([class])")) out.push(`too low to tap: ${Math.round(box.height)} ${e.outerHTML.slice(0, 80)}`);
      if (e.scrollWidth > e.clientWidth + 1 && !(e instanceof HTMLInputElement)) out.push(`cut off: ${e.textContent}`);
    }
    if (document.querySelectorAll("h1").length !== 1) out.push("not one heading");
    return out;
  });
  await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const run = (window as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } }).axe.run();
    return (await run).violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary ?? ""}`).join("; ")}`);
  });
  assert.deepEqual([...faults, ...found], [], name);
}

const heading = (page: Page, text: string | RegExp) => page.getByRole("heading", { name: text, level: 1 }).waitFor();

/** Presses Tab until what is in focus has this name, as a person without a mouse does. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    const now = await page.evaluate(() => {
      const e = document.activeElement as HTMLElement | null;
      return (e instanceof HTMLInputElement ? e.labels?.[0]?.textContent : e?.textContent)?.trim() ?? "";
    });
    if (now === name) return;
  }
  assert.fail(`no way by the keyboard to ${name}`);
}

async function press(page: Page, name: string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press("Enter");
}

const browser = (options: object = {}): Promise<Phone> => phone(there, newProfile(), { viewport: { width: 1280, height: 800 }, locale: "de-DE", ...options });

const answers = [
  ["Geburtsort?", "Heidelberg"], ["Erstes Auto?", "Volkswagen"], ["Mädchenname der Mutter?", "Müller"],
  ["Erster Urlaubsort?", "Tegernsee"], ["Name des Haustiers?", "Bello"], ["Lieblings-Fußballverein?", "FCBayern"],
] as const;

test("the first day: a newcomer alone with his code word, by keyboard; then a login at the gateway", async () => {
  const { page, close, complaints } = await browser();
  const { code_word } = await there.order("newcomer", { user: "lutz", language: "de" });
  await page.goto(`${there.url}/me/`);
  await heading(page, "Anmelden");
  await check(page, "1-sign-in");
  await press(page, "Erster Tag? Mit dem Codewort anmelden");
  await heading(page, "Ihr erster Tag");
  // A wrong word is refused in words, and the focus is where one goes on.
  await page.keyboard.type("lutz");
  await tabTo(page, "Codewort");
  await page.keyboard.type("falsche worte");
  await page.keyboard.press("Enter");
  await page.getByText("Zugang verweigert").waitFor();
  await check(page, "2-code-word-wrong");
  await page.keyboard.type(code_word!.toUpperCase());
  await page.keyboard.press("Enter");
  await heading(page, "Ihre Fragen");
  await check(page, "3-choose");
  const labels = await page.locator(".menu a").allTextContents();
  assert.equal(labels.length, 6);
  let weak = true;
  for (const [i, [, answer]] of answers.entries()) {
    await press(page, labels[i]!);
    await heading(page, "Frage beantworten");
    if (weak) {
      weak = false;
      await page.keyboard.type("lutz");
      await page.keyboard.press("Enter");
      await page.locator(".error:not(:empty)").waitFor();
      await check(page, "4-too-short");
      await page.keyboard.press("Control+A");
      await page.keyboard.type("aaaaabbbbb");
      await page.keyboard.press("Enter");
      await page.getByText("wiederholt sich").waitFor();
      await page.keyboard.press("Control+A");
    }
    await page.keyboard.type(answer);
    await page.keyboard.press("Enter");
    await page.locator(".letters").waitFor();
    assert.deepEqual(await page.locator(".letters span").allTextContents(), [...answer]);
    if (i === 0) await check(page, "5-letters");
    if (i === 5) {
      await page.getByText("Das genügt").waitFor();
      await check(page, "6-enrolled");
    }
    await press(page, "Weiter");
    await heading(page, i === 5 ? "Ihr Zugang" : "Ihre Fragen");
  }
  await check(page, "7-home");
  assert.equal((await there.order("radius", { user: "lutz" })).outcome, "Access-Accept");
  // The word is spent; the pages say so alike.
  await press(page, "Abmelden");
  await heading(page, "Anmelden");
  await press(page, "Erster Tag? Mit dem Codewort anmelden");
  await heading(page, "Ihr erster Tag");
  await page.locator("input:focus").waitFor(); // the keys go to the new form
  await page.keyboard.type("lutz");
  await tabTo(page, "Codewort");
  await page.keyboard.type(code_word!);
  await page.keyboard.press("Enter");
  await page.getByText("Zugang verweigert").waitFor();
  assert.deepEqual(complaints, []);
  await close();
});

async function byCodeWord(page: Page, user: string, word: string): Promise<void> {
  await page.goto(`${there.url}/me/#/code-word`);
  await page.locator("input").first().fill(user);
  await page.locator("input").nth(1).fill(word);
  await page.keyboard.press("Enter");
}

test("a phone comes by the session that confirms it; then it is the word for every change", async () => {
  const user = "ute@corp.example";
  const { page, close, complaints } = await browser({ locale: "en-GB", viewport: { width: 390, height: 844 } });
  const { code_word, password } = await there.order("newcomer", { user, language: "en" });
  await byCodeWord(page, user, code_word!);
  await heading(page, "Your questions");
  await page.goto(`${there.url}/me/#/phones`);
  await heading(page, "Your phones");
  await page.getByRole("button", { name: "Add a phone" }).click();
  await page.locator(".qr svg").waitFor();
  await page.getByText("No camera?").click();
  await check(page, "p1-invitation");
  const link = await page.locator("details a").getAttribute("href");

  // The app, on a phone of its own; its name is an attempt at a stored script.
  const mobile = await phone(there, newProfile());
  const evil = `<img src=x onerror="document.title='owned'">`;
  await mobile.page.goto(link!);
  await mobile.page.locator("input").first().fill(evil);
  await mobile.page.locator("button[type=submit]").click();
  await mobile.page.locator("input.pin").first().fill("294713");
  await mobile.page.locator("input.pin").nth(1).fill("294713");
  await mobile.page.locator("button[type=submit]").click();
  const check_code = (await mobile.page.locator(".big-code").textContent())!;

  await heading(page, "Confirm the phone");
  await page.keyboard.type("BCDFGHJK");
  await page.keyboard.press("Enter");
  await page.getByText("shows another code").waitFor();
  await check(page, "p2-confirm-wrong");
  await page.locator("input").fill(check_code.toLowerCase());
  await page.keyboard.press("Enter");
  await heading(page, "Your phones");
  await page.getByText(evil).first().waitFor();
  assert.equal(await page.locator("main img").count(), 0, "a name became markup");
  await page.getByText("Change", { exact: true }).click();
  await check(page, "p3-phones");

  const approve = async () => {
    const symbol = await page.locator(".banner .symbol").getAttribute("class");
    await mobile.page.getByRole("button", { name: "Approve with PIN" }).click();
    await mobile.page.getByLabel("PIN", { exact: true }).fill("294713");
    await mobile.page.keyboard.press("Enter");
    await mobile.page.locator(`[data-symbol="${/symbol-(\w+)/.exec(symbol!)![1]}"]`).click();
    await mobile.page.getByRole("button", { name: "Done" }).click();
  };
  // A change wants the phone, in a dialog that keeps the focus and closes by Escape.
  await page.getByRole("button", { name: "Add a phone" }).click();
  await page.getByRole("dialog").waitFor();
  await check(page, "p4-proof");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.goto(`${there.url}/me/#/recovery`);
  await page.getByRole("button", { name: "Make 10 codes" }).click();
  await page.getByRole("dialog").locator("input").fill(password!);
  await page.keyboard.press("Enter");
  await page.locator("dialog .banner").waitFor();
  await check(page, "p5-proof-symbol");
  await approve();
  await page.locator(".codes").waitFor();
  await check(page, "p6-codes");
  const codes = await page.locator(".codes li").allTextContents();
  assert.equal(codes.length, 10);

  // Signing in by the phone, and without it.
  await page.goto(`${there.url}/me/#/home`);
  await heading(page, "Your access");
  await page.getByRole("button", { name: "Sign out" }).click();
  const signIn = async () => {
    await heading(page, "Sign in");
    await page.locator("input").first().fill(user);
    await page.locator("input").nth(1).fill(password!);
    await page.keyboard.press("Enter");
    await page.locator(".banner").waitFor();
  };
  await signIn();
  await check(page, "p7-waiting");
  await approve();
  await heading(page, "Your access");
  await page.goto(`${there.url}/me/#/phones`);
  await page.getByText("Change", { exact: true }).click();
  await page.getByRole("button", { name: "Lost: lock it" }).click();
  await page.getByText("reported lost").waitFor();
  await check(page, "p8-lost");
  await page.goto(`${there.url}/me/#/home`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await heading(page, "Sign in");
  await page.locator("input").first().fill(user);
  await page.locator("input").nth(1).fill(password!);
  await page.keyboard.press("Enter");
  await page.getByLabel("temporary code").waitFor();
  await check(page, "p9-code");
  await page.keyboard.type(codes[3]!);
  await page.keyboard.press("Enter");
  await heading(page, "Your access");
  await page.goto(`${there.url}/me/#/logins`);
  await page.getByText("recovery code").first().waitFor();
  await check(page, "p10-logins");
  await page.getByRole("button", { name: /^That was not me/ }).first().click();
  await check(page, "p11-not-me");
  await page.getByRole("button", { name: "It was not me" }).click();
  await heading(page, "Thank you");
  assert.deepEqual([...complaints, ...mobile.complaints], []);
  await mobile.close();
  await close();
});

const variants = [
  { width: 320, colorScheme: "light", locale: "de-DE" },
  { width: 320, colorScheme: "dark", locale: "en-GB" },
  { width: 1280, colorScheme: "dark", locale: "de-DE" },
  { width: 1280, colorScheme: "light", locale: "en-GB" },
] as const;

for (const { width, colorScheme, locale } of variants) {
  const name = `${width}-${colorScheme}-${locale.slice(0, 2)}`;
  test(name, async () => {
    const { page, close, complaints } = await browser({ viewport: { width, height: 700 }, colorScheme, locale });
    const user = `maximiliane.mustermann-${name}@corp.example`;
    const { password } = await there.order("enrolled", { user, language: locale.slice(0, 2) });
    await page.goto(`${there.url}/me/`);
    await page.locator("input").first().fill(user);
    await page.locator("input").nth(1).fill(password!);
    await check(page, `${name}-1-sign-in`);
    await page.keyboard.press("Enter");
    const asked = page.locator("label", { hasText: "PINphrase:" });
    await asked.waitFor();
    await check(page, `${name}-2-question`);
    const solve = async () => {
      const { typed } = await there.order("characters", { user: (await asked.textContent())! });
      await page.keyboard.type(typed!);
      await page.keyboard.press("Enter");
    };
    await solve();
    await heading(page, /Your access|Ihr Zugang/);
    await check(page, `${name}-3-home`);
    const routes = [
      ["answers", /questions|Fragen/], ["answer/pet", /Renew answer|Antwort erneuern/], ["phones", /phones|Telefone/], ["logins", /logins|Anmeldungen/], ["recovery", /codes/],
    ] as const;
    for (const [i, [route, title]] of routes.entries()) {
      await page.goto(`${there.url}/me/#/${route}`);
      await heading(page, title);
      await check(page, `${name}-${4 + i}-${route.replace("/", "-")}`);
    }
    await page.goto(`${there.url}/me/#/answer/pet`);
    await heading(page, /Renew answer|Antwort erneuern/);
    await page.locator("input").fill("Wackeldackel");
    await page.keyboard.press("Enter");
    await page.locator("dialog input").fill(password!);
    await page.keyboard.press("Enter");
    await asked.waitFor();
    await check(page, `${name}-9-proof`);
    await solve();
    await page.locator(".letters").waitFor();
    await page.getByRole("button", { name: locale === "de-DE" ? "English" : "Deutsch" }).click();
    await heading(page, locale === "de-DE" ? "Renew answer" : "Antwort erneuern");
    assert.equal(await page.evaluate(() => document.documentElement.lang), locale === "de-DE" ? "en" : "de");
    // What is kept in this browser: the cookie, which no script reads.
    assert.deepEqual(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]), ["", 0, 0]);
    assert.deepEqual(complaints, []);
    await close();
  });
}
