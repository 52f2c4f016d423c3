package smpp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/pdu"
)

func TestParseReceipt(t *testing.T) {
	for text, want := range map[string]receipt{
		"id:1001 sub:001 dlvrd:001 submit date:2611252230 done date:2611252231 stat:DELIVRD err:000 text:PINphrase": {"1001", "DELIVRD", "000"},
		"id:A-9f sub:001 dlvrd:000 stat:UNDELIV err:27 Text:id:7 stat:DELIVRD":                                      {"A-9f", "UNDELIV", "27"},
		"STAT: delivered ID: 7":   {"7", "DELIVRD", ""},
		"myid:5 stat:EXPIRED":     {"", "EXPIRED", ""},
		"text: id:1 stat:DELIVRD": {},
		"":                        {},
		"id:\x00\x01 stat:\xff":   {},
		"id:" + strings.Repeat("9", 65) + " stat:": {},
		strings.Repeat(" ", 600) + "id:1":          {},
	} {
		if got := parseReceipt(text); got != want {
			t.Errorf("%.60q: %+v", text, got)
		}
	}
}

// The tracker forgets the oldest, and a flood of receipts for nobody costs nothing.
func TestTrackerIsBounded(t *testing.T) {
	told := 0
	tr := tracker{log: slog.New(slog.DiscardHandler)}
	for i := range maxTracked + 500 {
		tr.begin(&tracked{message: "m", left: 1, report: func(bool, string) { told++ }})(validity(time.Duration(i)*time.Minute) + strings.Repeat("x", i%7) + hex.EncodeToString([]byte{byte(i >> 16), byte(i >> 8), byte(i)}))
		tr.receipt(receipt{id: "nobody" + hex.EncodeToString([]byte{byte(i >> 16), byte(i >> 8), byte(i)}), state: "DELIVRD"})
	}
	if len(tr.by) > maxTracked || len(tr.order) > maxTracked || len(tr.early) > maxEarly || told != 0 {
		t.Errorf("%d ids, %d in order, %d early, told %d", len(tr.by), len(tr.order), len(tr.early), told)
	}
}

func TestValidity(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "000000000100000R", time.Second: "000000000100000R", 90 * time.Second: "000000000200000R", 25*time.Hour + 3*time.Minute: "000001010300000R", 1000 * 24 * time.Hour: "000030000000000R",
	} {
		if got := validity(d); got != want || len(got) != 16 {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add("id:1001 sub:001 dlvrd:001 submit date:2611252230 done date:2611252231 stat:DELIVRD err:000 text:PINphrase: secret")
	f.Add("Id: 00A  STAT: UNDELIV ERR: 27 Text: id:999")
	f.Add("stat:stat:stat: id:id:")
	f.Fuzz(func(t *testing.T, text string) {
		r := parseReceipt(text)
		for _, field := range []string{r.id, r.state, r.code} {
			if strings.ContainsFunc(field, func(c rune) bool { return c <= ' ' || c > '~' }) || len(field) > maxID {
				t.Errorf("%q gives the word %q", text, field)
			}
		}
		if at := strings.Index(asciiLower(text), "text:"); at >= 0 {
			if parseReceipt(text[:at]) != r {
				t.Errorf("%q: the message was looked at: %+v", text, r)
			}
		}
		if len(canonicalID(text)) > len(text) {
			t.Errorf("%q grew", text)
		}
	})
}

// FuzzFrames: what a centre sends may be anything; the next command is still found, and nothing panics.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{
		"00000010800000040000000000000001", "0000001580000004000000000000000131303031" + "00", "00000010000000150000000000000007", "00000014000000050000000000000778ffffffff",
		"0000002d000000050000000000000001000101343931000005004c61746368000400000000000000000000", "48545450", "7fffffff000000040000000000000001",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		for {
			before := r.Len()
			fr, err := readFrame(r)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && wordsOf(err) == "" {
					t.Errorf("no words for %v", err)
				}
				return
			}
			if read := before - r.Len(); read != len(fr.bytes) || read < 16 {
				t.Fatalf("read %d of a frame of %d", read, len(fr.bytes))
			}
			p, err := fr.parse()
			if err != nil {
				continue
			}
			switch p := p.(type) {
			case *pdu.DeliverSM:
				deliverReceipt(p)
			case *pdu.DataSM:
				dataReceipt(p)
			}
		}
	})
}
