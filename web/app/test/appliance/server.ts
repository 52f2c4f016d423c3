// An appliance for tests: the device protocol and the app's files over HTTP, and a control door beside it through
// which a test invites users and raises logins. The journey speaks to these two doors only, so that it runs
// unchanged against any appliance that has them.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { base32, decode, frame, sha256, number, text, verifyCall } from "./crypto.ts";
import { enrol, operations } from "./operations.ts";
import { type PhoneDevice, Problem, State } from "./state.ts";

const policy = (appliances: string[]) => [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", ["connect-src 'self'", ...appliances].join(" "), "manifest-src 'self'",
  "worker-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  "require-trusted-types-for 'script'", "trusted-types latchkey",
].join("; ");

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml", ".png": "image/png", ".webmanifest": "application/manifest+json", ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
};

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > 16384) throw new Problem("too-large", 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    if (value && typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new Problem("bad-request", 400);
}

function problem(error: unknown): { status: number; body: string } {
  const p = error instanceof Problem ? error : new Problem("internal", 500);
  if (p !== error) console.error(error);
  return { status: p.status, body: JSON.stringify({ type: `urn:latchkey:problem:${p.code}`, code: p.code, status: p.status, ...p.members }) };
}

export class Appliance {
  readonly state = new State();
  readonly #doors: Server[] = [];
  url = "";
  control = "";

  /** dist: the folder of the built app; tls: a PEM key and its certificate, without which the door speaks plain HTTP. */
  constructor(readonly dist: string, readonly tls?: { key: string; cert: string }) {}

  async start(): Promise<this> {
    const app = (request: IncomingMessage, response: ServerResponse) => void this.#app(request, response);
    const control = (request: IncomingMessage, response: ServerResponse) => void this.#controlled(request, response);
    const port = await this.#listen(this.tls ? createTlsServer(this.tls, app) : createServer(app));
    this.url = `${this.tls ? "https" : "http"}://127.0.0.1:${port}`;
    this.control = `http://127.0.0.1:${await this.#listen(createServer(control))}`;
    return this;
  }

  async stop(): Promise<void> {
    for (const door of this.#doors) {
      door.closeAllConnections();
      await new Promise((done) => door.close(done));
    }
  }

  async #listen(door: Server): Promise<number> {
    this.#doors.push(door);
    await new Promise<void>((done) => door.listen(0, "127.0.0.1", done));
    return (door.address() as AddressInfo).port;
  }

  async #app(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const where = new URL(request.url ?? "/", "http://appliance").pathname;
    response.setHeader("Content-Security-Policy", policy(this.state.appliances));
    const origin = request.headers.origin ?? this.url;
    if (origin !== this.url && where.startsWith("/api/v1/")) {
      if (!this.state.origins.includes(origin)) return void response.writeHead(403).end();
      response.setHeader("Access-Control-Allow-Origin", origin);
      response.setHeader("Access-Control-Expose-Headers", "date");
      if (request.method === "OPTIONS") {
        response.setHeader("Access-Control-Allow-Headers", "content-type, latchkey-device, latchkey-counter, latchkey-signature");
        return void response.writeHead(204).end();
      }
    }
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Referrer-Policy", "no-referrer");
    if (request.method === "GET" && where.startsWith("/app/")) return this.#file(where.slice("/app/".length), response);
    response.setHeader("Cache-Control", "no-store");
    if (request.method === "GET" && where === "/api/v1/brand") return this.#json(response, 200, JSON.stringify({ ...this.state.brand, appliances: this.state.appliances }));
    if (request.method === "GET" && where === "/api/v1/device/events") return this.#events(request, response);
    let answer: { status: number; body: string };
    try {
      const body = await bodyOf(request);
      if (request.method !== "POST" || request.headers["content-type"] !== "application/json") throw new Problem("bad-request", 400);
      answer = where === "/api/v1/enrolments" ? { status: 201, body: JSON.stringify(enrol(this.state, parse(body))) } : this.#device(request, where, body);
    } catch (error) {
      answer = problem(error);
    }
    if (this.state.loseReplies > 0) {
      this.state.loseReplies--;
      response.destroy();
      return;
    }
    this.#json(response, answer.status, answer.body);
  }

  #json(response: ServerResponse, status: number, body: string): void {
    response.writeHead(status, { "Content-Type": status < 400 ? "application/json" : "application/problem+json" }).end(body);
  }

  async #file(name: string, response: ServerResponse): Promise<void> {
    const file = path.join(this.dist, path.normalize(name || "index.html"));
    try {
      const content = await readFile(file);
      response.writeHead(200, { "Content-Type": types[path.extname(file)] ?? "application/octet-stream", "Cache-Control": "no-cache" });
      // A worker keeps the policy that it came with until its file changes.
      response.end(name === "sw.js" ? `${content.toString()}\n// ${this.state.appliances.join()}` : content);
    } catch {
      response.writeHead(404).end();
    }
  }

  /** The signature first, then the ratchet, then what is refused to this device, then the operation. */
  #signed(request: IncomingMessage, where: string, body: Buffer): { device: PhoneDevice; counter: number; repeated: boolean; hash: string } {
    const device = this.state.devices.get(String(request.headers["latchkey-device"]));
    if (!device) throw new Problem("unknown-device", 401);
    const counter = Number(request.headers["latchkey-counter"]);
    const signature = decode(request.headers["latchkey-signature"]);
    if (!Number.isSafeInteger(counter) || !signature) throw new Problem("bad-request", 400);
    const message = frame("latchkey/v1/call", Buffer.from(device.id, "hex"), number(counter), text(request.method!), text(where), sha256(body));
    if (!verifyCall(device.key, message, signature)) throw new Problem("bad-signature", 401);
    const hash = sha256(Buffer.concat([text(where), body])).toString("hex");
    const repeated = counter === device.counter && device.last?.hash === hash;
    if (!repeated && counter <= device.counter) device.refused = "device-cloned";
    if (device.refused) throw new Problem(device.refused);
    return { device, counter, repeated, hash };
  }

  #device(request: IncomingMessage, where: string, body: Buffer): { status: number; body: string } {
    const { device, counter, repeated, hash } = this.#signed(request, where, body);
    if (repeated) return device.last!;
    device.counter = counter;
    const name = where.replace("/api/v1/device/", "");
    this.state.calls.push(name);
    let answer: { status: number; body: string };
    try {
      const operation = operations[name];
      if (!operation) throw new Problem("bad-request", 404);
      answer = { status: 200, body: JSON.stringify(operation(this.state, device, parse(body))) };
    } catch (error) {
      answer = problem(error);
    }
    device.last = { hash, ...answer };
    return answer;
  }

  #events(request: IncomingMessage, response: ServerResponse): void {
    try {
      const { device, counter, repeated } = this.#signed(request, "/api/v1/device/events", Buffer.alloc(0));
      if (repeated) throw new Problem("bad-request", 400);
      device.counter = counter;
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(":\n\n");
      const send = (event: string) => void (event ? response.write(event) : response.end());
      device.streams.add(send);
      response.on("close", () => device.streams.delete(send));
    } catch (error) {
      const { status, body } = problem(error);
      this.#json(response, status, body);
    }
  }

  async #controlled(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#order(request.url ?? "", parse(await bodyOf(request)));
      this.#json(response, 200, JSON.stringify(answer));
    } catch (error) {
      const { status, body } = problem(error);
      this.#json(response, status, body);
    }
  }

  async #order(what: string, order: Record<string, unknown>): Promise<object> {
    const user = String(order["user"] ?? "");
    switch (what) {
      case "/invite": {
        const id = randomBytes(8);
        const secret = randomBytes(16);
        this.state.invitations.set(id.toString("hex"), { id: id.toString("hex"), secret, user, trusted: order["trusted"] === true });
        const all = Buffer.concat([Buffer.of(1), id, secret]);
        const sum = sha256(frame("latchkey/v1/invitation", all)).subarray(0, 3);
        return {
          url: `${this.url.replace("http:", "https:")}/app/#i=${all.toString("base64url")}&c=${randomBytes(32).toString("base64url")}`,
          code: base32(Buffer.concat([all, sum])).match(/.{5}/g)!.join("-"),
        };
      }
      case "/message": {
        this.state.ask(user, String(order["mark"] ?? "KX"), String(order["text"] ?? ""), Number(order["seconds"] ?? 180));
        return {};
      }
      case "/confirm": {
        const device = this.state.devicesOf(user).find((d) => d.state === "inert" && d.checkCode === order["code"]);
        if (!device) throw new Problem("no-such-device", 404);
        device.state = "active";
        return {};
      }
      case "/login": {
        const { id, symbol } = this.state.raise(user, order);
        return { login: id, symbol };
      }
      case "/type":
        return { outcome: this.state.type(user, String(order["code"])) };
      case "/outcome": {
        const login = this.state.logins.get(String(order["login"]));
        if (!login) throw new Problem("no-such-pending", 404);
        return { outcome: login.outcome ?? (await new Promise((done) => login.waiting.push(done))) };
      }
      case "/devices":
        return {
          devices: this.state.devicesOf(user).map((d) => ({
            name: d.name, state: d.refused ?? d.state, row: d.row, life: d.life, generation: d.generation,
          })),
        };
      case "/unlock":
        for (const device of this.state.devicesOf(user)) device.row = 0;
        return {};
      case "/set": // faults and settings that only a test appliance has
        Object.assign(this.state, order);
        return {};
      default:
        throw new Problem("bad-request", 404);
    }
  }
}
