// Package language holds what Latchkey says to a person, in each language that
// it speaks: language tags, ordinals, the fixed texts of a login, the grammar
// of a list of positions, and the dictionaries of code words.
//
// One file a language (de.go, en.go and its dictionary in words/): whoever adds
// a language adds such a file and one line in all. The package is pure and must
// never know who is addressed, nor why: texts are chosen by the core.
package language

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

// Tag names a language that Latchkey speaks, in the form that the
// configuration and the user's record use: "de", "en".
type Tag string

// The languages built in.
const (
	German  Tag = "de"
	English Tag = "en"
)

// Fallback is spoken where neither the user nor the configuration names a
// language that is known here.
const Fallback = English

// ErrUnknown says that a tag names no language of this package.
var ErrUnknown = errors.New("language: not known here")

// Language is everything that one language file declares.
type Language struct {
	Tag          Tag
	Name         string           // in the language itself: "Deutsch"
	ordinal      func(int) string // of a position from 1
	and          string           // joins the last two of a list
	last         string           // the last character
	secondToLast string           // the character before it
	ascii        map[rune]string  // spellings that differ from the common table
	words        func() []string  // the dictionary, sorted
	Texts        Texts
	PINphrase    PINphrase
	Weak         Weak
	Handover     Handover
	Changes      Changes
}

// PINphrase holds the default sentences of the PINphrase method. The
// placeholders are {positions}, {phrase} and {mark}.
type PINphrase struct {
	Prompt         string // the question on the same screen (1.5 factor)
	Message        string // the question on a separate device (2 factor)
	MarkPrompt     string // on the screen while the question is on the device
	CodeWordLabel  string // of the built-in question for the code word
	CodeWordPhrase string // the same inside a prompt
}

// all is the register of languages: the one place that a new language enters.
func all() []*Language { return []*Language{&german, &english} }

// Tags is a list of languages.
type Tags []Tag

// String is the list in words: "de, en".
func (list Tags) String() string {
	names := make([]string, 0, len(list))
	for _, t := range list {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

// Known lists the tags of all languages, in the order of the register.
func Known() Tags {
	tags := make(Tags, 0, len(all()))
	for _, l := range all() {
		tags = append(tags, l.Tag)
	}
	return tags
}

// Parse takes a BCP 47 tag ("de", "de-AT", "en_GB", "DE") and gives the
// language of this package that speaks it, or ErrUnknown.
func Parse(text string) (Tag, error) {
	parsed, err := language.Parse(strings.TrimSpace(text))
	if err == nil {
		base, confidence := parsed.Base()
		if tag := Tag(base.String()); confidence == language.Exact && tag.Known() {
			return tag, nil
		}
	}
	return "", fmt.Errorf("%w: %q (known are %s)", ErrUnknown, text, Known())
}

// Known tells whether t is a language of this package.
func (t Tag) Known() bool { return find(t) != nil }

// Best gives the first of the wishes that is spoken here (the user's, then the
// configuration's default), else Fallback. Empty wishes are passed over.
func Best(wishes ...Tag) Tag {
	for _, wish := range wishes {
		if wish == "" {
			continue
		}
		if wish.Known() { // nearly always, and much cheaper
			return wish
		}
		if tag, err := Parse(string(wish)); err == nil {
			return tag
		}
	}
	return Fallback
}

// In gives the language of t, or that of Fallback. What it points to is shared:
// it must not be changed.
func In(t Tag) *Language {
	if l := find(Best(t)); l != nil {
		return l
	}
	return &english
}

// Pick gives the entry of a table by language that serves a reader of t best:
// t itself, then fallback, then the first language of the register that has an
// entry. ok is false when the table has nothing at all.
func Pick[T any](table map[Tag]T, t, fallback Tag) (entry T, tag Tag, ok bool) {
	for _, wish := range [...]Tag{t, fallback} {
		if entry, ok := table[wish]; ok {
			return entry, wish, true
		}
	}
	for _, wish := range Known() {
		if entry, ok := table[wish]; ok {
			return entry, wish, true
		}
	}
	return entry, "", false
}

func find(t Tag) *Language {
	for _, l := range all() {
		if l.Tag == t {
			return l
		}
	}
	return nil
}
