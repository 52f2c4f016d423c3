// Command latchkey is the administrator's command line of a Latchkey appliance. It talks to
// the daemon over the admin socket, and logs in through RADIUS as a VPN gateway would.
//
// It must never know how the state is kept: whatever it shows or changes, the daemon does.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], terminalUI(os.Stdin, os.Stdout, os.Stderr, os.Getenv), os.Getenv)
	stop()
	os.Exit(code)
}
