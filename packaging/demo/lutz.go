package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/latchkey/latchkey/packaging/person"
)

// question is one of the pool, with what lutz answers to it.
type question struct {
	id, german, english string // how the prompt names it
	minimum             int    // letters that an answer must have; 0: the pool's
	answer              string
}

// answers are the textbook case of the method. Two of them are shorter than what is asked
// for by default, so their questions are less strict.
var answers = []question{
	{"birthplace", "von Ihrem Geburtsort", "of your place of birth", 0, "Heidelberg"},
	{"first_car", "von Ihrem ersten Auto", "of your first car", 0, "Volkswagen"},
	{"mothers_maiden_name", "vom Mädchennamen Ihrer Mutter", "of your mother's maiden name", 6, "Müller"},
	{"first_holiday", "von Ihrem ersten Urlaubsort", "of your first holiday resort", 0, "Tegernsee"},
	{"pet", "vom Namen Ihres Haustiers", "of the name of your pet", 5, "Bello"},
	{"football_club", "von Ihrem Lieblings-Fußballverein", "of your favourite football club", 0, "FCBayern"},
}

// phrases are the answers by what the prompt calls them.
func phrases() map[string]string {
	known := map[string]string{}
	for _, q := range answers {
		known[q.german], known[q.english] = q.answer, q.answer
	}
	return known
}

// latchkey prepares the command line as an administrator would type it.
func (a *appliance) latchkey(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, a.binary("latchkey"), args...)
	cmd.Env = append(os.Environ(), "LATCHKEY_SOCKET="+a.file("admin.sock"), "LATCHKEY_RADIUS_SECRET="+radiusSecret)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	return cmd
}

// enrol makes the user: a name, six answers, a password.
func (a *appliance) enrol(ctx context.Context) error {
	say := func(input string, args ...string) error {
		typed := "latchkey " + strings.Join(args, " ")
		if input != "" {
			typed = "echo " + input + " | " + typed
		}
		fmt.Println("$ " + typed)
		cmd := a.latchkey(ctx, args...)
		cmd.Stdin = strings.NewReader(input + "\n")
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("latchkey %s: %w", strings.Join(args, " "), err)
		}
		return nil
	}
	if err := say("", "user", "add", "lutz", "--language", language()); err != nil {
		return err
	}
	for _, q := range answers {
		if err := say(q.answer, "answer", "set", "lutz", q.id); err != nil {
			return err
		}
	}
	return say(firstFactor, "user", "password", "lutz")
}

// login is one whole login through RADIUS: the password, the prompt, the characters.
func (a *appliance) login(ctx context.Context) error {
	fmt.Printf("\n$ latchkey login lutz --server %s\n", a.server)
	cmd := a.latchkey(ctx, "login", "lutz", "--server", a.server)
	cmd.Stderr = nil
	typing, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	screen, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	conversation := a.converse(screen, typing)
	return errors.Join(conversation, cmd.Wait())
}

// converse types what a person would: the password, then the characters that are asked for.
func (a *appliance) converse(screen io.Reader, typing io.WriteCloser) error {
	defer typing.Close()
	asked := false
	for lines := bufio.NewScanner(screen); lines.Scan(); {
		line := lines.Text()
		typed := ""
		switch {
		case strings.HasPrefix(line, "PINphrase: "):
			asked = true
			var err error
			if typed, err = person.Characters(line, phrases()); err != nil {
				return err
			}
		case strings.HasPrefix(line, "Password"):
			typed = firstFactor
		}
		if typed == "" {
			fmt.Println(line)
			continue
		}
		fmt.Println(strings.TrimRight(line, " ") + " " + typed)
		if _, err := fmt.Fprintln(typing, typed); err != nil {
			return err
		}
	}
	if !asked {
		return errors.New("the login asked for no PINphrase")
	}
	return nil
}
