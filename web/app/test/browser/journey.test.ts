// The whole journey of a phone in a real browser, in the order in which a person goes it.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { film, newProfile, type Phone, phone, typePin, unlock } from "./browser.ts";
import { type Device, type Target, target } from "./target.ts";

const user = `lutz${process.pid}`;
const profile = newProfile();
let pin = "294713";
let there: Target;
let here: Phone;
/** Every approval key that this phone has told the appliance: SPKI in base64url. */
const told: string[] = [];

async function open(): Promise<Phone> {
  const opened = await phone(there, profile);
  opened.page.on("request", (request) => {
    const key = /"approval_key":"([^"]+)"/.exec(request.postData() ?? "");
    if (key) told.push(key[1]!);
  });
  return opened;
}

before(async () => {
  there = await target();
  here = await open();
});
after(async () => {
  await here.close();
  await there.stop();
  rmSync(profile, { recursive: true, force: true });
});

const heading = (name: string) => here.page.getByRole("heading", { name, level: 1 }).waitFor();
const raise = (more: object = {}) => there.order("login", { user, service: "VPN", host: "gate.example.org", source: "198.51.100.7", ...more });
const outcome = async (login: { login?: string }) => (await there.order("outcome", { login: login.login }))["outcome"];
const pick = (symbol: string) => here.page.locator(`[data-symbol="${symbol}"]`).click();
const done = () => here.page.getByRole("button", { name: "Done" }).click();
const press = (name: string) => here.page.getByRole("button", { name, exact: true }).click();

test("enrol by typing the code; common PINs are refused; inert until confirmed", async () => {
  const { page } = here;
  const { code } = await there.order("invite", { user });
  await page.goto(`${there.url}/app/`);
  await heading("Approve logins with this phone");
  await page.getByRole("link", { name: "Type the code" }).click();
  await page.getByLabel("Invitation code").fill(code!.replace(/.$/, (last) => (last === "A" ? "Q" : "A")));
  await press("Next");
  await page.getByText("A letter is wrong").waitFor();
  await page.getByLabel("Invitation code").fill(code!.toLowerCase());
  await press("Next");
  await page.getByLabel("Name of this device").fill("My phone");
  await press("Add");
  await heading("Choose a PIN");
  for (const [bad, why] of [["123456", "A sequence"], ["241281", "looks like a date"], ["2947", "too short"]] as const) {
    await typePin(page, bad);
    await page.getByText(why).waitFor();
  }
  await page.getByLabel("PIN", { exact: true }).fill(pin);
  await page.getByLabel("PIN once more").fill("294714");
  await press("Set PIN");
  await page.getByText("The two are not the same.").waitFor();
  await typePin(page, pin);
  await heading("Your check code");
  const shown = (await page.locator(".big-code").textContent())!.replace(" ", "");
  await there.order("confirm", { user, code: shown });
  await heading("Waiting logins");
  await page.getByText("No login is waiting").waitFor();
});

test("a login appears by itself, and goes through with PIN and symbol", async () => {
  const login = await raise();
  await here.page.getByText("198.51.100.7", { exact: true }).waitFor();
  await unlock(here.page, pin);
  await heading("Which symbol does the login show?");
  assert.equal(await here.page.locator(".choice").count(), 9);
  await pick(login["symbol"]!);
  await heading("Logged in");
  assert.equal(await outcome(login), "approved");
  await done();
});

test("a wrong PIN is told, and the right one still works", async () => {
  const login = await raise();
  await unlock(here.page, "830517");
  await here.page.getByText("Wrong PIN. 4 more tries.").waitFor();
  await here.page.getByLabel("PIN", { exact: true }).fill(pin);
  await press("Next");
  await pick(login["symbol"]!);
  await heading("Logged in");
  await done();
});

test("by keyboard alone", async () => {
  const { page } = here;
  const login = await raise();
  const tabTo = async (name: RegExp) => {
    for (let i = 0; i < 30; i++) {
      if (name.test((await page.evaluate(() => document.activeElement?.textContent)) ?? "")) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`no way to ${name} by Tab`);
  };
  await page.getByRole("button", { name: "Approve with PIN" }).waitFor();
  await tabTo(/^Approve with PIN$/);
  await page.keyboard.press("Enter");
  await heading("Enter your PIN");
  await page.keyboard.type(pin);
  await page.keyboard.press("Enter");
  await heading("Which symbol does the login show?");
  const label = await page.locator(`[data-symbol="${login["symbol"]}"]`).textContent();
  await tabTo(new RegExp(`^${label}$`));
  await page.keyboard.press("Space");
  await heading("Logged in");
  await done();
});

test("a pair: in its order, the first can be taken back; the other order ends the login; by keyboard too", async () => {
  const { page } = here;
  await there.order("set", { symbols: "pair" });
  try {
    const login = await raise();
    const [first, second] = login["symbol"]!.split(",") as [string, string];
    await unlock(page, pin);
    await heading("Which two symbols does the login show?");
    await pick(second);
    await page.getByText("Now the second symbol.").waitFor();
    assert.equal(await page.locator('.choice[aria-pressed="true"]').getAttribute("data-symbol"), second);
    await pick(second);
    await page.getByText("Tap the first symbol.").waitFor();
    assert.equal(await page.locator('.choice[aria-pressed="true"]').count(), 0);
    for (const symbol of [first, second]) {
      await page.locator(`[data-symbol="${symbol}"]`).focus();
      await page.keyboard.press("Enter");
    }
    await heading("Logged in");
    assert.equal(await outcome(login), "approved");
    await done();

    const swapped = await raise();
    await unlock(page, pin);
    for (const symbol of swapped["symbol"]!.split(",").reverse()) await pick(symbol);
    await heading("Wrong symbol");
    assert.equal(await outcome(swapped), "wrong-symbol");
    await done();

    const of = await raise();
    await there.order("set", { symbols: "one" });
    const one = await raise({ source: "203.0.113.66" });
    await page.getByText("203.0.113.66").waitFor();
    await unlock(page, pin);
    await heading("Which symbols does YOUR login show?");
    assert.equal(await page.getByRole("button", { name: "My login shows this one only" }).count(), 0);
    await pick(one["symbol"]!);
    await press("My login shows this one only");
    await heading("Logged in");
    assert.equal(await outcome(one), "approved");
    assert.ok(of["login"]);
    await done();
  } finally {
    await there.order("set", { symbols: "one" });
  }
});

test("a wrong symbol ends the login", async () => {
  const login = await raise();
  await unlock(here.page, pin);
  await here.page.locator(`.choice:not([data-symbol="${login["symbol"]}"])`).first().click();
  await heading("Wrong symbol");
  assert.equal(await outcome(login), "wrong-symbol");
  await done();
});

test("deny: cancel, and not me", async () => {
  for (const [words, want] of [["Cancel this login", "cancel"], ["This was not me", "not-me"]] as const) {
    const login = await raise();
    await press("Deny");
    await press(words);
    await heading("Denied");
    assert.equal(await outcome(login), want);
    await done();
  }
});

test("two logins: both are shown, the symbol chooses", async () => {
  const { page } = here;
  const one = await raise();
  const two = await raise({ source: "203.0.113.66" });
  await page.getByText("Two logins are waiting").waitFor();
  await unlock(page, pin);
  await page.getByText("203.0.113.66").waitFor();
  await pick(two["symbol"]!);
  await heading("Logged in");
  assert.deepEqual([await outcome(one), await outcome(two)], ["other-chosen", "approved"]);
  await done();
});

test("a login whose time runs out goes away by itself", async () => {
  const login = await raise({ seconds: 2 });
  await here.page.getByText("198.51.100.7", { exact: true }).waitFor();
  await here.page.getByText("No login is waiting").waitFor();
  await raise().then((next) => there.order("outcome", { login: login["login"] }).then(async () => {
    await press("Deny");
    await press("Cancel this login");
    assert.equal(await outcome(next), "cancel");
  }));
  assert.equal(await outcome(login), "expired");
  await done();
});

test("history, rename, a new key, a new PIN", async () => {
  const { page } = here;
  await page.getByRole("link", { name: "History" }).click();
  await page.getByText("wrong symbol").first().waitFor();
  await page.getByRole("link", { name: "Back" }).click();
  const go = async (name: string) => {
    await heading("Manage this ID");
    await page.getByRole("link", { name }).click();
  };
  await page.getByRole("link", { name: "Manage this ID" }).click();
  await go("Rename this device");
  await page.getByLabel("Name of this device").fill("Büro");
  await press("Save");
  await page.getByText("The name is changed.").waitFor();
  await go("Renew key");
  await page.getByLabel("PIN", { exact: true }).fill(pin);
  await press("Renew key");
  await page.getByText("The key is renewed.").waitFor();
  await go("Change PIN");
  await page.getByLabel("Current PIN").fill(pin);
  pin = "618394";
  await page.getByLabel("PIN", { exact: true }).fill(pin);
  await page.getByLabel("PIN once more").fill(pin);
  await press("Change PIN");
  await page.getByText("The PIN is changed.").waitFor();
  const { devices } = await there.order<{ devices: Device[] }>("devices", { user });
  assert.deepEqual(devices.map((d) => [d.name, d.state]), [["Büro", "active"]]);
  await page.getByRole("link", { name: "Back" }).click();
});

async function approveOne(more: object = {}): Promise<void> {
  const login = await raise(more);
  await unlock(here.page, pin);
  await pick(login["symbol"]!);
  await heading("Logged in");
  assert.equal(await outcome(login), "approved");
  await done();
}

// An appliance that has a real gateway beside it takes that one.
test("a login at a VPN gateway", () => approveOne({ via: "openconnect" }));

test("after a reload, and after a restart of the browser", async () => {
  await here.page.reload();
  await approveOne();
  await here.close();
  here = await open();
  await here.page.goto(`${there.url}/app/`);
  await approveOne();
});

test("offline the app still opens and says so; online it goes on", async () => {
  const { page, context } = here;
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await context.setOffline(true);
  await page.reload();
  await heading("Waiting logins");
  await page.getByText("No connection").waitFor();
  await context.setOffline(false);
  await page.getByText("No login is waiting").waitFor();
  await approveOne();
});

test("push: a notification that tells nothing, and the open app looks", async () => {
  const { page, context } = here;
  await context.grantPermissions(["notifications"], { origin: there.url });
  const login = await raise({ source: "203.0.113.99" });
  await page.getByText("203.0.113.99").waitFor();
  const session = await context.newCDPSession(page);
  const registration = new Promise<string>((found) => {
    session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      const ours = registrations.find((r) => r.scopeURL.startsWith(there.url));
      if (ours) found(ours.registrationId);
    });
  });
  await session.send("ServiceWorker.enable");
  await session.send("ServiceWorker.deliverPushMessage", { origin: there.url, registrationId: await registration, data: JSON.stringify({ id: login["login"] }) });
  const shown = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    for (;;) {
      const all = await registration.getNotifications();
      if (all.length) return all.map((n) => ({ title: n.title, body: n.body, data: n.data as unknown }));
      await new Promise((done) => setTimeout(done, 20));
    }
  });
  assert.deepEqual(shown, [{ title: "A login is waiting", body: "Open the app to answer.", data: null }]);
  await press("Deny");
  await press("Cancel this login");
  await done();
});

test("a link adds a second ID; its secret leaves the address bar; the ID is picked first", async () => {
  const { page } = here;
  const { url } = await there.order("invite", { user: `${user}-b`, trusted: true });
  await page.goto("about:blank");
  await page.goto(url!);
  await heading("Add this ID?");
  assert.equal(new URL(page.url()).hash, "#/ids");
  await press("Add");
  await heading("Choose a PIN");
  await typePin(page, "730186");
  await heading("Waiting logins");
  await page.goto(`${there.url}/app/`);
  await heading("Your IDs");
  assert.equal(await page.locator(".card.id").count(), 2);
  const login = await raise();
  await page.getByText("1 waiting").waitFor();
  await page.getByRole("link", { name: new RegExp(`^${user} ?Example`) }).click();
  await unlock(page, pin);
  await pick(login["symbol"]!);
  await heading("Logged in");
});

test("an invitation of another appliance is not spent here", async () => {
  const { page } = here;
  const { url } = await there.order("invite", { user: "elsewhere" });
  await page.goto(`${there.url}/app/#/type`);
  await page.getByLabel("Invitation code").fill(url!.replace(/^https:\/\/[^/]+/, "https://other.example"));
  await press("Next");
  await page.getByText("https://other.example/app/").waitFor();
  assert.equal(await page.getByRole("button", { name: "Add" }).count(), 0);
});

test("enrol by the camera", async () => {
  const { url } = await there.order("invite", { user: `${user}-c`, trusted: true });
  const other = newProfile();
  const second = await phone(there, other, { permissions: ["camera"] }, [
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film(url!)}`,
  ]);
  const { page } = second;
  await page.goto(`${there.url}/app/`);
  await page.getByRole("link", { name: "Scan the QR code" }).click();
  await page.getByRole("heading", { name: "Add this ID?" }).waitFor();
  await page.getByRole("button", { name: "Add" }).click();
  await typePin(page, "481516");
  await page.getByText("No login is waiting").waitFor();
  assert.deepEqual(second.complaints, []);
  await second.close();
  rmSync(other, { recursive: true });
});

test("five wrong PINs lock the device", async () => {
  const { page } = here;
  await page.goto(`${there.url}/app/`);
  await page.getByRole("link", { name: new RegExp(`^${user} ?Example`) }).click();
  const login = await raise();
  await unlock(page, "830517");
  for (const text of ["4 more tries", "3 more tries", "2 more tries", "One more try", "No more tries"]) {
    await page.getByText(text).waitFor();
    await page.getByLabel("PIN", { exact: true }).fill("830517");
    await press("Next");
  }
  await page.getByText("Too many wrong PINs").waitFor();
  await there.order("unlock", { user });
  await page.getByLabel("PIN", { exact: true }).fill(pin);
  await press("Next");
  await pick(login["symbol"]!);
  await heading("Logged in");
});

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? files(name) : entry.isFile() ? [name] : [];
  });
}

test("nothing on the disk tells a right PIN: no public key, no PIN, in no file of the profile", async () => {
  await here.close();
  const all = files(profile).map((name) => readFileSync(name));
  const holds = (needle: Buffer) => all.some((content) => content.includes(needle));
  assert.ok(holds(Buffer.from(user)), "the grep itself: the user's name is there");
  assert.equal(told.length, 4, "the keys of the setup, of the renewal, of the new PIN, of the second ID");
  for (const spki of told.map((key) => Buffer.from(key, "base64url"))) {
    for (let at = 33; at + 32 <= 33 + 256; at += 32) {
      const piece = spki.subarray(at, at + 32);
      for (const form of [piece, Buffer.from(piece.toString("base64url").slice(1, -1)), Buffer.from(piece.toString("hex"))]) {
        assert.ok(!holds(form), "a piece of the modulus");
      }
    }
  }
  const records = files(profile).filter((name) => name.includes("IndexedDB"));
  assert.ok(records.length > 0);
  for (const name of records) {
    const content = readFileSync(name);
    for (const known of [pin, "294713"]) {
      assert.ok(!content.includes(Buffer.from(known)) && !content.includes(Buffer.from(known, "utf16le")), `the PIN in ${name}`);
    }
  }
  here = await open();
});

test("remove: gone here, revoked there", async () => {
  const { page } = here;
  await page.goto(`${there.url}/app/`);
  await page.getByRole("link", { name: new RegExp(`^${user} ?Example`) }).click();
  await page.getByRole("link", { name: "Manage this ID" }).click();
  await page.getByRole("link", { name: "Remove this ID" }).click();
  await press("Remove");
  await heading("Your IDs");
  assert.equal(await page.locator(".card.id").count(), 1);
  const { devices } = await there.order<{ devices: Device[] }>("devices", { user });
  // An appliance may list those that are gone, or keep the last one as locked; none is in use.
  assert.deepEqual(devices.filter((d) => d.state === "active"), []);
});

test("the browser had nothing to complain about", () => {
  assert.deepEqual(here.complaints, []);
});
