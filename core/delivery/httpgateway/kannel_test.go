package httpgateway_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/httpgateway"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/test/carriers/kannel"
	"github.com/latchkey/latchkey/test/carriers/smsc"
)

// TestKannel brings whole messages through Kannel to the inbox of a message centre.
func TestKannel(t *testing.T) {
	t.Parallel()
	centre := smsc.Start(t, smsc.Options{})
	gateway := kannel.Start(t, centre.Port, smsc.Password)
	centre.Next("bound")
	config := httpgateway.KannelConfig{
		URL: gateway.URL, User: kannel.User, Password: secret.New(kannel.Password), From: "Latchkey", SMSC: "fast", Number: delivery.NumberPlus,
	}
	carrier, err := httpgateway.NewKannel(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"PINphrase: das 1., 3. und letzte Zeichen Ihres ersten Urlaubsorts: äöüÄÖÜß & = % + ? # ñ€[]{}",
		"Введите 1-й символ & «всё»",
		strings.Repeat("Grüße über mehrere Teile. ", 10),
		strings.Repeat("слово ", 20),
	} {
		ctx, said := delivery.Listening(t.Context())
		if err := carrier.Send(ctx, core.Message{ID: "1", To: secret.New(number), Text: secret.New(text)}); err != nil {
			t.Fatalf("%q: %v (%s)", text, err, *said)
		}
		if *said != "202 Accepted: 0: Accepted for delivery" {
			t.Errorf("Kannel said %q", *said)
		}
		got := centre.Next("inbox")
		if got.Text != text || got.From != "Latchkey" || strings.TrimPrefix(got.To, "+") != number[1:] {
			t.Errorf("arrived: %+v\nwant %q", got, text)
		}
	}
	config.Password = secret.New("wrong-" + canary)
	stranger, err := httpgateway.NewKannel(config)
	if err != nil {
		t.Fatal(err)
	}
	fault := wantFault(t, stranger, core.CarrierDown)
	if !strings.Contains(fault.Text, "does not know this user") {
		t.Error(fault)
	}
	// Without a centre Kannel keeps the message, and says so.
	centre.Kill()
	queued := false
	for end := time.Now().Add(20 * time.Second); !queued && time.Now().Before(end); {
		ctx, said := delivery.Listening(t.Context())
		if err := carrier.Send(ctx, core.Message{ID: "1", To: secret.New(number), Text: secret.New("x")}); err != nil {
			t.Fatalf("%v (%s)", err, *said)
		}
		queued = *said == "202 Accepted: 3: Queued for later delivery"
	}
	if !queued {
		t.Error(`Kannel never said "3: Queued for later delivery"`)
	}
}

// TestKannelAnswers: what is not Kannel's success is none.
func TestKannelAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		want   core.CarrierFault
	}{
		{202, "0: Accepted for delivery", ""}, {202, "3: Queued for later delivery", ""}, {200, " 0: Sent.\n", ""},
		{202, "4: Not routable", core.CarrierRefused}, {202, "1: something", core.CarrierRefused},
		{200, "<html>It works!</html>", core.CarrierDown}, {202, "", core.CarrierDown}, {202, "00000: x", core.CarrierDown}, {202, "-0: x", core.CarrierDown},
		{503, "Temporal failure, try again later.", core.CarrierDown}, {404, "Not routable. Do not try again.", core.CarrierDown},
		{403, "Authorization failed for sendsms", core.CarrierDown}, {400, "Empty receiver number not allowed, rejected", core.CarrierRefused},
		{500, "", core.CarrierDown},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		carrier, err := httpgateway.NewKannel(httpgateway.KannelConfig{URL: server.URL, User: "u", Password: secret.New(canary), From: "x"})
		if err != nil {
			t.Fatal(err)
		}
		var fault *core.CarrierError
		switch err := carrier.Send(t.Context(), message("x")); {
		case err == nil && c.want == "":
		case !errors.As(err, &fault) || fault.Fault != c.want:
			t.Errorf("%d %q: %v", c.status, c.body, err)
		}
		server.Close()
	}
	if _, err := httpgateway.NewKannel(httpgateway.KannelConfig{URL: "ftp://x"}); err == nil {
		t.Error("a URL that is none is taken")
	}
}

// The gateway hangs up after it has read the whole request: it may have taken the message over, and it is not to be
// asked a second time.
func TestHangUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	asked := make(chan int, 10)
	go func() {
		for n := 1; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.Close()
			asked <- n
		}
	}()
	for _, method := range []string{"GET", "POST"} {
		cfg := httpgateway.Config{Method: method, URL: "http://" + listener.Addr().String() + "/?to={to}&text={text}"}
		if method == "POST" {
			cfg.Body, cfg.Headers = "{text}", map[string]string{"Content-Type": "text/plain"}
		}
		carrier, err := httpgateway.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		wantFault(t, carrier, core.CarrierUnknown)
	}
	if n := len(asked); n != 2 {
		t.Errorf("the gateway was asked %d times for two messages", n)
	}
}

// TestRepeats: on a connection that is used again net/http repeats a request by itself when the other side hangs up; a
// POST too, where it has an Idempotency-Key. That would be a second message.
func TestRepeats(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if asked.Add(1) == 1 {
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}))
	defer server.Close()
	for _, body := range []string{"", "{text}"} {
		asked.Store(0)
		carrier, err := httpgateway.New(httpgateway.Config{URL: server.URL + "?to={to}&text={text}", Body: body, Headers: map[string]string{"Content-Type": "text/plain"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := carrier.Send(t.Context(), message("x")); err != nil {
			t.Fatal(err)
		}
		wantFault(t, carrier, core.CarrierUnknown)
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times for two messages", n)
		}
	}
}
