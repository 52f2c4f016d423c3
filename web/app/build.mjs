// Builds the app into dist/: the same sources give the same bytes.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(root, "dist");
const at = (...parts) => path.join(root, ...parts);

const common = {
  absWorkingDir: root, bundle: true, minify: true, format: "iife", charset: "utf8", legalComments: "none", logLevel: "warning",
  target: ["chrome109", "firefox115", "safari16.4"], alias: { "@latchkey/device-client": at("client/src/index.ts") },
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
cpSync(at("static"), dist, { recursive: true });
cpSync(at("symbols"), path.join(dist, "symbols"), { recursive: true });
await build({ ...common, entryPoints: [at("src/main.ts")], outfile: path.join(dist, "app.js") });
await build({ ...common, entryPoints: [at("src/app.css")], outfile: path.join(dist, "app.css"), external: ["symbols/*"] });

// What is bundled keeps its licence beside it.
const bundled = ["@noble/curves", "@noble/hashes", "jsqr"];
const licences = bundled.map((name) => {
  const folder = at("node_modules", name);
  const file = readdirSync(folder).find((f) => /^licen[cs]e/i.test(f));
  return `${name}\n\n${readFileSync(path.join(folder, file), "utf8").trim()}\n`;
});
writeFileSync(path.join(dist, "licences.txt"), licences.join("\n----\n\n"));

const files = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  .map((entry) => path.relative(dist, path.join(entry.parentPath ?? entry.path, entry.name)).split(path.sep).join("/")).sort();
const hash = createHash("sha256");
for (const file of files) hash.update(file).update("\0").update(readFileSync(path.join(dist, file))).update("\0");
const version = hash.digest("hex").slice(0, 16);

// The pages of self-service stand beside the app, not in it: its worker knows nothing of them.
const me = path.join(dist, "me");
mkdirSync(me);
cpSync(at("me"), me, { recursive: true });
cpSync(at("symbols"), path.join(me, "symbols"), { recursive: true });
cpSync(at("static/icons/icon.svg"), path.join(me, "icon.svg"));
await build({ ...common, entryPoints: [at("src/me/main.ts")], outfile: path.join(me, "me.js") });
await build({ ...common, entryPoints: [at("src/me/me.css")], outfile: path.join(me, "me.css"), external: ["symbols/*"] });

// The worker knows the files by name and all of them by one hash, so that a change of any makes a new version.
await build({
  ...common, entryPoints: [at("src/sw.ts")], outfile: path.join(dist, "sw.js"),
  define: { SHELL: JSON.stringify(files.filter((file) => file !== "licences.txt")), VERSION: JSON.stringify(version) },
});
