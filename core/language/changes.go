package language

// Changes name what was changed about how a person logs in, inside NoticeChanged.
type Changes struct {
	answerSet     string // {question}
	answerRemoved string // {question}
	phoneAdded    string // {phone}
	phoneRenamed  string // {phone}
	phoneUnlocked string // {phone}
	phoneLocked   string // {phone}
	phoneRemoved  string // {phone}
	FirstAnswers  string // of a newcomer: one notice for all of them
	RecoveryMade  string
	RecoveryVoid  string
	RecoveryUsed  string
	passwordSet   string // an administrator did
	codeWordMade  string // an administrator's
	resetDone     string // an administrator's
	NotMe         string // the user reported a login as somebody else's
	NotMeLocked   string // the same, where that locks
	phonePIN      string // {phone}
	phoneErased   string // {phone}
	phoneCloned   string // {phone}
	phoneTwice    string // {phone}
}

// AnswerSet names an answer that was set or renewed.
func (c *Changes) AnswerSet(question string) string {
	return fill(c.answerSet, "{question}", question)
}

// AnswerRemoved names an answer that was taken away.
func (c *Changes) AnswerRemoved(question string) string {
	return fill(c.answerRemoved, "{question}", question)
}

// PhoneAdded names a phone that may approve from now on.
func (c *Changes) PhoneAdded(phone string) string { return fill(c.phoneAdded, "{phone}", phone) }

// PhoneRenamed names a phone by its new name.
func (c *Changes) PhoneRenamed(phone string) string { return fill(c.phoneRenamed, "{phone}", phone) }

// PhoneUnlocked names a phone that may approve again.
func (c *Changes) PhoneUnlocked(phone string) string { return fill(c.phoneUnlocked, "{phone}", phone) }

// PhoneLocked names a phone that was reported lost.
func (c *Changes) PhoneLocked(phone string) string { return fill(c.phoneLocked, "{phone}", phone) }

// PhoneRemoved names a phone that was taken away.
func (c *Changes) PhoneRemoved(phone string) string { return fill(c.phoneRemoved, "{phone}", phone) }

// CodeWordMade says that an administrator has made a new code word.
func (c *Changes) CodeWordMade() string { return c.codeWordMade }

// ResetDone says that an administrator has taken all factors away.
func (c *Changes) ResetDone() string { return c.resetDone }

// PasswordSet says that an administrator has set the password.
func (c *Changes) PasswordSet() string { return c.passwordSet }

// PhonePIN names a phone that was locked for wrong PINs.
func (c *Changes) PhonePIN(phone string) string { return fill(c.phonePIN, "{phone}", phone) }

// PhoneErased names a phone whose key was erased for wrong PINs.
func (c *Changes) PhoneErased(phone string) string { return fill(c.phoneErased, "{phone}", phone) }

// PhoneCloned names a phone of which a copy was used.
func (c *Changes) PhoneCloned(phone string) string { return fill(c.phoneCloned, "{phone}", phone) }

// PhoneTwice names a phone whose invitation somebody else had too.
func (c *Changes) PhoneTwice(phone string) string { return fill(c.phoneTwice, "{phone}", phone) }
