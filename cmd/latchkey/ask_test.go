package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/latchkey/latchkey/core/secret"
)

// terminal is a pseudo-terminal whose screen a test reads and on whose keyboard it types.
type terminal struct {
	t      *testing.T
	master *os.File
	tty    *os.File
	mu     sync.Mutex
	screen strings.Builder
	drawn  chan struct{}
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{t: t, master: master, tty: tty, drawn: make(chan struct{}, 1)}
	go func() {
		buffer := make([]byte, 1024)
		for {
			n, err := master.Read(buffer)
			if err != nil {
				return
			}
			p.mu.Lock()
			p.screen.Write(buffer[:n])
			p.mu.Unlock()
			select {
			case p.drawn <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() { _ = tty.Close(); _ = master.Close() })
	return p
}

func (p *terminal) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.String()
}

// await waits until the screen ends with a prompt, and types when echo is as it should be: the
// prompt is written before echo is switched off.
func (p *terminal) await(prompt, typed string, echo bool) {
	p.t.Helper()
	deadline := time.After(10 * time.Second)
	for !strings.HasSuffix(p.text(), prompt) {
		select {
		case <-p.drawn:
		case <-deadline:
			p.t.Fatalf("no prompt %q on the screen %q", prompt, p.text())
		}
	}
	for p.echo() != echo {
		select {
		case <-deadline:
			p.t.Fatalf("echo is %v at %q", !echo, prompt)
		default:
		}
	}
	if _, err := p.master.WriteString(typed + "\n"); err != nil {
		p.t.Fatal(err)
	}
}

// sees waits until a text stands on the screen, and gives all of it.
func (p *terminal) sees(text string) string {
	p.t.Helper()
	deadline := time.After(10 * time.Second)
	for !strings.Contains(p.text(), text) {
		select {
		case <-p.drawn:
		case <-deadline:
			p.t.Fatalf("no %q on the screen %q", text, p.text())
		}
	}
	return p.text()
}

func (p *terminal) echo() bool {
	mode, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

func (p *terminal) ui() *ui {
	if !term.IsTerminal(int(p.tty.Fd())) {
		p.t.Fatal("no terminal")
	}
	return terminalUI(p.tty, p.tty, p.tty, func(string) string { return "" })
}

func TestSecretsAreAskedForTwiceWithoutEcho(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string
		want          string
	}{
		"the same":        {canary, canary, canary},
		"not the same":    {canary, canary + "x", ""},
		"with a keypress": {canary + "\x1b[A", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTerminal(t)
			type outcome struct {
				secret secret.Secret
				err    error
			}
			done := make(chan outcome, 1)
			go func() {
				s, err := p.ui().secret(context.Background(), "New password", true)
				done <- outcome{s, err}
			}()
			p.await("New password: ", c.first, false)
			if c.second != "" {
				p.await("Once more: ", c.second, false)
			}
			got := <-done
			var refused refusal
			if got.secret.Reveal() != c.want || (got.err == nil) != (c.want != "") || got.err != nil && !errors.As(got.err, &refused) {
				t.Errorf("%d bytes, %v", got.secret.Len(), got.err)
			}
			if strings.Contains(p.text(), canary[:3]) || !p.echo() {
				t.Errorf("seen on the screen, or echo is left off: %q", p.text())
			}
		})
	}
}

func TestQuestionsBeforeHarm(t *testing.T) {
	for typed, want := range map[string]bool{"y": true, "Ja": true, "": false, "n": false, "lutz": false} {
		p := newTerminal(t)
		done := make(chan error, 1)
		go func() { done <- p.ui().sure("Remove lutz?") }()
		p.await("[y/N] ", typed, true)
		if err := <-done; (err == nil) != want {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

func TestTwoLinesOfAPipeAreTwoSecrets(t *testing.T) {
	u := &ui{in: strings.NewReader("one\r\ntwo"), inFD: -1}
	for _, want := range []string{"one", "two"} {
		if got, err := u.secret(t.Context(), "", true); err != nil || got.Reveal() != want {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
	}
	if _, err := u.secret(t.Context(), "", true); !errors.Is(err, errNoInput) {
		t.Errorf("a third: %v", err)
	}
}
