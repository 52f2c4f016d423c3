package smpp

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/linxGnu/gosmpp/pdu"
)

// receipt is what a centre says later about a message (SMPP 3.4 appendix B).
type receipt struct {
	id    string
	state string // DELIVRD, UNDELIV, …
	code  string // the network's error, if it names one
}

// final tells whether a state is the last one of a message, and whether that is the good one.
func (r receipt) final() (final, delivered bool) {
	switch r.state {
	case "DELIVRD":
		return true, true
	case "EXPIRED", "DELETED", "UNDELIV", "UNKNOWN", "REJECTD":
		return true, false
	}
	return false, false // ENROUTE, ACCEPTD, and what nobody knows
}

// states are those of the parameter message_state (SMPP 3.4 section 5.2.28).
var states = map[byte]string{1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD"}

// deliverReceipt reads a deliver_sm; no receipt has an id of "".
func deliverReceipt(p *pdu.DeliverSM) receipt {
	// Bits 2 to 5 of esm_class say what it is (SMPP 3.4 section 5.2.12): a receipt, or what a person has written, which
	// is nobody's business here.
	if p.EsmClass&0x3c != 0x04 {
		return receipt{}
	}
	octets, _ := p.Message.GetMessageData()
	r := parseReceipt(string(octets))
	return withParameters(r, p.OptionalParameters)
}

// dataReceipt reads a data_sm, where all stands in parameters.
func dataReceipt(p *pdu.DataSM) receipt {
	if p.EsmClass&0x3c != 0x04 {
		return receipt{}
	}
	return withParameters(receipt{}, p.OptionalParameters)
}

func withParameters(r receipt, parameters map[pdu.Tag]pdu.Field) receipt {
	if f, ok := parameters[pdu.TagReceiptedMessageID]; ok {
		if id := word(f.String(), maxID); id != "" {
			r.id = id
		}
	}
	if f, ok := parameters[pdu.TagMessageStateOption]; ok && len(f.Data) == 1 && states[f.Data[0]] != "" {
		r.state = states[f.Data[0]]
	}
	return r
}

// maxID is how long a message_id may be (SMPP 3.4 section 5.2.23), its closing NUL left out.
const maxID = 64

// parseReceipt reads "id:… sub:001 dlvrd:001 submit date:… done date:… stat:DELIVRD err:000 text:…". Centres differ in
// case, order and spaces. What follows text: is the beginning of the message, and is not looked at.
func parseReceipt(text string) (r receipt) {
	const longest = 512
	text = text[:min(len(text), longest)]
	lower := asciiLower(text)
	if at := strings.Index(lower, "text:"); at >= 0 {
		text, lower = text[:at], lower[:at]
	}
	r.id = word(field(text, lower, "id:"), maxID)
	r.state = strings.ToUpper(word(field(text, lower, "stat:"), 12))
	r.code = word(field(text, lower, "err:"), 8)
	switch r.state {
	case "DELIVERED":
		r.state = "DELIVRD"
	case "UNDELIVERABLE", "UNDELIVERED":
		r.state = "UNDELIV"
	case "REJECTED":
		r.state = "REJECTD"
	}
	return r
}

// asciiLower keeps every byte in its place.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// field is the word behind a key that stands at the beginning or behind a space.
func field(text, lower, key string) string {
	for from := 0; ; {
		at := strings.Index(lower[from:], key)
		if at < 0 {
			return ""
		}
		at += from
		if at == 0 || lower[at-1] == ' ' {
			rest := strings.TrimLeft(text[at+len(key):], " ")
			value, _, _ := strings.Cut(rest, " ")
			return value
		}
		from = at + len(key)
	}
}

// word is a text that may stand in a log.
func word(s string, most int) string {
	if len(s) > most || strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return ""
	}
	return s
}

// tracker knows which messages of this process the centre's ids stand for.
type tracker struct {
	log *slog.Logger

	mu    sync.Mutex
	by    map[string]*tracked
	order []string // of by, the oldest first
	early map[string]receipt
}

// tracked is one try of a message, shared by its parts. Each of these has an id of its own; the message is delivered
// when all are.
type tracked struct {
	message string
	to      string // masked
	report  func(delivered bool, text string)
	left    int
	told    bool
}

// How many messages and receipts are remembered: the oldest go first. Of those, and of messages of another process
// or of a connection that a reload has replaced, a receipt says nothing to anybody.
const (
	maxTracked = 20_000
	maxEarly   = 200
)

// begin gives what is to be called when a part was taken over.
func (t *tracker) begin(of *tracked) func(id string) {
	return func(id string) {
		if id == "" {
			return
		}
		key := canonicalID(id)
		t.mu.Lock()
		if t.by == nil {
			t.by, t.early = map[string]*tracked{}, map[string]receipt{}
		}
		t.by[key] = of
		if t.order = append(t.order, key); len(t.order) > maxTracked {
			delete(t.by, t.order[0])
			t.order = t.order[1:]
		}
		r, early := t.early[key]
		delete(t.early, key)
		t.mu.Unlock()
		if early {
			t.receipt(r)
		}
	}
}

// receipt takes what a centre says about a message.
func (t *tracker) receipt(r receipt) {
	final, delivered := r.final()
	if r.id == "" || !final {
		return
	}
	t.mu.Lock()
	of, key := t.find(r.id)
	if of == nil {
		// The receipt may have overtaken the response.
		if t.early == nil {
			t.early = map[string]receipt{}
		}
		if len(t.early) >= maxEarly {
			clear(t.early)
		}
		t.early[canonicalID(r.id)] = r
		t.mu.Unlock()
		return
	}
	delete(t.by, key)
	of.left--
	tell := !of.told && (!delivered || of.left <= 0)
	of.told = of.told || tell
	t.mu.Unlock()
	if !tell {
		return
	}
	text := r.state
	if r.code != "" && !delivered {
		text += ", error " + r.code
	}
	t.log.Info("delivery receipt", "message", of.message, "to", of.to, "delivered", delivered, "state", text)
	if of.report != nil {
		of.report(delivered, text)
	}
}

// find looks an id up. Some centres name it in hexadecimal in the response and in decimal in the receipt, or the other
// way round.
func (t *tracker) find(id string) (*tracked, string) {
	key := canonicalID(id)
	keys := []string{key}
	if n, err := strconv.ParseUint(key, 10, 64); err == nil {
		keys = append(keys, strconv.FormatUint(n, 16))
	}
	if n, err := strconv.ParseUint(key, 16, 64); err == nil {
		keys = append(keys, strconv.FormatUint(n, 10))
	}
	for _, k := range keys {
		if of := t.by[k]; of != nil {
			return of, k
		}
	}
	return nil, key
}

// canonicalID is an id without what centres add or leave out: leading zeros, and case.
func canonicalID(id string) string {
	id = asciiLower(id)
	if short := strings.TrimLeft(id, "0"); short != "" {
		return short
	}
	return id
}
