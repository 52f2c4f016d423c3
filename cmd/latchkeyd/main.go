// Latchkeyd is the appliance: it reads one YAML file, opens the state, and serves the doors
// until SIGTERM. This file is the list of what it does, in order; what it may do is settled
// before what it does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/latchkey/latchkey/config"
)

// version is set by the build.
var version = "development"

const usage = `Usage: latchkeyd [--config FILE] [--check] [--force-url]

  --config FILE  the configuration (default /etc/latchkey/latchkey.yaml)
  --check        only say what is wrong with it: exit 0, or 1 with a line for each error
  --force-url    take a changed web.url, though enrolled phones cannot be used any more
  --version      print the version

SIGTERM ends it cleanly, SIGHUP reads the configuration again.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("latchkeyd", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	path := flags.String("config", "/etc/latchkey/latchkey.yaml", "")
	check := flags.Bool("check", false, "")
	force := flags.Bool("force-url", false, "")
	tell := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil || flags.NArg() > 0:
		if err == nil {
			err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
		}
		fmt.Fprintf(stderr, "latchkeyd: %v\n%s", err, usage)
		return 2
	case *tell:
		fmt.Fprintln(stdout, "latchkeyd", version)
		return 0
	}

	cfg, problems := config.Load(*path)
	if *check {
		for _, p := range problems {
			fmt.Fprintln(stdout, p)
		}
		if cfg == nil {
			return 1
		}
		return 0
	}
	if cfg == nil {
		for _, p := range problems {
			fmt.Fprintln(stderr, p)
		}
		return 1
	}
	log, flush := newLog(stderr)
	defer flush()
	for _, p := range problems {
		log.Warn("configuration", "problem", p.String())
	}
	if err := forbidDumps(); err != nil {
		log.Warn("core dumps could not be switched off", "error", err)
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, *path, cfg, *force, log); err != nil {
		log.Error("latchkeyd ends", "error", err)
		return 1
	}
	return 0
}

// forbidDumps keeps secrets out of core files, also where the limits of the shell that
// started the daemon would allow them.
func forbidDumps() error {
	return errors.Join(
		syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}),
		setUndumpable(),
	)
}
