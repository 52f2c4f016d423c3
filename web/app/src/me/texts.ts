// Every text of self-service, in both languages. A text that is missing in one is an error of types.

const en = {
  language: "English", title: "Your access", back: "Back", next: "Next", save: "Save", retry: "Try again", again: "Start again", cancel: "Cancel",
  unsupported: "This browser is too old for these pages.",
  signIn: "Sign in", name: "User name", password: "Password", fillIn: "Please fill this in.", haveCodeWord: "First day? Sign in with your code word", havePassword: "Sign in with password instead",
  firstDay: "Your first day", firstDayText: "You got a code word. It opens this page once; then you choose the questions that you will be asked when you log in.",
  codeWord: "Code word", codeWordHint: "All of its words. Case, spaces and hyphens do not matter.",
  phoneAway: "Phone not at hand?", code: "Code", codeHint: "A temporary code of your helpdesk, or one of your recovery codes.",
  signedInAs: "Signed in as {user}.", signOut: "Sign out", signedOut: "You are signed out.", sessionOver: "Your session is over. Please sign in again.",
  questions: "Your questions", answered: "{n} answered", progress: "{n} of {of} answered", renewBadge: "{n} to renew",
  chooseText: "Choose at least {n} questions and answer them. At a login you are asked for {m} characters of one answer.", enoughText: "At a login you are asked for some characters of one of these answers.",
  givenTitle: "Answered", freeTitle: "Questions to choose from", setOn: "Set on {date}", renewSoon: "Much of it was asked: please renew it.", retired: "Asked no more: please renew it.",
  giveAnswer: "Answer a question", renewAnswer: "Renew answer", answerHint: "At least {n} characters. Spaces, hyphens and punctuation are not counted.",
  lettersText: "This is how your letters are counted. It is shown this once.", letters: "Numbered letters", missing: "{n} more to go.", oneMissing: "One more to go.",
  enrolledNow: "That is enough: from now on you log in with your answers. Your code word has ended.",
  e_network: "The appliance cannot be reached. Check your connection.", e_busy: "Too much at once. Please try again in a moment.", e_other: "That did not work ({code}).",
  e_denied: "Access denied.", "e_not-offered": "This is not offered here.", "e_signed-out": "Your session is over. Please sign in again.",
  "e_proof-needed": "Please prove once more that it is you.", "e_factor-too-weak": "That needs a stronger factor than the one you have shown.",
  "e_ask-admin": "Only your administrator can help here: ask for an invitation or a code word.",
  "e_no-such-question": "There is no such question any more.", "e_too-few-left": "Answer another question first: with fewer answers you could not log in.",
  "e_answer-too-short": "That is too short.", "e_answer-repeats": "Too few different letters: at least four are needed.", "e_answer-common": "Many people give this answer: it would be guessed first. Choose another, or write it out more fully.",
  "e_answer-personal": "Your own name, login or address can be guessed by everybody who knows you.", "e_answer-same": "That is the answer that you have already.", "e_answer-twice": "Another of your questions has this answer.",
  "e_answer-unusable": "It has characters that cannot be used.",
};

type Texts = Record<keyof typeof en, string>;

const de: Texts = {
  language: "Deutsch", title: "Ihr Zugang", back: "Zurück", next: "Weiter", save: "Speichern", retry: "Noch einmal", again: "Von vorn", cancel: "Abbrechen",
  unsupported: "Dieser Browser ist zu alt für diese Seiten.",
  signIn: "Anmelden", name: "Benutzername", password: "Passwort", fillIn: "Bitte ausfüllen.", haveCodeWord: "Erster Tag? Mit dem Codewort anmelden", havePassword: "Lieber mit Passwort anmelden",
  firstDay: "Ihr erster Tag", firstDayText: "Sie haben ein Codewort bekommen. Es öffnet diese Seite einmal; dann wählen Sie die Fragen, die Ihnen bei Anmeldungen gestellt werden.",
  codeWord: "Codewort", codeWordHint: "Alle seine Wörter. Groß- und Kleinschreibung, Leerzeichen und Striche sind egal.",
  phoneAway: "Telefon nicht zur Hand?", code: "Code", codeHint: "Ein vorläufiger Code Ihres Helpdesks oder einer Ihrer Notfallcodes.",
  signedInAs: "Angemeldet als {user}.", signOut: "Abmelden", signedOut: "Sie sind abgemeldet.", sessionOver: "Ihre Sitzung ist beendet. Bitte melden Sie sich neu an.",
  questions: "Ihre Fragen", answered: "{n} beantwortet", progress: "{n} von {of} beantwortet", renewBadge: "{n} zu erneuern",
  chooseText: "Wählen Sie mindestens {n} Fragen und beantworten Sie sie. Bei einer Anmeldung werden {m} Zeichen einer Antwort verlangt.", enoughText: "Bei einer Anmeldung werden einige Zeichen einer dieser Antworten verlangt.",
  givenTitle: "Beantwortet", freeTitle: "Fragen zur Auswahl", setOn: "Gesetzt am {date}", renewSoon: "Schon oft gefragt: bitte erneuern.", retired: "Wird nicht mehr gefragt: bitte erneuern.",
  giveAnswer: "Frage beantworten", renewAnswer: "Antwort erneuern", answerHint: "Mindestens {n} Zeichen. Leerzeichen, Striche und Satzzeichen zählen nicht mit.",
  lettersText: "So werden Ihre Zeichen gezählt. Das wird nur dieses eine Mal gezeigt.", letters: "Nummerierte Zeichen", missing: "Noch {n} Fragen.", oneMissing: "Noch eine Frage.",
  enrolledNow: "Das genügt: ab jetzt melden Sie sich mit Ihren Antworten an. Ihr Codewort gilt nicht mehr.",
  e_network: "Der Server ist nicht erreichbar. Prüfen Sie Ihre Verbindung.", e_busy: "Zu viel auf einmal. Versuchen Sie es gleich noch einmal.", e_other: "Das hat nicht geklappt ({code}).",
  e_denied: "Zugang verweigert.", "e_not-offered": "Das gibt es hier nicht.", "e_signed-out": "Ihre Sitzung ist beendet. Bitte melden Sie sich neu an.",
  "e_proof-needed": "Bitte weisen Sie sich noch einmal aus.", "e_factor-too-weak": "Dafür braucht es einen stärkeren Faktor als den gezeigten.",
  "e_ask-admin": "Hier hilft nur Ihre Administration: bitten Sie um eine Einladung oder ein Codewort.",
  "e_no-such-question": "Diese Frage gibt es nicht mehr.", "e_too-few-left": "Beantworten Sie erst eine andere Frage: mit weniger Antworten könnten Sie sich nicht anmelden.",
  "e_answer-too-short": "Das ist zu kurz.", "e_answer-repeats": "Zu wenig verschiedene Zeichen: mindestens vier müssen es sein.", "e_answer-common": "Das antworten viele: es würde zuerst geraten. Wählen Sie etwas anderes, oder schreiben Sie es ausführlicher.",
  "e_answer-personal": "Ihren Namen, Ihre Kennung und Ihre Adresse errät jeder, der Sie kennt.", "e_answer-same": "Das ist die Antwort, die Sie schon haben.", "e_answer-twice": "Eine andere Ihrer Fragen hat diese Antwort.",
  "e_answer-unusable": "Darin sind Zeichen, die nicht gehen.",
};

export type Language = "de" | "en";
export type TextKey = keyof typeof en;
export type Translate = (key: TextKey, values?: Record<string, string | number>) => string;

export function translator(language: Language): Translate {
  const texts: Texts = { de, en }[language];
  return (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

export const hasText = (key: string): key is TextKey => Object.hasOwn(en, key);

/** The first of the browser's languages that the pages speak. */
export function preferredLanguage(languages: readonly string[]): Language {
  return languages.map((l) => l.slice(0, 2).toLowerCase()).find((l): l is Language => l === "de" || l === "en") ?? "en";
}
