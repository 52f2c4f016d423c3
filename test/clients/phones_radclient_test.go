package clients

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/phone"
	"github.com/latchkey/latchkey/test/appliance"
)

// empty leaves User-Password out, as radclient does with an empty one.
func (c radclient) empty(t *testing.T, user string, challenge reply, flags ...string) reply {
	t.Helper()
	return c.run(t, append([]string{"-t", "10", "-r", "1"}, flags...), "auth", "User-Name="+user, challenge.state(t), signed)
}

// waiting sends a second round, which goes on while the test does something else.
func (c radclient) waiting(t *testing.T, user string, challenge reply, flags ...string) <-chan reply {
	t.Helper()
	answered := make(chan reply, 1)
	go func() { answered <- c.empty(t, user, challenge, flags...) }()
	return answered
}

// Every wait here is 8 s: what comes earlier was woken.
func TestPhoneRadclient(t *testing.T) {
	t.Parallel()
	h := startPhones(t, "timeout: 10s, wait: 8s", time.Minute)
	c := newRadclient(t, h.Address, appliance.Secret)
	const soon = 4 * time.Second

	t.Run("approve", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("anna")
		challenge := c.first(t, "anna", proxies...)
		if prompt := challenge.prompt(t); !strings.HasPrefix(prompt, "Symbol: ") || strings.Join(challenge.attributes["Prompt"], "") != "Echo" {
			t.Errorf("the symbol comes first, and what is typed is echoed:\n%s", challenge.shown)
		}
		answered := c.waiting(t, "anna", challenge)
		if pendings, err := p.Wait(t.Context()); err != nil || len(pendings) != 1 || pendings[0].Service != "vpn" || pendings[0].Host != "nas" {
			t.Fatalf("%+v %v", pendings, err)
		}
		approve(t, p, challenge.prompt(t))
		at := time.Now()
		accept := (<-answered).expect(t, "Access-Accept")
		accept.hasAttributes(t)
		took := time.Since(at)
		t.Logf("accept %s after the approval, radclient's end included", took)
		if took > soon {
			t.Errorf("the accept came %s after the approval", took)
		}
		// One approval gives one accept.
		c.empty(t, "anna", challenge).expect(t, "Access-Reject")
		if got, want := h.logins("anna"), []string{"accept right-approval", "reject pending-ended"}; !slices.Equal(got, want) {
			t.Errorf("the audit log has %q, want %q", got, want)
		}
	})

	t.Run("retransmissions join", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("bert")
		challenge := c.first(t, "bert")
		dropped := h.counter("dropped_duplicate-in-flight")
		answered := c.waiting(t, "bert", challenge, "-t", "1", "-r", "9")
		for end := time.Now().Add(6 * time.Second); h.counter("dropped_duplicate-in-flight") < dropped+2; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("radclient asked only once")
			}
		}
		approve(t, p, challenge.prompt(t))
		(<-answered).expect(t, "Access-Accept")
		if got, want := h.logins("bert"), []string{"accept right-approval"}; !slices.Equal(got, want) {
			t.Errorf("the audit log has %q, want %q", got, want)
		}
	})

	for name, why := range map[string]phone.Reason{"carla": phone.Cancel, "dirk": phone.NotMe} {
		t.Run("deny "+string(why), func(t *testing.T) {
			t.Parallel()
			p := h.enrol(name)
			answered := c.waiting(t, name, c.first(t, name))
			deny(t, p, why)
			at := time.Now()
			(<-answered).expect(t, "Access-Reject")
			if took := time.Since(at); took > soon {
				t.Errorf("the reject came %s after the denial", took)
			}
			if got, want := h.logins(name), []string{"reject approval-denied"}; !slices.Equal(got, want) {
				t.Errorf("the audit log has %q, want %q", got, want)
			}
		})
	}

	t.Run("wrong symbol", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("emil")
		challenge := c.first(t, "emil")
		answered := c.waiting(t, "emil", challenge)
		opened, err := p.Open(t.Context(), pin)
		if err != nil {
			t.Fatal(err)
		}
		right := symbolIn(t, challenge.prompt(t))
		at := slices.IndexFunc(opened.Symbols, func(s mobile.Symbol) bool { return s != right })
		if _, err := opened.Approve(t.Context(), opened.Symbols[at]); !errors.Is(err, phone.WrongSymbol) {
			t.Errorf("the wrong symbol gives %v", err)
		}
		(<-answered).expect(t, "Access-Reject")
		if got, want := h.logins("emil"), []string{"reject wrong-symbol"}; !slices.Equal(got, want) {
			t.Errorf("the audit log has %q, want %q", got, want)
		}
	})

	// Two logins of one user show different symbols; the one that is picked goes on, the other ends.
	t.Run("two at once", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("frida")
		one, two := c.first(t, "frida"), c.first(t, "frida")
		if symbolIn(t, one.prompt(t)) == symbolIn(t, two.prompt(t)) {
			t.Fatal("both show the same symbol")
		}
		first, second := c.waiting(t, "frida", one), c.waiting(t, "frida", two)
		c.send(t, "auth", "User-Name=frida", "User-Password="+appliance.Password, signed).expect(t, "Access-Reject") // a third waits its turn
		approve(t, p, two.prompt(t))
		(<-second).expect(t, "Access-Accept")
		(<-first).expect(t, "Access-Reject")
	})

	t.Run("p for questions", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("gerd")
		challenge := c.first(t, "gerd")
		if !strings.Contains(challenge.prompt(t), "type p for a question") {
			t.Errorf("the prompt does not offer it: %q", challenge.prompt(t))
		}
		question := c.second(t, "gerd", challenge, "p")
		c.second(t, "gerd", question, appliance.Right(t, question.prompt(t))).expect(t, "Access-Accept")
		if pendings, err := p.Pendings(t.Context()); err != nil || len(pendings) != 0 {
			t.Errorf("%d logins still wait on the phone: %v", len(pendings), err)
		}
	})

	t.Run("revoked between approval and accept", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("hans")
		challenge := c.first(t, "hans")
		approve(t, p, challenge.prompt(t))
		h.latchkey("", "device", "revoke", "hans", "phone of hans")
		c.empty(t, "hans", challenge).expect(t, "Access-Reject")
		if _, err := p.Pendings(t.Context()); !errors.Is(err, phone.DeviceRevoked) {
			t.Errorf("the phone hears %v", err)
		}
	})

	t.Run("locked between approval and accept", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("ida")
		challenge := c.first(t, "ida")
		approve(t, p, challenge.prompt(t))
		h.latchkey("", "user", "lock", "ida")
		c.empty(t, "ida", challenge).expect(t, "Access-Reject")
	})

	// Who has no phone gets what the policy offers next, and who waits holds nobody up.
	t.Run("without a phone, beside one who waits", func(t *testing.T) {
		t.Parallel()
		h.enrol("jana")
		answered := c.waiting(t, "jana", c.first(t, "jana"))
		h.latchkey("", "user", "add", "kurt")
		h.latchkey(appliance.Password+"\n", "user", "password", "kurt")
		h.latchkey("Heidelberg\n", "answer", "set", "kurt", "birthplace")
		question := c.first(t, "kurt")
		c.second(t, "kurt", question, appliance.Right(t, question.prompt(t))).expect(t, "Access-Accept")
		select {
		case r := <-answered:
			t.Errorf("jana waits no more: %s", r.shown)
		default:
		}
		again := (<-answered).prompt(t) // asked again, in other words
		if !strings.Contains(again, "Not confirmed yet (1)") {
			t.Errorf("the second text is %q", again)
		}
	})
}

// Rounds end: what nobody approves is rejected when its time is over.
func TestPhoneIsNotTouched(t *testing.T) {
	t.Parallel()
	h := startPhones(t, "timeout: 5s, wait: 3s", 10*time.Second)
	c := newRadclient(t, h.Address, appliance.Secret)
	p := h.enrol("lutz")
	r := c.first(t, "lutz")
	texts := []string{r.prompt(t)}
	for r.code == "Access-Challenge" && len(texts) < 20 {
		if r = c.empty(t, "lutz", r); r.code == "Access-Challenge" {
			if text := r.prompt(t); slices.Contains(texts, text) {
				t.Errorf("%q is shown again", text)
			} else {
				texts = append(texts, text)
			}
		}
	}
	r.expect(t, "Access-Reject")
	if len(texts) < 3 {
		t.Errorf("the texts were %q", texts)
	}
	if got, want := h.logins("lutz"), []string{"reject pending-expired"}; !slices.Equal(got, want) {
		t.Errorf("the audit log has %q, want %q", got, want)
	}
	if pendings, err := p.Pendings(t.Context()); err != nil || len(pendings) != 0 {
		t.Errorf("%d logins still wait on the phone: %v", len(pendings), err)
	}
}

// A gateway whose entry says hold gets the outcome as its first reply.
func TestPhoneHold(t *testing.T) {
	t.Parallel()
	h := startPhones(t, "timeout: 10s, tries: 3, hold: 4s", time.Minute)
	c := newRadclient(t, h.Address, appliance.Secret)
	p := h.enrol("lutz")
	first := func() <-chan reply {
		answered := make(chan reply, 1)
		go func() {
			answered <- c.send(t, "auth", "User-Name=lutz", "User-Password="+appliance.Password, signed)
		}()
		return answered
	}
	held := first()
	deny(t, p, phone.Cancel)
	(<-held).expect(t, "Access-Reject")

	held = first()
	challenge := <-held
	if text := challenge.prompt(t); !strings.HasPrefix(text, "Symbol: ") || strings.Contains(text, "Not confirmed") {
		t.Errorf("after the hold the text is %q", text)
	}
	approve(t, p, challenge.prompt(t))
	c.empty(t, "lutz", challenge).expect(t, "Access-Accept")
}

// A login that waits survives the daemon's restart; a changed URL does not pass unseen.
func TestPhoneRestart(t *testing.T) {
	t.Parallel()
	h := startPhones(t, "", time.Minute)
	c := newRadclient(t, h.Address, appliance.Secret)
	p := h.enrol("lutz")
	challenge := c.first(t, "lutz")
	h.stop()
	h.run()
	approve(t, p, challenge.prompt(t))
	c.empty(t, "lutz", challenge).expect(t, "Access-Accept")

	h.stop()
	h.configure("https://localhost:" + strings.Split(h.web.String(), ":")[1])
	out, err := exec.Command(built.Latchkeyd, "--config", h.file("latchkey.yaml")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "1 phone is enrolled for https://"+h.web.String()) || !strings.Contains(string(out), "--force-url") {
		t.Errorf("a start under another URL: %v\n%s", err, out)
	}
	from := h.Log.Len()
	h.run("--force-url")
	h.Log.Await(t, from, `"phones_to_enrol_again":1`)
	h.stop()
	h.run() // it is the new one from now on
}
