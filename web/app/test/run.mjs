// Bundles the tests and runs them: `unit` without a browser, `browser` with one.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(here);
const kind = process.argv[2];
const folders = { unit: ["client/test", "test/unit"], browser: ["test/browser"], selfservice: ["test/selfservice"] }[kind];
if (!folders) throw new Error("usage: run.mjs unit|browser|selfservice");

// Further arguments name the tests to run: run.mjs browser several
const only = process.argv.slice(3);
const files = folders.flatMap((folder) =>
  readdirSync(path.join(root, folder)).filter((name) => name.endsWith(".test.ts") && (only.length === 0 || only.includes(name.replace(".test.ts", ""))))
    .map((name) => path.join(root, folder, name)));
if (files.length === 0) throw new Error(`no ${kind} tests found`);

const out = path.join(root, ".build", kind);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  entryPoints: files, outdir: out, bundle: true, platform: "node", format: "esm", target: "node18", sourcemap: "inline",
  packages: "external", alias: { "@latchkey/device-client": path.join(root, "client/src/index.ts") }, outExtension: { ".js": ".mjs" },
  logLevel: "warning", entryNames: "[name]",
});
const bundles = files.map((file) => path.join(out, path.basename(file).replace(/\.ts$/, ".mjs")));
const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-concurrency=1", "--test-timeout=240000", ...bundles], {
  cwd: root, stdio: "inherit", env: { ...process.env, LATCHKEY_APP_ROOT: root },
});
process.exit(run.status ?? 1);
