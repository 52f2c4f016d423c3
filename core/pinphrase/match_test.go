package pinphrase

import (
	"strings"
	"testing"
	"unicode"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		positions    []int
		reply        string
		strict       Result // without equivalents
		equal        Result // with them
	}{
		{"as asked", "Heidelberg", []int{1, 3, 4, 10}, "H I D G", Right, Right},
		{"small", "Heidelberg", []int{1, 3, 4, 10}, "hidg", Right, Right},
		{"hyphens and stops", "Heidelberg", []int{1, 3, 4, 10}, " h-i.d,g. ", Right, Right},
		{"full width", "Heidelberg", []int{1, 3, 4, 10}, "ＨＩＤＧ", Right, Right},
		{"one wrong", "Heidelberg", []int{1, 3, 4, 10}, "H I D H", Wrong, Wrong},
		{"other order", "Heidelberg", []int{1, 3, 4, 10}, "I H D G", Wrong, Wrong},
		{"one missing", "Heidelberg", []int{1, 3, 4, 10}, "H I D", TooFew, TooFew},
		{"one more", "Heidelberg", []int{1, 3, 4, 10}, "H I D G G", Wrong, Wrong},
		{"the whole answer", "Heidelberg", []int{1, 3, 4, 10}, "Heidelberg", TooMany, TooMany},
		{"nothing", "Heidelberg", []int{1, 3, 4, 10}, "", TooFew, TooFew},
		{"Latin-1", "Müllerin", []int{1, 2, 3, 4}, "M\xfcll", Undecodable, Undecodable},
		{"NUL", "Heidelberg", []int{1, 3, 4, 10}, "HIDG\x00", Undecodable, Undecodable},
		{"huge", "Heidelberg", []int{1, 3, 4, 10}, strings.Repeat("x", 10000), Undecodable, Undecodable},
		{"umlaut", "Müllerin", []int{1, 2, 3, 4}, "MÜLL", Right, Right},
		{"umlaut decomposed", "Müllerin", []int{1, 2, 3, 4}, "mu\u0308ll", Right, Right},
		{"umlaut bare", "Müllerin", []int{1, 2, 3, 4}, "mull", Wrong, Right},
		{"umlaut as ue", "Müllerin", []int{1, 2, 3, 4}, "muell", Wrong, Right},
		{"umlaut before its own e", "Büechli", []int{1, 2, 3, 4}, "buec", Wrong, Right},
		{"umlaut as ue before e", "Büechli", []int{1, 2, 3, 4}, "bueec", Wrong, Right},
		{"umlaut for u", "Mullerin", []int{1, 2, 3, 4}, "müll", Wrong, Right},
		{"ue is not u where u was given", "Mullerin", []int{1, 2, 3, 4}, "muell", Wrong, Wrong},
		{"sharp s", "Straße", []int{1, 4, 5, 6}, "saße", Right, Right},
		{"capital sharp s", "Straße", []int{1, 4, 5, 6}, "SAẞE", Right, Right},
		{"sharp s as ss", "Straße", []int{1, 4, 5, 6}, "sasse", Right, Right},
		{"sharp s as s", "Straße", []int{1, 4, 5, 6}, "sase", Wrong, Right},
		{"sharp s beside s", "Großsachsen", []int{3, 4, 5, 6}, "ossssa", Wrong, Wrong},
		{"sharp s beside s, cut one way", "Großsachsen", []int{3, 4, 5, 6}, "osssa", Right, Right},
		{"sharp s beside s, cut the other way", "Großsachsen", []int{3, 4, 5, 6}, "ossa", Wrong, Right},
		{"accent", "Orléans", []int{1, 2, 4, 7}, "ores", Wrong, Right},
		{"two accents", "Đặng Văn", []int{1, 2, 3, 6}, "dana", Wrong, Right},
		{"Danish ø as o", "Ørestad", []int{1, 2, 3, 4}, "ores", Wrong, Right},
		{"Danish ø as oe", "Ørestad", []int{1, 2, 3, 4}, "oeres", Wrong, Right},
		{"Danish å as aa", "Århus C", []int{1, 2, 3, 6}, "aarhc", Wrong, Right},
		{"Danish å as a", "Århus C", []int{1, 2, 3, 6}, "arhc", Wrong, Right},
		{"æ as ae", "Ærøskøbing", []int{1, 2, 4, 5}, "aersk", Wrong, Right},
		{"ñ as n", "A Coruña", []int{1, 2, 6, 7}, "acna", Wrong, Right},
		{"Turkish dotless", "Kadıköy", []int{1, 2, 4, 6}, "kaio", Wrong, Right},
		{"Turkish dotted", "İzmirli", []int{1, 2, 3, 4}, "izmi", Wrong, Right},
		{"Cyrillic", "Королёв", []int{1, 2, 6, 7}, "КОЁВ", Right, Right},
		{"Cyrillic ё as е", "Королёв", []int{1, 2, 6, 7}, "коев", Wrong, Right},
		{"Cyrillic й is not и", "Йошкарола", []int{1, 2, 3, 4}, "иошк", Wrong, Wrong},
		{"Latin is not Cyrillic", "Королёв", []int{1, 2, 4, 5}, "Kopo", Wrong, Wrong},
		{"Hebrew without points", "שָׁלוֹם רב", []int{1, 2, 3, 4}, "שלום", Wrong, Right},
		{"Hebrew with bidi marks", "שָׁלוֹם רב", []int{1, 2, 3, 4}, "\u200fשָׁלוֹם\u200e", Right, Right},
		{"Greek final sigma", "Θησέας Α", []int{1, 2, 3, 6}, "ΘΗΣΣ", Right, Right},
		{"Hangul", "서울특별시", []int{1, 2, 3, 5}, "서울특시", Right, Right},
		{"Hangul by jamo", "서울특별시", []int{1, 2, 3, 5}, "서 \u110b\u116e\u11af 특시", Right, Right},
		{"Hangul without its end", "서울특별시", []int{1, 2, 3, 5}, "서우특시", Wrong, Wrong},
		{"kana with its mark", "がらくたや", []int{1, 2, 3, 4}, "からくた", Wrong, Wrong},
		{"emoji", "ab👨‍👩‍👧cd❤️", []int{1, 3, 4, 6}, "a👨‍👩‍👧c❤", Right, Right},
		{"another family", "ab👨‍👩‍👧cd❤️", []int{1, 3, 4, 6}, "a👨‍👩‍👦c❤", Wrong, Wrong},
	} {
		a, set := answer(t, c.answer), NewSet(c.positions...)
		if got := a.Match(set, c.reply, false); got != c.strict {
			t.Errorf("%s, strict: %v, want %v", c.name, got, c.strict)
		}
		if got := a.Match(set, c.reply, true); got != c.equal {
			t.Errorf("%s, with equivalents: %v, want %v", c.name, got, c.equal)
		}
	}
}

func TestMatchOutOfRange(t *testing.T) {
	a := answer(t, "Bello")
	for _, set := range []Set{0, NewSet(1, 2, 3, 6), NewSet(64)} {
		if got := a.Match(set, "bell", true); got == Right {
			t.Errorf("%v: %v", set.Positions(), got)
		}
	}
	if got := (Answer{}).Match(NewSet(1, 2), "", true); got == Right {
		t.Error("the empty answer matches")
	}
	if Wrong.Malformed() || Right.Malformed() || !TooFew.Malformed() || !TooMany.Malformed() || !Undecodable.Malformed() {
		t.Error("Malformed is wrong")
	}
}

func TestCanonicalReply(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"H I D G", "hidg", true}, {"h-i-d-g", "HIDG", true}, {"mu\u0308", "MÜ", true}, {"ＨＩ", "hi", true},
		{"ß", "ss", true}, {"hidg", "hidh", false}, {"ü", "ue", false}, {"a", "b", false},
	} {
		if got := CanonicalReply(c.a) == CanonicalReply(c.b); got != c.same {
			t.Errorf("%q and %q: same %v, want %v", c.a, c.b, got, c.same)
		}
	}
	if got := CanonicalReply("a\xff"); got != "" {
		t.Errorf("undecodable gives %q", got)
	}
}

// A reply made of the right letters is right, however it is spelt; and no reply
// makes Match panic or lets a shorter one in.
func FuzzMatch(f *testing.F) {
	for _, text := range []string{"Heidelberg", "Großsachsen", "Müllerin", "Ærøskøbing", "שָׁלוֹם רב", "서울특별시", "ab👨‍👩‍👧cd❤️", "Đặng Văn", "İzmirli", "ŉŉŉŉŉ", "\u1112 \u1161 abcd", "ΐΐaΐΐ", "ꮢᏒab"} {
		f.Add(text, uint64(0b1011), "hidg")
	}
	f.Add("Heidelberg", ^uint64(0), "\xff\x00")
	f.Fuzz(func(t *testing.T, text string, bits uint64, other string) {
		a, err := Normalise(text)
		if err != nil || a.Len() <= MinPositions {
			return
		}
		var positions []int
		for p := 1; p <= a.Len() && len(positions) < MaxPositions; p++ {
			if bits&(1<<(p-1)) != 0 {
				positions = append(positions, p)
			}
		}
		if len(positions) == 0 {
			return
		}
		set := NewSet(positions...)
		var typed, folded, reduced, digraphs []string
		for _, p := range positions {
			letter := a.letters[p-1]
			ways := spellings(letter, true)
			typed = append(typed, letter)
			folded = append(folded, fold(letter))
			reduced = append(reduced, ways[0])
			digraphs = append(digraphs, ways[len(ways)-1])
		}
		for name, letters := range map[string][]string{"typed": typed, "folded": folded} {
			for _, equivalents := range []bool{false, true} {
				if got := a.Match(set, strings.Join(letters, " "), equivalents); got != Right {
					t.Fatalf("%s %+q, equivalents %v: %v", name, letters, equivalents, got)
				}
			}
		}
		for name, letters := range map[string][]string{"reduced": reduced, "digraphs": digraphs} {
			if got := a.Match(set, strings.Join(letters, " "), true); got != Right {
				t.Fatalf("%s %+q: %v", name, letters, got)
			}
		}
		if len(typed) > 1 {
			if got := a.Match(set, strings.Join(typed[1:], " "), false); got == Right && fold(typed[0]) != "" {
				short := strings.Join(folded[1:], "")
				if short != strings.Join(folded, "") {
					t.Fatalf("%+q without its first letter is right", typed)
				}
			}
		}
		if got := a.Match(set, other, true); got == Right && !strings.ContainsFunc(other, unicode.IsGraphic) {
			t.Fatalf("%q is right", other)
		}
		CanonicalReply(other)
	})
}

func BenchmarkMatch(b *testing.B) {
	a, set := answer(b, "Heidelberg"), NewSet(1, 3, 4, 10)
	for b.Loop() {
		if a.Match(set, "HIDG", true) != Right {
			b.Fatal("wrong")
		}
	}
}
