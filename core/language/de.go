package language

import (
	_ "embed"
	"strconv"
)

//go:embed words/de.txt
var germanWords string

var german = Language{
	Tag:          German,
	Name:         "Deutsch",
	ordinal:      func(n int) string { return strconv.Itoa(n) + "." },
	and:          "und",
	last:         "letzte",
	secondToLast: "vorletzte",
	ascii:        map[rune]string{'ä': "ae", 'ö': "oe", 'ü': "ue", 'Ä': "Ae", 'Ö': "Oe", 'Ü': "Ue"},
	words:        dictionary(germanWords),
	Texts: Texts{
		Denied:          "Zugang verweigert.",
		NotEnrolled:     "Sie sind noch nicht eingerichtet: Bitte wenden Sie sich an Ihren Administrator.",
		TooManyRounds:   "Zu viele Versuche in einer Anmeldung. Bitte beginnen Sie neu.",
		OtherLogin:      "Es warten schon andere Anmeldungen auf Ihr Telefon. Bitte versuchen Sie es gleich noch einmal.",
		PhoneLocked:     "Ihr Telefon ist gesperrt: Bitte wenden Sie sich an Ihren Administrator.",
		PhoneLockedCode: "Ihr Telefon ist gesperrt. Bitte geben Sie Ihren vorläufigen Code ein.",
		CodeOnPhone:     "Bitte auf dem Telefon bestätigen, dann noch einmal anmelden mit Passwort,CODE.",
		PhoneSilent:     "Auf dem Telefon wurde nicht bestätigt.",
		Unavailable:     "Die Anmeldung ist im Augenblick nicht möglich. Bitte versuchen Sie es gleich noch einmal.",
		reference:       "Ref. {reference}",

		Password:       "Passwort: ",
		appWait:        "Symbol: {symbol}. Bitte in der App wählen, dann Enter drücken",
		appStill:       "Symbol: {symbol}. Noch keine Bestätigung ({round}). Bitte in der App wählen, dann Enter drücken",
		appPair:        "Symbole: {symbol}. Bitte beide in dieser Reihenfolge in der App wählen, dann Enter drücken",
		appPairStill:   "Symbole: {symbol}. Noch keine Bestätigung ({round}). Bitte beide in dieser Reihenfolge in der App wählen, dann Enter drücken",
		appFallback:    " (oder p tippen für eine Frage)",
		MessageSent:    "Eine Nachricht ist an Sie unterwegs.",
		MessageAgain:   "Mit «resend» wird die Nachricht noch einmal gesendet.",
		MessageLimit:   "Zu viele Nachrichten in kurzer Zeit. Bitte versuchen Sie es später noch einmal.",
		messageBehind:  "Bitte noch einmal anmelden mit Passwort,ZEICHEN: den Zeichen aus Nachricht {mark}.",
		MessageNowhere: "Für Sie ist keine Nummer oder Adresse hinterlegt: Bitte wenden Sie sich an Ihren Administrator.",
		TemporaryCode:  "Bitte geben Sie Ihren vorläufigen Code ein.",

		renewSoon:        "Bitte erneuern Sie bald die Antwort auf «{question}».",
		PressedAnswers:   "Ihre Antworten sind verbraucht: Bitte geben Sie neue, bevor Sie sich wieder anmelden.",
		CodeWordUsed:     "Ihr Codewort ist jetzt verbraucht: Bitte geben Sie Ihre Antworten.",
		noticeLocked:     "Ihr Zugang ist nach mehreren falschen Antworten gesperrt bis {until}. Wenn Sie das nicht selbst waren, sagen Sie es Ihrem Administrator.",
		NoticeLockedGood: "Ihr Zugang ist nach mehreren falschen Antworten gesperrt. Nur Ihr Administrator kann ihn wieder öffnen.",
		noticeNewSource:  "Anmeldung von einem neuen Ort: {source}. Wenn Sie das nicht selbst waren, sagen Sie es Ihrem Administrator.",
		noticeChanged:    "Geändert wurde: {what}. Wenn Sie das nicht selbst waren, sagen Sie es Ihrem Administrator.",
		NoticeInvited:    "Für Ihren Zugang kann jetzt ein neues Telefon eingerichtet werden. Wenn Sie das nicht wollten, sagen Sie es Ihrem Administrator.",
		noticeDevice:     "Zu Ihrem Zugang: {what}. Wenn Sie das nicht selbst waren, sagen Sie es Ihrem Administrator.",
		noticeFallback:   "Anmeldung mit einer Frage statt mit dem Telefon, von: {source}. Wenn Sie das nicht selbst waren, sagen Sie es Ihrem Administrator.",
		NoticeTemporary:  "Für Ihren Zugang wurde ein vorläufiger Code ausgegeben. Wenn Sie keinen wollten, sagen Sie es Ihrem Administrator.",
		noticeMore:       "(Seit dem letzten Hinweis dieser Art: {number} weitere.)",
		things: map[string]string{
			"phone": "Telefonnummer", "mail": "Mailadresse", "password": "Passwort", "answer": "eine Antwort", "answers": "Antworten",
			"code word": "Codewort", "language": "Sprache", "deliver": "Weg der Nachrichten",
			"activated": "aktiviert", "renamed": "umbenannt", "unlocked": "entsperrt", "removed": "entfernt", "locked": "gesperrt",
		},
		MessageSubject:  "PINphrase",
		CodeWordSubject: "Ihr Codewort",
		NoticeSubject:   "Hinweis zu Ihrem Zugang",
	},
	PINphrase: PINphrase{
		Prompt:         "PINphrase: Bitte wählen Sie das {positions} Zeichen {phrase}.",
		Message:        "PINphrase: Bitte geben Sie das {positions} Zeichen {phrase} ein.",
		MarkPrompt:     "PINphrase: Bitte geben Sie die in Nachricht {mark} verlangten Zeichen ein.",
		CodeWordLabel:  "Codewort",
		CodeWordPhrase: "von Ihrem Codewort",
	},
	Handover: Handover{
		mail: "Guten Tag,\n\nIhre Anmeldung braucht Antworten, die nur Sie kennen. Bitte geben Sie diese bis {until} auf der Seite {url} ein, als {user} und mit Ihrem Codewort.\n\n" +
			"Die erste Hälfte Ihres Codeworts: {half}\n\nDie zweite Hälfte sagt Ihnen Ihr Helpdesk am Telefon oder persönlich, nie per Mail. Schreiben Sie beide hintereinander.\n",
		mailBare: "Guten Tag,\n\nbei Ihrer ersten Anmeldung als {user} werden Sie bis {until} nach Zeichen Ihres Codeworts gefragt.\n\n" +
			"Die erste Hälfte Ihres Codeworts: {half}\n\nDie zweite Hälfte sagt Ihnen Ihr Helpdesk am Telefon oder persönlich, nie per Mail. Schreiben Sie beide hintereinander.\n",
		LetterTitle: "Ihre Anmeldung",
		letterIntro: "Ab jetzt fragt Ihre Anmeldung nach mehr als einem Passwort: nach einzelnen Zeichen von Antworten, die nur Sie kennen. Bitte geben Sie diese Antworten einmal ein, spätestens am {until}.",
		LetterBare:  "Bei Ihrer ersten Anmeldung werden Sie nach einzelnen Zeichen dieses Codeworts gefragt.",
		LetterSteps: []string{
			"Öffnen Sie diese Seite: mit dem Code daneben oder über ihre Adresse.",
			"Geben Sie Ihren Benutzernamen und Ihr Codewort ein.",
			"Beantworten Sie die Fragen. Wählen Sie Antworten, die andere nicht erraten; fügen Sie ein Wort hinzu, auf das nur Sie kommen.",
		},
		LetterUser: "Benutzername", LetterWord: "Codewort", LetterPage: "Seite",
		letterEnd:  "Das Codewort gilt, bis Sie Ihre Antworten gegeben haben, längstens bis {until}. Vernichten Sie danach diesen Brief.",
		LetterCare: "Niemand ruft Sie an oder schreibt Ihnen, um nach dem Codewort oder nach Zeichen Ihrer Antworten zu fragen. Wer das tut, ist ein Betrüger.",
	},
	Weak: Weak{
		Unusable:   "Diese Antwort ist nicht brauchbar: Bitte geben Sie 1 bis 64 Buchstaben oder Ziffern ein.",
		short:      "Diese Antwort ist zu kurz: Sie hat {have} Zeichen und braucht {need}.",
		fewLetters: "Diese Antwort wiederholt sich: Sie hat {have} verschiedene Buchstaben und braucht {need}.",
		Common:     "Diese Antwort geben viele. Besser fügen Sie ein Wort hinzu, auf das nur Sie kommen.",
		Personal:   "Diese Antwort errät, wer Ihren Namen, Ihre Nummer oder Ihre Adresse kennt. Bitte wählen Sie eine andere.",
	},
	Changes: Changes{
		FirstAnswers:  "Ihre ersten Antworten",
		RecoveryVoid:  "die Notfallcodes gelten nicht mehr",
		answerSet:     "Antwort auf «{question}» gesetzt",
		answerRemoved: "Antwort auf «{question}» entfernt",
		phoneAdded:    "«{phone}» hinzugefügt",
		phoneRenamed:  "heißt jetzt «{phone}»",
		phoneUnlocked: "«{phone}» entsperrt",
		phoneLocked:   "«{phone}» als verloren gesperrt",
		phoneRemoved:  "«{phone}» entfernt",
		RecoveryMade:  "neue Notfallcodes",
		RecoveryUsed:  "ein Notfallcode wurde benutzt",
		passwordSet:   "neues Passwort vom Administrator",
		codeWordMade:  "neues Codewort vom Administrator",
		resetDone:     "alle Antworten und Telefone vom Administrator entfernt, neues Codewort",
		NotMe:         "eine Anmeldung wurde als fremd gemeldet",
		NotMeLocked:   "eine Anmeldung wurde als fremd gemeldet, und Ihr Zugang ist gesperrt, bis Ihr Administrator ihn öffnet",
		phonePIN:      "Telefon «{phone}» nach zu vielen falschen PINs gesperrt",
		phoneErased:   "Schlüssel von Telefon «{phone}» nach zu vielen falschen PINs gelöscht",
		phoneCloned:   "eine Kopie von Telefon «{phone}» wurde benutzt, es ist gesperrt",
		phoneTwice:    "die Einladung von Telefon «{phone}» wurde zweimal benutzt, es ist gesperrt",
	},
}
