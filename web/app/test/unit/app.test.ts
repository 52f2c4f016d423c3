import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { symbolNames } from "@latchkey/device-client";
import { contrast, readable } from "../../src/brand.ts";
import { origin } from "../../src/logincard.ts";
import { preferredLanguage, translator } from "../../src/texts.ts";

const root = process.env["LATCHKEY_APP_ROOT"]!;

test("a company's colour is moved until it can be read, and left alone where it can", () => {
  const white: [number, number, number] = [255, 255, 255];
  const dark: [number, number, number] = [30, 35, 43];
  for (const color of [[232, 180, 0], [255, 255, 255], [0, 0, 0], [102, 51, 153], [128, 128, 128]] as [number, number, number][]) {
    for (const background of [white, dark]) assert.ok(contrast(readable(color, background), background) >= 4.5, `${color} on ${background}`);
  }
  assert.deepEqual(readable([31, 79, 216], white), [31, 79, 216]);
});

test("languages", () => {
  assert.equal(preferredLanguage(["fr-FR", "de-AT", "en"]), "de");
  assert.equal(preferredLanguage(["fr"]), "en");
  assert.equal(translator("de")("triesLeft", { n: 3 }), "Falsche PIN. Noch 3 Versuche.");
});

test("where a login comes from is told in words", () => {
  const app = { t: translator("en") };
  for (const [source, shown] of [
    ["addr:198.51.100.7", "198.51.100.7"], ["addr:2001:db8::1", "2001:db8::1"], ["uid:1000", "local user 1000"],
    ["nas:gate", "unknown"], ["unknown", "unknown"], ["", "unknown"], ["198.51.100.7", "198.51.100.7"],
  ] as const) assert.equal(origin(app, source), shown, source);
});

function built(): Map<string, Buffer> {
  const made = spawnSync(process.execPath, ["build.mjs"], { cwd: root, encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  const dist = path.join(root, "dist");
  const names = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
  return new Map(names.map((e) => path.join(e.parentPath ?? e.path, e.name)).sort().map((name) => [path.relative(dist, name), readFileSync(name)]));
}

test("the build: the same bytes twice, all that the policy needs, no foreign host", () => {
  const sums = (files: Map<string, Buffer>) => [...files].map(([name, content]) => `${name} ${createHash("sha256").update(content).digest("hex")}`);
  const files = built();
  assert.deepEqual(sums(built()), sums(files));
  for (const name of ["index.html", "app.js", "app.css", "sw.js", "manifest.webmanifest", "licences.txt", ...Object.keys(symbolNames).map((s) => `symbols/${s}.svg`)]) {
    assert.ok(files.has(name), name);
  }
  const page = files.get("index.html")!.toString();
  assert.doesNotMatch(page, /<script(?![^>]* src=)|<style|\sstyle=|\son\w+=/, "no inline script or style");
  for (const [name, content] of files) {
    if (name.endsWith(".png") || name === "licences.txt") continue;
    const hosts = [...content.toString().matchAll(/(?:https?:)?\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)+)/gi)].map((m) => m[1]);
    assert.deepEqual(hosts.filter((h) => h !== "www.w3.org"), [], name);
    if (name.endsWith(".js")) assert.doesNotMatch(content.toString(), /\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write/, name);
  }
});
