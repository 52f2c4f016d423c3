// What the test appliance keeps: invitations, devices, waiting logins. All of it in memory.
import { type KeyObject, randomBytes } from "node:crypto";

export class Problem extends Error {
  constructor(readonly code: string, readonly status = 403, readonly members: Record<string, unknown> = {}) {
    super(code);
  }
}

export interface Invited {
  id: string;
  secret: Buffer;
  user: string;
  trusted: boolean;
  spentBy?: string;
}

export interface PhoneDevice {
  id: string;
  user: string;
  name: string;
  key: KeyObject;
  keySpki: Buffer;
  counter: number;
  last?: { hash: string; status: number; body: string };
  state: "setup" | "inert" | "active";
  refused?: "device-locked" | "device-cloned" | "device-revoked";
  checkCode?: string;
  share: Uint8Array;
  nextShare?: Uint8Array;
  approval?: KeyObject;
  approvalSpki?: Buffer;
  nextApproval?: KeyObject;
  nextSpki?: Buffer;
  generation: number;
  renewNonce?: string;
  evaluations: Map<string, { nonce: string; purpose: string; renewed: boolean }>;
  row: number;
  life: number;
  openNonce?: { nonce: string; logins: Login[] };
  subscription?: object | null;
  streams: Set<(event: string) => void>;
}

export type Outcome = "approved" | "cancel" | "not-me" | "wrong-symbol" | "other-chosen" | "expired";

export interface Login {
  id: string;
  user: string;
  service: string;
  host: string;
  source: string;
  created: Date;
  expires: Date;
  /** Or two of them, with a comma between. */
  symbol: string;
  /** It can show nothing, and takes this code once it is approved; "": not approved yet. */
  code?: string;
  outcome?: Outcome;
  waiting: ((outcome: Outcome) => void)[];
}

export const symbols = [
  "anchor", "umbrella", "star", "moon", "sun", "scissors", "telephone", "envelope",
  "crown", "scales", "plane", "house", "music", "cup", "gear", "clover",
];

export class State {
  readonly invitations = new Map<string, Invited>();
  readonly devices = new Map<string, PhoneDevice>();
  readonly logins = new Map<string, Login>();
  brand: Record<string, unknown> = {};
  appliance = "Example GmbH";
  pinDigits = 6;
  /** A gateway that can show nothing, where a code is typed. */
  challenge = true;
  /** Those whose code is out. */
  readonly approvedByCode = new Map<string, Login>();
  /** What logins show that do not say it themselves. */
  symbols: "one" | "pair" = "one";
  /** Whom its app may talk to, and whose app may talk to it. */
  appliances: string[] = [];
  origins: string[] = [];
  triesInRow = 5;
  triesForLife = 20;
  /** So many replies are thrown away after their call was taken. */
  loseReplies = 0;
  /** Questions on the phones of a user. */
  readonly messages = new Map<string, { id: string; mark: string; text: string; created: Date; expires: Date }>();
  /** Calls that were taken, by name. */
  calls: string[] = [];

  devicesOf(user: string): PhoneDevice[] {
    return [...this.devices.values()].filter((d) => d.user === user);
  }

  waitingOf(user: string): Login[] {
    const now = Date.now();
    const waiting = [...this.logins.values()].filter((l) => l.user === user && !l.outcome);
    for (const login of waiting) if (login.expires.getTime() <= now) this.end(login, "expired");
    return waiting.filter((l) => !l.outcome);
  }

  raise(user: string, login: { service?: string; host?: string; source?: string; seconds?: number; pair?: boolean; code?: boolean }): Login {
    const waiting = this.waitingOf(user);
    if (waiting.length >= 2) throw new Problem("busy", 409);
    const free = symbols.filter((s) => !waiting.some((l) => l.symbol.split(",").includes(s)));
    const draw = () => free.splice(randomBytes(1)[0]! % free.length, 1)[0]!;
    const created = new Date();
    const raised: Login = {
      id: randomBytes(16).toString("base64url"), user,
      service: login.service ?? "VPN", host: login.host ?? "gate.example.org", source: `addr:${login.source ?? "198.51.100.7"}`,
      ...(login.code ? { code: "" } : {}), created, expires: new Date(created.getTime() + (login.seconds ?? 60) * 1000),
      symbol: login.pair ?? this.symbols === "pair" ? `${draw()},${draw()}` : draw(), waiting: [],
    };
    this.logins.set(raised.id, raised);
    this.#tell(user, "pending", raised.id);
    return raised;
  }

  /** A question; without a text the one that is there is over. */
  ask(user: string, mark: string, text: string, seconds: number): void {
    const before = this.messages.get(user);
    this.messages.delete(user);
    if (before) this.#tell(user, "ended", before.id);
    if (!text) return;
    const created = new Date();
    const id = randomBytes(8).toString("hex");
    this.messages.set(user, { id, mark, text, created, expires: new Date(created.getTime() + seconds * 1000) });
    this.#tell(user, "message", id);
  }

  /** One whose code is out waits for its login, no more for a phone. */
  hide(login: Login): void {
    login.outcome = "approved";
    this.#tell(login.user, "ended", login.id);
  }

  /** What a gateway hears that can show nothing. */
  type(user: string, code: string): string {
    const out = this.approvedByCode.get(user);
    if (out?.code === "used" && code) return "replayed";
    if (out && out.code !== "used") {
      if (!code) return "code-awaited";
      if (code !== out.code) return "wrong-code";
      out.code = "used";
      return "approved";
    }
    this.approvedByCode.delete(user);
    this.raise(user, { code: true });
    return "code-awaited";
  }

  end(login: Login, outcome: Outcome): void {
    if (login.outcome) return;
    login.outcome = outcome;
    for (const wake of login.waiting) wake(outcome);
    this.#tell(login.user, "ended", login.id);
  }

  #tell(user: string, event: string, id: string): void {
    for (const device of this.devicesOf(user)) {
      for (const send of device.streams) send(`event: ${event}\ndata: ${JSON.stringify({ id })}\n\n`);
    }
  }
}

/** The nine symbols of a grid: those that wait, and others. */
export function grid(waiting: Login[]): string[] {
  const shown = waiting.filter((l) => l.code === undefined).flatMap((l) => l.symbol.split(","));
  if (shown.length === 0) return [];
  const rest = symbols.filter((s) => !shown.includes(s));
  while (shown.length < 9) shown.push(rest.splice(randomBytes(1)[0]! % rest.length, 1)[0]!);
  return shown.map((s) => ({ s, at: randomBytes(4).readUInt32BE() })).sort((a, b) => a.at - b.at).map(({ s }) => s);
}
