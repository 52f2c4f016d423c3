// Every text of the app, in both languages. A text that is missing in one is an error of types.

const en = {
  language: "English",
  ids: "Your IDs", addId: "Add an ID", back: "Back", close: "Done", cancel: "Cancel", retry: "Try again", loading: "One moment …",
  welcome: "Approve logins with this phone",
  welcomeText: "Whoever runs your login service gives you an invitation: a QR code, a link, or a code to type.",
  scan: "Scan the QR code", typeCode: "Type the code", code: "Invitation code", codeHint: "Nine groups of five letters and digits. Case and dashes do not matter.",
  scanning: "Point the camera at the QR code of the invitation.", cameraRefused: "The camera is not available. Allow it in the settings, or type the code.",
  notInvitation: "This is no invitation.", typo: "A letter is wrong: compare the code once more.", newerInvitation: "This invitation needs a newer app.",
  otherAppliance: "This invitation belongs to another address. Open it there:",
  otherNotListed: "This app may not talk to {host}. Your administrator can allow that.",
  elsewhere: "This is another appliance than the one that this app is from.", whichAppliance: "Address of the appliance",
  notLetIn: "{host} does not answer this app. Check your connection. If it is all right, the administrator of {host} has yet to let {app} in.",
  confirmAdd: "Add this ID?", confirmAddText: "The invitation can be used once only, and only on this device.", deviceName: "Name of this device", add: "Add",
  installFirst: "Install the app first",
  installIos: "On iPhone and iPad: tap Share, then “Add to Home Screen”, open Latchkey from there, and scan the code inside the app. What is set up in Safari is not there in the app.",
  installOther: "Installed, the app opens like any other and can notify you.", install: "Install",
  choosePin: "Choose a PIN", choosePinText: "You need it for each approval. It never leaves this device.",
  pin: "PIN", pinAgain: "PIN once more", pinDigits: "At least {n} digits.", passphrase: "Passphrase", passphraseAgain: "Passphrase once more", passphraseHint: "8 to 64 characters.",
  usePassphrase: "Use a passphrase instead", useDigits: "Use digits instead", setPin: "Set PIN", pinDiffers: "The two are not the same.",
  short: "That is too short.", long: "That is too long.", text: "It has characters that not every keyboard has.",
  same: "Too few different characters: among the first that are tried.", sequence: "A sequence: among the first that are tried.", repeat: "A repetition: among the first that are tried.",
  mirror: "The same forwards and backwards: among the first that are tried.", date: "It looks like a date: among the first that are tried.",
  keypad: "A pattern on the keys: among the first that are tried.", number: "A well-known number: among the first that are tried.", word: "A well-known word: among the first that are tried.",
  makingKey: "Making your key …", checkCode: "Your check code", checkCodeText: "Read this code to your administrator. As soon as it is confirmed, you can approve logins here.", waitingConfirm: "Waiting to be confirmed …",
  active: "This ID is ready.", setupUnfinished: "PIN not set yet", inert: "Waits to be confirmed",
  logins: "Waiting logins", noLogins: "No login is waiting", noLoginsText: "When you log in somewhere, it appears here.",
  messageTitle: "Message {mark}", messageHint: "Type the characters where your login names message {mark}. If you have begun no login, type them nowhere and tell your administrator.",
  waitingCount: "{n} waiting", service: "Service", host: "Host", source: "From", time: "Time", left: "Time left", unknownSource: "unknown", localUser: "local user {n}",
  approve: "Approve with PIN", deny: "Deny", denyTitle: "Why do you deny it?", denyCancel: "Cancel this login", denyNotMe: "This was not me", denyNotMeText: "“This was not me” raises an alert.",
  enterPin: "Enter your PIN", next: "Next", wrongPin: "Wrong PIN.", triesLeft: "Wrong PIN. {n} more tries.", lastTry: "Wrong PIN. One more try.", noTries: "Wrong PIN. No more tries: your administrator can unlock this device.",
  pickSymbol: "Which symbol does the login show?", pickSymbolText: "A wrong one ends the login.", twoLogins: "Two logins are waiting. Choose the symbol that YOU see; the other login ends.", noSymbol: "I see no symbol",
  pickPair: "Which two symbols does the login show?", pickEither: "Which symbols does YOUR login show?", pickPairText: "In the same order. A wrong one ends the login.",
  firstSymbol: "Tap the first symbol.", secondSymbol: "First: {name}. Now the second symbol.", onlyOne: "My login shows this one only",
  codeLogin: "Show a code for the login?", codeLoginText: "This login shows no symbol. It takes a code, which you type there.", showCode: "Approve and show the code", twoCodeLogins: "Two logins are waiting. Approve only YOUR OWN; the other login ends.",
  codeText: "Log in again: your password, a comma, this code, without a space. If the login has a field for the code, type it there.",
  approved: "Logged in", approvedText: "The login goes through.", codeTitle: "Type this code at the login", denied: "Denied", deniedText: "The login was cancelled.", notMeText: "The login was refused and your administrator is alerted.",
  wrongSymbol: "Wrong symbol", wrongSymbolText: "The login has ended. If it was yours, begin again.", ended: "This login has ended", endedText: "It was answered elsewhere, or its time ran out.",
  history: "History", noHistory: "No logins yet.", r_approved: "approved", r_cancel: "cancelled", "r_not-me": "not me", "r_wrong-symbol": "wrong symbol", "r_other-chosen": "another was chosen", r_expired: "expired",
  manage: "Manage this ID", renewKey: "Renew key", renewText: "Makes a new key in place of the one on this device. The PIN stays.", renewed: "The key is renewed.",
  changePin: "Change PIN", currentPin: "Current PIN", pinChanged: "The PIN is changed.", rename: "Rename this device", renamed: "The name is changed.", save: "Save",
  remove: "Remove this ID", removeText: "This device can then approve no more logins for {user}. For a new start you need a new invitation.", removeYes: "Remove", removed: "The ID is removed.",
  removeHere: "Remove from this device only", removeOffline: "The appliance cannot be reached. Removed here only, the device stays listed there.",
  notify: "Turn on notifications", notifyText: "So that you hear of a login while the app is closed. Notifications tell nothing about it.", notified: "Notifications are on.", notifyRefused: "Notifications are not allowed. Change that in the settings of the browser.",
  pushTitle: "A login is waiting", pushBody: "Open the app to answer.", pushNone: "No login is waiting any more.",
  offline: "No connection: waiting for the appliance.", online: "Connected again.",
  e_network: "The appliance cannot be reached. Check your connection.", e_protocol: "The appliance gave an answer that this app does not understand. It may need an update.", e_other: "That did not work ({code}).",
  "e_invitation-void": "This invitation is not valid any more. Ask for a new one.", "e_device-cloned": "This device was locked, because a copy of it was used. Tell your administrator.",
  "e_device-locked": "This device is locked. Your administrator can unlock it.", "e_device-revoked": "This device was revoked. Remove the ID here and ask for a new invitation.",
  "e_device-inert": "This device still waits to be confirmed.", "e_pin-locked": "Too many wrong PINs: this device is locked. Your administrator can unlock it.",
  "e_pin-erased": "Too many wrong PINs: the key of this device was erased. Ask for a new invitation.", "e_unknown-device": "The appliance does not know this device. Remove the ID here and ask for a new invitation.",
  "e_too-many-calls": "This device has asked too often. Wait a moment and try again.", "e_busy": "The appliance is busy. Try again in a moment.", "e_app-outdated": "This login shows two symbols, and this app is too old for that. Close the app and open it again.", "e_subscription-refused": "The appliance does not accept notifications by this browser.",
  footer: "Language", unsupported: "This browser is too old for the app.",
};

type Texts = Record<keyof typeof en, string>;

const de: Texts = {
  language: "Deutsch",
  ids: "Ihre IDs", addId: "ID hinzufügen", back: "Zurück", close: "Fertig", cancel: "Abbrechen", retry: "Noch einmal", loading: "Einen Moment …",
  welcome: "Anmeldungen mit diesem Telefon bestätigen",
  welcomeText: "Wer Ihren Anmeldedienst betreibt, gibt Ihnen eine Einladung: einen QR-Code, einen Link oder einen Code zum Abtippen.",
  scan: "QR-Code scannen", typeCode: "Code eintippen", code: "Einladungscode", codeHint: "Neun Gruppen zu fünf Buchstaben und Ziffern. Groß- und Kleinschreibung und Striche sind egal.",
  scanning: "Richten Sie die Kamera auf den QR-Code der Einladung.", cameraRefused: "Die Kamera ist nicht verfügbar. Erlauben Sie sie in den Einstellungen, oder tippen Sie den Code ein.",
  notInvitation: "Das ist keine Einladung.", typo: "Ein Zeichen stimmt nicht: vergleichen Sie den Code noch einmal.", newerInvitation: "Diese Einladung braucht eine neuere App.",
  otherAppliance: "Diese Einladung gehört zu einer anderen Adresse. Öffnen Sie sie dort:",
  otherNotListed: "Diese App darf nicht mit {host} sprechen. Ihre Administration kann das erlauben.",
  elsewhere: "Das ist ein anderer Server als der, von dem diese App kommt.", whichAppliance: "Adresse des Servers",
  notLetIn: "{host} antwortet dieser App nicht. Prüfen Sie Ihre Verbindung. Ist sie in Ordnung, muss die Administration von {host} erst {app} zulassen.",
  confirmAdd: "Diese ID hinzufügen?", confirmAddText: "Die Einladung gilt nur einmal und nur auf diesem Gerät.", deviceName: "Name dieses Geräts", add: "Hinzufügen",
  installFirst: "Erst die App installieren",
  installIos: "Auf iPhone und iPad: auf „Teilen“ tippen, dann „Zum Home-Bildschirm“, Latchkey von dort öffnen und den Code in der App scannen. Was in Safari eingerichtet wurde, ist in der App nicht da.",
  installOther: "Installiert öffnet sich die App wie jede andere und kann Sie benachrichtigen.", install: "Installieren",
  choosePin: "PIN wählen", choosePinText: "Sie brauchen sie für jede Bestätigung. Sie verlässt dieses Gerät nie.",
  pin: "PIN", pinAgain: "PIN noch einmal", pinDigits: "Mindestens {n} Ziffern.", passphrase: "Passphrase", passphraseAgain: "Passphrase noch einmal", passphraseHint: "8 bis 64 Zeichen.",
  usePassphrase: "Lieber eine Passphrase", useDigits: "Lieber Ziffern", setPin: "PIN festlegen", pinDiffers: "Die beiden sind nicht gleich.",
  short: "Das ist zu kurz.", long: "Das ist zu lang.", text: "Darin sind Zeichen, die nicht jede Tastatur hat.",
  same: "Zu wenige verschiedene Zeichen: das wird zuerst probiert.", sequence: "Eine Reihe: das wird zuerst probiert.", repeat: "Eine Wiederholung: das wird zuerst probiert.",
  mirror: "Vorwärts wie rückwärts: das wird zuerst probiert.", date: "Sieht aus wie ein Datum: das wird zuerst probiert.",
  keypad: "Ein Muster auf den Tasten: das wird zuerst probiert.", number: "Eine bekannte Zahl: das wird zuerst probiert.", word: "Ein bekanntes Wort: das wird zuerst probiert.",
  makingKey: "Ihr Schlüssel entsteht …", checkCode: "Ihr Prüfcode", checkCodeText: "Lesen Sie diesen Code Ihrer Administration vor. Sobald er bestätigt ist, können Sie hier Anmeldungen bestätigen.", waitingConfirm: "Wartet auf die Bestätigung …",
  active: "Diese ID ist bereit.", setupUnfinished: "PIN fehlt noch", inert: "Wartet auf die Bestätigung",
  logins: "Wartende Anmeldungen", noLogins: "Keine Anmeldung wartet", noLoginsText: "Wenn Sie sich irgendwo anmelden, erscheint es hier.",
  messageTitle: "Nachricht {mark}", messageHint: "Tippen Sie die Zeichen dort ein, wo Ihre Anmeldung die Nachricht {mark} nennt. Haben Sie keine Anmeldung begonnen, tippen Sie sie nirgends ein und sagen Sie es Ihrer Administration.",
  waitingCount: "{n} wartend", service: "Dienst", host: "Rechner", source: "Von", time: "Zeit", left: "Restzeit", unknownSource: "unbekannt", localUser: "lokaler Benutzer {n}",
  approve: "Mit PIN bestätigen", deny: "Ablehnen", denyTitle: "Warum lehnen Sie ab?", denyCancel: "Anmeldung abbrechen", denyNotMe: "Das war ich nicht", denyNotMeText: "„Das war ich nicht“ löst einen Alarm aus.",
  enterPin: "PIN eingeben", next: "Weiter", wrongPin: "Falsche PIN.", triesLeft: "Falsche PIN. Noch {n} Versuche.", lastTry: "Falsche PIN. Noch ein Versuch.", noTries: "Falsche PIN. Kein Versuch mehr: Ihre Administration kann das Gerät entsperren.",
  pickSymbol: "Welches Symbol zeigt die Anmeldung?", pickSymbolText: "Ein falsches beendet die Anmeldung.", twoLogins: "Zwei Anmeldungen warten. Wählen Sie das Symbol, das SIE sehen; die andere Anmeldung endet.", noSymbol: "Ich sehe kein Symbol",
  pickPair: "Welche zwei Symbole zeigt die Anmeldung?", pickEither: "Welche Symbole zeigt IHRE Anmeldung?", pickPairText: "In derselben Reihenfolge. Ein falsches beendet die Anmeldung.",
  firstSymbol: "Tippen Sie auf das erste Symbol.", secondSymbol: "Erstes: {name}. Jetzt das zweite Symbol.", onlyOne: "Meine Anmeldung zeigt nur dieses",
  codeLogin: "Code für die Anmeldung zeigen?", codeLoginText: "Diese Anmeldung zeigt kein Symbol. Sie braucht einen Code, den Sie dort eintippen.", showCode: "Bestätigen und Code zeigen", twoCodeLogins: "Zwei Anmeldungen warten. Bestätigen Sie nur IHRE EIGENE; die andere Anmeldung endet.",
  codeText: "Melden Sie sich noch einmal an: Ihr Passwort, ein Komma, dieser Code, ohne Leerzeichen. Hat die Anmeldung ein Feld für den Code, tippen Sie ihn dort ein.",
  approved: "Angemeldet", approvedText: "Die Anmeldung geht durch.", codeTitle: "Tippen Sie diesen Code bei der Anmeldung ein", denied: "Abgelehnt", deniedText: "Die Anmeldung wurde abgebrochen.", notMeText: "Die Anmeldung wurde abgewiesen, Ihre Administration ist gewarnt.",
  wrongSymbol: "Falsches Symbol", wrongSymbolText: "Die Anmeldung ist beendet. War es Ihre, beginnen Sie von vorn.", ended: "Diese Anmeldung ist beendet", endedText: "Sie wurde anderswo beantwortet, oder ihre Zeit ist um.",
  history: "Verlauf", noHistory: "Noch keine Anmeldungen.", r_approved: "bestätigt", r_cancel: "abgebrochen", "r_not-me": "war ich nicht", "r_wrong-symbol": "falsches Symbol", "r_other-chosen": "andere gewählt", r_expired: "abgelaufen",
  manage: "Diese ID verwalten", renewKey: "Schlüssel erneuern", renewText: "Macht einen neuen Schlüssel anstelle dessen auf diesem Gerät. Die PIN bleibt.", renewed: "Der Schlüssel ist erneuert.",
  changePin: "PIN ändern", currentPin: "Bisherige PIN", pinChanged: "Die PIN ist geändert.", rename: "Gerät umbenennen", renamed: "Der Name ist geändert.", save: "Speichern",
  remove: "Diese ID entfernen", removeText: "Dieses Gerät kann dann keine Anmeldungen für {user} mehr bestätigen. Für einen neuen Anfang brauchen Sie eine neue Einladung.", removeYes: "Entfernen", removed: "Die ID ist entfernt.",
  removeHere: "Nur von diesem Gerät entfernen", removeOffline: "Der Server ist nicht erreichbar. Nur hier entfernt, bleibt das Gerät dort verzeichnet.",
  notify: "Benachrichtigungen einschalten", notifyText: "Damit Sie von einer Anmeldung hören, wenn die App zu ist. Die Nachricht verrät nichts über sie.", notified: "Benachrichtigungen sind an.", notifyRefused: "Benachrichtigungen sind nicht erlaubt. Das ändern Sie in den Einstellungen des Browsers.",
  pushTitle: "Eine Anmeldung wartet", pushBody: "Öffnen Sie die App, um zu antworten.", pushNone: "Keine Anmeldung wartet mehr.",
  offline: "Keine Verbindung: warte auf den Server.", online: "Wieder verbunden.",
  e_network: "Der Server ist nicht erreichbar. Prüfen Sie Ihre Verbindung.", e_protocol: "Der Server hat etwas geantwortet, das diese App nicht versteht. Vielleicht braucht sie eine Aktualisierung.", e_other: "Das hat nicht geklappt ({code}).",
  "e_invitation-void": "Diese Einladung gilt nicht mehr. Bitten Sie um eine neue.", "e_device-cloned": "Das Gerät wurde gesperrt, weil eine Kopie von ihm benutzt wurde. Sagen Sie es Ihrer Administration.",
  "e_device-locked": "Dieses Gerät ist gesperrt. Ihre Administration kann es entsperren.", "e_device-revoked": "Dieses Gerät wurde widerrufen. Entfernen Sie die ID hier und bitten Sie um eine neue Einladung.",
  "e_device-inert": "Dieses Gerät wartet noch auf die Bestätigung.", "e_pin-locked": "Zu viele falsche PINs: das Gerät ist gesperrt. Ihre Administration kann es entsperren.",
  "e_pin-erased": "Zu viele falsche PINs: der Schlüssel dieses Geräts wurde gelöscht. Bitten Sie um eine neue Einladung.", "e_unknown-device": "Der Server kennt dieses Gerät nicht. Entfernen Sie die ID hier und bitten Sie um eine neue Einladung.",
  "e_too-many-calls": "Dieses Gerät hat zu oft gefragt. Warten Sie einen Moment und versuchen Sie es noch einmal.", "e_busy": "Der Server ist beschäftigt. Versuchen Sie es gleich noch einmal.", "e_app-outdated": "Diese Anmeldung zeigt zwei Symbole, und diese App ist dafür zu alt. Schließen Sie die App und öffnen Sie sie wieder.", "e_subscription-refused": "Der Server nimmt Benachrichtigungen über diesen Browser nicht an.",
  footer: "Sprache", unsupported: "Dieser Browser ist zu alt für die App.",
};

export type Language = "de" | "en";
export type TextKey = keyof typeof en;
export type Translate = (key: TextKey, values?: Record<string, string | number>) => string;

export function translator(language: Language): Translate {
  const texts: Texts = { de, en }[language];
  return (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

export const hasText = (key: string): key is TextKey => Object.hasOwn(en, key);

/** The first of the browser's languages that the app speaks. */
export function preferredLanguage(languages: readonly string[]): Language {
  return languages.map((l) => l.slice(0, 2).toLowerCase()).find((l): l is Language => l === "de" || l === "en") ?? "en";
}
