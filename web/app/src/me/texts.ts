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
  enrolFirst: "Begin with your questions: without them you cannot log in.", phoneNext: "You can also add a phone now, on which you approve logins.",
  removeAnswer: "Remove this answer", commonWarning: "Many people give this answer, so that it is guessed more easily. You may renew it with a word added that only you would add.",
  pickSymbol: "Open the app on your phone and pick this symbol:", pickPair: "Open the app on your phone and pick these two symbols, in this order:",
  askInstead: "Answer a question instead",
  resend: "Send the message again", proofTitle: "Is it you?", proofText: "This changes how you log in. Please show once more that it is you; it holds for five minutes.",
  phones: "Your phones", noPhones: "No phone yet", addPhone: "Add a phone", firstPhoneAdmin: "Your administrator can invite a phone for you.", nextPhoneAdmin: "Another phone comes on the word of one that works. If none does, ask your administrator.",
  goOnConfirm: "Enter the check code of the new phone", state_inert: "Waits for its check code", state_active: "Ready", state_locked: "Locked", state_erased: "Locked for good: too many wrong PINs. Remove it and add it anew.",
  why_pin: "too many wrong PINs", why_cloned: "a copy of it was used. Ask your administrator", why_invitation: "its invitation was used twice. Remove it", why_removed: "removed on the phone itself", why_lost: "reported lost",
  since: "Added {date}.", lastSeen: "Last used {date}.", more: "Change", rename: "Rename", phoneName: "Name of the phone", lost: "Lost: lock it", unlock: "Unlock", removePhone: "Remove phone",
  removeText: "“{phone}” can then approve no more logins.", removeYes: "Remove", qrCode: "QR code of the invitation",
  scanText: "On the phone, scan the code below with the camera, or open {host}/app/ and scan it there.", pinText: "Choose a PIN on the phone.", checkText: "Then enter here the check code that the phone shows.",
  noCamera: "No camera?", typedText: "Open the app on the phone and type this code:", thisDevice: "Or open the invitation on this very device", waitingPhone: "Waiting for the phone …",
  confirmPhone: "Confirm the phone", confirmText: "The new phone shows eight letters. Type them here, so that nobody else's phone is taken for yours.", checkCode: "Check code", checkHint: "Eight letters; case and spaces do not matter.",
  otherCode: "Does the phone show no code, or say that the invitation is not valid? Then somebody else has used it: do not confirm, and tell your administrator.", confirm: "Confirm", phoneReady: "The phone is ready.",
  logins: "Recent logins", loginsShort: "When, where, and how they ended", loginsText: "The newest come first. If one was not you, say so: your administrator is alerted.", noLogins: "No logins yet.", letIn: "let in", refused: "refused",
  selfService: "Self-service", selfServiceChange: "Self-service: a change", from: "from", unknownPlace: "an unknown place", localUser: "local user {n}", notMe: "That was not me", notMeText: "Your administrator is alerted, and you get a notice on all your channels.", notMeYes: "It was not me",
  reported: "Thank you", reportedText: "Your administrator is alerted. Change your password now, if somebody may know it.", reportedLocked: "Your administrator is alerted, and your access is locked until this is cleared up.",
  recovery: "Recovery codes", recoveryText: "For the day on which your phone is lost: each code opens one login, after your password. Keep them on paper, apart from your computer.", codesLeft: "{n} codes left", noCodes: "No codes yet",
  recoveryNeeds: "To make codes you need a phone that works.", makeCodes: "Make {n} codes", newCodes: "Make {n} new codes", voidCodes: "End all codes", codesOnce: "These codes are shown this once. Print them or write them down now.",
  codesUse: "Type a code where a login asks for characters, or waits for your phone. Each can be used once, and you hear of it.", print: "Print", codesKept: "I have kept them",
  r_right: "right answer", "r_right-approval": "approved on the phone", "r_right-phone-code": "code of the phone", "r_right-code-word": "code word", "r_right-temporary": "temporary code", "r_right-recovery": "recovery code", "r_unenrolled-passed": "without second factor",
  "r_wrong-password": "wrong password", "r_wrong-answer": "wrong answer", "r_malformed-answer": "wrong answer", "r_wrong-code": "wrong code", "r_wrong-code-word": "wrong code word", "r_wrong-symbol": "wrong symbol on the phone", "r_approval-denied": "denied on the phone",
  "r_locked-pair": "locked for a time", "r_locked-user": "locked for a time", "r_locked-source": "locked for a time", "r_locked-for-good": "locked", "r_locked-by-admin": "locked", r_disabled: "disabled", r_expired: "expired", "r_not-enrolled": "not enrolled yet",
  "r_stale-token": "took too long", "r_pending-expired": "not confirmed on the phone", "r_pending-ended": "another login was chosen", "r_too-many-pending": "too many logins waited", "r_phone-locked": "phone locked", "r_replayed": "the same answer again", "r_too-many-rounds": "took too long", "r_answers-used-up": "answers used up",
  "e_no-such-device": "There is no such phone any more.", "e_no-such-login": "There is no such login any more.", "e_wrong-check-code": "The new phone shows another code.", "e_too-many-devices": "You have too many phones: remove one first.",
  "e_device-beyond-help": "That cannot be done with this phone.", "e_bad-request": "That cannot be used.",
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
  enrolFirst: "Beginnen Sie mit Ihren Fragen: ohne sie können Sie sich nicht anmelden.", phoneNext: "Sie können jetzt auch ein Telefon hinzufügen, auf dem Sie Anmeldungen bestätigen.",
  removeAnswer: "Antwort entfernen", commonWarning: "Diese Antwort geben viele, sie wird leichter geraten. Sie können sie erneuern und ein Wort hinzufügen, auf das nur Sie kommen.",
  pickSymbol: "Öffnen Sie die App auf Ihrem Telefon und wählen Sie dieses Symbol:", pickPair: "Öffnen Sie die App auf Ihrem Telefon und wählen Sie diese zwei Symbole, in dieser Reihenfolge:",
  askInstead: "Lieber eine Frage beantworten",
  resend: "Nachricht noch einmal senden", proofTitle: "Sind Sie es?", proofText: "Das ändert, wie Sie sich anmelden. Bitte weisen Sie sich noch einmal aus; es gilt fünf Minuten lang.",
  phones: "Ihre Telefone", noPhones: "Noch kein Telefon", addPhone: "Telefon hinzufügen", firstPhoneAdmin: "Ihre Administration kann ein Telefon für Sie einladen.", nextPhoneAdmin: "Ein weiteres fügen Sie mit einem Telefon hinzu, das funktioniert. Wenn keines geht, hilft Ihre Administration.",
  goOnConfirm: "Prüfcode des neuen Telefons eingeben", state_inert: "Wartet auf seinen Prüfcode", state_active: "Bereit", state_locked: "Gesperrt", state_erased: "Endgültig gesperrt: zu viele falsche PINs. Entfernen Sie es und fügen Sie es neu hinzu.",
  why_pin: "zu viele falsche PINs", why_cloned: "eine Kopie wurde benutzt. Fragen Sie Ihre Administration", why_invitation: "seine Einladung wurde zweimal benutzt. Entfernen Sie es", why_removed: "am Telefon selbst entfernt", why_lost: "als verloren gemeldet",
  since: "Hinzugefügt: {date}.", lastSeen: "Zuletzt benutzt: {date}.", more: "Ändern", rename: "Umbenennen", phoneName: "Name des Telefons", lost: "Verloren: sperren", unlock: "Entsperren", removePhone: "Telefon entfernen",
  removeText: "„{phone}“ kann dann keine Anmeldungen mehr bestätigen.", removeYes: "Entfernen", qrCode: "QR-Code der Einladung",
  scanText: "Scannen Sie den Code unten mit der Kamera des Telefons, oder öffnen Sie dort {host}/app/ und scannen Sie ihn da.", pinText: "Wählen Sie auf dem Telefon eine PIN.", checkText: "Geben Sie dann hier den Prüfcode ein, den das Telefon zeigt.",
  noCamera: "Keine Kamera?", typedText: "Öffnen Sie die App auf dem Telefon und tippen Sie diesen Code ein:", thisDevice: "Oder die Einladung auf diesem Gerät öffnen", waitingPhone: "Warte auf das Telefon …",
  confirmPhone: "Telefon bestätigen", confirmText: "Das neue Telefon zeigt acht Buchstaben. Geben Sie sie hier ein, damit kein fremdes Telefon für Ihres gehalten wird.", checkCode: "Prüfcode", checkHint: "Acht Buchstaben; Groß- und Kleinschreibung und Leerzeichen sind egal.",
  otherCode: "Zeigt das Telefon keinen Code, oder sagt es, die Einladung sei nicht gültig? Dann hat sie jemand anders benutzt: bestätigen Sie nicht, und sagen Sie es Ihrer Administration.", confirm: "Bestätigen", phoneReady: "Das Telefon ist bereit.",
  logins: "Letzte Anmeldungen", loginsShort: "Wann, wo und wie sie endeten", loginsText: "Die neueste steht oben. Waren Sie eine nicht selbst, sagen Sie es: Ihre Administration wird gewarnt.", noLogins: "Noch keine Anmeldungen.", letIn: "zugelassen", refused: "abgewiesen",
  selfService: "Selbstbedienung", selfServiceChange: "Selbstbedienung: eine Änderung", from: "von", unknownPlace: "unbekanntem Ort", localUser: "lokalem Benutzer {n}", notMe: "Das war ich nicht", notMeText: "Ihre Administration wird gewarnt, und Sie bekommen auf allen Wegen einen Hinweis.", notMeYes: "Ich war es nicht",
  reported: "Danke", reportedText: "Ihre Administration ist gewarnt. Ändern Sie jetzt Ihr Passwort, falls es jemand kennen könnte.", reportedLocked: "Ihre Administration ist gewarnt, und Ihr Zugang ist gesperrt, bis das geklärt ist.",
  recovery: "Notfallcodes", recoveryText: "Für den Tag, an dem Ihr Telefon verloren ist: jeder Code öffnet eine Anmeldung, nach Ihrem Passwort. Bewahren Sie sie auf Papier auf, getrennt vom Computer.", codesLeft: "{n} Codes übrig", noCodes: "Noch keine Codes",
  recoveryNeeds: "Um Codes zu erzeugen, brauchen Sie ein Telefon, das funktioniert.", makeCodes: "{n} Codes erzeugen", newCodes: "{n} neue Codes erzeugen", voidCodes: "Alle Codes beenden", codesOnce: "Diese Codes werden nur dieses eine Mal gezeigt. Drucken Sie sie jetzt, oder schreiben Sie sie ab.",
  codesUse: "Geben Sie einen Code ein, wo eine Anmeldung Zeichen verlangt oder auf Ihr Telefon wartet. Jeder gilt einmal, und Sie erfahren davon.", print: "Drucken", codesKept: "Ich habe sie aufbewahrt",
  r_right: "richtige Antwort", "r_right-approval": "auf dem Telefon bestätigt", "r_right-phone-code": "Code des Telefons", "r_right-code-word": "Codewort", "r_right-temporary": "vorläufiger Code", "r_right-recovery": "Notfallcode", "r_unenrolled-passed": "ohne zweiten Faktor",
  "r_wrong-password": "falsches Passwort", "r_wrong-answer": "falsche Antwort", "r_malformed-answer": "falsche Antwort", "r_wrong-code": "falscher Code", "r_wrong-code-word": "falsches Codewort", "r_wrong-symbol": "falsches Symbol auf dem Telefon", "r_approval-denied": "auf dem Telefon abgelehnt",
  "r_locked-pair": "für eine Zeit gesperrt", "r_locked-user": "für eine Zeit gesperrt", "r_locked-source": "für eine Zeit gesperrt", "r_locked-for-good": "gesperrt", "r_locked-by-admin": "gesperrt", r_disabled: "abgeschaltet", r_expired: "abgelaufen", "r_not-enrolled": "noch nicht eingerichtet",
  "r_stale-token": "dauerte zu lang", "r_pending-expired": "auf dem Telefon nicht bestätigt", "r_pending-ended": "andere Anmeldung gewählt", "r_too-many-pending": "zu viele Anmeldungen warteten", "r_phone-locked": "Telefon gesperrt", "r_replayed": "dieselbe Antwort noch einmal", "r_too-many-rounds": "dauerte zu lang", "r_answers-used-up": "Antworten verbraucht",
  "e_no-such-device": "Dieses Telefon gibt es nicht mehr.", "e_no-such-login": "Diese Anmeldung gibt es nicht mehr.", "e_wrong-check-code": "Das neue Telefon zeigt einen anderen Code.", "e_too-many-devices": "Sie haben zu viele Telefone: entfernen Sie erst eines.",
  "e_device-beyond-help": "Das geht mit diesem Telefon nicht.", "e_bad-request": "Das geht so nicht.",
  e_network: "Der Server ist nicht erreichbar. Prüfen Sie Ihre Verbindung.", e_busy: "Zu viel auf einmal. Versuchen Sie es gleich noch einmal.", e_other: "Das hat nicht geklappt ({code}).",
  e_denied: "Zugang verweigert.", "e_not-offered": "Das gibt es hier nicht.", "e_signed-out": "Ihre Sitzung ist beendet. Bitte melden Sie sich neu an.",
  "e_proof-needed": "Bitte weisen Sie sich noch einmal aus.", "e_factor-too-weak": "Dafür braucht es einen stärkeren Faktor als den gezeigten.",
  "e_ask-admin": "Hier hilft nur Ihre Administration: bitten Sie um eine Einladung oder ein Codewort.",
  "e_no-such-question": "Diese Frage gibt es nicht mehr.", "e_too-few-left": "Beantworten Sie erst eine andere Frage: mit weniger Antworten könnten Sie sich nicht anmelden.",
  "e_answer-too-short": "Das ist zu kurz.", "e_answer-repeats": "Zu wenige verschiedene Zeichen: mindestens vier müssen es sein.", "e_answer-common": "Das antworten viele: es würde zuerst geraten. Wählen Sie etwas anderes, oder schreiben Sie es ausführlicher.",
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
