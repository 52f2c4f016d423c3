package smpp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/smpp"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/test/carriers/cert"
	"github.com/latchkey/latchkey/test/carriers/smsc"
)

const (
	number = "+491711234567"
	canary = "kAnArIeNvOgEl"
)

// journal is what the carrier logs; no test leaves without a look whether a secret stands in it.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

type receipt struct {
	id        string
	delivered bool
	text      string
}

type bench struct {
	*smpp.Centre
	t        *testing.T
	log      *journal
	receipts chan receipt
}

func open(t *testing.T, address string, change func(*smpp.Config)) *bench {
	t.Helper()
	b := &bench{t: t, log: &journal{}, receipts: make(chan receipt, 100)}
	cfg := smpp.Config{
		Address: address, SystemID: "latchkey", Password: secret.New(smsc.Password), SystemType: "otp", Source: "Latchkey",
		SourceTON: -1, SourceNPI: -1, DestTON: 1, DestNPI: 1, Receipts: true, Timeout: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if b.Centre, err = smpp.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		for _, secret := range []string{number, number[1:], canary, smsc.Password, "PINphrase"} {
			if strings.Contains(b.log.String(), secret) {
				t.Errorf("the log holds %q:\n%s", secret, b.log)
			}
		}
	})
	return b
}

func (b *bench) send(id, text string) error {
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	return b.Send(ctx, core.Message{ID: id, To: secret.New(number), Text: secret.New(text), Report: func(delivered bool, state string) {
		b.receipts <- receipt{id, delivered, state}
	}})
}

// fault sends, and wants it to fail in this way.
func (b *bench) fault(want core.CarrierFault, text string) *core.CarrierError {
	b.t.Helper()
	err := b.send("m", text)
	var fault *core.CarrierError
	if !errors.As(err, &fault) || fault.Fault != want {
		b.t.Fatalf("the error is %v, want one of %q", err, want)
	}
	for _, secret := range []string{number, number[1:], canary, smsc.Password} {
		if strings.Contains(fault.Error(), secret) {
			b.t.Errorf("the error holds %q: %v", secret, fault)
		}
	}
	return fault
}

func (b *bench) receipt() receipt {
	b.t.Helper()
	select {
	case r := <-b.receipts:
		return r
	case <-time.After(30 * time.Second):
		b.t.Fatalf("no receipt\n%s", b.log)
		return receipt{}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, nil)
	bound := centre.Next("bound")
	if bound.SystemID != "latchkey" || bound.SystemType != "otp" || bound.Version != 0x34 {
		t.Errorf("bound as %+v", bound)
	}
	long := strings.Repeat("Zeichen für Zeichen, {Klammern} kosten zwei. ", 6) + canary
	for _, c := range []struct {
		name, text, want string
		coding, parts    int
	}{
		{"umlauts", "PINphrase: das 1., 3., 5. und vorletzte Zeichen Ihres ersten Urlaubsorts: äöüÄÖÜß ñ £ € " + canary, "", 0, 1},
		{"whole alphabet", "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡§¿^{}\\[~]|€", "", 0, 1},
		{"kept within it", "„Bitte“ – es ist’s", `"Bitte" - es ist's`, 0, 1},
		{"160", strings.Repeat("ü", 160), "", 0, 1},
		{"161", strings.Repeat("ü", 161), "", 0, 2},
		{"long", long, "", 0, 2},
		{"escapes at the seam", strings.Repeat("x", 152) + "€" + strings.Repeat("y", 20), "", 0, 2},
		{"Greek and Cyrillic", "Введите символы " + canary, "", 8, 1},
		{"70", strings.Repeat("я", 70), "", 8, 1},
		{"71", strings.Repeat("я", 71), "", 8, 2},
		{"a pair at the seam", strings.Repeat("я", 66) + "🔑🔑🔑🔑", "", 8, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := b.send(c.name, c.text); err != nil {
				t.Fatal(err)
			}
			got := centre.Next("inbox")
			want := c.want
			if want == "" {
				want = c.text
			}
			if got.Text != want || got.Coding != c.coding || got.Parts != c.parts {
				t.Errorf("arrived with coding %d in %d parts:\n%q\nwant with %d in %d:\n%q", got.Coding, got.Parts, got.Text, c.coding, c.parts, want)
			}
			if got.From != "Latchkey" || got.FromTON != 5 || got.FromNPI != 0 || got.To != number[1:] || got.ToTON != 1 || got.ToNPI != 1 || got.Receipt != 1 {
				t.Errorf("arrived with %+v", got)
			}
			if r := b.receipt(); r != (receipt{c.name, true, "DELIVRD"}) {
				t.Errorf("the receipt is %+v", r)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	for _, c := range []struct {
		change       func(*smpp.Config)
		from, to     string
		fTON, fNPI   int
		toTON, toNPI int
	}{
		{func(c *smpp.Config) { c.Source = "+4962111223344" }, "4962111223344", "491711234567", 1, 1, 1, 1},
		{func(c *smpp.Config) { c.Source = "+4962111223344"; c.Plus = true }, "+4962111223344", "+491711234567", 1, 1, 1, 1},
		{func(c *smpp.Config) { c.Source = "72222"; c.DestTON, c.DestNPI = 0, 0 }, "72222", "491711234567", 3, 0, 0, 0},
		{func(c *smpp.Config) { c.SourceTON, c.SourceNPI = 2, 8 }, "Latchkey", "491711234567", 2, 8, 1, 1},
	} {
		b := open(t, centre.Address, c.change)
		if err := b.send("x", "x"); err != nil {
			t.Fatal(err)
		}
		got := centre.Next("inbox")
		if got.From != c.from || got.FromTON != c.fTON || got.FromNPI != c.fNPI || got.To != c.to || got.ToTON != c.toTON || got.ToNPI != c.toNPI {
			t.Errorf("%+v, want %+v", got, c)
		}
		b.Close()
		centre.Next("unbound")
	}
	if _, err := smpp.New(smpp.Config{Address: centre.Address, Source: "far too long a name"}); err == nil {
		t.Error("a source that is none is taken")
	}
	if _, err := smpp.New(smpp.Config{Address: "nowhere", Source: "x"}); err == nil {
		t.Error("an address that is none is taken")
	}
}

func TestValidity(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, nil)
	until := time.Now().Add(10 * time.Minute)
	message := core.Message{ID: "x", To: secret.New(number), Text: secret.New("x"), Until: until}
	if err := b.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, centre.Next("inbox").Validity)
	if off := at.Sub(until); err != nil || off < -2*time.Minute || off > 2*time.Minute {
		t.Errorf("valid until %v, %v, want %v", at, err, until)
	}
	centre.Order(map[string]any{"status": 0x62, "times": 1}) // ESME_RINVEXPIRY
	if err := b.Send(t.Context(), message); err != nil {
		t.Fatalf("a centre that takes no validity period: %v", err)
	}
	if got := centre.Next("inbox"); got.Validity != "" {
		t.Errorf("sent again with %q", got.Validity)
	}
	message.Until = time.Now().Add(-time.Second)
	if fault := new(core.CarrierError); !errors.As(b.Send(t.Context(), message), &fault) || fault.Fault != core.CarrierRefused {
		t.Error("a message past its time was sent")
	}
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, nil)
	for _, c := range []struct{ style, state, want string }{
		{"text", "UNDELIV", "UNDELIV, error 027"}, {"hex", "DELIVRD", "DELIVRD"}, {"tlv", "REJECTD", "REJECTD"}, {"tlv", "DELIVRD", "DELIVRD"},
		{"odd", "EXPIRED", "EXPIRED, error 27"}, {"early", "DELIVRD", "DELIVRD"},
	} {
		centre.Order(map[string]any{"style": c.style, "receipt": c.state})
		id := c.style + c.state
		if err := b.send(id, canary); err != nil {
			t.Fatal(err)
		}
		if r := b.receipt(); r != (receipt{id, c.state == "DELIVRD", c.want}) {
			t.Errorf("%s: %+v", id, r)
		}
	}
	// A message of two parts is delivered when both are; it has failed when one has.
	centre.Order(map[string]any{"style": "text", "receipt": "DELIVRD"})
	if err := b.send("two", strings.Repeat("ab", 120)); err != nil {
		t.Fatal(err)
	}
	if r := b.receipt(); r != (receipt{"two", true, "DELIVRD"}) {
		t.Errorf("%+v", r)
	}
	// ACCEPTD is no end; what a person writes is no receipt, whatever it looks like.
	centre.Order(map[string]any{"receipt": "ACCEPTD"})
	if err := b.send("accepted", "x"); err != nil {
		t.Fatal(err)
	}
	centre.Act("person")
	centre.Next("heard")
	centre.Order(map[string]any{"receipt": "DELIVRD"})
	if err := b.send("last", "x"); err != nil {
		t.Fatal(err)
	}
	if r := b.receipt(); r != (receipt{"last", true, "DELIVRD"}) {
		t.Errorf("%+v", r)
	}
	if log := b.log.String(); !strings.Contains(log, "to=+49…67") || !strings.Contains(log, "message=two") {
		t.Errorf("the log does not tell of receipts:\n%s", log)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, nil)
	for _, c := range []struct {
		status int
		want   core.CarrierFault
		words  string
	}{
		{0x58, core.CarrierBusy, "0x58 ESME_RTHROTTLED"}, {0x14, core.CarrierBusy, "0x14 ESME_RMSGQFUL"},
		{0x0b, core.CarrierRefused, "0xb ESME_RINVDSTADR"}, {0x45, core.CarrierDown, "0x45 ESME_RSUBMITFAIL"},
		{0x08, core.CarrierDown, "0x8 ESME_RSYSERR"}, {0x0a, core.CarrierDown, "is source right?"}, {0x410, core.CarrierDown, "vendor"},
	} {
		centre.Order(map[string]any{"status": c.status, "times": 1})
		if fault := b.fault(c.want, canary); !strings.Contains(fault.Text, c.words) {
			t.Errorf("%#x: %v", c.status, fault)
		}
	}
	if centre.Count("inbox") != 0 {
		t.Error("a refused message has arrived")
	}
	centre.Order(map[string]any{"reply": "nack"})
	b.fault(core.CarrierDown, canary)
	b.fault(core.CarrierRefused, strings.Repeat("x", 2000))
	for _, to := range []string{"", "0171 1234567", "+49171123456789012345", "+49171;DROP", "+0491711234567", "lutz@example.org"} {
		if fault := new(core.CarrierError); !errors.As(b.Send(t.Context(), core.Message{To: secret.New(to), Text: secret.New("x")}), &fault) || fault.Fault != core.CarrierRefused {
			t.Errorf("%q: %v", to, fault)
		}
	}
	centre.Order(map[string]any{"reply": "bare"})
	if err := b.send("x", "x"); err != nil {
		t.Errorf("a success without an id: %v", err)
	}
	// What the other side said is for an administrator's test alone.
	centre.Order(map[string]any{"reply": "normal", "status": 0x58, "times": 1})
	ctx, said := delivery.Listening(t.Context())
	_ = b.Send(ctx, core.Message{To: secret.New(number), Text: secret.New("x")})
	if *said != "SMPP status 0x58 ESME_RTHROTTLED" {
		t.Errorf("said %q", *said)
	}
}

// A throttled part is tried again: without it those before would be of no use.
func TestThrottledInTheMiddle(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, nil)
	done := make(chan error, 1)
	centre.Order(map[string]any{"slow": 300})
	text := strings.Repeat("ab", 120)
	go func() { done <- b.send("two", text) }()
	centre.Next("submit")
	centre.Order(map[string]any{"status": 0x58, "times": 1, "slow": 0})
	if got := centre.Next("inbox"); got.Text != text {
		t.Errorf("arrived: %q", got.Text)
	}
	if err := <-done; err != nil || centre.Count("submit") != 3 {
		t.Errorf("%v after %d submits", err, centre.Count("submit"))
	}
}

// Whether a message was taken over may be unknown; it is never said to be so when it is not, nor the other way round.
func TestLostResponses(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, func(c *smpp.Config) { c.Timeout = time.Second })
	centre.Next("bound")
	for _, reply := range []string{"silent", "lie"} {
		centre.Order(map[string]any{"reply": reply})
		if fault := b.fault(core.CarrierUnknown, canary); !strings.Contains(fault.Text, "in time") {
			t.Errorf("%s: %v", reply, fault)
		}
	}
	if b.State().Up != true {
		t.Error("the connection was given up for a slow response")
	}
	// A response that comes too late is nobody else's.
	centre.Order(map[string]any{"reply": "normal", "slow": 1500})
	b.fault(core.CarrierUnknown, canary)
	centre.Order(map[string]any{"slow": 0})
	if err := b.send("next", "x"); err != nil {
		t.Error(err)
	}
	centre.Order(map[string]any{"reply": "drop"})
	if fault := b.fault(core.CarrierUnknown, canary); !strings.Contains(fault.Text, "lost") {
		t.Errorf("drop: %v", fault)
	}
	// Bound again by itself.
	centre.Order(map[string]any{"reply": "normal"})
	centre.Next("bound")
	if err := b.sendWhenBound("again"); err != nil {
		t.Error(err)
	}
}

// sendWhenBound tries until the carrier is no longer down: nothing else may come in between.
func (b *bench) sendWhenBound(id string) error {
	for end := time.Now().Add(30 * time.Second); ; {
		err := b.send(id, "x")
		var fault *core.CarrierError
		if errors.As(err, &fault) && fault.Fault == core.CarrierDown && time.Now().Before(end) {
			time.Sleep(50 * time.Millisecond) // the centre's word for "bound" is on its way to us
			continue
		}
		return err
	}
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, nil)
	if err := b.send("one", "x"); err != nil {
		t.Fatal(err)
	}
	centre.Kill()
	until(t, "the loss is seen", func() bool { return !b.State().Up })
	if fault := b.fault(core.CarrierDown, canary); !strings.Contains(fault.Text, "not bound to the centre: ") {
		t.Error(fault)
	}
	again := smsc.Start(t, smsc.Options{Port: centre.Port})
	again.Next("bound")
	if err := b.sendWhenBound("two"); err != nil {
		t.Fatal(err)
	}
	if got := again.Next("inbox"); got.Text != "x" || again.Count("submit") != 1 {
		t.Errorf("%+v, %d submits", got, again.Count("submit"))
	}
	for _, act := range []string{"unbind", "garbage", "kick"} {
		again.Act(act)
		again.Next("bound")
		if err := b.sendWhenBound(act); err != nil {
			t.Errorf("after %s: %v", act, err)
		}
	}
	// What it does not know is answered, and no reason to hang up.
	bound := again.Count("bound")
	again.Act("unknown")
	if e := again.Next("nacked"); e.Status != 3 {
		t.Errorf("%+v", e)
	}
	again.Next("nacked")
	if err := b.send("after", "x"); err != nil || again.Count("bound") != bound {
		t.Errorf("%v, bound %d times", err, again.Count("bound")-bound)
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// A centre that keeps the connection and says nothing is found out by enquire_link.
func TestEnquire(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, func(c *smpp.Config) { c.Enquire, c.Timeout = 200*time.Millisecond, time.Second })
	centre.Next("enquire")
	centre.Next("enquire")
	if !b.State().Up || b.State().Detail != "bound" {
		t.Errorf("%+v", b.State())
	}
	centre.Order(map[string]any{"enquire": false})
	centre.Next("closed")
	until(t, "the state says so", func() bool { return strings.Contains(b.State().Detail, "it does not answer in time") })
}

func TestBindRefused(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{Password: "another"})
	b := open(t, centre.Address, nil)
	centre.Next("refused")
	until(t, "the state says so", func() bool { return strings.Contains(b.State().Detail, "ESME_RINVPASWD") })
	b.fault(core.CarrierDown, canary)
	if _, again := centre.Within(2*time.Second, "refused"); again {
		t.Error("a refused password was tried again at once: that locks accounts")
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	b := open(t, "127.0.0.1:9", nil)
	until(t, "the state says so", func() bool { return b.State().Detail == "not bound: connection refused" })
	began := time.Now()
	b.fault(core.CarrierDown, canary)
	if time.Since(began) > 5*time.Second {
		t.Error("a message waits for a centre that is not there")
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, func(c *smpp.Config) { c.Window = 3 })
	if b.AtOnce() != 3 {
		t.Errorf("AtOnce is %d", b.AtOnce())
	}
	centre.Order(map[string]any{"slow": 100})
	var group sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		group.Go(func() { errs[i] = b.send(fmt.Sprint(i), fmt.Sprint("text ", i)) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	centre.Act("most")
	if most := centre.Next("most").Count; most != 3 {
		t.Errorf("%d submits were under way at once, the window is 3", most)
	}
}

// Close lets what is under way end, and unbinds.
func TestClose(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	b := open(t, centre.Address, nil)
	centre.Order(map[string]any{"slow": 500})
	done := make(chan error, 1)
	go func() { done <- b.send("x", "x") }()
	centre.Next("submit")
	b.Close()
	if err := <-done; err != nil {
		t.Errorf("a message that was under way: %v", err)
	}
	centre.Next("unbound")
	b.fault(core.CarrierDown, canary)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours := cert.New(t, "127.0.0.1")
	centre := smsc.Start(t, smsc.Options{Certificate: ours.CertificateFile, Key: ours.KeyFile})
	b := open(t, centre.Address, func(c *smpp.Config) { c.TLS, c.CA = true, ours.CA })
	if err := b.send("x", "Grüße"); err != nil {
		t.Fatal(err)
	}
	if got := centre.Next("inbox"); got.Text != "Grüße" {
		t.Errorf("%+v", got)
	}
	stranger := open(t, centre.Address, func(c *smpp.Config) { c.TLS, c.CA = true, cert.New(t, "127.0.0.1").CA })
	until(t, "the stranger is refused", func() bool { return strings.Contains(stranger.State().Detail, "its authority is not known") })
	stranger.fault(core.CarrierDown, canary)
	clear := open(t, centre.Address, func(c *smpp.Config) { c.TLS = false })
	until(t, "cleartext fails", func() bool { return strings.HasPrefix(clear.State().Detail, "not bound: it ") })
	plain := smsc.Start(t, smsc.Options{})
	other := open(t, plain.Address, func(c *smpp.Config) { c.TLS, c.CA, c.Timeout = true, ours.CA, time.Second })
	until(t, "TLS is not given up", func() bool {
		return strings.HasPrefix(other.State().Detail, "not bound: it ") && other.State().Detail != "not bound: it was not tried yet"
	})
	if plain.Count("bound") != 0 {
		t.Error("bound in the clear")
	}
}
