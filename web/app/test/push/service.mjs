// A push service, and the browsers behind it, for tests: RFC 8030 over TLS, RFC 8291 and 8188 to open what comes, RFC 8292
// to see who rings. By Node's own crypto; it shares nothing with what it tests.
//
//   node service.mjs CERTIFICATE KEY NAME PORT
//
// SIGUSR2 makes a subscription and prints it; SIGHUP ends all. Each message is printed as it was opened.
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [certificate, key, name, port] = process.argv.slice(2);
const origin = `https://${name}:${port}`;
const browsers = new Map();
let ended = false;

process.on("SIGUSR2", () => {
  const path = `/push/${randomBytes(16).toString("base64url")}`;
  const pair = createECDH("prime256v1");
  pair.generateKeys();
  const auth = randomBytes(16);
  browsers.set(path, { pair, auth });
  const keys = { p256dh: pair.getPublicKey("base64url"), auth: auth.toString("base64url") };
  console.log(`subscription ${JSON.stringify({ endpoint: origin + path, expirationTime: null, keys })}`);
});
process.on("SIGHUP", () => (ended = true));

/** RFC 8291 section 3.4, RFC 8188 section 2: one record, with its padding. */
function open({ pair, auth }, body) {
  const [salt, size, length] = [body.subarray(0, 16), body.readUInt32BE(16), body[20]];
  const sender = body.subarray(21, 21 + length);
  const record = body.subarray(21 + length);
  if (record.length > size || length !== 65) throw new Error("not one record of a sender");
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), pair.getPublicKey(), sender]);
  const ikm = Buffer.from(hkdfSync("sha256", pair.computeSecret(sender), auth, info, 32));
  const derive = (label, n) => Buffer.from(hkdfSync("sha256", ikm, salt, Buffer.from(`Content-Encoding: ${label}\0`), n));
  const cipher = createDecipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12));
  cipher.setAuthTag(record.subarray(-16));
  const plain = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
  const end = plain.lastIndexOf(2);
  if (end < 0 || plain.subarray(end + 1).some((b) => b !== 0)) throw new Error("no padding");
  return plain.subarray(0, end).toString("utf8");
}

/** RFC 8292: a JWT by ES256, and the key that it is signed with. */
function vapid(header = "") {
  const [, token, k] = /^vapid t=([^,]+), ?k=(.+)$/.exec(header) ?? [];
  if (!token) throw new Error(`no vapid: ${header.slice(0, 40)}`);
  const [head, claims, signature] = token.split(".");
  const point = Buffer.from(k, "base64url");
  const jwk = { kty: "EC", crv: "P-256", x: point.subarray(1, 33).toString("base64url"), y: point.subarray(33).toString("base64url") };
  const verified = verify("sha256", Buffer.from(`${head}.${claims}`), { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"));
  const { aud, sub, exp } = JSON.parse(Buffer.from(claims, "base64url").toString());
  return { verified, aud, sub, lasts: Math.round(exp - Date.now() / 1000), key: k };
}

createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const browser = browsers.get(request.url);
    try {
      if (request.method !== "POST" || request.headers.host !== `${name}:${port}` || !browser) throw new Error(`${request.method} ${request.url}`);
      const { ttl, urgency, "content-encoding": encoding } = request.headers;
      const text = open(browser, Buffer.concat(chunks));
      console.log(`push ${JSON.stringify({ path: request.url, ttl, urgency, encoding, text, ...vapid(request.headers.authorization) })}`);
      response.writeHead(ended ? 410 : 201).end();
    } catch (error) {
      console.log(`refused: ${error.message}`);
      response.writeHead(400).end();
    }
  });
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
