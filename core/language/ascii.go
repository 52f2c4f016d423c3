package language

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// ASCII spells text for a gateway that shows nothing but US-ASCII: by the
// language's own habit first (German ä is ae), then by the common table, then
// without its accents. What has no spelling is dropped. Line breaks stay.
func (l *Language) ASCII(text string) string {
	var out strings.Builder
	for _, r := range norm.NFC.String(text) {
		out.WriteString(l.spell(r))
	}
	return out.String()
}

func (l *Language) spell(r rune) string {
	if r < unicode.MaxASCII {
		return string(r)
	}
	if s, ok := l.ascii[r]; ok {
		return s
	}
	if s, ok := spelling(r); ok {
		return s
	}
	if unicode.IsSpace(r) {
		return " "
	}
	var bare strings.Builder
	for _, d := range norm.NFKD.String(string(r)) {
		if d < unicode.MaxASCII {
			bare.WriteRune(d)
		} else if s, ok := spelling(d); ok {
			bare.WriteString(s)
		}
	}
	return bare.String()
}

// spelling holds letters that no decomposition reaches, the quotation marks and
// dashes of the built-in sentences, and a plain transliteration of Greek and
// Cyrillic, so that a question in those scripts does not vanish.
func spelling(r rune) (string, bool) {
	lower := unicode.ToLower(r)
	for _, table := range []string{latinSpelling, greekSpelling, cyrillicSpelling} {
		for entry := range strings.FieldsSeq(table) {
			from, to, _ := strings.Cut(entry, "=")
			if from != string(lower) {
				continue
			}
			if lower != r && to != "" {
				to = strings.ToUpper(to[:1]) + to[1:]
			}
			return to, true
		}
	}
	return "", false
}

const (
	latinSpelling = "ß=ss æ=ae œ=oe ø=o å=a đ=d ð=d þ=th ł=l ħ=h ı=i ĸ=k ŋ=n ŧ=t ə=e " +
		`«=" »=" „=" “=" ”=" ‚=' ‘=' ’=' ‹=' ›=' –=- —=- ‐=- ‑=- −=- …=... €=EUR •=* ×=x`
	greekSpelling = "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o"

	cyrillicSpelling = "а=a б=b в=v г=g д=d е=e ж=zh з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya і=i ї=i є=ye ґ=g"
)
