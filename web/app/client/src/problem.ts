// What can go wrong, as types: an app decides by class and code, never by a text.

export const problemCodes = [
  "bad-request", "too-large", "unknown-device", "bad-signature", "device-cloned", "device-locked", "device-revoked",
  "device-inert", "pin-locked", "pin-erased", "invitation-void", "no-such-pending", "pending-ended", "wrong-symbol",
  "stale-nonce", "stale-generation", "bad-key", "bad-point", "subscription-refused", "app-outdated", "too-many-calls", "busy",
] as const;
export type ProblemCode = (typeof problemCodes)[number] | "unknown";

/** A refusal by the appliance: a problem document (RFC 9457) with a stable code. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  constructor(
    readonly code: ProblemCode,
    readonly status: number,
    readonly detail: string,
    /** Members that the document has beside the standard ones. */
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(`${code} (${status})${detail && `: ${detail}`}`);
  }
}

/** The appliance could not be reached, also after repeating. Nothing is known of whether the call was taken. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
}

/** The PIN does not open the approval key. The appliance has counted the try. */
export class WrongPinError extends Error {
  override readonly name = "WrongPinError";
  /** triesLeft: how many remain in this row, where the appliance says so. */
  constructor(readonly triesLeft?: number) {
    super("wrong PIN");
  }
}

/** The appliance answered something that the protocol does not allow. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Reads a refusal; a body that is no problem document (a proxy's page, say) still gives the status. */
export async function problemOf(response: Response): Promise<ProblemError> {
  let document: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse((await response.text()).slice(0, 65536));
    if (parsed && typeof parsed === "object") document = parsed as Record<string, unknown>;
  } catch {
    // The status alone has to do.
  }
  const { type, title, status: _, detail, code, ...members } = document;
  const told = typeof code === "string" ? code : typeof type === "string" ? type.replace(/^urn:latchkey:problem:/, "") : "";
  const known = problemCodes.find((c) => c === told) ?? (response.status === 503 ? "busy" : "unknown");
  const text = typeof detail === "string" ? detail : typeof title === "string" ? title : "";
  return new ProblemError(known, response.status, text, members);
}
