package language

// Handover are the texts that bring a code word to its user: a mail with one half of it, and a letter.
type Handover struct {
	mail        string // {half}, {url}, {user}, {until}
	mailBare    string // the same where there is no self-service: {half}, {user}, {until}
	LetterTitle string
	letterIntro string   // {until}
	LetterBare  string   // instead of steps, where there is no self-service
	LetterSteps []string // at self-service
	LetterUser  string
	LetterWord  string
	LetterPage  string
	letterEnd   string // {until}
	LetterCare  string
}

// Mail is the text of the mail. Without a url it speaks of the first login.
func (h *Handover) Mail(half, url, user, until string) string {
	text := h.mail
	if url == "" {
		text = h.mailBare
	}
	return fill(fill(fill(fill(text, "{until}", until), "{url}", url), "{user}", user), "{half}", half)
}

// LetterIntro begins the letter.
func (h *Handover) LetterIntro(until string) string { return fill(h.letterIntro, "{until}", until) }

// LetterEnd says until when the code word is good.
func (h *Handover) LetterEnd(until string) string { return fill(h.letterEnd, "{until}", until) }
