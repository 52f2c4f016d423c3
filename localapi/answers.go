package localapi

import (
	"net/http"

	"github.com/latchkey/latchkey/core"
)

func (s *Server) listQuestions(w http.ResponseWriter, r *http.Request, _ core.Actor) error {
	questions := s.admin().Questions()
	if questions == nil {
		questions = []core.QuestionInfo{}
	}
	writeJSON(w, http.StatusOK, questions)
	return nil
}

func (s *Server) auditQuestions(w http.ResponseWriter, r *http.Request, _ core.Actor) error {
	audit, err := s.admin().AuditQuestions(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, audit)
	return nil
}

func (s *Server) listAnswers(w http.ResponseWriter, r *http.Request, _ core.Actor) error {
	q, err := parameters(r, "name")
	if err != nil {
		return err
	}
	answers, err := s.admin().Answers(r.Context(), q.text("name"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, withoutLetters(answers))
	return nil
}

// withoutLetters makes sure that letters leave in the reply to answer/set alone, whatever core gives.
func withoutLetters(answers []core.AnswerInfo) []core.AnswerInfo {
	out := make([]core.AnswerInfo, len(answers))
	for i, a := range answers {
		a.Length, a.Letters = 0, nil
		out[i] = a
	}
	return out
}

// setAnswer's reply is the one place where the letters of an answer are shown, to the one who has just typed them.
func (s *Server) setAnswer(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[answerRequest](w, r)
	if err != nil {
		return err
	}
	answer, err := s.admin().SetAnswer(r.Context(), actor, in.Name, in.Question, in.Answer.Secret)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) removeAnswer(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[questionRequest](w, r)
	if err != nil {
		return err
	}
	return done(w, s.admin().RemoveAnswer(r.Context(), actor, in.Name, in.Question))
}
