package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/latchkey/latchkey/localapi"
)

// The law of the terminal:
//
//   - Standard output carries the result and nothing else, so that it can be piped: a table, a
//     code word, JSON. Standard error carries remarks, questions, progress and errors.
//   - An error is "latchkey: what is wrong" and, on a line of its own, "hint: what to do"; with
//     --json it is {"error": …, "hint": …}, also on standard error, where standard output stays
//     empty or holds what was done before.
//   - Colour only where a person looks: on a terminal, without NO_COLOR, not TERM=dumb. Nothing is
//     said by colour alone.
//   - Text from elsewhere passes clean() on its way to a person, so that no name, log record or
//     prompt can move the cursor or turn the direction of writing.
//   - A secret is shown once, by the command that made it. The letters of an answer are
//     shown on a terminal or with --json only: a plain pipe would be a file.
//   - A question is asked on a terminal only; elsewhere standard input is the answer.

// ui is the terminal, or what stands in its place.
type ui struct {
	in                   io.Reader
	out, err             io.Writer
	inFD                 int // of the terminal; -1: standard input is none
	outTTY, errTTY       bool
	outColour, errColour bool
	width                int // of the terminal that out is; 0: unknown
	json                 bool
	now                  func() time.Time
}

// terminalUI finds out what the three files are.
func terminalUI(in, out, err *os.File, env func(string) string) *ui {
	u := &ui{in: in, out: out, err: err, inFD: -1, now: time.Now}
	if fd := int(in.Fd()); term.IsTerminal(fd) {
		u.inFD = fd
	}
	u.outTTY, u.errTTY = term.IsTerminal(int(out.Fd())), term.IsTerminal(int(err.Fd()))
	plain := env("NO_COLOR") != "" || env("TERM") == "dumb"
	u.outColour, u.errColour = u.outTTY && !plain, u.errTTY && !plain
	if u.outTTY {
		if width, _, sizeErr := term.GetSize(int(out.Fd())); sizeErr == nil {
			u.width = width
		}
	}
	return u
}

// Colours, as SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func paint(on bool, colour, text string) string {
	if !on || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// remark tells a person what was done. Machines have the exit code.
func (u *ui) remark(format string, args ...any) {
	if !u.json {
		_, _ = fmt.Fprintln(u.err, clean(fmt.Sprintf(format, args...)))
	}
}

// warn is a remark that matters.
func (u *ui) warn(format string, args ...any) {
	_, _ = fmt.Fprintln(u.err, paint(u.errColour, yellow, "warning: ")+clean(fmt.Sprintf(format, args...)))
}

// print writes one line of the result. The text is cleaned by the caller where it is from elsewhere.
func (u *ui) print(line string) error {
	_, err := fmt.Fprintln(u.out, line)
	return err
}

// done ends a command that has no result: a remark, or {} for machines.
func (u *ui) done(format string, args ...any) error {
	if u.json {
		return u.value(struct{}{})
	}
	u.remark(format, args...)
	return nil
}

// complain says why a command failed. usageHint stands in where a misuse has no hint.
func (u *ui) complain(err error, usageHint string) {
	problem := localapi.Problem{Text: err.Error(), Hint: usageHint}
	var refused *localapi.Error
	var own refusal
	switch {
	case errors.As(err, &refused):
		problem = refused.Problem
	case errors.As(err, &own):
		problem = localapi.Problem{Text: own.text, Hint: own.hint}
	case errors.Is(err, context.Canceled):
		problem.Text = "interrupted"
	}
	if u.json {
		_ = encode(u.err, problem, false)
		return
	}
	_, _ = fmt.Fprintln(u.err, paint(u.errColour, red, "latchkey: ")+clean(problem.Text))
	if problem.Hint != "" {
		_, _ = fmt.Fprintln(u.err, paint(u.errColour, dim, "hint: ")+clean(problem.Hint))
	}
}

// value prints one JSON value, indented for a person.
func (u *ui) value(v any) error { return encode(u.out, v, u.outTTY) }

func encode(w io.Writer, v any, indent bool) error {
	raw, err := marshal(v, indent)
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}

func marshal(v any, indent bool) ([]byte, error) {
	var buffer safeJSON
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if indent {
		encoder.SetIndent("", "  ")
	}
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return buffer.bytes[:len(buffer.bytes)-1], nil
}

// array prints a JSON array whose elements come one by one.
type array struct {
	out   *bufio.Writer
	began bool
	err   error
}

func (u *ui) array() *array { return &array{out: bufio.NewWriter(u.out)} }

func (a *array) add(v any) bool {
	separator := "[\n"
	if a.began {
		separator = ",\n"
	}
	a.began = true
	raw, err := marshal(v, false)
	if err == nil {
		_, _ = a.out.WriteString(separator)
		_, err = a.out.Write(raw)
	}
	a.err = err
	return err == nil
}

// end closes the array if all went well: a half one must not parse.
func (a *array) end(err error) error {
	switch {
	case err != nil || a.err != nil:
	case a.began:
		_, _ = a.out.WriteString("\n]\n")
	default:
		_, _ = a.out.WriteString("[]\n")
	}
	return errors.Join(err, a.err, a.out.Flush())
}
