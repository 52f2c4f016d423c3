// Command demo shows Latchkey to a newcomer: it starts the real latchkeyd on loopback, makes
// the user lutz with the real command line, and logs him in through RADIUS, on the screen.
// `make run` runs it. It reads the prompt as a person would and must never know the inside
// of the appliance.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

func main() {
	// The kernel ends the daemon when the THREAD that started it dies (prctl(2), PR_SET_PDEATHSIG).
	runtime.LockOSThread()
	bin := flag.String("bin", "bin", "`FOLDER` of latchkeyd and latchkey")
	once := flag.Bool("once", false, "end after the login")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *once); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin string, once bool) (err error) {
	a, err := newAppliance(bin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	if err := a.start(); err != nil {
		return err
	}
	fmt.Printf(`Latchkey runs on this machine's loopback.

  configuration   %s
  RADIUS          %s, shared secret %s
  admin socket    %s
  log             %s

`, a.file("latchkey.yaml"), a.server, radiusSecret, a.file("admin.sock"), a.file("latchkeyd.log"))

	if err := a.enrol(ctx); err != nil {
		return interrupted(ctx, err)
	}
	if err := a.login(ctx); err != nil {
		return interrupted(ctx, err)
	}
	if once {
		return nil
	}
	fmt.Print(a.hints())
	select {
	case <-ctx.Done():
		fmt.Println("\nThe demo ends; its folder is taken away.")
		return nil
	case err := <-a.ended:
		a.daemon = nil
		return fmt.Errorf("latchkeyd ended by itself: %v\n%s", err, a.log())
	}
}

// interrupted forgives an error that Ctrl-C has caused.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// language is the person's who watches, as far as Latchkey speaks it.
func language() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := os.Getenv(name); value != "" {
			if strings.HasPrefix(value, "de") {
				return "de"
			}
			break
		}
	}
	return "en"
}

// hints say how to go on by hand, in a second terminal.
func (a *appliance) hints() string {
	latchkey, socket := a.binary("latchkey"), a.file("admin.sock")
	host, port, _ := strings.Cut(a.server, ":")
	return fmt.Sprintf(`
Now you, in a second terminal:

  log in as a gateway would; the password is %[1]s
    LATCHKEY_RADIUS_SECRET=%[2]s %[3]s login lutz --server %[4]s:%[5]s

  the same with FreeRADIUS's radclient (Debian: freeradius-utils), in two rounds
    echo 'User-Name=lutz,User-Password=%[1]s,Message-Authenticator=0x00' | radclient -x %[4]s:%[5]s auth %[2]s
    echo 'User-Name=lutz,User-Password=CHARACTERS,State=0x…,Message-Authenticator=0x00' | radclient -x %[4]s:%[5]s auth %[2]s
    with the characters that its Reply-Message asks for, and its State

  look behind the counter
    %[3]s --socket %[6]s user show lutz
    %[3]s --socket %[6]s audit

lutz's answers: %[7]s.
Ctrl-C ends the demo and takes its folder away.
`, firstFactor, radiusSecret, latchkey, host, port, socket, given())
}

func given() string {
	var list []string
	for _, q := range answers {
		list = append(list, q.answer+" ("+q.english+")")
	}
	return strings.Join(list, ", ")
}
