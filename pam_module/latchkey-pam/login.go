package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/hostapi"
)

// login is one call of the module: prompts, answers, waits, until a verdict.
type login struct {
	*module
	about     hostapi.Context
	options   *options
	log       *logger
	call      *call
	texts     words
	kept      kept
	password  secret.Secret // the first factor, where the policy has one
	tokenRead bool
	vouched   bool // the password was right: a wrong answer is no reason to ask for it again
	waited    time.Duration
}

// kept is what the module keeps on its PAM handle between two calls: a program such as sudo calls again after a
// denial, and must neither get more tries by that nor make the phone ring once more.
type kept struct {
	User    string       `json:"user"`
	Service string       `json:"service"`
	Request string       `json:"request"`
	Tries   int          `json:"tries"`          // wrong ones so far
	Step    hostapi.Step `json:"step,omitzero"`  // that waits for a phone still
	Over    bool         `json:"over,omitempty"` // asking again is no use
}

func newLogin(m *module, c *call, o *options, who account, log *logger) *login {
	l := &login{module: m, call: c, options: o, log: log}
	if json.Unmarshal(c.kept, &l.kept) != nil || l.kept.User != who.name || l.kept.Service != c.service {
		l.kept = kept{User: who.name, Service: c.service, Request: newRequest()}
	}
	log.request = l.kept.Request
	l.about = hostapi.Context{
		Request: l.kept.Request, Service: c.service, User: who.name, UID: who.uid, RealUID: c.realUID, RHost: c.rhost, RUser: c.ruser, TTY: c.tty,
		Language: language(o, c), Charset: charset(o, c), Label: o.label, TellUnenrolled: o.nullok,
	}
	l.texts = textsIn(l.about.Language)
	return l
}

func newRequest() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// language is that of the option, or of the program's locale.
func language(o *options, c *call) string {
	if o.language != "" {
		return o.language
	}
	tag, _, _ := strings.Cut(c.locale, ".")
	tag, _, _ = strings.Cut(tag, "@")
	if tag == "C" || tag == "POSIX" || strings.Trim(tag, letters+"_") != "" {
		return ""
	}
	tag, _, _ = strings.Cut(tag, "_")
	return tag
}

// charset is what the terminal can show, as far as the program's locale tells. sshd's is the server's own, and its
// client's terminal may be any: nobody knows.
func charset(o *options, c *call) string {
	switch _, encoding, _ := strings.Cut(c.locale, "."); {
	case o.charset != "":
		return o.charset
	case c.service == "sshd" || c.tty == "ssh" || c.locale == "":
		return ""
	case strings.HasPrefix(strings.ToLower(strings.ReplaceAll(encoding, "-", "")), "utf8"):
		return hostapi.CharsetUTF8
	}
	return hostapi.CharsetASCII
}

// Bounds of one call.
const (
	mostRounds = 24
	mostStale  = 10
)

// run asks until something is settled.
func (l *login) run(ctx context.Context) verdict {
	if l.kept.Over || l.kept.Tries >= l.options.retries {
		l.log.noticef("no more tries on this handle: denied")
		return maxTries
	}
	way, err := choose(l.options, l.call, l.log)
	if err != nil {
		l.log.critf("%v: denied", err)
		return mistaken
	}
	c := caller{way: way, client: way.client(), patience: l.options.timeout}
	v := l.converse(ctx, &c)
	l.kept.Step.Prompt = strings.ToValidUTF8(l.kept.Step.Prompt, "")
	if b, err := json.Marshal(l.kept); err == nil && v != accept && len(b) <= maxFrame {
		_ = l.keep(b)
	}
	return v
}

func (l *login) converse(ctx context.Context, c *caller) verdict {
	step, err := l.kept.Step, error(nil) // joins what waits already
	stale := 0
	for range mostRounds {
		if step.Kind == "" {
			step, err = c.begin(ctx, hostapi.Begin{Context: l.about, Password: secret.Disclosed{Secret: l.password}})
		}
		if err != nil {
			return l.failed(err)
		}
		l.kept.Step = hostapi.Step{}
		switch step.Kind {
		case hostapi.Accept:
			l.log.noticef("accepted reference=%q", step.Reference)
			l.info(step.Text)
			return accept
		case hostapi.AskPassword:
			if v := l.firstFactor(step.Prompt); v != "" {
				return v
			}
			step = hostapi.Step{}
		case hostapi.Challenge:
			var v verdict
			l.vouched = true
			if step, v, err = l.challenge(ctx, c, step); v != "" {
				return v
			}
		case hostapi.Unenrolled:
			if l.options.nullok {
				l.log.noticef("not enrolled, let pass (nullok) reference=%q", step.Reference)
				return ignore
			}
			return l.over(step, "not enrolled")
		case hostapi.Reject:
			if step.Reason == hostapi.Stale && stale < mostStale {
				stale++
				step = hostapi.Step{}
				continue
			}
			if step.Reason != hostapi.Denied && step.Reason != "" {
				return l.over(step, string(step.Reason))
			}
			l.kept.Tries++
			l.log.noticef("denied reference=%q try=%d", step.Reference, l.kept.Tries)
			if l.kept.Tries >= l.options.retries {
				l.wrong(step.Text)
				return maxTries
			}
			l.wrong(step.Text)
			if !l.vouched {
				l.password = secret.Secret{}
			}
			step = hostapi.Step{}
		default:
			l.log.critf("the appliance says %q, which this version does not know: denied", step.Kind)
			return deny
		}
	}
	l.log.noticef("too many rounds: denied")
	return maxTries
}

// over ends a login that asking again would not help. What rings phones must not ring them thrice.
func (l *login) over(step hostapi.Step, why string) verdict {
	l.log.noticef("denied (%s) reference=%q", why, step.Reference)
	l.wrong(step.Text)
	l.kept.Over = true
	return maxTries
}

// challenge shows one prompt and brings the answer. Of a wait for a phone there is only so much.
func (l *login) challenge(ctx context.Context, c *caller, shown hostapi.Step) (hostapi.Step, verdict, error) {
	wait := time.Duration(0)
	if shown.Waiting {
		l.kept.Step = shown
		if wait = min(l.options.timeout, l.options.total-l.waited); wait < time.Second {
			l.log.noticef("waited for the phone for %s: denied", l.waited.Round(time.Second))
			l.wrong(l.texts.tooLong)
			return shown, deny, nil
		}
	}
	typed, ok, err := l.ask(shown.Prompt+" ", shown.Secret)
	switch {
	case err != nil || !ok:
		return shown, noTalk, nil
	case strings.HasPrefix(typed.Reveal(), string(voidAnswer)):
		l.log.noticef("an answer that sshd gives for a login that is void anyway: denied")
		return shown, deny, nil
	}
	began := time.Now()
	step, err := c.answer(ctx, hostapi.Answer{Context: l.about, Token: shown.Token, Text: secret.Disclosed{Secret: typed}, WaitMS: wait.Milliseconds()})
	if shown.Waiting {
		l.waited += time.Since(began)
	}
	return step, "", err
}

// firstFactor finds the password, where the policy has one. AUTHTOK is read only where the options say so.
func (l *login) firstFactor(prompt string) verdict {
	if (l.options.useFirst || l.options.try) && !l.tokenRead {
		l.tokenRead = true
		given, ok, err := l.token()
		switch {
		case err != nil:
			return noTalk
		case ok && strings.HasPrefix(given.Reveal(), string(voidAnswer)):
			return deny
		case ok && !given.IsEmpty():
			l.password = given
			return ""
		}
	}
	if l.options.useFirst {
		l.log.noticef("use_first_pass, and there is no password yet, or a wrong one: denied")
		return deny
	}
	given, ok, err := l.ask(prompt, true)
	switch {
	case err != nil || !ok:
		return noTalk
	case strings.HasPrefix(given.Reveal(), string(voidAnswer)):
		return deny
	case given.IsEmpty():
		return deny // nothing was typed, and nothing is compared
	}
	if l.options.forwards {
		if err := l.pass(given); err != nil {
			return noTalk
		}
	}
	l.password = given
	return ""
}

// failed maps an error of a call.
func (l *login) failed(err error) verdict {
	var refused *hostapi.Refused
	var gone *unreachable
	switch {
	case errors.As(err, &refused):
		l.log.critf("the appliance refuses this host: %v: denied", refused)
		l.wrong(l.texts.unavailable)
		return mistaken
	case errors.As(err, &gone) && l.options.safe:
		l.log.alertf("LET PASS WITHOUT A SECOND FACTOR: failmode=safe, and %v", gone)
		return ignore
	}
	l.log.critf("%v: denied", err)
	l.wrong(l.texts.unavailable)
	return unavailable
}
