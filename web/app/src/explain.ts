// What an error means for the person with the phone.
import { InvitationError, NetworkError, ProblemError, WrongPinError } from "@latchkey/device-client";
import { hasText, type Translate } from "./texts.ts";

export function explain(t: Translate, error: unknown): string {
  if (error instanceof WrongPinError) {
    if (error.triesLeft === undefined) return t("wrongPin");
    return error.triesLeft === 0 ? t("noTries") : error.triesLeft === 1 ? t("lastTry") : t("triesLeft", { n: error.triesLeft });
  }
  if (error instanceof NetworkError) return t("e_network");
  if (error instanceof InvitationError) return t(({ shape: "notInvitation", typo: "typo", version: "newerInvitation" } as const)[error.why]);
  if (error instanceof ProblemError) {
    const key = `e_${error.code}`;
    return hasText(key) ? t(key) : t("e_other", { code: error.code });
  }
  return t("e_protocol");
}
