package delivery_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		given string
		form  delivery.NumberForm
		want  string
	}{
		{"+491711234567", delivery.NumberPlus, "+491711234567"}, {"+491711234567", delivery.NumberDigits, "491711234567"}, {"+491711234567", delivery.NumberZeros, "00491711234567"},
		{"+491711234567", "", "+491711234567"}, {"491711234567", "", ""}, {"+0171", "", ""}, {"+49 171", "", ""}, {"", "", ""}, {"+", "", ""}, {"+1234", "", ""},
		{"+1234567890123456", "", ""}, {"+49171\n", "", ""}, {"+４９１７１１２３", "", ""},
	} {
		got, ok := delivery.Number(c.given, c.form)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q as %q: %q", c.given, c.form, got)
		}
	}
	for given, want := range map[string]string{"+491711234567": "+49…67", "lutz@example.org": "l…@example.org", "12345": "…", "": "…", "@x": "…@x", "ümit@x": "ü…@x"} {
		if got := delivery.Masked(given); got != want {
			t.Errorf("%q: %q", given, got)
		}
	}
	for given, want := range map[string]string{
		"+4962111223344": "international", "72222": "short", "Latchkey": "name", "Latch Key 1": "name", "Zwölf": "", "zwölfzeichenn": "", "far too long": "", "": "", "12": "", "+": "", "+49x": "", " x": "",
	} {
		if got := delivery.Sender(given); got != want {
			t.Errorf("%q: %q", given, got)
		}
	}
}

func TestAnswer(t *testing.T) {
	delivery.Answer(t.Context(), "nobody listens")
	ctx, said := delivery.Listening(t.Context())
	delivery.Answer(ctx, "  250\r\n\x1b[31mOk\xff "+strings.Repeat("ü", 500))
	if !strings.HasPrefix(*said, "250 [31mOk? üü") || len(*said) > 310 || !utf8.ValidString(*said) || strings.ContainsFunc(*said, unicode.IsControl) {
		t.Errorf("%q", *said)
	}
}

func TestBusy(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{-time.Second: 0, time.Second: time.Second, 48 * time.Hour: time.Hour} {
		if e := delivery.Busy(given, "x"); e.After != want || e.Fault != core.CarrierBusy {
			t.Errorf("%s: %s", given, e.After)
		}
	}
}

// FuzzAlphabet: parts are never too long, nothing is lost, and no escape is parted from its character.
func FuzzAlphabet(f *testing.F) {
	for _, s := range []string{"", "Grüße", strings.Repeat("€", 100), strings.Repeat("x", 152) + "€y" + strings.Repeat("z", 30), strings.Repeat("я", 66) + "🔑🔑🔑", "„x“ – …", "\x1b", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if plain := delivery.Plain(text); plain != text && !delivery.IsGSM7(plain) {
			t.Errorf("%q became %q, which is not within the alphabet either", text, plain)
		}
		if !utf8.ValidString(text) {
			if delivery.IsGSM7(text) {
				t.Error("what is no text is within the alphabet")
			}
			return
		}
		wide := delivery.UCS2(text)
		var units []byte
		for i, p := range wide {
			if len(p)%2 != 0 || len(p) > 140 || len(wide) > 1 && len(p) > 134 || i < len(wide)-1 && len(p) < 130 {
				t.Errorf("part %d of %d has %d octets", i+1, len(wide), len(p))
			}
			if len(p) > 0 && p[0] >= 0xdc && p[0] <= 0xdf {
				t.Error("a pair was parted")
			}
			units = append(units, p...)
		}
		if len(wide) == 1 != (len(units) <= 140) {
			t.Errorf("%d octets in %d parts", len(units), len(wide))
		}
		if !delivery.IsGSM7(text) {
			return
		}
		parts := delivery.GSM7(text)
		total := 0
		for i, p := range parts {
			if len(p) > 160 || len(parts) > 1 && len(p) > 153 || i < len(parts)-1 && len(p) < 152 {
				t.Errorf("part %d of %d has %d codes", i+1, len(parts), len(p))
			}
			if len(p) > 0 && p[len(p)-1] == 0x1b {
				t.Error("an escape was parted from its character")
			}
			for _, code := range p {
				if code > 0x7f {
					t.Errorf("a code %#x", code)
				}
			}
			total += len(p)
		}
		if len(parts) == 1 != (total <= 160) {
			t.Errorf("%d codes in %d parts", total, len(parts))
		}
	})
}

// FuzzTemplate: whatever a template and its values are, no error quotes a value, and a value that is put in comes out
// on the other side as it was.
func FuzzTemplate(f *testing.F) {
	f.Add(`{"to": "{to}", "text": "{text}"}`, "json", "Grüße \"<&>'\\{}\r\n")
	f.Add(`<sms to="{to}">{text}</sms>`, "xml", "]]><!--")
	f.Add(`<sms><![CDATA[{text}]]></sms>`, "xml", "x")
	f.Add("to={to}&text={text}", "query", "a&b=c%20+ #")
	f.Add("Bearer {text}", "header", "x\r\nEvil: 1")
	f.Add("https://x.example/{to}?t={text}", "url", "../..")
	f.Add("{nothing}", "text", "x")
	f.Fuzz(func(t *testing.T, template, context, value string) {
		const mark = "vAlUe"
		v := delivery.Values{To: "+491711234567", From: value, Text: mark + value, ID: "id", User: value, Secret: value}
		if context == "url" {
			parsed, base, err := delivery.ParseURL(template)
			if err != nil {
				if !errors.Is(err, delivery.ErrTemplate) {
					t.Errorf("%v", err)
				}
				return
			}
			filled, err := parsed.Fill(v)
			if err != nil {
				return
			}
			u, err := url.Parse(filled)
			if err != nil || u.Scheme != base.Scheme || u.Host != base.Host || u.User != nil || u.Fragment != "" {
				t.Errorf("%q filled with %q leads to %q: %v", template, value, filled, err)
			}
			return
		}
		parsed, err := delivery.ParseTemplate(template, delivery.Context(context))
		if err != nil {
			if !errors.Is(err, delivery.ErrTemplate) {
				t.Errorf("%v", err)
			}
			return
		}
		filled, err := parsed.Fill(v)
		if err != nil {
			if !errors.Is(err, delivery.ErrValue) || strings.Contains(err.Error(), mark) {
				t.Errorf("%v", err)
			}
			return
		}
		switch delivery.Context(context) {
		case delivery.ContextJSON:
			var got any
			if err := json.Unmarshal([]byte(filled), &got); err != nil {
				t.Errorf("%q filled with %q is %q: %v", template, value, filled, err)
			} else if want := strings.Count(template, "{text}"); strings.Count(fmt.Sprint(got), mark+value) < want && !strings.Contains(template, "\\") {
				t.Errorf("%q filled with %q: %q", template, value, filled)
			}
		case delivery.ContextXML:
			d := xml.NewDecoder(strings.NewReader(filled))
			for {
				if _, err := d.RawToken(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Errorf("%q filled with %q is %q: %v", template, value, filled, err)
					break
				}
			}
		case delivery.ContextHeader:
			if strings.ContainsAny(filled, "\r\n\x00") {
				t.Errorf("%q filled with %q: %q", template, value, filled)
			}
		}
	})
}

func TestBodyContext(t *testing.T) {
	for given, want := range map[string]delivery.Context{
		"application/json": delivery.ContextJSON, "Application/JSON; charset=utf-8": delivery.ContextJSON, "application/vnd.x+json": delivery.ContextJSON,
		"application/soap+xml": delivery.ContextXML, "text/xml": delivery.ContextXML, "application/x-www-form-urlencoded": delivery.ContextQuery, "text/plain": delivery.ContextText,
		"": "", "text/html": "", "image/svg+xml": "", "multipart/form-data": "",
	} {
		if got, ok := delivery.BodyContext(given); got != want || ok != (want != "") {
			t.Errorf("%q: %q", given, got)
		}
	}
}
