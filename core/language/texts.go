package language

import (
	"strconv"
	"strings"
)

// Texts are the sentences of a login that are the same for everybody. What
// varies stands in braces and is filled in by the method of the same name.
// Sentences that a door shows to an outsider tell no more than the reason that
// the core has chosen to tell.
type Texts struct {
	// Rejects.
	Denied          string // what an outsider hears, whatever the cause
	NotEnrolled     string // right first factor, no second one yet
	TooManyRounds   string // a conversation that came to no end
	OtherLogin      string // others of the user wait for the phone
	PhoneLocked     string // the only devices are locked
	PhoneLockedCode string // the same, but there is a temporary code: a prompt
	CodeOnPhone     string // the phone shows a code once it has approved, to be typed behind the password
	PhoneSilent     string // nobody has confirmed in time
	Unavailable     string // the appliance cannot decide at the moment
	reference       string // {reference}

	// Prompts.
	Password       string // first factor, where a door asks for it
	appWait        string // the phone's form, {symbol} first: terminals may cut what follows
	appStill       string // the same, asked again, {symbol} and {round}
	appPair        string // as appWait, {symbol} with two names in their order
	appPairStill   string // the same, asked again
	appFallback    string // how to be asked a question instead
	MessageSent    string // before a mark prompt
	MessageAgain   string // how to have it sent again
	MessageLimit   string // no more messages for now
	messageBehind  string // {mark}: the characters are typed behind the password
	MessageNowhere string // no number or address is known
	// TemporaryCode asks for the helpdesk's code, of a user who has nothing else.
	TemporaryCode string

	// Said after an accept, or by mail and on the phone.
	renewSoon        string // {question}
	PressedAnswers   string // exposure leaves only answers that are worn out
	CodeWordUsed     string // the code word has now been used
	noticeLocked     string // {until}
	NoticeLockedGood string
	noticeNewSource  string // {source}
	noticeChanged    string // {what} has been set, changed or removed
	NoticeInvited    string
	noticeDevice     string // {what} happened to a phone
	noticeFallback   string // {source}
	NoticeTemporary  string
	noticeMore       string // {number} of the same kind since the last
	// things are what has changed, by the word that core has for it.
	things          map[string]string
	MessageSubject  string // of a mail that asks a question
	CodeWordSubject string
	NoticeSubject   string
}

// Reference is the line that leads from a reject to its audit record:
// "Ref. K7Q2-9XMD".
func (t *Texts) Reference(reference string) string {
	return fill(t.reference, "{reference}", reference)
}

// App asks to pick the symbol on the phone. Its name comes first, then its glyph, where the door can show it.
// From round 1 on it says that the phone has not spoken yet, each time in another text; fallback offers a question instead.
func (t *Texts) App(symbol, glyph string, round int, fallback bool) string {
	return app(t.appWait, t.appStill, t.appFallback, symbol, glyph, round, fallback)
}

// AppPair asks to pick two symbols in their order; names and glyphs hold both.
func (t *Texts) AppPair(names, glyphs string, round int, fallback bool) string {
	return app(t.appPair, t.appPairStill, t.appFallback, names, glyphs, round, fallback)
}

func app(text, still, otherwise, symbol, glyph string, round int, fallback bool) string {
	if glyph != "" {
		symbol += " " + glyph
	}
	if round > 0 {
		text = fill(still, "{round}", strconv.Itoa(round))
	}
	text = fill(text, "{symbol}", symbol)
	if fallback {
		text += otherwise
	}
	return text
}

// RenewSoon asks for a new answer to the question with this label.
func (t *Texts) RenewSoon(label string) string { return fill(t.renewSoon, "{question}", label) }

// MessageBehind asks to type what a message asks for behind the password.
func (t *Texts) MessageBehind(mark string) string { return fill(t.messageBehind, "{mark}", mark) }

// NoticeLocked tells the user of a lock for a time; until is already formatted.
func (t *Texts) NoticeLocked(until string) string { return fill(t.noticeLocked, "{until}", until) }

// NoticeNewSource tells the user of a login from a place never seen before.
func (t *Texts) NoticeNewSource(source string) string {
	return fill(t.noticeNewSource, "{source}", source)
}

// NoticeChanged tells the user that a factor was set, changed or removed.
func (t *Texts) NoticeChanged(what string) string { return fill(t.noticeChanged, "{what}", what) }

// NoticeDevice tells the user what happened to a phone.
func (t *Texts) NoticeDevice(what string) string { return fill(t.noticeDevice, "{what}", what) }

// NoticeFallback tells the user of a login with a question instead of the phone.
func (t *Texts) NoticeFallback(source string) string {
	return fill(t.noticeFallback, "{source}", source)
}

// Thing is core's word for something of a user's, as a person says it. What is not known stands as it is.
func (t *Texts) Thing(word string) string {
	if text, ok := t.things[word]; ok {
		return text
	}
	return word
}

// NoticeMore sums up notices that were not sent.
func (t *Texts) NoticeMore(number int) string {
	return fill(t.noticeMore, "{number}", strconv.Itoa(number))
}

func fill(text, placeholder, value string) string {
	return strings.ReplaceAll(text, placeholder, value)
}
