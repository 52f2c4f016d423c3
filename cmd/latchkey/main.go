// Command latchkey is the administrator's command line of a Latchkey appliance. It talks to
// the daemon over the admin socket, and logs in through RADIUS as a VPN gateway would.
//
// It must never know how the state is kept: whatever it shows or changes, the daemon does.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, arguments(os.Args), terminalUI(os.Stdin, os.Stdout, os.Stderr, os.Getenv), os.Getenv)
	stop()
	os.Exit(code)
}

// arguments are those of the command. Under the name latchkey-host, by which the PAM module's
// package brings it to machines that have nothing else of Latchkey, it is `latchkey host`.
func arguments(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if filepath.Base(argv[0]) == "latchkey-host" {
		return append([]string{"host"}, argv[1:]...)
	}
	return argv[1:]
}
