package radiusd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"layeh.com/radius"
)

// Requests that core could not judge are refused in words, or dropped where they are no requests.
func TestRequestsThatNeverGetToCore(t *testing.T) {
	microsoft := func(kind byte) string {
		return string(binary.BigEndian.AppendUint32(nil, 311)) + string([]byte{kind, 4, 0, 0})
	}
	for _, c := range []struct {
		name   string
		packet []func(*radius.Packet)
		want   string // words, or a Drop
	}{
		{"no user", []func(*radius.Packet){password("pw")}, "names no user"},
		{"empty user", []func(*radius.Packet){user(""), password("pw")}, "names no user"},
		{"CHAP", []func(*radius.Packet){user("lutz"), with(3, "\x01aaaaaaaaaaaaaaaa")}, "carries CHAP"},
		{"MS-CHAP", []func(*radius.Packet){user("lutz"), with(26, microsoft(1))}, "carries MS-CHAP"},
		{"MS-CHAPv2", []func(*radius.Packet){user("lutz"), with(26, microsoft(25))}, "carries MS-CHAP"},
		{"EAP", []func(*radius.Packet){user("lutz"), with(79, "\x02\x00\x00\x09\x01lutz")}, "carries EAP"},
		{"ARAP", []func(*radius.Packet){user("lutz"), with(70, "0123456789abcdef")}, "carries ARAP"},
		{"accounting", []func(*radius.Packet){coded(radius.CodeAccountingRequest)}, "unsupported-code"},
		{"a reply", []func(*radius.Packet){coded(radius.CodeAccessAccept)}, "unsupported-code"},
		{"two users", []func(*radius.Packet){user("lutz"), user("lotz"), password("pw")}, "malformed"},
		{"two passwords", []func(*radius.Packet){user("lutz"), password("pw"), password("pw")}, "malformed"},
		{"two States", []func(*radius.Packet){user("lutz"), with(24, "a"), with(24, "b")}, "malformed"},
		{"a password of 15 bytes", []func(*radius.Packet){user("lutz"), with(2, "0123456789abcde")}, "malformed"},
		{"a password of 144 bytes", []func(*radius.Packet){user("lutz"), with(2, strings.Repeat("0", 144))}, "malformed"},
		{"Proxy-State without end", func() (all []func(*radius.Packet)) {
			for range 14 {
				all = append(all, with(33, strings.Repeat("x", 253)))
			}
			return append(all, user("lutz"), password("pw"))
		}(), "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := accepting()
			s := start(t, Config{}, core, nas(nil))
			g := dial(t, s.Addrs()[0])
			raw := asked(c.packet...)
			if strings.Contains(c.want, " ") {
				reply := g.ask(raw, testSecret)
				if text := string(reply.Get(18)); reply.Code != radius.CodeAccessReject || !strings.Contains(text, c.want) {
					t.Errorf("%v %q", reply.Code, text)
				}
				if s.Stats().Refused != 1 {
					t.Errorf("%+v", s.Stats())
				}
			} else {
				g.send(raw)
				until(t, c.want, func() bool { return dropped(s, c.want) == 1 })
				if !strings.Contains(s.log.String(), "reason="+c.want) {
					t.Errorf("log:\n%s", s.log)
				}
			}
			if begun, answered := core.calls(); begun+answered != 0 {
				t.Error("core was asked")
			}
		})
	}
}

func dropped(s house, word string) uint64 {
	for d, n := range s.Stats().Dropped {
		if d.String() == word {
			return n
		}
	}
	return 0
}

// Datagrams that are no packets.
func TestBrokenDatagrams(t *testing.T) {
	whole := asked(user("lutz"), password("pw"))
	patched := func(change func(b []byte)) []byte { b := bytes.Clone(whole); change(b); return b }
	for _, c := range []struct {
		name string
		raw  []byte
		want Drop
	}{
		{"one byte", []byte{1}, TooShort},
		{"19 bytes", whole[:19], TooShort},
		{"truncated", whole[:len(whole)-1], BadLength},
		{"length 19", patched(func(b []byte) { b[2], b[3] = 0, 19 }), BadLength},
		{"length 4097", append(patched(func(b []byte) { b[2], b[3] = 0x10, 1 }), make([]byte, 4200)...), BadLength},
		{"attribute of length 0", patched(func(b []byte) { b[21] = 0 }), Malformed},
		{"attribute of length 1", patched(func(b []byte) { b[21] = 1 }), Malformed},
		{"attribute beyond the end", patched(func(b []byte) { b[len(b)-17] = 19 }), Malformed},
		{"half an attribute", patched(func(b []byte) { b[2], b[3] = 0, 21 }), Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := accepting()
			s := start(t, Config{}, core, nas(nil))
			g := dial(t, s.Addrs()[0])
			g.send(c.raw)
			until(t, c.want.String(), func() bool { return s.Stats().Dropped[c.want] == 1 })
			if !strings.Contains(s.log.String(), "reason="+c.want.String()) {
				t.Errorf("log:\n%s", s.log)
			}
			// And padding behind a whole packet is no harm (RFC 2865 section 3).
			g.ask(append(bytes.Clone(whole), make([]byte, 4200)...)[:len(whole)+50], testSecret)
			g.ask(append(asked(user("lutz"), password("pw")), make([]byte, 4500)...), testSecret)
		})
	}
}

// Names of any bytes come to core as they are and to the log in quotes.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		strings.Repeat("x", 253), "nul\x00nul", "line\nline", "esc\x1b[31m", "\xff\xfe", "rtl\u202e", `a"b`, "user=root level=ERROR",
	} {
		core := accepting()
		s := start(t, Config{}, core, nas(nil))
		g := dial(t, s.Addrs()[0])
		g.ask(asked(user(name), password("pw")), testSecret)
		if begun, _ := core.last(); begun.User != name {
			t.Errorf("%q came as %q", name, begun.User)
		}
		g.send(asked(user(name), password("pw"), with(2, "short"))) // and a drop that names the user
		until(t, "both logged", func() bool { return s.Stats().Dropped[Malformed] == 1 })
		for _, c := range []byte(s.log.String()) {
			if c != '\n' && c < ' ' || c >= 0x7f {
				t.Fatalf("%q is raw in the log: %q", name, s.log)
			}
		}
		if n := strings.Count(s.log.String(), "\n"); n > 3 {
			t.Errorf("%q made %d lines", name, n)
		}
	}
}

func TestUnknownClientIsSilentAndLoggedSparingly(t *testing.T) {
	hands := new(clock)
	s := start(t, Config{Now: hands.now}, accepting(), nas(func(c *Client) { c.Prefix = netip.MustParsePrefix("192.0.2.0/24") }))
	g := dial(t, s.Addrs()[0])
	for range 100 {
		g.send(asked(user("lutz"), password("pw")))
	}
	until(t, "all dropped", func() bool { return s.Stats().Dropped[UnknownClient] == 100 })
	if n := strings.Count(s.log.String(), "unknown-client"); n != linesPerWindow {
		t.Errorf("%d lines", n)
	}
	hands.advance(logWindow)
	g.send(asked(user("lutz"), password("pw")))
	until(t, "the sum", func() bool { return strings.Contains(s.log.String(), "suppressed=95") })
}

// Every reason has a word of its own.
func TestDropWords(t *testing.T) {
	seen := map[string]bool{}
	for d := none; d < drops; d++ {
		if d.String() == "" || seen[d.String()] {
			t.Errorf("reason %d: %q", d, d)
		}
		seen[d.String()] = true
	}
	if fmt.Sprint(Drop(200)) != "unknown" {
		t.Error("an unknown reason has a word")
	}
}

func TestQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"lutz": "lutz", "a b": `"a b"`, "a\x00": `"a\x00"`, "a\n": `"a\n"`, "\xff": `"\xff"`, "ä": `"\u00e4"`, `a"`: `"a\""`, `a\`: `"a\\"`, "": "",
	} {
		if got := quoted([]byte(name)); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
