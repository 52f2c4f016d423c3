package core

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxName is the longest user name in bytes, before and after it is made canonical: what
// a RADIUS User-Name can carry (RFC 2865 section 5.1).
const MaxName = 253

// NameRules says how a user name is made canonical, so that LUTZ, lutz@corp and CORP\lutz
// are one user everywhere, with one set of counters.
type NameRules struct {
	FoldCase bool
	Strip    []string // prefixes that end in '\' and suffixes that begin with '@' (any other is tried as both)
}

// Canonical returns the canonical form of raw: Unicode NFKC, stripped, then case folded.
// It returns false where raw can be no user's name: empty, over MaxName bytes, not UTF-8,
// or with control or format characters. It is idempotent.
func (r NameRules) Canonical(raw string) (string, bool) {
	if raw == "" || len(raw) > MaxName || !utf8.ValidString(raw) {
		return "", false
	}
	name := strings.TrimSpace(norm.NFKC.String(raw))
	if r.FoldCase {
		name = fold(name)
	}
	name = r.strip(name)
	if name == "" || len(name) > MaxName {
		return "", false
	}
	for _, c := range name {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == utf8.RuneError ||
			unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) {
			return "", false
		}
	}
	return name, true
}

// strip takes the affixes off until none fits, so that the result does not depend on the
// order in which they are configured.
func (r NameRules) strip(name string) string {
	for again := true; again; {
		again = false
		for _, affix := range r.Strip {
			affix = norm.NFKC.String(affix)
			if r.FoldCase {
				affix = fold(affix)
			}
			if affix == "" || len(affix) >= len(name) {
				continue
			}
			if !strings.HasPrefix(affix, "@") && strings.HasPrefix(name, affix) {
				name, again = strings.TrimSpace(name[len(affix):]), true
			} else if !strings.HasSuffix(affix, `\`) && strings.HasSuffix(name, affix) {
				name, again = strings.TrimSpace(name[:len(name)-len(affix)]), true
			}
		}
	}
	return name
}

// fold is full case folding; NFKC again, since folding can leave what NFKC changes.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return norm.NFKC.String(cases.Fold().String(s))
		}
	}
	return strings.ToLower(s) // the same for ASCII, and cheap
}
