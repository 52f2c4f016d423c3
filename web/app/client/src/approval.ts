// A login that is being approved: between the first signature, which brought the symbols, and the second.
import { base64url, hex } from "./bytes.ts";
import { signApproval } from "./keys.ts";
import { approveMessage, displayedHash, type Pending } from "./messages.ts";
import { ProtocolError } from "./problem.ts";
import type { Reply } from "./reply.ts";
import type { Transport } from "./transport.ts";

export interface Approved {
  /** The login that was let in. */
  pending: string;
}

/** What is to be typed at a login that can show nothing: behind the password and a comma, before it expires. */
export interface ApprovedByCode extends Approved {
  code: string;
  expires: string;
  /** The same by this device's own clock, in milliseconds. */
  ends: number;
}

export class Approval {
  readonly #transport: Transport;
  readonly #device: string;
  readonly #nonce: string;
  #key: CryptoKey | undefined;

  private constructor(
    transport: Transport, device: string, key: CryptoKey, nonce: string,
    readonly pendings: readonly Pending[],
    /** Names of the symbols to choose from, nine of them; none, where all logins take a code. */
    readonly symbols: readonly string[],
  ) {
    this.#transport = transport;
    this.#device = device;
    this.#key = key;
    this.#nonce = nonce;
  }

  /** Whether a login of the kind is among those that wait. */
  shows(kind: Pending["kind"]): boolean {
    return this.pendings.some((p) => p.kind === kind);
  }

  static async from(transport: Transport, device: string, key: CryptoKey, reply: Reply): Promise<Approval> {
    const pendings = reply.pendings("pendings");
    // What is signed later is what is shown now; an appliance that reckons otherwise is not to be followed.
    if (hex(reply.bytes("displayed")) !== hex(await displayedHash(pendings))) {
      throw new ProtocolError("the appliance displays something else than it sends");
    }
    const symbols = reply.texts("symbols");
    if (new Set(symbols).size !== symbols.length) throw new ProtocolError("a symbol stands twice");
    return new Approval(transport, device, key, reply.binary("nonce"), pendings, symbols);
  }

  /**
   * The second signature. The symbol chooses the login, or two do in the order of its prompt; what belongs to none ends
   * them all. Works once.
   */
  async approve(symbol: string, second?: string): Promise<Approved> {
    const pick = second === undefined ? [symbol] : [symbol, second];
    if (!pick.every((s) => this.symbols.includes(s)) || symbol === second) throw new ProtocolError("no such symbol");
    if (!this.shows(second === undefined ? "symbol" : "pair")) throw new ProtocolError("no login shows so many symbols");
    const reply = await this.#sign(pick.join(), [...this.pendings], {});
    return { pending: reply.text("pending") };
  }

  /**
   * The second signature for one login of kind "code", and that one alone: there is no symbol to choose by. The others
   * end. It lets nobody in before the code is typed. Works once.
   */
  async approveCode(pending: string): Promise<ApprovedByCode> {
    const login = this.pendings.find((p) => p.id === pending && p.kind === "code");
    if (!login) throw new ProtocolError("no such login");
    const reply = await this.#sign("code", [login], { pending });
    const code = reply.text("code");
    const expires = reply.time("expires");
    if (reply.text("pending") !== pending || !/^[0-9]{6}$/.test(code)) {
      throw new ProtocolError("reply: no code for this login");
    }
    return { pending, code, expires: expires.text, ends: expires.here };
  }

  async #sign(symbol: string, displayed: Pending[], which: { pending?: string }): Promise<Reply> {
    const key = this.#key;
    if (!key) throw new ProtocolError("this approval is used up");
    this.close();
    const message = approveMessage(this.#device, this.#nonce, symbol, await displayedHash(displayed));
    const reply = await this.#transport.call(this.#device, "approve", {
      nonce: this.#nonce, symbol, ...which, signature: base64url(await signApproval(key, message)),
    });
    if (reply.text("result") !== "approved") throw new ProtocolError("reply: result is not approved");
    return reply;
  }

  /** Forgets the key. */
  close(): void {
    this.#key = undefined;
  }
}
