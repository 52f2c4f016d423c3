package clients

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
	"github.com/latchkey/latchkey/test/carriers/smsc"
)

// Logins whose question comes by SMS: the daemon, clients that others wrote, and a message centre that others wrote.

// post is an appliance under a policy that delivers by message centres.
type post struct {
	*appliance.Appliance
	t       *testing.T
	client  string
	centres []string // host:port
}

func newPost(t *testing.T, client, language string, centres ...string) *post {
	t.Helper()
	p := &post{Appliance: appliance.Start(t, appliance.Config{Binaries: built, Client: client, Language: language}), t: t, client: client, centres: centres}
	p.under("deliver: [" + strings.Join(p.names(), ", ") + "]")
	return p
}

func (p *post) names() (names []string) {
	for i := range p.centres {
		names = append(names, fmt.Sprintf("sms%d", i+1))
	}
	return names
}

// under puts keys into the policy.
func (p *post) under(keys string, more ...string) {
	p.t.Helper()
	var b strings.Builder
	b.WriteString("carriers:\n")
	for i, address := range p.centres {
		fmt.Fprintf(&b, "  sms%d: {smpp: {address: %q, tls: false, system_id: latchkey, password: %q, source: Latchkey, timeout: 3s}}\n", i+1, address, smsc.Password)
	}
	p.Policy = keys
	p.Configure(p.client, append([]string{b.String()}, more...)...)
	p.Reload()
}

// crowd imports people with answers and numbers.
func (p *post) crowd(n int) (names []string) {
	p.t.Helper()
	columns, values := appliance.Answers()
	var csv strings.Builder
	csv.WriteString("name,phone,password," + strings.Join(columns, ",") + "\n")
	for i := range n {
		names = append(names, fmt.Sprintf("user%d", i))
		fmt.Fprintf(&csv, "user%d,+49171%07d,%s,%s\n", i, i, appliance.Password, strings.Join(values, ","))
	}
	file := appliance.Folder(p.t) + "/crowd.csv"
	appliance.Write(p.t, file, csv.String())
	p.Latchkey("", "user", "import", file)
	return names
}

var marked = regexp.MustCompile(`(?:Nachricht|message) ([A-Z]{2})\b`)

// reads gives what a person types who has the prompt on the screen and the message in hand.
func reads(t *testing.T, prompt string, m smsc.Event) string {
	t.Helper()
	mark := marked.FindStringSubmatch(prompt)
	if mark == nil || !strings.HasSuffix(m.Text, " ("+mark[1]+")") {
		t.Fatalf("prompt %q, message %q", prompt, m.Text)
	}
	if strings.Contains(prompt, "character of") || strings.Contains(prompt, "Zeichen Ihre") || strings.Contains(prompt, "letzte") || strings.Contains(prompt, " last") {
		t.Fatalf("the prompt says what the message asks: %q", prompt)
	}
	return appliance.Right(t, m.Text)
}

// The seed's story: Lutz Braun is added with his number, comes in by his code word once, gives his answers, and logs in
// with a question that is on his telephone alone.
func TestTheSeedsSecondFactor(t *testing.T) {
	centre := smsc.Start(t, smsc.Options{})
	p := newPost(t, unsigned, "de", centre.Address)
	r := newRadclient(t, p.Address, appliance.Secret)

	word := strings.TrimSpace(p.Latchkey("", "user", "add", "lutz", "--language", "de", "--phone", "+49 171 1234567"))
	p.Latchkey(appliance.Password+"\n", "user", "password", "lutz")
	step := r.first(t, "lutz")
	if !strings.HasSuffix(strings.TrimSpace(step.prompt(t)), "Zeichen von Ihrem Codewort.") {
		t.Fatal(step.prompt(t))
	}
	r.second(t, "lutz", step, appliance.Of(t, step.prompt(t), word)).expect(t, "Access-Accept")
	p.Latchkey(appliance.Password+"\n", "user", "password", "lutz")
	for column, answer := range answers() {
		p.Latchkey(answer+"\n", "answer", "set", "lutz", column)
	}

	// radclient
	step = r.first(t, "lutz")
	m := centre.Next("inbox")
	if m.To != "491711234567" || m.From != "Latchkey" || m.Parts != 1 || m.Coding != 0 {
		t.Errorf("%+v", m)
	}
	if !regexp.MustCompile(`^PINphrase: Bitte geben Sie das .* Zeichen (Ihres|des) .* ein\. \([A-Z]{2}\)$`).MatchString(m.Text) {
		t.Errorf("not the seed's words: %q", m.Text)
	}
	typed := reads(t, step.prompt(t), m)
	again := r.first(t, "lutz")
	if again.prompt(t) != step.prompt(t) {
		t.Errorf("%q, then %q", step.prompt(t), again.prompt(t))
	}
	r.second(t, "lutz", step, appliance.Wrong(t, m.Text)).expect(t, "Access-Reject")
	accept := r.second(t, "lutz", again, strings.ToLower(typed)).expect(t, "Access-Accept")
	accept.hasAttributes(t)
	r.second(t, "lutz", step, typed).expect(t, "Access-Reject") // once

	// openconnect
	v := newVPN(t, p.Appliance)
	term, prompt := v.asked(t)
	m = centre.Next("inbox")
	term.Type(t, reads(t, prompt, m))
	v.accepted(t, term)
	if n := centre.Count("inbox"); n != 2 {
		t.Errorf("%d messages for two logins", n)
	}

	// "resend" on the way: by the person, and by the helpdesk.
	from := p.Log.Len()
	step = r.first(t, "lutz")
	m = centre.Next("inbox")
	p.Log.Await(t, from, `"message taken"`)
	from = p.Log.Len()
	step = r.second(t, "lutz", step, "resend").expect(t, "Access-Challenge")
	if second := centre.Next("inbox"); second.Text != m.Text {
		t.Errorf("%q, then %q", m.Text, second.Text)
	}
	var resent struct {
		Messages []struct{ Mark, Carrier, To string }
	}
	p.Log.Await(t, from, `"message taken"`)
	if err := json.Unmarshal([]byte(p.Latchkey("", "user", "resend", "lutz", "--json")), &resent); err != nil {
		t.Fatal(err)
	}
	if len(resent.Messages) != 1 || resent.Messages[0].To != "+49…67" || !strings.Contains(m.Text, "("+resent.Messages[0].Mark+")") {
		t.Errorf("%+v", resent)
	}
	m = centre.Next("inbox")
	r.second(t, "lutz", step, reads(t, step.prompt(t), m)).expect(t, "Access-Accept")
	if log := p.Log.String(); strings.Contains(log, "1711234567") || strings.Contains(log, "Zeichen") {
		t.Error("the log says what messages say")
	}
}

// A gateway that can show nothing: the message is there before, and the characters stand behind the password.
func TestCharactersBehindThePassword(t *testing.T) {
	centre := smsc.Start(t, smsc.Options{})
	p := newPost(t, "", "de", centre.Address)
	p.client = "challenge: false"
	p.under("presend: true\n    deliver: [sms1]")
	p.Enrol("lutz")
	p.Latchkey("", "user", "set", "lutz", "--phone", "+491711234567")
	r := newRadclient(t, p.Address, appliance.Secret)
	login := func(behind string) reply {
		return r.send(t, "auth", "User-Name=lutz", `User-Password="`+appliance.Password+behind+`"`, signed)
	}
	m := centre.Next("inbox")
	refused := login("").expect(t, "Access-Reject")
	said := strings.Join(refused.attributes["Reply-Message"], "")
	typed := reads(t, said, m)
	if !strings.Contains(said, "Passwort,ZEICHEN") {
		t.Error(said)
	}
	login(","+appliance.Wrong(t, m.Text)).expect(t, "Access-Reject")
	login(","+typed).expect(t, "Access-Accept").hasAttributes(t)
	next := centre.Next("inbox")
	login(","+typed).expect(t, "Access-Reject")
	login(","+appliance.Right(t, next.Text)).expect(t, "Access-Accept")
	if n := centre.Count("inbox"); n > 3 {
		t.Errorf("%d messages", n)
	}
}

// Centres that throttle, lie, are slow, or are gone.
func TestCarriersThatFail(t *testing.T) {
	first, second := smsc.Start(t, smsc.Options{}), smsc.Start(t, smsc.Options{})
	p := newPost(t, "", "en", first.Address, second.Address)
	p.crowd(4)
	r := newRadclient(t, p.Address, appliance.Secret)

	// Throttled for a moment: the same centre has it in the end, once.
	first.Order(map[string]any{"status": 0x58, "times": 2})
	step := r.first(t, "user0")
	m := first.Next("inbox")
	r.second(t, "user0", step, reads(t, step.prompt(t), m)).expect(t, "Access-Accept")
	if n := first.Count("inbox") + second.Count("inbox"); n != 1 {
		t.Errorf("%d messages", n)
	}

	// It takes the message and never says so: nobody knows, nothing is sent again by itself, the person asks for it.
	first.Order(map[string]any{"reply": "silent", "receipt": ""})
	step = r.first(t, "user1")
	m = first.Next("inbox")
	p.Log.Await(t, 0, `message unknown`)
	if n := second.Count("inbox"); n != 0 {
		t.Errorf("%d messages by the second carrier, unasked", n)
	}
	step = r.second(t, "user1", step, "resend").expect(t, "Access-Challenge")
	other := second.Next("inbox")
	if other.Text != m.Text {
		t.Errorf("%q, then %q", m.Text, other.Text)
	}
	r.second(t, "user1", step, reads(t, step.prompt(t), other)).expect(t, "Access-Accept")
	first.Order(map[string]any{"reply": "normal", "receipt": "DELIVRD"})

	// Refused: no such number. The next one is asked.
	first.Order(map[string]any{"status": 0x0b, "times": 1})
	step = r.first(t, "user2")
	m = second.Next("inbox")
	r.second(t, "user2", step, reads(t, step.prompt(t), m)).expect(t, "Access-Accept")

	// Gone: the next one takes over.
	first.Kill()
	step = r.first(t, "user3")
	m = second.Next("inbox")
	r.second(t, "user3", step, reads(t, step.prompt(t), m)).expect(t, "Access-Accept")
}

// The daemon dies with a full outbox, and once more in the middle of sending: what no carrier had is sent, what one
// had is not sent again.
func TestTheOutboxSurvives(t *testing.T) {
	const people = 40
	port := appliance.Port(t)
	p := newPost(t, "", "en", fmt.Sprintf("127.0.0.1:%d", port))
	names := p.crowd(people)
	r := newRadclient(t, p.Address, appliance.Secret)
	steps := map[string]reply{}
	for _, name := range names {
		steps[name] = r.first(t, name)
	}
	p.Kill()
	centre := smsc.Start(t, smsc.Options{Port: port})
	centre.Order(map[string]any{"slow": 100})
	p.Run()
	for range people / 4 {
		centre.Next("inbox")
	}
	p.Kill()
	p.Run()
	seen := map[string]smsc.Event{}
	lost := func() int { return people - len(seen) }
	for { // until nothing comes any more
		m, ok := centre.Within(3*time.Second, "inbox")
		if !ok {
			break
		}
		seen[m.To] = m
	}
	if n := centre.Count("inbox"); n > people {
		t.Errorf("%d messages for %d people: some came twice", n, people)
	}
	// Those that came before the second death were passed over above.
	if n := centre.Count("inbox"); n < people-8 {
		t.Errorf("%d messages for %d people; %d unseen", n, people, lost())
	}
	// Tokens outlive the daemon, and the messages are those of the challenges.
	tried := 0
	for to, m := range seen {
		name := "user" + strings.TrimLeft(strings.TrimPrefix(to, "49171"), "0")
		if name == "user" {
			name = "user0"
		}
		if tried++; tried > 5 {
			break
		}
		r.second(t, name, steps[name], reads(t, steps[name].prompt(t), m)).expect(t, "Access-Accept")
	}
	if tried == 0 {
		t.Error("no message came after the second death")
	}
}

func answers() map[string]string {
	columns, values := appliance.Answers()
	all := map[string]string{}
	for i, c := range columns {
		all[strings.TrimPrefix(c, "answer.")] = values[i]
	}
	return all
}
