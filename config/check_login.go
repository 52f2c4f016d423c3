package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
)

func (c check) settings() core.Settings {
	tag := language.Tag(c.file.Language)
	if !tag.Known() {
		c.fail("language", fmt.Sprintf("known are %v", language.Known()), "is no language known here")
		tag = language.Fallback
	}
	c.within("answer_within", c.file.AnswerWithin, 10*time.Second, time.Hour)
	return core.Settings{
		Language:    string(tag),
		Names:       c.names(),
		Policies:    c.policies(),
		Locks:       c.locks(),
		PINphrase:   c.pinphrase(tag),
		CodeWords:   c.codeWords(),
		Device:      c.device(),
		Hosts:       c.hostSettings(),
		TokenLife:   c.file.AnswerWithin,
		SelfService: c.selfService(),
		Delivery:    c.delivery(),
	}
}

func (c check) names() core.NameRules {
	rules := core.NameRules{FoldCase: c.file.Names.FoldCase}
	if !rules.FoldCase {
		c.warn("names.fold_case", "true", "LUTZ and lutz are two users with two sets of counters")
	}
	for i, affix := range c.file.Names.Strip {
		key := itemPath("names.strip", i)
		switch {
		case strings.TrimSpace(affix) != affix || strings.Trim(affix, `\@`) == "":
			c.fail(key, `'CORP\' or '@corp.example'`, "is no part of a name")
		case !strings.HasSuffix(affix, `\`) && !strings.HasPrefix(affix, "@"):
			c.fail(key, `'CORP\' or '@corp.example'`, `is neither a prefix that ends in \ nor a suffix that begins with @`)
		case slices.ContainsFunc(rules.Strip, func(s string) bool { return strings.EqualFold(s, affix) }):
			c.warn(key, "", "stands there twice")
		default:
			rules.Strip = append(rules.Strip, affix)
		}
	}
	return rules
}

// Bounds of the counters; beyond them a figure is a slip of the pen.
const (
	maxCount = 1000
	maxLock  = 30 * 24 * time.Hour
)

func (c check) locks() core.Locks {
	l := c.file.Locks
	c.lock("locks.pair", l.Pair.After, "for", l.Pair.For)
	c.lock("locks.user", l.User.After, "halves_every", l.User.HalvesEvery)
	c.lock("locks.host", l.Host.After, "halves_every", l.Host.HalvesEvery)
	c.lock("locks.source", l.Source.After, "for", l.Source.For)
	c.between("locks.permanently_after", l.PermanentlyAfter, 0, maxCount)
	if l.PermanentlyAfter > 0 {
		for _, p := range c.file.Policies {
			if core.FirstKind(p.Value.First) == core.FirstNone {
				c.warn("locks.permanently_after", "it would let anybody lock out anybody",
					"does nothing under policy %s, where Latchkey checks no password", p.Name)
			}
		}
	}
	return core.Locks{
		PairAfter: l.Pair.After, PairFor: l.Pair.For,
		UserAfter: l.User.After, UserHalves: l.User.HalvesEvery,
		SourceAfter: l.Source.After, SourceFor: l.Source.For,
		PermanentlyAfter: l.PermanentlyAfter, HostAfter: l.Host.After, HostHalves: l.Host.HalvesEvery,
	}
}

func (c check) lock(key string, after int, span string, d time.Duration) {
	c.between(key+".after", after, 0, maxCount)
	if after == 0 {
		c.warn(key+".after", "0 switches it off", "guesses are not counted by this lock")
	}
	c.within(key+"."+span, d, time.Second, maxLock)
}

func (c check) pinphrase(fallback language.Tag) pinphrase.Settings {
	given := c.file.Pinphrase
	s := pinphrase.Settings{
		Positions:      given.Positions,
		MinimumAnswers: given.MinimumAnswers,
		MinimumLength:  given.MinimumLength,
		ExposureWarn:   given.Exposure.Warn,
		ExposureStop:   given.Exposure.Stop,
		Equivalents:    given.Equivalents,
		CommonAnswers:  pinphrase.CommonAnswers(given.CommonAnswers),
		Questions:      pinphrase.SampleQuestions(),
	}
	c.oneOf("pinphrase.common_answers", given.CommonAnswers, string(pinphrase.CommonRefuse), string(pinphrase.CommonWarn), string(pinphrase.CommonAllow))
	if c.given("pinphrase.questions") && !c.silenced("pinphrase.questions") {
		s.Questions = nil
		for i, q := range given.Questions {
			key := itemPath("pinphrase.questions", i)
			s.Questions = append(s.Questions, c.question(key, q, fallback))
			c.commonLists(key+".common", q.Common, &s)
		}
	}
	for _, t := range given.Templates {
		if s.Templates == nil {
			s.Templates = map[language.Tag]pinphrase.Templates{}
		}
		s.Templates[language.Tag(t.Name)] = pinphrase.Templates(t.Value)
	}
	c.validate(s, fallback)
	if s.Positions < 4 {
		c.warn("pinphrase.positions", "4", "with fewer than four characters guessing is several times as easy")
	}
	return s
}

// validate passes on what the method itself finds wrong with its settings.
func (c check) validate(s pinphrase.Settings, fallback language.Tag) {
	err := s.Validate(fallback)
	if err == nil {
		return
	}
	parts := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts = joined.Unwrap()
	}
	for _, part := range parts {
		if fault, ok := errors.AsType[*pinphrase.KeyError](part); ok {
			c.fail("pinphrase."+fault.Key, fault.Hint, "%s", fault.Problem)
		} else {
			c.fail("pinphrase", "", "%s", part)
		}
	}
}

func (c check) question(key string, given question, fallback language.Tag) pinphrase.Question {
	q := pinphrase.Question{
		ID:            given.ID,
		Label:         byLanguage(given.Label),
		Phrase:        byLanguage(given.Phrase),
		MessagePhrase: byLanguage(given.MessagePhrase),
		MinimumLength: given.MinimumLength,
		Common:        given.Common,
	}
	if given.MinimumLength == 0 && c.given(key+".minimum_length") {
		c.fail(key+".minimum_length", "leave it out for pinphrase.minimum_length", "is 0")
	}
	for _, tag := range language.Known() {
		c.wording(key+".label", q.Label, tag, fallback)
		c.wording(key+".phrase", q.Phrase, tag, fallback)
	}
	return q
}

// wording warns of a language that a question cannot be asked in.
func (c check) wording(key string, texts map[language.Tag]string, tag, fallback language.Tag) {
	if _, ok := texts[tag]; !ok && tag != fallback && texts[fallback] != "" {
		c.warn(key, fmt.Sprintf("%s: …", tag), "has no %s wording, who speaks it is asked in %s", tag, fallback)
	}
}

func byLanguage(entries []named[string]) map[language.Tag]string {
	var texts map[language.Tag]string
	for _, e := range entries {
		if texts == nil {
			texts = map[language.Tag]string{}
		}
		texts[language.Tag(e.Name)] = e.Value
	}
	return texts
}

func (c check) codeWords() core.CodeWords {
	const key = "pinphrase.code_word"
	given := c.file.Pinphrase.CodeWord
	c.between(key+".words", given.Words, 1, 12)
	if given.Words == 1 {
		c.warn(key+".words", "4", "a single word of a dictionary is guessed for some of a thousand newcomers")
	}
	c.within(key+".valid", given.Valid, time.Minute, 365*24*time.Hour)
	out := core.CodeWords{Words: given.Words, Valid: given.Valid}
	for i, door := range given.Opens {
		at := itemPath(key+".opens", i)
		if c.oneOf(at, door, "login", "selfservice") && slices.Contains(given.Opens[:i], door) {
			c.fail(at, "", "stands there twice")
		}
		out.OpensLogin = out.OpensLogin || door == "login"
		out.SelfService = out.SelfService || door == "selfservice"
	}
	switch {
	case len(given.Opens) == 0:
		c.warn(key+".opens", "[login, selfservice]", "is empty: code words open nothing")
	case !out.OpensLogin && !slices.Contains(c.file.Web.Serve, "selfservice"):
		c.warn(key+".opens", "[login, selfservice]", "opens self-service only, which is not served: code words open nothing")
	}
	return out
}
