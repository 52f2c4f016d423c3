// The calls of self-service. The cookie is the browser's affair; the guard says that this page, and no other, meant a call.

/** A refusal: the pages go by the code; the detail of "denied" is made for the person. */
export class Refused extends Error {
  constructor(readonly code: string, readonly detail: string) {
    super(code);
  }
}

export interface Answer {
  question: string;
  label: string;
  set: string;
  asked: number;
  exposure: number;
  renew: boolean;
  retired: boolean;
  length?: number;
  letters?: string[];
  weaknesses?: { kind: string }[];
}

export interface Question {
  id: string;
  label: Record<string, string>;
  minimum_length: number;
}

export interface Overview {
  user: string;
  language: string;
  guard: string;
  newcomer: boolean;
  signed_in_by: string;
  enrolled: boolean;
  minimum_answers: number;
  positions: number;
  answers: Answer[];
  questions: Question[];
  devices: Phone[];
  add_phone: "yes" | "proof" | "ask-admin" | "not-offered";
  invitation: { expires: string; device?: string; ready: boolean } | null;
  recovery: { left: number; of: number; made: string | null; may: "yes" | "proof" | "ask-admin" } | null;
}

export interface Phone {
  id: string;
  name: string;
  state: "inert" | "active" | "locked" | "erased";
  why?: string;
  created: string;
  last_seen: string | null;
  pin_tries_in_row: number;
}

export interface Invitation {
  url: string;
  typed: string;
  expires: string;
  qr: { size: number; path: string };
}

export interface Login {
  time: string;
  result: "accept" | "reject";
  reason: string;
  door: string;
  service: string;
  host: string;
  source: string;
  reference: string;
}

export interface Options {
  password: boolean;
  code_word: boolean;
  language: string;
  appliance: string;
}

/** What a sign-in or a proof has come to. */
export interface Step {
  state: "challenge" | "signed-in" | "proved";
  token?: string;
  prompt?: string;
  secret?: boolean;
  waiting?: boolean;
  symbols?: string[];
  resend?: boolean;
  fallback?: boolean;
  guard?: string;
  text?: string;
}

export class Api {
  language = "en";
  #guard = "";

  async call<T>(op: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    let response: Response;
    try {
      response = await fetch(`/api/v1/me${op && "/"}${op}`, {
        method: body === undefined ? "GET" : "POST", cache: "no-store", credentials: "same-origin", redirect: "error",
        headers: {
          "Latchkey-Guard": this.#guard, "Latchkey-Language": this.language, ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }), ...(signal && { signal }),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Refused("network", "");
    }
    let read: { guard?: string; code?: string; detail?: string };
    try {
      read = (await response.json()) as typeof read;
    } catch {
      throw new Refused("network", "");
    }
    if (!response.ok) throw new Refused(read.code ?? "network", read.detail ?? "");
    if (typeof read.guard === "string") this.#guard = read.guard;
    return read as T;
  }
}
