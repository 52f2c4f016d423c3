// A real Chromium with a profile on disk, and a watch on everything that it complains about.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import QRCode from "qrcode";
import type { Target } from "./target.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const quiet = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const newProfile = (): string => mkdtempSync(path.join(tmpdir(), "latchkey-profile-"));

export interface Phone {
  context: BrowserContext;
  page: Page;
  /** What the browser complained about: refused by the policy, uncaught. */
  complaints: string[];
  close(): Promise<void>;
}

/** Names that are found nowhere else lead to this machine. */
const names = "--host-resolver-rules=MAP *.test 127.0.0.1";

export async function phone(target: Target, profile: string, options: BrowserContextOptions = {}, args: string[] = []): Promise<Phone> {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath, headless: true, args: [...quiet, names, `--ignore-certificate-errors-spki-list=${target.spki}`, ...args],
    viewport: { width: 390, height: 844 }, locale: "en-GB", ...options,
  });
  context.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  const page = context.pages()[0] ?? (await context.newPage());
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    // Refusals of the appliance and an absent network are logged by the browser itself; the tests look at their effect.
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) complaints.push(text);
  });
  return { context, page, complaints, close: () => context.close() };
}

/** What a camera sees: the QR code on a grey wall, as an uncompressed film. */
export function film(text: string): string {
  const [width, height] = [640, 480];
  const { modules } = QRCode.create(text, { errorCorrectionLevel: "M" });
  const luma = Buffer.alloc(width * height, 200);
  const scale = Math.floor((height - 40) / (modules.size + 8));
  const side = scale * (modules.size + 8);
  const [left, top] = [(width - side) >> 1, (height - side) >> 1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [column, row] = [Math.floor(x / scale) - 4, Math.floor(y / scale) - 4];
      const inside = column >= 0 && row >= 0 && column < modules.size && row < modules.size;
      luma[(top + y) * width + left + x] = inside && modules.get(row, column) ? 20 : 235;
    }
  }
  const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, Buffer.alloc((width * height) / 2, 128)]);
  const file = path.join(mkdtempSync(path.join(tmpdir(), "latchkey-film-")), "camera.y4m");
  writeFileSync(file, Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420mpeg2\n`), frame, frame]));
  return file;
}

/** Sets a PIN on the screen that asks for one, twice. */
export async function typePin(page: Page, pin: string): Promise<void> {
  await page.getByLabel("PIN", { exact: true }).fill(pin);
  await page.getByLabel("PIN once more").fill(pin);
  await page.getByRole("button", { name: "Set PIN" }).click();
}

/** From the list of waiting logins to the nine symbols. */
export async function unlock(page: Page, pin: string): Promise<void> {
  await page.getByRole("button", { name: "Approve with PIN" }).click();
  await page.getByLabel("PIN", { exact: true }).fill(pin);
  await page.keyboard.press("Enter");
}
