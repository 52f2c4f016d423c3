package language

import "strings"

// Texts are the sentences of a login that are the same for everybody. What
// varies stands in braces and is filled in by the method of the same name.
// Sentences that a door shows to an outsider tell no more than the reason that
// the core has chosen to tell.
type Texts struct {
	// Rejects.
	Denied        string // what an outsider hears, whatever the cause
	NotEnrolled   string // right first factor, no second one yet
	TooManyRounds string // a conversation that came to no end
	Unavailable   string // the appliance cannot decide at the moment
	reference     string // {reference}

	// Prompts.
	Password     string // first factor, where a door asks for it
	appWait      string // the phone's form, {symbol}
	appStill     string // the same, asked again, {symbol}
	MessageSent  string // before a mark prompt
	MessageAgain string // how to have it sent again
	// TemporaryCode asks for the helpdesk's code, of a user who has nothing else.
	TemporaryCode string

	// Said after an accept, or by mail and on the phone.
	renewSoon        string // {question}
	PressedAnswers   string // exposure leaves only answers that are worn out
	enrolMore        string // {number} answers still missing
	CodeWordUsed     string // the code word has now been used
	noticeLocked     string // {until}
	NoticeLockedGood string
	noticeNewSource  string // {source}
	noticeChanged    string // {what} has been set, changed or removed
	CodeWordSubject  string
	NoticeSubject    string
}

// Reference is the line that leads from a reject to its audit record:
// "Ref. K7Q2-9XMD".
func (t *Texts) Reference(reference string) string {
	return fill(t.reference, "{reference}", reference)
}

// AppSymbol asks to pick the symbol on the phone; again says so a second time.
func (t *Texts) AppSymbol(symbol string, again bool) string {
	if again {
		return fill(t.appStill, "{symbol}", symbol)
	}
	return fill(t.appWait, "{symbol}", symbol)
}

// RenewSoon asks for a new answer to the question with this label.
func (t *Texts) RenewSoon(label string) string { return fill(t.renewSoon, "{question}", label) }

// EnrolMore says how many answers are still missing.
func (t *Texts) EnrolMore(number string) string { return fill(t.enrolMore, "{number}", number) }

// NoticeLocked tells the user of a lock for a time; until is already formatted.
func (t *Texts) NoticeLocked(until string) string { return fill(t.noticeLocked, "{until}", until) }

// NoticeNewSource tells the user of a login from a place never seen before.
func (t *Texts) NoticeNewSource(source string) string {
	return fill(t.noticeNewSource, "{source}", source)
}

// NoticeChanged tells the user that a factor was set, changed or removed.
func (t *Texts) NoticeChanged(what string) string { return fill(t.noticeChanged, "{what}", what) }

func fill(text, placeholder, value string) string {
	return strings.ReplaceAll(text, placeholder, value)
}
