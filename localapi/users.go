package localapi

import (
	"net/http"
	"time"

	"github.com/latchkey/latchkey/core"
)

func (s *Server) showStatus(w http.ResponseWriter, r *http.Request, _ core.Actor) error {
	status := s.status(r.Context())
	status.Now = s.now()
	if status.Warnings == nil {
		status.Warnings = []string{}
	}
	writeJSON(w, http.StatusOK, status)
	return nil
}

func (s *Server) listUsers(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	q, err := parameters(r, "unfinished")
	if err != nil {
		return err
	}
	unfinished := q.flag("unfinished")
	out := newStream(w)
	err = s.admin().Users(r.Context(), func(user core.UserInfo) bool {
		if unfinished && !user.Unfinished() {
			return true
		}
		user = shown(user, actor)
		return out.write(event{User: &user}) == nil
	})
	if err != nil {
		return err
	}
	return ended(out)
}

// ended ends a stream. That the caller has gone is nobody's error.
func ended(out *stream) error {
	_ = out.send(event{End: true})
	return nil
}

// shown is what an actor may see of a user.
func shown(user core.UserInfo, actor core.Actor) core.UserInfo {
	user.Answers = withoutLetters(user.Answers)
	if rank(actor.Role) < rank(core.RoleAdmin) {
		user = user.Masked()
	}
	return user
}

func (s *Server) showUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	q, err := parameters(r, "name")
	if err != nil {
		return err
	}
	user, err := s.admin().User(r.Context(), q.text("name"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, shown(user, actor))
	return nil
}

func (s *Server) addUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[addRequest](w, r)
	if err != nil {
		return err
	}
	user, word, err := s.admin().AddUser(r.Context(), actor, core.NewUser{
		Name: in.Name, Language: in.Language, Phone: in.Phone, Mail: in.Mail, Groups: in.Groups})
	if err != nil {
		return err
	}
	user.Answers = withoutLetters(user.Answers)
	writeJSON(w, http.StatusCreated, NewUser{user, Disclosed{Secret: word}})
	return nil
}

func (s *Server) changeUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[changeRequest](w, r)
	if err != nil {
		return err
	}
	user, err := s.admin().ChangeUser(r.Context(), actor, in.Name, core.UserChange{
		Language: in.Language, Phone: in.Phone, Mail: in.Mail, Groups: in.Groups, Deliver: in.Deliver})
	if err != nil {
		return err
	}
	user.Answers = withoutLetters(user.Answers)
	writeJSON(w, http.StatusOK, user)
	return nil
}

// simple is a call that takes a name and gives nothing.
func simple(w http.ResponseWriter, r *http.Request, do func(name string) error) error {
	in, err := decode[nameRequest](w, r)
	if err != nil {
		return err
	}
	return done(w, do(in.Name))
}

// done is the reply of a call that has nothing to say.
func done(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

func (s *Server) removeUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return simple(w, r, func(name string) error { return s.admin().RemoveUser(r.Context(), actor, name) })
}

func (s *Server) lockUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return simple(w, r, func(name string) error { return s.admin().LockUser(r.Context(), actor, name) })
}

func (s *Server) unlockUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return simple(w, r, func(name string) error { return s.admin().UnlockUser(r.Context(), actor, name) })
}

func (s *Server) enableUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return simple(w, r, func(name string) error { return s.admin().EnableUser(r.Context(), actor, name, true) })
}

func (s *Server) disableUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return simple(w, r, func(name string) error { return s.admin().EnableUser(r.Context(), actor, name, false) })
}

func (s *Server) expireUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[expireRequest](w, r)
	if err != nil {
		return err
	}
	var at time.Time
	if in.At != nil {
		at = *in.At
	}
	return done(w, s.admin().ExpireUser(r.Context(), actor, in.Name, at))
}

func (s *Server) setPassword(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[passwordRequest](w, r)
	if err != nil {
		return err
	}
	return done(w, s.admin().SetPassword(r.Context(), actor, in.Name, in.Password.Secret))
}

func (s *Server) newCodeWord(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[nameRequest](w, r)
	if err != nil {
		return err
	}
	word, until, err := s.admin().NewCodeWord(r.Context(), actor, in.Name)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, Code{Name: in.Name, Code: Disclosed{Secret: word}, Until: until})
	return nil
}

func (s *Server) resendMessage(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[nameRequest](w, r)
	if err != nil {
		return err
	}
	sent, err := s.admin().ResendMessage(r.Context(), actor, in.Name)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, Resent{in.Name, sent})
	return nil
}

// maxCodeTime keeps seconds within a time.Duration; core has narrower limits.
const maxCodeTime = 10 * 365 * 24 * time.Hour

func (s *Server) temporaryCode(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[codeRequest](w, r)
	if err != nil {
		return err
	}
	if in.Seconds <= 0 || in.Seconds > int64(maxCodeTime/time.Second) || in.Uses <= 0 {
		return refuse(http.StatusUnprocessableEntity, "a temporary code needs a time and a number of uses above 0", "--for 24h --uses 1")
	}
	code, until, err := s.admin().TemporaryCode(r.Context(), actor, in.Name, time.Duration(in.Seconds)*time.Second, in.Uses)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, Code{Name: in.Name, Code: Disclosed{Secret: code}, Until: until, Uses: in.Uses})
	return nil
}
