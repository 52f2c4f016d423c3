package delivery

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
	"github.com/latchkey/latchkey/test/carriers/cert"
	"github.com/latchkey/latchkey/test/carriers/kannel"
	"github.com/latchkey/latchkey/test/carriers/smsc"
	"github.com/latchkey/latchkey/test/carriers/smtpd"
)

const (
	number = "+491711234567"
	lutz   = "lutz@example.org"
)

// house is an appliance with every carrier, and what stands behind them.
type house struct {
	*appliance.Appliance
	nas    nas
	t      *testing.T
	centre *smsc.Centre // of sms
	kannel *smsc.Centre // behind own
	url    string       // of Kannel's sendsms
	mails  *smtpd.Server
	folder string
	pair   cert.Pair
}

func begin(t *testing.T, deliver string) *house {
	t.Helper()
	h := &house{t: t, folder: appliance.Folder(t), pair: cert.New(t, "127.0.0.1")}
	h.centre = smsc.Start(t, smsc.Options{Certificate: h.pair.CertificateFile, Key: h.pair.KeyFile})
	h.kannel = smsc.Start(t, smsc.Options{})
	h.url = kannel.Start(t, h.kannel.Port, smsc.Password).URL
	h.mails = smtpd.Start(t, smtpd.Options{Pair: &h.pair, Auth: true})
	appliance.Write(t, h.file("smsc"), smsc.Password+"\n")
	appliance.Write(t, h.file("kannel"), kannel.Password+"\n")
	appliance.Write(t, h.file("mail"), smtpd.Password+"\n")
	h.Appliance = appliance.Start(t, appliance.Config{Binaries: built, Sections: h.carriers("Latchkey")})
	h.Enrol("lutz")
	h.Latchkey("", "user", "set", "lutz", "--phone", number, "--mail", lutz)
	h.nas = newNAS(t, h.Appliance)
	h.deliver(deliver, "Latchkey")
	t.Cleanup(func() {
		for _, secret := range []string{number, number[1:], lutz, smsc.Password, kannel.Password, smtpd.Password, "Please enter the 1", "of your "} {
			if strings.Contains(h.Log.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
	})
	return h
}

func (h *house) file(name string) string { return filepath.Join(h.folder, name) }

func (h *house) carriers(source string) string {
	return strings.NewReplacer("CENTRE", h.centre.Address, "CA", h.pair.CAFile, "SMSCSECRET", h.file("smsc"), "SOURCE", source, "SENDSMS", h.url,
		"KANNELUSER", kannel.User, "KANNELSECRET", h.file("kannel"), "MAILSERVER", h.mails.Address, "MAILUSER", smtpd.User, "MAILSECRET", h.file("mail")).Replace(`
carriers:
  sms: {smpp: {address: "CENTRE", ca_file: CA, system_id: latchkey, password_file: SMSCSECRET, source: "SOURCE"}}
  own: {kannel: {url: "SENDSMS", user: KANNELUSER, password_file: KANNELSECRET, from: Latchkey}}
  web:
    http:
      url: SENDSMS?username={user}&password={secret}&to={to}&text={text}&from={from}&charset=UTF-8&coding=0
      user: KANNELUSER
      secret_file: KANNELSECRET
      from: Web
      number: zeros
      success: {status: [202], answer: "^[03]: "}
  post: {mail: {server: "MAILSERVER", ca_file: CA, user: MAILUSER, password_file: MAILSECRET, from: "Latchkey <latchkey@corp.example>"}}
`)
}

// deliver lets the policy's questions go by these carriers.
func (h *house) deliver(list, source string) {
	h.t.Helper()
	h.Policy = "deliver: " + list
	h.Configure("", h.carriers(source), "delivery: {resend_after: 10m}")
	h.Reload()
}

// TestEveryCarrier logs in once by each; a right answer to a message is good once.
func TestEveryCarrier(t *testing.T) {
	t.Parallel()
	h := begin(t, "[sms]")
	h.centre.Next("bound")
	h.kannel.Next("bound")
	inbox := map[string]func() string{
		"sms": func() string {
			m := h.centre.Next("inbox")
			if m.To != number[1:] || m.From != "Latchkey" {
				t.Errorf("by sms: %+v", m)
			}
			return m.Text
		},
		"own": func() string { return h.kannel.Next("inbox").Text },
		"web": func() string {
			m := h.kannel.Next("inbox")
			if m.From != "Web" || m.To != "00"+number[1:] {
				t.Errorf("by web: %+v", m)
			}
			return m.Text
		},
		"post": func() string {
			l := h.mails.Next(t)
			if l.To != lutz || !l.TLS || l.Header.Get("Subject") == "" || strings.Contains(l.Header.Get("Subject"), "character") {
				t.Errorf("by mail: %+v", l)
			}
			return l.Body
		},
	}
	for _, carrier := range []string{"sms", "own", "web", "post"} {
		if carrier != "sms" {
			h.deliver("["+carrier+"]", "Latchkey")
		}
		challenge, mark := h.nas.password("lutz")
		text := inbox[carrier]()
		h.nas.answer("lutz", challenge, text, mark)
		if r := h.nas.ask("lutz", appliance.Right(t, strings.Trim(strings.ReplaceAll(text, mark, ""), " ()")), challenge.state); r.code != "Access-Reject" {
			t.Errorf("%s: the same answer again gives %s", carrier, r.code)
		}
	}
	if n := h.centre.Count("bound"); n != 1 {
		t.Errorf("reloads that changed nothing of it let the carrier bind %d times", n)
	}
}

// TestNextCarrier: the message centre is gone, and the question comes by mail.
func TestNextCarrier(t *testing.T) {
	t.Parallel()
	h := begin(t, "[sms, post]")
	h.centre.Next("bound")
	challenge, mark := h.nas.password("lutz")
	h.nas.answer("lutz", challenge, h.centre.Next("inbox").Text, mark)
	h.centre.Kill()
	challenge, mark = h.nas.password("lutz")
	h.nas.answer("lutz", challenge, h.mails.Next(t).Body, mark)
	// A throttled one is asked later, or another takes it over; in any case it comes once.
	again := smsc.Start(t, smsc.Options{Port: h.centre.Port, Certificate: h.pair.CertificateFile, Key: h.pair.KeyFile})
	again.Next("bound")
	challenge, mark = h.nas.password("lutz")
	text := ""
	select {
	case l := <-h.mails.Letters:
		text = l.Body
	case <-arrived(again):
		text = again.Next("inbox").Text
	}
	h.nas.answer("lutz", challenge, text, mark)
}

// TestReceipts: the message centre takes a question, and says a moment later that the telephone cannot be reached. It
// comes by mail, once; a receipt of success changes nothing.
func TestReceipts(t *testing.T) {
	t.Parallel()
	h := begin(t, "[sms, post]")
	h.centre.Next("bound")
	h.centre.Order(map[string]any{"receipt": "UNDELIV"})
	challenge, mark := h.nas.password("lutz")
	if text := h.centre.Next("inbox").Text; !strings.Contains(text, mark) {
		t.Errorf("by SMS: %q", text)
	}
	letter := h.mails.Next(t)
	h.nas.answer("lutz", challenge, letter.Body, mark)
	audit := h.Latchkey("", "audit", "--user", "lutz")
	for _, line := range []string{"taken", "undelivered", "by sms, UNDELIV, error 027", "passed-on"} {
		if !strings.Contains(audit, line) {
			t.Errorf("the audit log has not %q:\n%s", line, audit)
		}
	}
	h.centre.Order(map[string]any{"receipt": "DELIVRD"})
	challenge, mark = h.nas.password("lutz")
	text := h.centre.Next("inbox").Text
	told := ""
	for end := time.Now().Add(20 * time.Second); !strings.Contains(told, mark+" by sms, delivered"); time.Sleep(20 * time.Millisecond) {
		if told = h.Latchkey("", "user", "show", "lutz"); time.Now().After(end) {
			t.Fatalf("user show does not tell of the receipt:\n%s", told)
		}
	}
	h.nas.answer("lutz", challenge, text, mark)
	if h.centre.Count("inbox") != 2 || len(h.mails.Letters) != 0 {
		t.Errorf("%d messages by SMS, %d more by mail", h.centre.Count("inbox"), len(h.mails.Letters))
	}
}

// arrived is closed when a message has come.
func arrived(c *smsc.Centre) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		for end := time.Now().Add(25 * time.Second); c.Count("inbox") == 0 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		close(done)
	}()
	return done
}

// TestReload changes a carrier while it has a message in work: that one is taken over, once, and the next goes by the
// new configuration.
func TestReload(t *testing.T) {
	t.Parallel()
	h := begin(t, "[sms]")
	h.centre.Next("bound")
	h.centre.Order(map[string]any{"slow": 1500})
	challenge, mark := h.nas.password("lutz")
	h.centre.Next("submit")
	h.deliver("[sms]", "+4962111223344")
	h.centre.Order(map[string]any{"slow": 0})
	text := h.centre.Next("inbox").Text
	h.centre.Next("unbound")
	h.nas.answer("lutz", challenge, text, mark)
	challenge, mark = h.nas.password("lutz")
	m := h.centre.Next("inbox")
	if m.From != "4962111223344" {
		t.Errorf("the new configuration is not in force: %+v", m)
	}
	h.nas.answer("lutz", challenge, m.Text, mark)
	if n := h.centre.Count("inbox"); n != 2 {
		t.Errorf("%d messages for two logins", n)
	}
}

// TestCarrierTest: what an administrator sees.
func TestCarrierTest(t *testing.T) {
	t.Parallel()
	h := begin(t, "[sms]")
	h.centre.Next("bound")
	for _, c := range []struct{ carrier, address, said string }{
		{"sms", number, "SMPP status 0x0 ESME_ROK, message id 1"}, {"own", number, "202 Accepted: 0: Accepted for delivery"}, {"post", lutz, "250 "},
	} {
		out, told, err := h.command("carrier", "test", c.carrier, c.address)
		if err != nil || !strings.Contains(told, "The other side said: "+c.said) || !strings.Contains(out+told, c.carrier+" has taken the message to "+c.address+" over") {
			t.Errorf("%s: %v\n%s%s", c.carrier, err, out, told)
		}
	}
	if m := h.centre.Next("inbox"); m.Text != "Latchkey: a test message. Umlauts: äöüß. There is nothing to do." {
		t.Errorf("%q", m.Text)
	}
	h.centre.Order(map[string]any{"status": 0x0b, "times": 1})
	out, told, err := h.command("carrier", "test", "sms", number)
	if code := exit(err); code != 1 || !strings.Contains(told, "sms did not take the message over: SMPP status 0xb ESME_RINVDSTADR") {
		t.Errorf("exit %d\n%s%s", code, out, told)
	}
	var result struct {
		Taken  bool
		Fault  string
		Answer string
	}
	h.centre.Order(map[string]any{"status": 0x58, "times": 1})
	out, _, err = h.command("carrier", "test", "sms", number, "--json")
	if code := exit(err); code != 1 || json.Unmarshal([]byte(out), &result) != nil || result.Taken || result.Fault != "busy" || result.Answer == "" {
		t.Errorf("exit %d: %s", code, out)
	}
	for _, bad := range [][]string{{"nobody", number}, {"sms", "0171 1234567"}, {"sms", lutz}, {"post", number}} {
		out, told, err := h.command("carrier", "test", bad[0], bad[1])
		if code := exit(err); code != 1 || told == "" {
			t.Errorf("%q: exit %d\n%s%s", bad, code, out, told)
		}
	}
	if _, told, err := h.command("carrier", "test", "sms"); exit(err) != 2 || !strings.Contains(told, "usage: ") {
		t.Errorf("%v %s", err, told)
	}
	status := h.Latchkey("", "status")
	for _, line := range []string{"smpp, bound, 1 taken over, 2 failed, last: busy: SMPP status 0x58 ESME_RTHROTTLED", "kannel, 1 taken over, 0 failed", "mail, 1 taken over"} {
		if !strings.Contains(status, line) {
			t.Errorf("status has not %q:\n%s", line, status)
		}
	}
	if list := h.Latchkey("", "carrier", "list"); !strings.Contains(list, "bound") || !strings.Contains(list, "post") {
		t.Error(list)
	}
	audit := h.Latchkey("", "audit")
	if n := strings.Count(audit, "carrier-test"); n < 5 || !strings.Contains(audit, "sms to +49…67") || strings.Contains(audit, number) {
		t.Errorf("the audit log:\n%s", audit)
	}
}

func exit(err error) int {
	if err == nil {
		return 0
	}
	if ended, ok := err.(*exec.ExitError); ok { //nolint:errorlint // of exec itself
		return ended.ExitCode()
	}
	return -1
}

// command is Latchkey for those that may be refused.
func (h *house) command(args ...string) (out, told string, err error) {
	h.t.Helper()
	cmd := exec.Command(built.Latchkey, append([]string{"--socket", h.Socket()}, args...)...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	cmd.Env = os.Environ()
	err = cmd.Run()
	return o.String(), e.String(), err
}
