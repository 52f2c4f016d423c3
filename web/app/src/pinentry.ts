// Where a PIN is typed. It is never stored, nor offered to a password store: autocomplete says that it is a code for once.
import { field } from "./dom.ts";
import type { Translate } from "./texts.ts";

export interface PinField {
  node: HTMLElement;
  input: HTMLInputElement;
  fail(text: string): void;
  /** Keys for digits, or all of them. */
  letters(on: boolean): void;
}

export function pinField(t: Translate, label: string, hint?: string): PinField {
  const made = field(label, {
    type: "password", inputmode: "numeric", autocomplete: "one-time-code", autocapitalize: "off", spellcheck: "false",
    maxlength: 64, required: true, class: "pin",
  }, hint);
  made.input.addEventListener("input", () => made.fail(""));
  return {
    ...made,
    letters(on) {
      made.input.inputMode = on ? "text" : "numeric";
      made.node.querySelector("label")!.textContent = on ? label.replace(t("pin"), t("passphrase")) : label;
    },
  };
}

/** A button that changes the keys of some fields between digits and letters. */
export function lettersToggle(t: Translate, remember: (on: boolean) => void, start: boolean, ...fields: PinField[]): HTMLButtonElement {
  const toggle = document.createElement("button");
  toggle.type = "button";
  toggle.className = "link";
  let on = start;
  const apply = () => {
    toggle.textContent = t(on ? "useDigits" : "usePassphrase");
    for (const one of fields) one.letters(on);
  };
  toggle.addEventListener("click", () => {
    on = !on;
    apply();
    remember(on);
    fields[0]?.input.focus();
  });
  apply();
  return toggle;
}
