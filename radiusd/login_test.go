package radiusd

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"layeh.com/radius"
)

// A login in two rounds: the challenge, its answer, the accept; and the wrong answer.
func TestLoginInTwoRounds(t *testing.T) {
	core := new(logins)
	s := start(t, Config{}, core, nas(nil))
	g := dial(t, s.Addrs()[0])

	challenge := g.ask(asked(user("lutz"), password("first factor")), testSecret)
	if challenge.Code != radius.CodeAccessChallenge {
		t.Fatalf("code %v", challenge.Code)
	}
	wantAttributes(t, challenge, `80:*`, `24:"TOKEN234"`, `18:"Letters 1, 3? "`, `76:"\x00\x00\x00\x00"`)

	reject := g.ask(asked(user("lutz"), password("xx"), with(24, "TOKEN234")), testSecret)
	if reject.Code != radius.CodeAccessReject {
		t.Fatalf("code %v", reject.Code)
	}
	wantAttributes(t, reject, `80:*`, `18:"Denied. R-77"`)

	accept := g.ask(asked(user("lutz"), password("ac"), with(24, "TOKEN234")), testSecret)
	if accept.Code != radius.CodeAccessAccept {
		t.Fatalf("code %v", accept.Code)
	}
	wantAttributes(t, accept, `80:*`, `25:"staff"`)

	if got, _ := core.last(); got.User != "lutz" || got.Password.Reveal() != "first factor" || got.NAS != "vpn" ||
		got.Policy != "vpn" || got.Source.String() != "nas:vpn" || got.Request == "" {
		t.Errorf("the attempt was %+v", got)
	}
	if s.log.String() == "" || strings.Contains(s.log.String(), "first factor") || strings.Contains(s.log.String(), "TOKEN234") {
		t.Errorf("log:\n%s", s.log)
	}
}

// wantAttributes compares all attributes of a reply, in order; * stands for any value.
func wantAttributes(t *testing.T, p *radius.Packet, want ...string) {
	t.Helper()
	var got []string
	for i, avp := range p.Attributes {
		text := strconv.Itoa(int(avp.Type)) + ":" + strconv.Quote(string(avp.Attribute))
		if i < len(want) && strings.HasSuffix(want[i], ":*") && strings.HasPrefix(text, strings.TrimSuffix(want[i], "*")) {
			text = want[i]
		}
		got = append(got, text)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("attributes\n got %s\nwant %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

// radclient is FreeRADIUS's own client, with its habits: it leaves an empty User-Password
// out, and sends Message-Authenticator only when told to.
func radclient(t *testing.T, to, secret, attributes string) string {
	t.Helper()
	cmd := exec.Command("radclient", "-x", "-r", "1", "-t", "5", to, "auth", secret)
	cmd.Stdin = strings.NewReader(attributes)
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Access-Reject") && !strings.Contains(string(out), "Access-Challenge") {
		t.Fatalf("radclient: %v\n%s", err, out)
	}
	return string(out)
}

func TestRadclient(t *testing.T) {
	core := new(logins)
	s := start(t, Config{}, core,
		nas(func(c *Client) { c.MessageAuthenticator = LetOff; c.LimitProxyState = false }))
	to := s.Addrs()[0].String()

	out := radclient(t, to, testSecret, `User-Name="otp",User-Password="pw",Proxy-State=0x0102,Proxy-State=0x03`)
	if !strings.Contains(out, "Received Access-Challenge") || !strings.Contains(out, `Reply-Message = "Letters 1, 3? "`) ||
		!strings.Contains(out, "Prompt = No-Echo") || !regexp.MustCompile(`(?s)Proxy-State = 0x0102.*Proxy-State = 0x03`).MatchString(out[strings.Index(out, "Received"):]) {
		t.Errorf("challenge:\n%s", out)
	}
	state := regexp.MustCompile(`State = (0x[0-9a-f]+)`).FindStringSubmatch(out[strings.Index(out, "Received"):])[1]
	out = radclient(t, to, testSecret, `User-Name="otp",User-Password="ac",State=`+state)
	if !strings.Contains(out, "Received Access-Accept") || !strings.Contains(out, "Class = 0x7374616666") {
		t.Errorf("accept:\n%s", out)
	}
	out = radclient(t, to, testSecret, `User-Name="otp",User-Password="",State=`+state)
	if !strings.Contains(out, "Received Access-Reject") || !strings.Contains(out, `Reply-Message = "Denied. R-77"`) {
		t.Errorf("reject:\n%s", out)
	}
	if _, got := core.last(); got.Token != "TOKEN234" || !got.Text.IsEmpty() {
		t.Errorf("the empty answer did not come to core: %+v", got)
	}
	out = radclient(t, to, testSecret, `User-Name="otp",CHAP-Password="pw"`)
	if !strings.Contains(out, "Received Access-Reject") || !strings.Contains(out, "PAP only") {
		t.Errorf("CHAP:\n%s", out)
	}
	out = radclient(t, to, testSecret, `User-Name="otp",User-Password="pw",Message-Authenticator=0x00`)
	if !strings.Contains(out, "Received Access-Challenge") {
		t.Errorf("with Message-Authenticator:\n%s", out)
	}
}
