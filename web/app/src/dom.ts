// A few lines instead of a framework: elements from values, never from markup, so that no text can become code.

type Child = Node | string | false | null | undefined;
type Props = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

/** h("button", {class: "primary", onclick: f}, "Go"): `on…` listens, true and false set or leave off an attribute. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((c): c is Node | string => c !== false && c !== null && c !== undefined));
  return element;
}

/** A drawing that says nothing which the text beside it does not say. */
export const symbolShape = (name: string): HTMLElement => h("span", { class: `symbol symbol-${name}`, "aria-hidden": "true" });

/** A button that is out of use while its work runs, so that nothing is sent twice. */
export function button(label: string, work: () => void | Promise<void>, look = ""): HTMLButtonElement {
  const element = h("button", { type: "button", class: look, onclick: () => void run() }, label);
  async function run() {
    element.disabled = true;
    try {
      await work();
    } finally {
      element.disabled = false;
    }
  }
  return element;
}

/** A labelled field with its error, which a screen reader hears with the field. */
export function field(label: string, props: Props, hint?: string) {
  const id = `field-${crypto.randomUUID()}`;
  const input = h("input", { id, "aria-describedby": `${id}-error ${id}-hint`, ...props });
  const error = h("p", { id: `${id}-error`, class: "error", role: "alert" });
  const node = h("div", { class: "field" }, h("label", { for: id }, label), input,
    h("p", { id: `${id}-hint`, class: "hint" }, hint ?? ""), error);
  const fail = (text: string) => {
    error.textContent = text;
    input.toggleAttribute("aria-invalid", text !== "");
    if (text) input.focus();
  };
  return { node, input, fail };
}

export function form(submit: () => void | Promise<void>, ...children: Child[]): HTMLFormElement {
  const element = h("form", { novalidate: true, onsubmit: (event) => {
    event.preventDefault();
    void run();
  } }, ...children);
  async function run() {
    const go = element.querySelector<HTMLButtonElement>("button[type=submit]");
    if (go?.disabled) return;
    if (go) go.disabled = true;
    try {
      await submit();
    } finally {
      if (go) go.disabled = false;
    }
  }
  return element;
}

export const submitButton = (label: string): HTMLButtonElement => h("button", { type: "submit", class: "primary" }, label);
