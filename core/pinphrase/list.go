package pinphrase

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// List is a list of answers that many people give to a question: what is refused, or
// warned of, at enrolment, and what a guess is reckoned by.
type List struct {
	Name    string
	Entries []Entry // the likeliest first, as far as that is known
	// Common is how many of Entries, from the first on, are common answers. Of a list of all
	// towns only the large ones are: else nobody could answer the question truly.
	Common   int
	Weighted bool // Entries have weights of their own; else each has 1
}

// Entry is one answer of a List. A weight of 0 stands with another spelling of one before.
type Entry struct {
	Text   string
	Weight uint64
}

// MaxEntries bounds a List.
const MaxEntries = 100_000

// ParseList reads a list: one answer a line, perhaps a tab and a weight behind it. Lines that begin
// with # are remarks; "# Common: 200" says how many of the answers, from the first on, are common
// ones; without it all are. The error names the line.
func ParseList(name, content string) (List, error) {
	list := List{Name: name}
	common, plain := -1, 0
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if !utf8.ValidString(line) {
			return List{}, fmt.Errorf("line %d is not UTF-8", number)
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if remark, ok := strings.CutPrefix(line, "#"); ok {
			if value, ok := strings.CutPrefix(strings.TrimSpace(remark), "Common:"); ok {
				n, err := strconv.Atoi(strings.TrimSpace(value))
				if err != nil || n < 0 {
					return List{}, fmt.Errorf("line %d: Common: must be a number", number)
				}
				common = n
			}
			continue
		}
		entry := Entry{Text: line, Weight: 1}
		if text, weight, ok := strings.Cut(line, "\t"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(weight), 10, 40)
			if err != nil {
				return List{}, fmt.Errorf("line %d: behind the tab must be a weight, a whole number", number)
			}
			entry, list.Weighted = Entry{Text: text, Weight: n}, true
		} else {
			plain++
		}
		if len(list.Entries) == MaxEntries {
			return List{}, fmt.Errorf("more than %d answers", MaxEntries)
		}
		list.Entries = append(list.Entries, entry)
	}
	if list.Weighted && plain > 0 {
		return List{}, fmt.Errorf("some answers have a weight and %d have none", plain)
	}
	list.Common = len(list.Entries)
	if common >= 0 {
		list.Common = min(common, list.Common)
	}
	return list, nil
}

// Check finds an entry that can be no answer. What comes with the product was checked by a test.
func (l List) Check() error {
	for i, entry := range l.Entries {
		if _, err := Normalise(entry.Text); err != nil {
			return fmt.Errorf("answer %d is none: %s", i+1, strings.TrimPrefix(err.Error(), "pinphrase: "))
		}
	}
	return nil
}

// Rule gives the rule that refuses the common answers of lists, whatever their spelling.
func Rule(lists []List) Check {
	var texts []string
	for _, list := range lists {
		for _, entry := range list.Entries[:list.Common] {
			texts = append(texts, entry.Text)
		}
	}
	return NoneOf(ErrCommon, texts...)
}

// Likely gives the answers of several lists as one, each list with the same share of all.
// without leaves the common answers out, where they are refused.
func Likely(lists []List, without bool) []Common {
	const share = 1 << 40
	var all []Common
	for _, list := range lists {
		from := 0
		if without {
			from = list.Common
		}
		var total uint64
		for _, entry := range list.Entries[from:] {
			total += entry.Weight
		}
		if total == 0 {
			continue
		}
		for _, entry := range list.Entries[from:] {
			answer, err := Normalise(entry.Text)
			if err != nil || entry.Weight == 0 {
				continue
			}
			weight := uint64(float64(entry.Weight) / float64(total) * share)
			all = append(all, Common{Answer: answer, Weight: max(weight, 1)})
		}
	}
	return all
}
