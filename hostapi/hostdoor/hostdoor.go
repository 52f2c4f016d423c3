// Package hostdoor is the server's half of hostapi: from a settled caller and a call to core's
// Attempt or Reply, and from core's Step back. The local sockets and the HTTPS door serve the same Handler, and
// settle the caller in their own ways before it runs.
//
// The package must never know how a caller proved who it is, decide who may log in, or log a text that a person typed.
package hostdoor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/hostapi"
)

// Logins is what is needed of core. *core.Core is one.
type Logins interface {
	Begin(ctx context.Context, a core.Attempt) (core.Step, error)
	Answer(ctx context.Context, r core.Reply) (core.Step, error)
	// PasswordPrompt gives the words that ask for the first factor of a policy; needed is false
	// where it has none.
	PasswordPrompt(policy, language string) (prompt string, needed bool)
}

// Rules are what calls of one caller are judged by: one snapshot for a whole call.
type Rules struct {
	Logins          Logins
	Policy          string            // of services that Services does not name
	Services        map[string]string // PAM service to policy
	PasswordChecked bool              // the hosts' PAM stacks have checked the password before they ask
}

func (r Rules) policy(service string) string {
	if p, ok := r.Services[service]; ok {
		return p
	}
	return r.Policy
}

// Caller is who calls, as the door that serves has settled it from the kernel's word or from a credential, never from
// what the call says.
type Caller struct {
	// Host is the name of the machine. It must be unlike that of every other caller of all doors for hosts: tokens and
	// sources of one are void at another by it.
	Host string
	// Trusted: its word about where the person is (PAM_RHOST, the real uid) is taken. Else everybody behind the host is one source.
	Trusted bool
	// Own is the uid of a caller that is no host but a person's own process. It is the source.
	Own *uint32
	// May tells whether the caller may ask for this user; nil: for all.
	May func(ctx context.Context, user string) (bool, error)
}

// Config of a Handler.
type Config struct {
	// Settle gives the caller of a request and the rules for it. A *hostapi.Refused error goes to the
	// caller with its status; any other is silence.
	Settle func(r *http.Request) (Caller, Rules, error)
	Log    *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
}

// Handler answers the two calls. Whatever stands before it (TLS, peer credentials, limits) is the door's.
func Handler(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	h := handler{c}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+hostapi.PathBegin, func(w http.ResponseWriter, r *http.Request) { serve(h, w, r, h.begin) })
	mux.HandleFunc("POST "+hostapi.PathAnswer, func(w http.ResponseWriter, r *http.Request) { serve(h, w, r, h.answer) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusNotFound, hostapi.Problem{Text: "no such call", Hint: "the host and the appliance are of very different versions"})
	})
	return mux
}

type handler struct{ Config }

// call is one call on its way.
type call struct {
	caller Caller
	rules  Rules
	about  hostapi.Context
}

// serve does what both calls have in common: caller, body, panics, log, and the reply.
func serve[T any](h handler, w http.ResponseWriter, r *http.Request, do func(context.Context, *call, T) (hostapi.Step, core.Step, error)) {
	began := h.Now()
	var c call
	var step hostapi.Step
	var told core.Step
	err := func() (err error) {
		defer func() {
			switch p := recover(); {
			case p == nil:
			case p == http.ErrAbortHandler: //nolint:errorlint // compared as net/http does
				panic(p)
			default:
				// The value may hold anything, a secret included; its type and the place are enough.
				err = fmt.Errorf("panic of type %T at %s", p, panicSite())
			}
		}()
		if c.caller, c.rules, err = h.Settle(r); err != nil {
			return err
		}
		var in T
		if err = read(w, r, &in); err != nil {
			return err
		}
		step, told, err = do(r.Context(), &c, in)
		return err
	}()
	log := h.Log.With("request", c.about.Request, "host", c.caller.Host, "service", c.about.Service, "user", c.about.User,
		"real_uid", c.about.RealUID, "rhost", c.about.RHost, "label", c.about.Label, "call", r.URL.Path, "took_us", h.Now().Sub(began).Microseconds())
	var refused *hostapi.Refused
	switch {
	case errors.As(err, &refused):
		log.Warn("host call refused", "status", refused.Status, "why", refused.Text)
		write(w, refused.Status, refused.Problem)
	case err != nil:
		log.Error("host call without an answer", "error", err)
		w.Header().Set("Retry-After", "1")
		write(w, http.StatusServiceUnavailable, hostapi.Problem{Text: "no answer at the moment", Hint: "ask again"})
	default:
		log.Info("host call", "step", string(step.Kind), "reason", string(told.Reason), "reference", step.Reference)
		write(w, http.StatusOK, step)
	}
}

// read decodes a body. Fields that are not known here are those of a newer helper, and ignored.
func read(w http.ResponseWriter, r *http.Request, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, hostapi.MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, "the call is too large")
	case err != nil:
		return refuse(http.StatusBadRequest, "the call was cut off")
	case !utf8.Valid(body):
		return refuse(http.StatusBadRequest, "the call is not UTF-8")
	case json.Unmarshal(body, into) != nil: // its error may quote a secret
		return refuse(http.StatusBadRequest, "the call is not of the right shape")
	}
	return nil
}

func refuse(status int, text string) error {
	return &hostapi.Refused{Status: status, Problem: hostapi.Problem{Text: text}}
}

func (h handler) begin(ctx context.Context, c *call, in hostapi.Begin) (hostapi.Step, core.Step, error) {
	a, err := c.attempt(ctx, in.Context)
	if err != nil {
		return hostapi.Step{}, core.Step{}, err
	}
	prompt, needed := c.rules.Logins.PasswordPrompt(a.Policy, a.Language)
	if needed && in.Password.IsEmpty() {
		return hostapi.Step{Kind: hostapi.AskPassword, Prompt: prompt, Secret: true}, core.Step{}, nil
	}
	if needed { // else it is nobody's business here
		a.Password = in.Password.Secret
	}
	step, err := c.rules.Logins.Begin(ctx, a)
	return render(step), step, err
}

func (h handler) answer(ctx context.Context, c *call, in hostapi.Answer) (hostapi.Step, core.Step, error) {
	a, err := c.attempt(ctx, in.Context)
	if err != nil {
		return hostapi.Step{}, core.Step{}, err
	}
	wait := time.Duration(min(max(in.WaitMS, 0), int64(hostapi.MaxWait/time.Millisecond))) * time.Millisecond
	step, err := c.rules.Logins.Answer(ctx, core.Reply{Attempt: a, Token: in.Token, Text: in.Text.Secret, Wait: wait})
	return render(step), step, err
}

// render is a core step as the helper sees it.
func render(s core.Step) hostapi.Step {
	out := hostapi.Step{Text: s.Text, Reference: s.Reference}
	switch s.Kind {
	case core.Accept:
		out.Kind = hostapi.Accept
	case core.Challenge:
		out = hostapi.Step{Kind: hostapi.Challenge, Prompt: s.Prompt, Secret: s.Secret, Waiting: s.Waiting, Token: s.Token}
	default: // a Reject, or a step that nobody has made
		out.Kind, out.Reason = hostapi.Reject, reason(s.Reason)
		if s.Reason == core.NotEnrolled && s.Newcomer { // else nullok would open to who has lost a phone
			out.Kind = hostapi.Unenrolled
		}
	}
	return out
}

// reason maps core's reasons once. What a helper need not act upon is denied, and nothing else.
func reason(r core.Reason) hostapi.Reason {
	switch r {
	case core.StaleToken, core.Replayed:
		return hostapi.Stale
	case core.TooManyPending, core.PendingEnded:
		return hostapi.OtherLogins
	case core.PendingExpired:
		return hostapi.PhoneSilent
	case core.ApprovalDenied, core.WrongSymbol:
		return hostapi.PhoneRefused
	case core.PhoneUnusable, core.Exhausted:
		return hostapi.Helpless
	case core.TooManyRounds:
		return hostapi.TooManyTurns
	}
	return hostapi.Denied
}

func write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only types of hostapi come here
		status, body = http.StatusServiceUnavailable, []byte(`{"error":"no answer at the moment"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// panicSite names the function that panicked, for the log.
func panicSite() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for panicking := false; ; {
		frame, more := frames.Next()
		if panicking && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}
