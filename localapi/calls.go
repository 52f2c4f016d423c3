package localapi

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/latchkey/latchkey/core"
)

const importPath = "/v1/import"

func named(name string) url.Values { return url.Values{"name": {name}} }

// Status asks the daemon for itself.
func (c *Client) Status(ctx context.Context) (status Status, err error) {
	return status, c.get(ctx, "/v1/status", nil, &status)
}

// Users calls fn for each user in the order of names, until it returns false.
func (c *Client) Users(ctx context.Context, fn func(core.UserInfo) bool) error {
	return c.users(ctx, nil, fn)
}

// UnfinishedUsers is Users for those who have neither answers enough nor a phone.
func (c *Client) UnfinishedUsers(ctx context.Context, fn func(core.UserInfo) bool) error {
	return c.users(ctx, url.Values{"unfinished": {"true"}}, fn)
}

func (c *Client) users(ctx context.Context, filter url.Values, fn func(core.UserInfo) bool) error {
	resp, err := c.open(ctx, http.MethodGet, "/v1/users", filter, nil)
	if err != nil {
		return err
	}
	return c.stream(resp, func(e event) bool { return e.User == nil || fn(*e.User) })
}

// User shows one user.
func (c *Client) User(ctx context.Context, name string) (user core.UserInfo, err error) {
	return user, c.get(ctx, "/v1/user", named(name), &user)
}

// AddUser adds a user and gives the code word, once.
func (c *Client) AddUser(ctx context.Context, user core.NewUser) (added NewUser, err error) {
	return added, c.post(ctx, "/v1/user/add", addRequest{user.Name, user.Language, user.Phone, user.Mail, user.Groups}, &added)
}

// ChangeUser changes what is not nil.
func (c *Client) ChangeUser(ctx context.Context, name string, change core.UserChange) (user core.UserInfo, err error) {
	return user, c.post(ctx, "/v1/user/set", changeRequest{name, change.Language, change.Phone, change.Mail, change.Groups, change.Deliver}, &user)
}

// RemoveUser removes a user for good.
func (c *Client) RemoveUser(ctx context.Context, name string) error {
	return c.post(ctx, "/v1/user/remove", nameRequest{name}, nil)
}

// LockUser locks until UnlockUser.
func (c *Client) LockUser(ctx context.Context, name string) error {
	return c.post(ctx, "/v1/user/lock", nameRequest{name}, nil)
}

// UnlockUser clears every lock of the user.
func (c *Client) UnlockUser(ctx context.Context, name string) error {
	return c.post(ctx, "/v1/user/unlock", nameRequest{name}, nil)
}

// EnableUser lets a disabled user log in again.
func (c *Client) EnableUser(ctx context.Context, name string) error {
	return c.post(ctx, "/v1/user/enable", nameRequest{name}, nil)
}

// DisableUser refuses every login of the user.
func (c *Client) DisableUser(ctx context.Context, name string) error {
	return c.post(ctx, "/v1/user/disable", nameRequest{name}, nil)
}

// ExpireUser sets when the user ends; nil: never.
func (c *Client) ExpireUser(ctx context.Context, name string, at *time.Time) error {
	return c.post(ctx, "/v1/user/expire", expireRequest{name, at}, nil)
}

// SetPassword sets the first factor that is kept here.
func (c *Client) SetPassword(ctx context.Context, name string, password core.Secret) error {
	return c.post(ctx, "/v1/user/password", passwordRequest{name, Disclosed{Secret: password}}, nil)
}

// NewCodeWord voids an unused code word and gives a new one.
func (c *Client) NewCodeWord(ctx context.Context, name string) (code Code, err error) {
	return code, c.post(ctx, "/v1/user/codeword", nameRequest{name}, &code)
}

// TemporaryCode makes the helpdesk's code. Its time is in whole seconds.
func (c *Client) TemporaryCode(ctx context.Context, name string, valid time.Duration, uses int) (code Code, err error) {
	return code, c.post(ctx, "/v1/user/code", codeRequest{name, int64(valid / time.Second), uses}, &code)
}

// ResendMessage sends the messages of the user's open challenges again.
func (c *Client) ResendMessage(ctx context.Context, name string) (sent Resent, err error) {
	return sent, c.post(ctx, "/v1/user/resend", nameRequest{name}, &sent)
}

// Questions lists the pool.
func (c *Client) Questions(ctx context.Context) (questions []core.QuestionInfo, err error) {
	return questions, c.get(ctx, "/v1/questions", nil, &questions)
}

// AuditQuestions reckons how often each question is guessed.
func (c *Client) AuditQuestions(ctx context.Context) (audit []core.QuestionAudit, err error) {
	return audit, c.get(ctx, "/v1/questions/audit", nil, &audit)
}

// Answers lists which questions a user has answered.
func (c *Client) Answers(ctx context.Context, name string) (answers []core.AnswerInfo, err error) {
	return answers, c.get(ctx, "/v1/answers", named(name), &answers)
}

// SetAnswer's result holds the numbered letters, to be shown once.
func (c *Client) SetAnswer(ctx context.Context, name, question string, answer core.Secret) (info core.AnswerInfo, err error) {
	return info, c.post(ctx, "/v1/answer/set", answerRequest{name, question, Disclosed{Secret: answer}}, &info)
}

// RemoveAnswer takes an answer away.
func (c *Client) RemoveAnswer(ctx context.Context, name, question string) error {
	return c.post(ctx, "/v1/answer/remove", questionRequest{name, question}, nil)
}

// Audit calls fn for the records that filter picks, ascending, until it returns false; with
// follow it goes on with new ones until ctx ends.
func (c *Client) Audit(ctx context.Context, filter core.AuditFilter, follow bool, fn func(core.AuditEntry) bool) error {
	q := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			q.Set(name, value)
		}
	}
	set("user", filter.User, filter.User != "")
	set("reference", filter.Reference, filter.Reference != "")
	set("from", strconv.FormatUint(filter.From, 10), filter.From > 0)
	set("newest", strconv.Itoa(filter.Newest), filter.Newest > 0)
	set("follow", "true", follow)
	resp, err := c.open(ctx, http.MethodGet, "/v1/audit", q, nil)
	if err != nil {
		return err
	}
	return c.stream(resp, func(e event) bool { return e.Record == nil || fn(*e.Record) })
}

// VerifyAudit checks the whole chain.
func (c *Client) VerifyAudit(ctx context.Context) (verdict core.AuditVerdict, err error) {
	return verdict, c.get(ctx, "/v1/audit/verify", nil, &verdict)
}

// Row is a row of an import, or why it could not be read.
type Row struct {
	core.ImportRow
	Problem *Problem
}

// Import sends rows and tells of progress at the same time, in constant memory. An error that
// rows yields gives the import up: nothing is taken, and the error comes back. Bad rows are in
// the result; nothing was taken for their sake if its Taken is 0, unless keepGoing.
func (c *Client) Import(ctx context.Context, rows iter.Seq2[Row, error], keepGoing bool,
	progress func(core.ImportProgress), word func(CodeWord) error) (ImportResult, error) {
	q := url.Values{}
	if keepGoing {
		q.Set("keep_going", "true")
	}
	reader, writer := io.Pipe()
	sent := make(chan error, 1)
	go sendRows(writer, rows, sent)
	// net/http waits for the body to end before it gives up; rows may wait for a keyboard.
	defer context.AfterFunc(ctx, func() { _ = reader.CloseWithError(ctx.Err()) })()

	var result *ImportResult
	var wordErr error
	resp, err := c.open(ctx, http.MethodPost, importPath, q, reader)
	if err == nil {
		err = c.stream(resp, func(e event) bool {
			switch {
			case e.Progress != nil:
				progress(*e.Progress)
			case e.Word != nil && wordErr == nil:
				wordErr = word(*e.Word)
			case e.Result != nil:
				result = e.Result
			}
			return e.Result == nil
		})
	}
	_ = reader.Close() // ends the sender, if it has not ended
	select {
	case rowsErr := <-sent:
		if rowsErr != nil {
			return ImportResult{}, rowsErr
		}
	default: // it waits for its own input; what it would say no longer matters
	}
	if err != nil {
		return ImportResult{}, err
	}
	if result == nil {
		return ImportResult{}, c.cutOff(io.ErrUnexpectedEOF)
	}
	return *result, wordErr
}

// sendRows says an error of rows, or nil, before it sends the end: so it is known when the
// reply comes. That the receiver has gone shows in its reply.
func sendRows(to *io.PipeWriter, rows iter.Seq2[Row, error], said chan<- error) {
	buffer := bufio.NewWriterSize(to, 32<<10)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	end := importLine{End: true}
	var rowsErr error
	for row, err := range rows {
		if err != nil {
			rowsErr, end.Abort = err, true
			break
		}
		if encoder.Encode(lineOf(row)) != nil {
			break
		}
	}
	said <- rowsErr
	_ = encoder.Encode(end)
	_ = buffer.Flush()
	_ = to.Close()
}

func lineOf(row Row) importLine {
	line := importLine{Line: row.Line, Name: row.Name}
	if row.Problem != nil {
		line.Error, line.Hint = row.Problem.Text, row.Problem.Hint
		return line
	}
	line.Language, line.Phone, line.Mail, line.Groups = row.Language, row.Phone, row.Mail, row.Groups
	line.Password = Disclosed{Secret: row.Password}
	if len(row.Answers) > 0 {
		line.Answers = make(map[string]Disclosed, len(row.Answers))
		for question, answer := range row.Answers {
			line.Answers[question] = Disclosed{Secret: answer}
		}
	}
	return line
}
