package pinphrase

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // letters, separated by |
	}{
		{"plain", "Heidelberg", "H|e|i|d|e|l|b|e|r|g"},
		{"spaces", " FC  Bayern\u00a0", "F|C|B|a|y|e|r|n"},
		{"punctuation", "Dr. O'Neill-Smith, (jr.)", "D|r|O|N|e|i|l|l|S|m|i|t|h|j|r"},
		{"typed apostrophes", "O`Neill´s’", "O|N|e|i|l|l|s"},
		{"sharp s is one", "Straße", "S|t|r|a|ß|e"},
		{"capital sharp s", "STRAẞE", "S|T|R|A|ẞ|E"},
		{"umlaut composed", "Müller", "M|ü|l|l|e|r"},
		{"umlaut decomposed", "Mu\u0308ller", "M|ü|l|l|e|r"},
		{"mark without composition", "q\u0323x", "q\u0323|x"},
		{"mark on a space", "a \u0301b", "a|b"},
		{"mark at the start", "\u0301ab", "a|b"},
		{"ligature", "ﬁnd", "f|i|n|d"},
		{"full width", "ＡＢ１", "A|B|1"},
		{"Cyrillic", "Йошкар-Ола", "Й|о|ш|к|а|р|О|л|а"},
		{"Hebrew with marks and bidi controls", "\u200fשָׁלוֹם\u200e", "שָׁ|ל|וֹ|ם"},
		{"Arabic with tatweel and isolates", "\u2067مـحـمّد\u2069", "م|ح|مّ|د"},
		{"Hangul", "서울특별시", "서|울|특|별|시"},
		{"Hangul in jamo", "\u1109\u1165\u110b\u116e\u11af", "서|울"},
		{"Devanagari", "दिल्ली", "दि|ल्|ली"},
		{"emoji family", "a👨‍👩‍👧b", "a|👨‍👩‍👧|b"},
		{"emoji with skin", "👍🏽👍", "👍🏽|👍"},
		{"flags", "🇩🇪🇫🇷", "🇩🇪|🇫🇷"},
		{"flag by tags", "🏴󠁧󠁢󠁳󠁣󠁴󠁿x", "🏴󠁧󠁢󠁳󠁣󠁴󠁿|x"},
		{"keycap", "1️⃣#️⃣", "1️⃣|#️⃣"},
		{"stray joiner", "a\u200db\u200cc\u00ad", "a|b|c"},
		{"Turkish", "İzmir", "İ|z|m|i|r"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := Normalise(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(a.letters, "|"); got != c.want {
				t.Errorf("%q gives %+q, want %+q", c.text, got, c.want)
			}
			if back, err := Decode(a.Encode()); err != nil || !slices.Equal(back.letters, a.letters) {
				t.Errorf("decoded %+q, %v", back.letters, err)
			}
		})
	}
}

func TestNormaliseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", ErrEmpty},
		{"only punctuation", " -.,'\u200f ", ErrEmpty},
		{"Latin-1", "M\xfcller", ErrEncoding},
		{"cut short", "Stra\xc3", ErrEncoding},
		{"surrogate", "a\xed\xa0\x80b", ErrEncoding},
		{"replacement character", "M\ufffdller", ErrEncoding},
		{"NUL", "abc\x00def", ErrControl},
		{"escape", "abc\x1b[1m", ErrControl},
		{"C1 control", "abc\u0085def", ErrControl},
		{"65 letters", strings.Repeat("a", 65), ErrTooLong},
		{"very long", strings.Repeat("a", 1<<20), ErrTooLong},
		{"a tower of marks", "ab" + strings.Repeat("\u0323", 60), ErrCharacter},
		{"long after NFKC", strings.Repeat("\ufdfa", 10), ErrTooLong},
	} {
		if _, err := Normalise(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if a, err := Normalise(strings.Repeat("ä", 64)); err != nil || a.Len() != 64 {
		t.Errorf("64 letters: %v", err)
	}
}

func TestEncodeHidesTheLength(t *testing.T) {
	if n, m := len(answer(t, "Bello").Encode()), len(answer(t, "Volkswagen").Encode()); n != 16 || m != 16 {
		t.Errorf("5 and 10 letters take %d and %d bytes", n, m)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, encoded := range []string{"", "\x01", "\x00abc", "\x03abc", "\x01a\x00b", "\x02a\x00\x00b", "\x01\xff", "\x01" + strings.Repeat("a", 65)} {
		if _, err := Decode([]byte(encoded)); !errors.Is(err, ErrEncoded) {
			t.Errorf("%q: %v", encoded, err)
		}
	}
}

func TestAnswerNeverPrints(t *testing.T) {
	const canary = "Quokkahausen"
	a := answer(t, canary)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", a, "p", &a)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", a)
	asJSON, err := json.Marshal(struct{ A Answer }{a})
	if err != nil {
		t.Fatal(err)
	}
	_, weak := a.MarshalBinary()
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %v %v", a, a, a, a, a, a, a, &a, []Answer{a}, a.Letters()) +
		fmt.Sprint(log.String(), string(asJSON), weak, Defaults().Check(Question{MinimumLength: 20}, a))
	if !strings.Contains(all, "[secret]") {
		t.Error("the test looks at nothing")
	}
	for _, part := range []string{canary, "okka", fmt.Sprintf("%x", canary)} {
		if strings.Contains(all, part) {
			t.Errorf("shows %q: %s", part, all)
		}
	}
}

func TestCheck(t *testing.T) {
	s := Defaults()
	q, pet := s.Questions[0], Question{ID: "pet", MinimumLength: 5}
	for _, c := range []struct {
		name string
		q    Question
		text string
		want error
	}{
		{"good", q, "Heidelberg", nil},
		{"short", q, "Köln", ErrTooShort},
		{"short for all, not for the pet", pet, "Bello", nil},
		{"few letters", q, "ananaann", ErrFewLetters},
		{"letters that differ by accent and case only", q, "aAäáÅbcbcbc", ErrFewLetters},
		{"common", q, "hamburg-stadt", ErrCommon},
		{"common in another spelling", q, "MUENCHNER", ErrCommon},
		{"code word", CodeWordQuestion(), "apfel", nil},
		{"code word of one word", CodeWordQuestion(), "haus", ErrTooShort},
	} {
		err := s.Check(c.q, answer(t, c.text), NoneOf(ErrCommon, "Hamburg Stadt", "Münchner", "\xff"))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if weakness, ok := errors.AsType[*Weakness](err); c.want != nil && (!ok || strings.Contains(weakness.Error(), c.text)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, text := range []string{"Heidelberg", "FC Bayern", "Straße", "Mu\u0308ller", "שָׁלוֹם\u200e", "👨\u200d👩\u200d👧", "क्\u200dष", "\u1112 \u1161", "#️⃣", "a\u200db", "İ", "ŉ", "ﷺ", "\xff", "a\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Normalise(text)
		if err != nil {
			return
		}
		if a.Len() < 1 || a.Len() > MaxLength {
			t.Fatalf("length %d", a.Len())
		}
		for _, letter := range a.letters {
			if !utf8.ValidString(letter) || strings.ContainsRune(letter, 0) {
				t.Fatalf("letter %q", letter)
			}
		}
		// A letter shown to the user and typed again is the same letter.
		again, err := Normalise(strings.Join(a.letters, " "))
		if err != nil || !slices.Equal(again.letters, a.letters) {
			t.Fatalf("%+q becomes %+q (%v)", a.letters, again.letters, err)
		}
		back, err := Decode(a.Encode())
		if err != nil || !slices.Equal(back.letters, a.letters) {
			t.Fatalf("%+q is decoded as %+q (%v)", a.letters, back.letters, err)
		}
	})
}
