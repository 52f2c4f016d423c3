package language

import (
	_ "embed"
	"strconv"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed words/en.txt
var englishWords string

var english = Language{
	Tag:          English,
	Name:         "English",
	ordinal:      englishOrdinal,
	and:          "and",
	last:         "last",
	secondToLast: "second to last",
	words:        dictionary(englishWords),
	Texts: Texts{
		Denied:          "Access denied.",
		NotEnrolled:     "You are not enrolled yet: please ask your administrator.",
		TooManyRounds:   "Too many rounds in one login. Please start again.",
		OtherLogin:      "Other logins are waiting for your phone. Please try again in a moment.",
		PhoneLocked:     "Your phone is locked: please ask your administrator.",
		PhoneLockedCode: "Your phone is locked. Please enter your temporary code.",
		CodeOnPhone:     "Approve on your phone, then log in again with password,CODE.",
		PhoneSilent:     "Nobody has confirmed on the phone.",
		Unavailable:     "Logging in is not possible at the moment. Please try again shortly.",
		reference:       "Ref. {reference}",

		Password:       "Password: ",
		appWait:        "Symbol: {symbol}. Choose it in the app, then press Enter",
		appStill:       "Symbol: {symbol}. Not confirmed yet ({round}). Choose it in the app, then press Enter",
		appPair:        "Symbols: {symbol}. Choose both in the app, in this order, then press Enter",
		appPairStill:   "Symbols: {symbol}. Not confirmed yet ({round}). Choose both in the app, in this order, then press Enter",
		appFallback:    " (or type p for a question)",
		MessageSent:    "A message is on its way to you.",
		MessageAgain:   "Enter «resend» to have the message sent again.",
		MessageLimit:   "Too many messages in a short time. Please try again later.",
		messageBehind:  "Log in again with password,CHARACTERS: those that message {mark} asks for.",
		MessageNowhere: "No number or address is known for you: please ask your administrator.",
		TemporaryCode:  "Please enter your temporary code.",

		renewSoon:        "Please renew the answer to «{question}» soon.",
		PressedAnswers:   "Your answers are worn out: please give new ones before you log in again.",
		CodeWordUsed:     "Your code word has now been used: please give your answers.",
		noticeLocked:     "Your access is locked until {until} after several wrong answers. If that was not you, tell your administrator.",
		NoticeLockedGood: "Your access is locked after several wrong answers. Only your administrator can open it again.",
		noticeNewSource:  "Login from a new place: {source}. If that was not you, tell your administrator.",
		noticeChanged:    "Changed: {what}. If that was not you, tell your administrator.",
		NoticeInvited:    "A new phone can now be enrolled for your access. If you did not want that, tell your administrator.",
		noticeDevice:     "About your access: {what}. If that was not you, tell your administrator.",
		noticeFallback:   "Login with a question instead of the phone, from: {source}. If that was not you, tell your administrator.",
		NoticeTemporary:  "A temporary code was given out for your access. If you did not want one, tell your administrator.",
		noticeMore:       "(Since the last notice of this kind: {number} more.)",
		things: map[string]string{
			"phone": "phone number", "mail": "mail address", "answer": "an answer", "deliver": "the way of messages",
		},
		MessageSubject:  "PINphrase",
		CodeWordSubject: "Your code word",
		NoticeSubject:   "A notice about your access",
	},
	PINphrase: PINphrase{
		Prompt:         "PINphrase: Please enter the {positions} character {phrase}.",
		Message:        "PINphrase: Please enter the {positions} character {phrase}.",
		MarkPrompt:     "PINphrase: Enter the characters asked for in message {mark}.",
		CodeWordLabel:  "Code word",
		CodeWordPhrase: "of your code word",
	},
	Handover: Handover{
		mail: "Hello,\n\nyour login needs answers that only you know. Please give them at {url} as {user}, with your code word, until {until}.\n\n" +
			"The first half of your code word: {half}\n\nYour helpdesk tells you the second half, by telephone or in person, never by mail. Write the two one after the other.\n",
		mailBare: "Hello,\n\nyou will be asked for characters of your code word at your first login as {user}, until {until}.\n\n" +
			"The first half of your code word: {half}\n\nYour helpdesk tells you the second half, by telephone or in person, never by mail. Write the two one after the other.\n",
		LetterTitle: "Your login",
		letterIntro: "From now on your login asks for more than a password: for single characters of answers that only you know. Please give these answers once, before {until}.",
		LetterBare:  "At your first login you will be asked for single characters of this code word.",
		LetterSteps: []string{
			"Open this page: with the code beside it, or by its address.",
			"Enter your user name and your code word.",
			"Answer the questions. Choose answers that others cannot guess; add a word that only you would add.",
		},
		LetterUser: "User name", LetterWord: "Code word", LetterPage: "Page",
		letterEnd:  "The code word ends when you have given your answers, at the latest on {until}. Then destroy this letter.",
		LetterCare: "Nobody calls or writes to you to ask for the code word, or for characters of your answers. Whoever does is a swindler.",
	},
	Weak: Weak{
		Unusable:   "This answer cannot be used: please give 1 to 64 letters or digits.",
		short:      "This answer is too short: it has {have} characters, and needs {need}.",
		fewLetters: "This answer repeats itself: it has {have} different letters, and needs {need}.",
		Common:     "Many people give this answer. Better add a word that only you would add.",
		Personal:   "Everybody who knows your name, number or address can guess this answer. Please choose another one.",
	},
	Changes: Changes{
		FirstAnswers:  "your first answers",
		RecoveryVoid:  "the recovery codes have ended",
		answerSet:     "the answer to «{question}» was set",
		answerRemoved: "the answer to «{question}» was removed",
		phoneAdded:    "«{phone}» was added",
		phoneRenamed:  "is now called «{phone}»",
		phoneUnlocked: "«{phone}» was unlocked",
		phoneLocked:   "«{phone}» was locked as lost",
		phoneRemoved:  "«{phone}» was removed",
		RecoveryMade:  "new recovery codes",
		RecoveryUsed:  "a recovery code was used",
		passwordSet:   "your administrator has set a new password for you",
		codeWordMade:  "your administrator has made a new code word for you",
		resetDone:     "your administrator has taken away all your answers and phones; a new code word is made",
		NotMe:         "a login was reported as somebody else's",
		NotMeLocked:   "a login was reported as somebody else's, and your access is locked until your administrator opens it",
		phonePIN:      "phone «{phone}» was locked after too many wrong PINs",
		phoneErased:   "the key of phone «{phone}» was erased after too many wrong PINs",
		phoneCloned:   "a copy of phone «{phone}» was used, and it was locked",
		phoneTwice:    "the invitation of phone «{phone}» was used twice, and it was locked",
	},
}

// englishOrdinal follows the CLDR ordinal rules: 1st, 2nd, 3rd, 4th, 11th, 21st.
func englishOrdinal(n int) string {
	suffix := "th"
	switch plural.Ordinal.MatchPlural(language.English, n, 0, 0, 0, 0) {
	case plural.One:
		suffix = "st"
	case plural.Two:
		suffix = "nd"
	case plural.Few:
		suffix = "rd"
	}
	return strconv.Itoa(n) + suffix
}
