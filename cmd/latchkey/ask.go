package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/latchkey/latchkey/core/secret"
)

// longest is the longest line that is read as a secret.
const longest = 4096

var errNoInput = refusal{"nothing on standard input", "the secret is read from there, one line"}

// secret reads one secret: from a terminal without echo, twice where a slip of the finger
// would be kept; elsewhere one line of standard input.
func (u *ui) secret(ctx context.Context, prompt string, twice bool) (secret.Secret, error) {
	if u.inFD < 0 {
		return u.secretLine()
	}
	first, err := u.hidden(ctx, prompt+": ")
	if err != nil || !twice {
		return first, err
	}
	second, err := u.hidden(ctx, "Once more: ")
	if err != nil {
		return secret.Secret{}, err
	}
	if !first.Equal(second) {
		return secret.Secret{}, refusal{"the two are not the same", "nothing was changed; try again"}
	}
	return first, nil
}

// reply reads what a person answers to a prompt of someone else. It may be empty.
func (u *ui) reply(ctx context.Context, prompt string, echo bool) (secret.Secret, error) {
	if u.inFD < 0 {
		_, _ = fmt.Fprintln(u.err, prompt)
		return u.line()
	}
	if !echo {
		return u.hidden(ctx, prompt)
	}
	_, _ = fmt.Fprint(u.err, prompt)
	return u.line()
}

// secretLine is line for a secret that cannot be empty.
func (u *ui) secretLine() (secret.Secret, error) {
	s, err := u.line()
	if err == nil && s.IsEmpty() {
		err = errNoInput
	}
	return s, err
}

// line reads one line of standard input.
func (u *ui) line() (secret.Secret, error) {
	raw, err := readLine(u.in)
	if err != nil {
		return secret.Secret{}, err
	}
	return asSecret(raw)
}

// readLine reads byte by byte: the next line may be for another program of the same pipe.
func readLine(from io.Reader) ([]byte, error) {
	var line []byte
	var one [1]byte
	for {
		_, err := io.ReadFull(from, one[:])
		b := one[0]
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, errNoInput
		case errors.Is(err, io.EOF) || err == nil && b == '\n':
			return trimCR(line), nil
		case err != nil:
			return nil, err
		case len(line) == longest:
			return nil, refusal{fmt.Sprintf("the line on standard input is longer than %d bytes", longest), ""}
		}
		line = append(line, b)
	}
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

func asSecret(raw []byte) (secret.Secret, error) {
	if !utf8.Valid(raw) {
		return secret.Secret{}, refusal{"the secret is not UTF-8", "set the terminal, or the file, to UTF-8"}
	}
	for _, r := range string(raw) {
		if r < ' ' || r == 0x7f {
			return secret.Secret{}, refusal{"the secret holds a control character", "a key that the terminal did not understand?"}
		}
	}
	return secret.FromBytes(raw), nil
}

// hidden reads a line from the terminal without echo. The terminal gets its echo back also
// when the person gives up with Ctrl-C: the read cannot be ended, so the process is.
func (u *ui) hidden(ctx context.Context, prompt string) (secret.Secret, error) {
	state, err := term.GetState(u.inFD)
	if err != nil {
		return secret.Secret{}, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = term.Restore(u.inFD, state)
		_, _ = fmt.Fprintln(u.err)
		os.Exit(exitRefused)
	})
	defer stop()
	_, _ = fmt.Fprint(u.err, prompt)
	raw, err := term.ReadPassword(u.inFD)
	_, _ = fmt.Fprintln(u.err)
	if err != nil {
		return secret.Secret{}, errNoInput
	}
	return asSecret(raw)
}

// sure asks before something that cannot be undone. Where nobody can be asked it is yes.
func (u *ui) sure(question string) error {
	if u.inFD < 0 {
		return nil
	}
	_, _ = fmt.Fprint(u.err, clean(question)+" [y/N] ")
	raw, err := readLine(u.in)
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(string(raw))) {
	case "y", "yes", "j", "ja":
		return nil
	}
	return refusal{"nothing was changed", ""}
}
