// Which appliance the journey runs against: its own test appliance, or, by LATCHKEY_URL and LATCHKEY_CONTROL, any other
// that has the same control door (test/appliance/server.ts says which orders there are). LATCHKEY_SPKI is then the
// base64 SHA-256 of that one's public key, because a browser trusts no test certificate by itself.
import { spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Appliance } from "../appliance/server.ts";

export interface Device {
  name: string;
  state: string;
}

export interface Target {
  url: string;
  spki: string;
  order<T = Record<string, string>>(what: string, order: object): Promise<T>;
  stop(): Promise<void>;
}

function certificate(): { key: string; cert: string } {
  const folder = mkdtempSync(path.join(tmpdir(), "latchkey-"));
  const [key, cert] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
  const made = spawnSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
  ], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`);
  const pair = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  rmSync(folder, { recursive: true });
  return pair;
}

function order(control: string) {
  return async <T>(what: string, body: object): Promise<T> => {
    const response = await fetch(`${control}/${what}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
}

/** which: "" is the one that the app comes from, "_2" another one beside it. */
export async function target(which: "" | "_2" = ""): Promise<Target> {
  const [url, control, spki] = ["URL", "CONTROL", "SPKI"].map((name) => process.env[`LATCHKEY_${name}${which}`]);
  if (url && control && spki) return { url, spki, order: order(control), stop: async () => undefined };
  const dist = path.join(process.env["LATCHKEY_APP_ROOT"]!, "dist");
  if (!existsSync(path.join(dist, "app.js"))) throw new Error("the app is not built: npm run build");
  const tls = certificate();
  const own = await new Appliance(dist, tls).start();
  const key = new X509Certificate(tls.cert).publicKey.export({ type: "spki", format: "der" });
  return { url: own.url, spki: createHash("sha256").update(key).digest("base64"), order: order(own.control), stop: () => own.stop() };
}
