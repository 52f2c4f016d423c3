// One app with IDs at two appliances: both have to agree, each is asked for its own logins, and what is signed for one is
// nothing to the other.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { newProfile, type Phone, phone, typePin, unlock } from "./browser.ts";
import { type Target, target } from "./target.ts";

const profile = newProfile();
const user = `several${process.pid}`;
const [pin, otherPin] = ["294713", "618394"];
let there: Target;
let other: Target;
let here: Phone;

before(async () => {
  [there, other] = [await target(), await target("_2")];
  here = await phone({ ...there, spki: `${there.spki},${other.spki}` }, profile);
});
after(async () => {
  await here.close();
  await Promise.all([there.order("set", { appliances: [] }), other.order("set", { origins: [] })]);
  await there.stop();
  await other.stop();
  rmSync(profile, { recursive: true, force: true });
});

const host = (at: Target) => new URL(at.url).host;
const heading = (name: string) => here.page.getByRole("heading", { name, level: 1 }).waitFor();
const press = (name: string) => here.page.getByRole("button", { name, exact: true }).click();

async function paste(text: string): Promise<void> {
  await here.page.goto(`${there.url}/app/#/ids`);
  await here.page.goto(`${there.url}/app/#/type`);
  await here.page.getByLabel("Invitation code").fill(text);
  await press("Next");
}

/** A page is under the policy that its worker has brought: after a change that is the next one but one. */
async function reloadUntil(reachable: boolean): Promise<void> {
  for (let tried = 0; tried < 10; tried++) {
    await here.page.goto("about:blank");
    await here.page.goto(`${there.url}/app/#/ids`);
    // Only when the new worker is there: a page that is loaded while one worker takes the place of the other may hang.
    await here.page.evaluate(async () => {
      const workers = await (await navigator.serviceWorker.ready).update() as unknown as ServiceWorkerRegistration | undefined;
      const { installing, waiting } = workers ?? (await navigator.serviceWorker.ready);
      const next = installing ?? waiting;
      if (next) await new Promise<void>((done) => {
        const look = () => (next.state === "activated" || next.state === "redundant") && done();
        next.addEventListener("statechange", look);
        look();
      });
    });
    const forbidden = await here.page.evaluate((url) => new Promise<boolean>((done) => {
      document.addEventListener("securitypolicyviolation", () => done(true), { once: true });
      fetch(`${url}/api/v1/brand`, { mode: "no-cors" }).catch(() => undefined).finally(() => setTimeout(() => done(false), 50));
    }), other.url);
    if (forbidden !== reachable) return;
  }
  assert.fail(`the policy does not become ${reachable ? "wider" : "narrower"}`);
}

test("the app's own ID", async () => {
  const { url } = await there.order("invite", { user, trusted: true });
  await here.page.goto(url!);
  await heading("Add this ID?");
  await press("Add");
  await typePin(here.page, pin);
  await here.page.getByText("No login is waiting").waitFor();
  assert.equal(await here.page.getByText(host(there)).count(), 0, "with one appliance no address is in the way");
});

test("an appliance that this one does not list: said in words, nothing is sent", async () => {
  const { url } = await other.order("invite", { user, trusted: true });
  await paste(url!);
  await here.page.getByText(`This app may not talk to ${host(other)}`).waitFor();
  assert.equal(await here.page.getByRole("button", { name: "Add" }).count(), 0);
  await here.page.goto(`${there.url}/app/#/ids`);
  await here.page.goto(`${there.url}/app/#/type`);
  assert.equal(await here.page.getByLabel("Address of the appliance").count(), 0, "nothing to choose from");
});

test("one that does not let this app in: said in words; let in, the same invitation is good", async () => {
  await there.order("set", { appliances: [other.url] });
  await reloadUntil(true);
  const { url } = await other.order("invite", { user });
  await paste(url!);
  await heading("Add this ID?");
  await here.page.getByText(host(other), { exact: true }).waitFor();
  await press("Add");
  await here.page.getByText(`the administrator of ${host(other)} has yet to let ${there.url} in`).waitFor();
  here.complaints.length = 0; // so far the browser has told of what was refused
  await other.order("set", { origins: [there.url] });
  await press("Add");
  await heading("Choose a PIN");
  await typePin(here.page, otherPin);
  await heading("Your check code");
  await other.order("confirm", { user, code: (await here.page.locator(".big-code").textContent())!.replace(" ", "") });
  await heading("Waiting logins");
  await here.page.getByText(`(${host(other)})`).waitFor();
});

test("the list shows both and what waits at each; an approval at each", async () => {
  const { page } = here;
  await page.goto(`${there.url}/app/`);
  await heading("Your IDs");
  const card = (at: Target) => page.locator(".card.id", { hasText: host(at) });
  assert.equal(await page.locator(".card.id").count(), 2);
  const [one, two] = [await there.order("login", { user, host: "gate-one" }), await other.order("login", { user, host: "gate-two" })];
  await card(there).getByText("1 waiting").waitFor();
  await card(other).getByText("1 waiting").waitFor();
  await page.setViewportSize({ width: 320, height: 640 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut off");
  await page.screenshot({ path: path.join(process.env["LATCHKEY_APP_ROOT"]!, ".build/several.png"), fullPage: true });
  for (const [at, login, secret] of [[other, two, otherPin], [there, one, pin]] as const) {
    await page.goto(`${there.url}/app/#/ids`);
    await card(at).click();
    await unlock(page, secret);
    await page.locator(`[data-symbol="${login["symbol"]}"]`).click();
    await heading("Logged in");
    assert.equal((await at.order("outcome", { login: login["login"] }))["outcome"], "approved");
  }
});

test("a login goes to its own appliance: it is heard of by that one's stream, and denied there", async () => {
  const { page } = here;
  await page.goto(`${there.url}/app/#/ids`);
  await page.locator(".card.id", { hasText: host(other) }).click();
  await page.getByText("No login is waiting").waitFor();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).origin));
  const login = await other.order("login", { user });
  await press("Deny");
  await press("Cancel this login");
  await heading("Denied");
  assert.equal((await other.order("outcome", { login: login["login"] }))["outcome"], "cancel");
  assert.deepEqual([...new Set(asked)], [other.url]);
});

test("a typed code does not say where: the address is chosen", async () => {
  const { page } = here;
  const { code } = await other.order("invite", { user: `${user}-b`, trusted: true });
  await page.goto(`${there.url}/app/#/ids`);
  await page.goto(`${there.url}/app/#/type`);
  await page.getByLabel("Invitation code").fill(code!);
  await page.getByLabel("Address of the appliance").selectOption(host(other));
  await press("Next");
  await press("Add");
  await typePin(page, "730186");
  await page.getByText("No login is waiting").waitFor();
  assert.deepEqual(here.complaints, []);
});

test("no longer let in: the ID says so, and the others work on", async () => {
  const { page } = here;
  await other.order("set", { origins: [] });
  await page.goto(`${there.url}/app/#/ids`);
  await page.reload();
  await page.locator(".card.id", { hasText: host(other) }).first().getByText("No connection").waitFor();
  const login = await there.order("login", { user });
  await page.locator(".card.id", { hasText: host(there) }).click();
  await unlock(page, pin);
  await page.locator(`[data-symbol="${login["symbol"]}"]`).click();
  await heading("Logged in");
});
