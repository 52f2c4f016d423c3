package localapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/latchkey/latchkey/core"
)

// Problem is an error as it crosses the socket.
type Problem struct {
	Text string `json:"error"`
	Hint string `json:"hint,omitempty"`
}

// refusal is an error of this package for the caller, with its status.
type refusal struct {
	status int
	Problem
}

func (r *refusal) Error() string { return r.Text }

func refuse(status int, text, hint string) error {
	return &refusal{status, Problem{text, hint}}
}

// internal is all that a caller hears of an error that was not made for him.
func internal(request string) Problem {
	return Problem{"internal error", "the log of latchkeyd says more under request " + request}
}

// tell maps an error to what the caller hears, once for all routes. What is neither a refusal
// nor a *core.Problem may hold anything: it goes to the log, and the caller gets its number.
func tell(log *slog.Logger, request string, err error) (int, Problem) {
	var refused *refusal
	var problem *core.Problem
	switch {
	case errors.As(err, &refused):
		return refused.status, refused.Problem
	case errors.As(err, &problem):
		return statusOf(problem.Kind), Problem{problem.Text, problem.Hint}
	case errors.Is(err, core.ErrNoRoom):
		log.Error("request refused", "err", err)
		return http.StatusInsufficientStorage, Problem{"the disk of the state is full or read-only: nothing was changed",
			"make room under state_dir; latchkeyd goes on by itself"}
	case errors.Is(err, core.ErrUnknownOutcome):
		log.Error("request with unknown outcome", "err", err)
		return http.StatusServiceUnavailable, Problem{"it is not known whether this was done",
			"look (`latchkey user show`, `latchkey audit`), then try again"}
	}
	log.Error("request failed", "err", err)
	return http.StatusInternalServerError, internal(request)
}

func statusOf(kind error) int {
	for _, k := range []struct {
		kind   error
		status int
	}{
		{core.ErrNoSuchUser, http.StatusNotFound},
		{core.ErrNoSuchHost, http.StatusNotFound},
		{core.ErrNoSuchQuestion, http.StatusNotFound},
		{core.ErrUserExists, http.StatusConflict},
		{core.ErrInvalid, http.StatusUnprocessableEntity},
	} {
		if errors.Is(kind, k.kind) {
			return k.status
		}
	}
	return http.StatusConflict // core.ErrRefused, and kinds to come: somebody's words all the same
}

func writeProblem(w http.ResponseWriter, status int, problem Problem) {
	writeJSON(w, status, problem)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only types of this package come here
		status, body = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
