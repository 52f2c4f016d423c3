package localapi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

func row(line int, name string) Row {
	return Row{ImportRow: core.ImportRow{Line: line, NewUser: core.NewUser{Name: name, Language: "en"}}}
}

func each(rows ...Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// imported is what an import said.
type imported struct {
	ImportResult
	words    map[string]string
	progress []core.ImportProgress
}

func runImport(ctx context.Context, c *Client, rows iter.Seq2[Row, error], keepGoing bool) (imported, error) {
	out := imported{words: map[string]string{}}
	var err error
	out.ImportResult, err = c.Import(ctx, rows, keepGoing,
		func(p core.ImportProgress) { out.progress = append(out.progress, p) },
		func(w CodeWord) error { out.words[w.Name] = w.Word.Reveal(); return nil })
	return out, err
}

func count(t *testing.T, c *Client) (n int) {
	t.Helper()
	if err := c.Users(t.Context(), func(core.UserInfo) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestImport(t *testing.T) {
	c := start(t, realCore(t), nil).client
	full := row(2, "lutz")
	full.Phone, full.Mail, full.Groups = "+491711234567", "l@example.org", []string{"staff", "vpn"}
	full.Password, full.Answers = say(" password"), map[string]secret.Secret{"birthplace": say("")}
	out, err := runImport(t.Context(), c, each(full, row(3, "anna")), false)
	if err != nil || out.Taken != 2 || len(out.Bad) != 0 || out.CodeWords != 2 || len(out.words) != 2 || out.words["anna"] == "" {
		t.Fatalf("%+v, %v", out, err)
	}
	if last := out.progress[len(out.progress)-1]; !last.Done || last.Rows != 2 {
		t.Errorf("progress ends with %+v", last)
	}
	user, err := c.User(t.Context(), "lutz")
	if err != nil || user.Phone != full.Phone || len(user.Groups) != 2 || !user.HasPassword || len(user.Answers) != 1 {
		t.Errorf("%+v, %v", user, err)
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	unreadable := Row{ImportRow: core.ImportRow{Line: 3}, Problem: &Problem{"2 cells, but 3 columns", "a hint"}}
	for name, c := range map[string]struct {
		rows  []Row
		lines []int
	}{
		"a bad row":              {[]Row{row(2, "lutz"), row(3, "a\x00b"), row(4, "anna")}, []int{3}},
		"a row that is not read": {[]Row{row(2, "lutz"), unreadable, row(4, "anna")}, []int{3}},
		"both":                   {[]Row{row(2, "a\x00b"), unreadable, row(4, "anna")}, []int{2, 3}},
		"the same name twice":    {[]Row{row(2, "lutz"), row(3, "LUTZ")}, []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			client := start(t, realCore(t), nil).client
			out, err := runImport(t.Context(), client, each(c.rows...), false)
			if err != nil || out.Taken != 0 || len(out.Bad) != len(c.lines) || count(t, client) != 0 {
				t.Fatalf("%+v, %v", out, err)
			}
			for i, line := range c.lines {
				if out.Bad[i].Line != line || out.Bad[i].Error == "" {
					t.Errorf("bad row %+v, want line %d", out.Bad[i], line)
				}
			}
			out, err = runImport(t.Context(), client, each(c.rows...), true)
			if want := len(c.rows) - len(c.lines); err != nil || out.Taken != want || len(out.Bad) != len(c.lines) || count(t, client) != want {
				t.Errorf("keep going: %+v, %v", out, err)
			}
		})
	}
}

var errRead = errors.New("the disk cannot be read")

func TestImportThatIsGivenUpTakesNothing(t *testing.T) {
	d := start(t, realCore(t), nil)
	_, err := runImport(t.Context(), d.client, func(yield func(Row, error) bool) {
		_ = yield(row(2, "lutz"), nil) && yield(Row{}, errRead)
	}, true)
	if !errors.Is(err, errRead) {
		t.Errorf("the file's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = runImport(ctx, d.client, func(yield func(Row, error) bool) {
		_ = yield(row(2, "lutz"), nil)
		cancel()
		_ = yield(row(3, "anna"), nil)
		<-t.Context().Done()
	}, true)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Ctrl-C: %v", err)
	}
	for body, want := range map[string]string{
		`{"line":2,"name":"lutz"}` + "\n": "the import was cut off",
		`{"line":2,"name":"lutz"}`:        "the import was cut off",
		"":                                "the import was cut off",
		`{"line":2,"name":"lutz"}` + "\n" + `{"end":true,"abort":true}` + "\n":                    "the import was given up",
		`{"line":2,"name":"lutz","sudo":true}` + "\n" + `{"end":true}` + "\n":                     `unknown field \"sudo\"`,
		`{"line":2,"name":"` + strings.Repeat("x", maxBody) + `"}` + "\n" + `{"end":true}` + "\n": "a row is larger",
	} {
		status, reply := raw(t, d, "POST", "/v1/import?keep_going=true", body)
		if status != 200 || !strings.HasPrefix(reply, `{"problem":{"error":"`+want) {
			t.Errorf("%.60q: %d %s", body, status, reply)
		}
	}
	if n := count(t, d.client); n != 0 {
		t.Errorf("%d users were taken", n)
	}
}

// TestLongImport sends more than any buffer holds while replies come the other way.
func TestLongImport(t *testing.T) {
	c := start(t, realCore(t), nil).client
	const rows = 20000
	out, err := runImport(t.Context(), c, func(yield func(Row, error) bool) {
		for i := range rows {
			r := row(i+2, fmt.Sprintf("user%d", i))
			if i%4 == 0 {
				r = Row{ImportRow: core.ImportRow{Line: i + 2}, Problem: &Problem{"unreadable", ""}}
			}
			if !yield(r, nil) {
				return
			}
		}
	}, true)
	if err != nil || out.Taken != rows*3/4 || len(out.Bad) != maxBad || len(out.words) != rows*3/4 || len(out.progress) < 3 {
		t.Errorf("taken %d, bad %d, words %d, progress %d, %v", out.Taken, len(out.Bad), len(out.words), len(out.progress), err)
	}
	if last := out.progress[len(out.progress)-1]; last.Rows != rows || last.Refused != rows/4 {
		t.Errorf("progress ends with %+v", last)
	}
}

// refusing ends an import after its first row while the sender still sends.
type refusing struct{ Admin }

func (refusing) Import(_ context.Context, _ core.Actor, rows iter.Seq2[core.ImportRow, error], _ bool,
	_ func(core.ImportProgress), _ func(core.Handover)) (int, []core.RowError, error) {
	for range rows {
		break
	}
	return 0, nil, &core.Problem{Kind: core.ErrRefused, Text: "another import is running", Hint: "wait"}
}

func TestImportHearsWhyWhileItSends(t *testing.T) {
	d := start(t, refusing{}, testRoles)
	for name, want := range map[*Client]string{d.client: "another import is running", clientAs(t, d.path, stranger, auditors): "this needs admin"} {
		_, err := runImport(t.Context(), name, func(yield func(Row, error) bool) {
			for i := 2; yield(row(i, "user"), nil); i++ {
			}
		}, false)
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Text, want) {
			t.Errorf("heard %v, want %s", err, want)
		}
	}
}
