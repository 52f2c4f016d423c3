package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

// The pages at /me/ and their calls. The browser is known by a cookie that no script reads and no other site makes it
// send; and by a header that only a page of this origin can set, which says that a page of ours meant the call.

const (
	mePath     = "/me/"
	meCallPath = "/api/v1/me/"

	// sessionCookie: the prefix makes browsers refuse it without Secure, with a Domain, or below another path.
	sessionCookie = "__Host-latchkey"
	headerGuard   = "Latchkey-Guard"
	headerSpeaks  = "Latchkey-Language"

	// meWait is how long a call waits for the phone before the page asks again.
	meWait = 10 * time.Second
)

func (s *Server) toMe(w http.ResponseWriter, r *request) error {
	if s.selfService() == nil {
		return refuse(codeNotFound, "")
	}
	h := w.Header()
	h.Set("Location", mePath)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
	return nil
}

func (s *Server) meFile(w http.ResponseWriter, r *request) error {
	name := strings.TrimPrefix(r.URL.Path, mePath)
	if name == "" {
		name = "index.html"
	}
	f, ok := s.app[meFolder+name]
	if !ok || s.selfService() == nil {
		return refuse(codeNotFound, "")
	}
	s.send(w, r, f)
	return nil
}

// selfService is nil where the configuration does not serve it.
func (s *Server) selfService() core.SelfService {
	if s.self == nil {
		return nil
	}
	return s.self()
}

// me carries one call of the pages to core.
func (s *Server) me(w http.ResponseWriter, r *request) error {
	self := s.selfService()
	if self == nil {
		return refuse(codeNotFound, "")
	}
	call := core.SelfCall{
		Request: r.id, Op: strings.Trim(strings.TrimPrefix(r.URL.Path, strings.TrimSuffix(meCallPath, "/")), "/"), Remote: r.remote.String(),
		Guard: oneHeader(r.Header, headerGuard), Language: oneHeader(r.Header, headerSpeaks).Reveal(),
	}
	// Of two cookies of one name nobody knows which is the browser's own: then it is none.
	if cookies := r.CookiesNamed(sessionCookie); len(cookies) == 1 {
		call.Session = secret.New(cookies[0].Value)
	}
	if r.Method == http.MethodPost {
		var err error
		if call.Body, err = readBody(w, r.Request); err != nil {
			return err
		}
	}
	stranger := strings.HasPrefix(call.Op, "sign-in") || call.Op == "code-word"
	if stranger && (!s.signIns.has(network(r.remote), s.now()) || !s.allSignIns.take("", s.now())) {
		return refuse(core.CodeBusy, "")
	}
	places := s.places
	if strings.HasSuffix(call.Op, "/answer") {
		// These wait for a phone: they take none of the places of calls that are over at once.
		places, call.Wait = s.waiters, meWait
	}
	release, err := s.enterOne(r.Context(), places)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	reply, err := self.Self(ctx, call)
	if err != nil {
		if stranger && codeOf(err) != "" && codeOf(err) != core.CodeBusy {
			s.signIns.take(network(r.remote), s.now())
		}
		if reply.Ended {
			setSession(w, "", -1)
		}
		return err
	}
	switch {
	case !reply.Session.IsEmpty():
		setSession(w, reply.Session.Reveal(), int(reply.Lasts/time.Second))
	case reply.Ended:
		setSession(w, "", -1)
	}
	if call.Op == "devices/invite" {
		if reply.Body, err = withQR(reply.Body); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, reply.Body)
	return nil
}

// withQR adds to an invitation what a page needs to draw it: the side of the code, and its dark modules as the path of
// an SVG.
func withQR(body []byte) ([]byte, error) {
	var read map[string]any
	if err := json.Unmarshal(body, &read); err != nil {
		return nil, err
	}
	url, _ := read["url"].(string)
	code, err := qr.Encode(url, qr.L) // a screen has no stains: the smallest code is the largest on it
	if err != nil {
		return nil, errors.New("web: the invitation does not fit a QR code") // what the library says could quote it
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	read["qr"] = map[string]any{"size": code.Size, "path": path.String()}
	return json.Marshal(read)
}

func setSession(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// oneHeader is empty where the header is not given exactly once.
func oneHeader(h http.Header, name string) secret.Secret {
	if values := h[name]; len(values) == 1 && len(values[0]) <= 128 {
		return secret.New(values[0])
	}
	return secret.Secret{}
}
