package httpgateway

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
)

// KannelConfig is a user of Kannel's sendsms (Kannel 1.4.5, User's Guide, "Using the HTTP interface to SMSBox").
type KannelConfig struct {
	URL      string // of sendsms, without a query
	User     string // a sendsms-user's
	Password core.Secret
	From     string
	SMSC     string // which of Kannel's connections; empty: Kannel decides
	Number   delivery.NumberForm
	Timeout  time.Duration
	CA       []byte
	Now      func() time.Time
}

// NewKannel makes a gateway for Kannel. Texts within the alphabet of short messages go as such, others in UCS-2;
// Kannel itself cuts long ones.
func NewKannel(cfg KannelConfig) (*Gateway, error) {
	query := "username={user}&password={secret}&from={from}&to={to}&charset=UTF-8&coding=0&text={text}"
	if cfg.SMSC != "" {
		query += "&smsc=" + url.QueryEscape(cfg.SMSC)
	}
	g, err := New(Config{
		Method: "GET", URL: cfg.URL + "?" + query, From: cfg.From, Number: cfg.Number, User: cfg.User, Secret: cfg.Password,
		Timeout: cfg.Timeout, CA: cfg.CA, Now: cfg.Now,
	})
	if err != nil {
		return nil, err
	}
	ucs2, _, err := delivery.ParseURL(cfg.URL + "?" + strings.Replace(query, "coding=0", "coding=2", 1))
	if err != nil {
		return nil, err
	}
	g.prepare = func(v *delivery.Values) { v.Text = delivery.Plain(v.Text) }
	g.wide = &ucs2
	g.judge = judgeKannel
	return g, nil
}

// judgeKannel reads Kannel's answers: "0: Accepted for delivery" and "3: Queued for later delivery" with status 202,
// and the words of its refusals. False: they are not Kannel's, and the status decides.
func judgeKannel(status int, body []byte) (*core.CarrierError, bool) {
	code, words, ok := kannelReply(body)
	if ok && status >= 200 && status < 300 {
		switch code {
		case 0, 3:
			return nil, true
		}
		return delivery.Fault(core.CarrierRefused, "Kannel answers with the code %d", code), true
	}
	if status >= 200 && status < 300 {
		// Something else answers there with success.
		return delivery.Fault(core.CarrierDown, "status %d, but the answer is not Kannel's: is the URL that of sendsms?", status), true
	}
	switch {
	case strings.Contains(words, "temporal failure"):
		return delivery.Fault(core.CarrierDown, "status %d: Kannel has a temporary failure", status), true
	case strings.Contains(words, "not routable"):
		return delivery.Fault(core.CarrierDown, "status %d: Kannel has no connection for this number", status), true
	case strings.Contains(words, "authorization failed"):
		return delivery.Fault(core.CarrierDown, "status %d: Kannel does not know this user and password", status), true
	}
	return nil, false
}

// kannelReply takes the code off an answer "N: words". The words come in lower case.
func kannelReply(body []byte) (code int, words string, ok bool) {
	const enough = 200
	line, _, _ := bytes.Cut(bytes.TrimSpace(body[:min(len(body), enough)]), []byte("\n"))
	text := strings.ToLower(strings.TrimSpace(string(line)))
	number, rest, found := strings.Cut(text, ":")
	if found && len(number) > 0 && len(number) <= 3 {
		if n, err := strconv.ParseUint(number, 10, 10); err == nil {
			return int(n), strings.TrimSpace(rest), true
		}
	}
	return 0, text, false
}
