package localapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

// maxBad is how many bad rows a result names.
const maxBad = 1000

// errUnreadable ends an import for the sake of rows that the sender could not read.
var errUnreadable = &core.Problem{Kind: core.ErrRefused, Text: "rows could not be read", Hint: "nothing was taken"}

// importUsers reads rows and streams progress at the same time, both one JSON value a line.
func (s *Server) importUsers(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	q, err := parameters(r, "keep_going")
	if err != nil {
		return err
	}
	keepGoing := q.flag("keep_going")
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		return err
	}
	out := newStream(w) // not flushed yet: the first read sends "100 Continue", for which the sender waits
	in := &importReader{lines: bufio.NewReaderSize(r.Body, maxBody), keepGoing: keepGoing}
	words := 0
	var weak []core.RowError
	taken, bad, err := s.admin().Import(r.Context(), actor, in.rows(), keepGoing,
		func(p core.ImportProgress) {
			p.Rows += in.unreadable
			p.Refused += in.unreadable
			weak = append(weak, p.Weak[:min(len(p.Weak), maxBad-len(weak))]...)
			p.Weak = nil
			_ = out.send(event{Progress: &p})
		},
		func(h core.Handover) {
			words++
			_ = out.write(event{Word: &CodeWord{Name: h.Name, Word: Disclosed{Secret: h.Word}, Language: h.Language, Until: h.Until, URL: h.URL}})
		})
	bad = mergeBad(in.bad, bad)
	if err != nil && (len(bad) == 0 || !errors.Is(err, core.ErrRefused)) {
		_ = out.flush() // from here on it is a stream, which is drained after its last word
		return err
	}
	// Refused for the sake of bad rows: the result names them, and its Taken is 0.
	_ = out.send(event{Result: &ImportResult{Taken: taken, Bad: bad, Weak: weak, CodeWords: words}})
	drain(w, r)
	return nil
}

// drain reads on after the last word to the sender: a sender whose write fails loses the reply
// that is on its way. It stops by itself when it has read that.
func drain(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.Copy(io.Discard, r.Body)
}

const drainTime = 10 * time.Second

func mergeBad(a, b []core.RowError) []core.RowError {
	bad := append(append(make([]core.RowError, 0, len(a)+len(b)), a...), b...)
	slices.SortStableFunc(bad, func(x, y core.RowError) int { return x.Line - y.Line })
	return bad[:min(len(bad), maxBad)]
}

// importReader turns the lines of the body into rows.
type importReader struct {
	lines      *bufio.Reader
	keepGoing  bool
	unreadable int
	bad        []core.RowError
}

// rows yields what the sender could read. Its errors end the import with nothing taken: a body
// that was cut off, a malformed line, or unreadable rows unless keepGoing.
func (in *importReader) rows() iter.Seq2[core.ImportRow, error] {
	return func(yield func(core.ImportRow, error) bool) {
		for {
			line, err := in.next()
			switch {
			case err != nil:
				yield(core.ImportRow{}, err)
				return
			case line.End && line.Abort:
				yield(core.ImportRow{}, &core.Problem{Kind: core.ErrRefused, Text: "the import was given up", Hint: "nothing was taken"})
				return
			case line.End:
				if in.unreadable > 0 && !in.keepGoing {
					yield(core.ImportRow{}, errUnreadable)
				}
				return
			case line.Error != "":
				in.unreadable++
				if len(in.bad) < maxBad {
					in.bad = append(in.bad, core.RowError{Line: line.Line, Name: line.Name, Error: line.Error, Hint: line.Hint})
				}
			case !yield(line.row(), nil):
				return
			}
		}
	}
}

func (in *importReader) next() (importLine, error) {
	var line importLine
	raw, err := in.lines.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return line, refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("a row is larger than %d bytes", maxBody), "nothing was taken")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return line, refuse(http.StatusBadRequest, "the import was cut off", "nothing was taken")
	case err != nil:
		return line, fmt.Errorf("reading an import: %w", err)
	}
	return line, strict(bytes.TrimSpace(raw), &line)
}

func (l importLine) row() core.ImportRow {
	row := core.ImportRow{
		Line: l.Line,
		NewUser: core.NewUser{
			Name: l.Name, Language: l.Language, Phone: l.Phone, Mail: l.Mail, Groups: l.Groups},
		Password: l.Password.Secret,
	}
	if len(l.Answers) > 0 {
		row.Answers = make(map[string]secret.Secret, len(l.Answers))
		for question, answer := range l.Answers {
			row.Answers[question] = answer.Secret
		}
	}
	return row
}
