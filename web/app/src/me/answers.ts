// The questions of a user: which are answered, which can be; an answer is typed, and shown once as numbered letters.
import { field, form, h, submitButton } from "../dom.ts";
import { type Answer, type Overview, Refused } from "./api.ts";
import { backHome } from "./home.ts";
import type { Me, Page } from "./pages.ts";
import { change, proven } from "./proof.ts";

const label = (me: Me, known: Overview, id: string): string => {
  const found = known.questions.find((q) => q.id === id);
  return found?.label[me.language] ?? Object.values(found?.label ?? {})[0] ?? id;
};

export const answers: Page = async (me, view) => {
  const known = await me.refresh();
  const { t } = me;
  const missing = Math.max(0, known.minimum_answers - known.answers.length);
  const free = known.questions.filter((q) => !known.answers.some((a) => a.question === q.id));
  const given = (a: Answer) => h("li", { class: "card" },
    h("p", { class: "wide" }, label(me, known, a.question)),
    h("p", { class: a.renew || a.retired ? "warn" : "quiet" }, a.retired ? t("retired") : a.renew ? t("renewSoon") : t("setOn", { date: new Date(a.set).toLocaleDateString(me.language) })),
    known.enrolled ? h("a", { class: "button", href: `#/answer/${a.question}`, "aria-label": `${t("renewAnswer")}: ${label(me, known, a.question)}` }, t("renewAnswer")) : false);
  view.show(t("questions"),
    h("p", {}, missing > 0 ? t("chooseText", { n: known.minimum_answers, m: known.positions }) : t("enoughText")),
    missing > 0 && h("div", {}, h("label", { for: "progress" }, t("progress", { n: known.answers.length, of: known.minimum_answers })),
      h("progress", { id: "progress", max: known.minimum_answers, value: known.answers.length })),
    known.answers.length > 0 && h("section", {}, h("h2", {}, t("givenTitle")), h("ul", { class: "cards" }, ...known.answers.map(given))),
    free.length > 0 && h("section", {}, h("h2", {}, t("freeTitle")), h("ul", { class: "menu" },
      ...free.map((q) => h("li", {}, h("a", { href: `#/answer/${q.id}` }, label(me, known, q.id)))))),
    backHome(me));
};

export const setAnswer: Page = async (me, view, question = "") => {
  const known = await me.refresh();
  const asked = known.questions.find((q) => q.id === question);
  if (!asked) return me.go("answers");
  const { t } = me;
  const text = field(label(me, known, question), { autocomplete: "off", autocapitalize: "words", spellcheck: "false", maxlength: 200 },
    t("answerHint", { n: asked.minimum_length }));
  view.show(t(known.answers.some((a) => a.question === question) ? "renewAnswer" : "giveAnswer"), form(async () => {
    text.fail("");
    try {
      const set = await proven(me, view.signal, () => me.api.call<Answer>("answers/set", { question, answer: text.input.value }));
      if (!set) return;
      text.input.value = "";
      await me.run(letters(set, label(me, known, question)));
    } catch (error) {
      if (error instanceof Refused && error.code === "signed-out") return me.signedOut();
      text.fail(me.explain(error));
    }
  }, text.node, submitButton(t("save"))),
  known.answers.some((a) => a.question === question) && known.answers.length > known.minimum_answers &&
    change(me, view.signal, t("removeAnswer"), () => me.api.call("answers/remove", { question }), () => me.go("answers"), "danger"),
  h("p", {}, h("a", { class: "back", href: "#/answers" }, t("back"))));
  text.input.focus();
};

/** The one time that an answer is shown: how its letters are counted. */
const letters = (set: Answer, title: string): Page => async (me, view) => {
  const known = await me.refresh();
  const { t } = me;
  const missing = known.minimum_answers - known.answers.length;
  view.show(title, h("p", {}, t("lettersText")),
    h("ol", { class: "letters", "aria-label": t("letters") }, ...(set.letters ?? []).map((letter, i) =>
      h("li", {}, h("small", {}, String(i + 1)), h("span", {}, letter)))),
    set.weaknesses?.some((w) => w.kind === "common") && h("p", { class: "warn" }, t("commonWarning")),
    known.enrolled ? h("p", { class: "good wide", role: "status" }, t("enrolledNow")) : h("p", { role: "status" }, t(missing === 1 ? "oneMissing" : "missing", { n: missing })),
    h("div", { class: "actions" }, h("a", { class: "button primary", href: known.enrolled ? "#/home" : "#/answers" }, t("next"))));
};
