// A login at a gateway that can show nothing: the screen shows a code, which is typed behind the password.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { newProfile, type Phone, phone, typePin } from "./browser.ts";
import { type Target, target } from "./target.ts";

const profile = newProfile();
const user = `codes${process.pid}`;
const pin = "294713";
let there: Target;
let here: Phone;

before(async () => {
  there = await target();
  here = await phone(there, profile, { viewport: { width: 320, height: 640 }, colorScheme: "dark" });
});
after(async () => {
  await here.close();
  await there.order("set", { challenge: true });
  await there.stop();
  rmSync(profile, { recursive: true, force: true });
});

const heading = (name: string) => here.page.getByRole("heading", { name, level: 1 }).waitFor();
const press = (name: string) => here.page.getByRole("button", { name, exact: true }).click();
const attempt = (typed: string) => there.order("type", { user, code: typed });

async function open(): Promise<void> {
  await press("Approve with PIN");
  await here.page.getByLabel("PIN", { exact: true }).fill(pin);
  await here.page.keyboard.press("Enter");
  await heading("Show a code for the login?");
}

test("password alone rings; the app shows a code with a countdown; with it the login goes through, once", async () => {
  const { page } = here;
  const { url } = await there.order("invite", { user, trusted: true });
  await page.goto(url!);
  await press("Add");
  await typePin(page, pin);
  await page.getByText("No login is waiting").waitFor();
  await there.order("set", { challenge: false });
  assert.equal((await attempt(""))["outcome"], "code-awaited");
  await open();
  assert.equal(await page.locator(".choice").count(), 0, "no symbols: the login can show none");
  await press("Approve and show the code");
  await heading("Type this code at the login");
  const code = (await page.locator(".big-code").textContent())!;
  assert.match(code, /^[0-9]{6}$/);
  assert.equal(await page.locator(".big-code").getAttribute("role"), "status", "a screen reader says it");
  assert.match((await page.locator(".left").textContent())!, /^(1:00|0:5[0-9])$/);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut off");
  await page.screenshot({ path: path.join(process.env["LATCHKEY_APP_ROOT"]!, ".build/code.png"), fullPage: true });
  // The approval alone lets nobody in, nor does another code.
  assert.equal((await attempt(""))["outcome"], "code-awaited");
  assert.equal((await attempt(code.replace(/.$/, (last) => String((Number(last) + 1) % 10))))["outcome"], "wrong-code");
  assert.equal((await attempt(code))["outcome"], "approved");
  assert.equal((await attempt(code))["outcome"], "replayed");
  await press("Done");
  await page.getByText("No login is waiting").waitFor();
});

test("a code login is denied as any other", async () => {
  await attempt("");
  await open();
  await press("Deny");
  await press("Cancel this login");
  await heading("Denied");
  await press("Done");
  await here.page.getByText("No login is waiting").waitFor();
  assert.deepEqual(here.complaints, []);
});
