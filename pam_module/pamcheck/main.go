// Latchkey-pamcheck asks PAM whether a password is right, for policies of Latchkey that say `first: pam`. It answers
// latchkeyd on a Unix socket, and nobody else.
//
// One process listens and never calls PAM; PAM is called in workers, processes of their own, one check at a time in
// each: a call that hangs or crashes costs its worker, never the service. main.go says what the process may do;
// server.go is a question's way in, pool.go has the workers and their time, decoy.go the questions about nobody,
// worker.go and stack.go are inside of a worker.
//
// The program must never know users, policies or locks of Latchkey, and gives no reason to anybody but the log.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"strconv"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// version is set by the build.
var version = "development"

const usage = `Usage: latchkey-pamcheck [--socket PATH] [--user NAME] [--workers N] [--services DIR]

  --socket PATH   listen there (default: on the socket that systemd hands over)
  --user NAME     who may ask besides root (default latchkey)
  --workers N     checks at a time (default 8)
  --services DIR  read PAM services from this directory only, for tests (default: as libpam does)
  --version       print the version

It is started by latchkey-wire.socket.
`

func main() {
	// Before anything else: no password shall be in a core file, or read by a debugger of the same user.
	if err := errors.Join(unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey-pamcheck: core dumps could not be switched off:", err)
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == workerWord {
		os.Exit(workerMain(os.Args[2:]))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("latchkey-pamcheck", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	socket := flags.String("socket", "", "")
	name := flags.String("user", "latchkey", "")
	workers := flags.Int("workers", 8, "")
	services := flags.String("services", "", "")
	tell := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil || flags.NArg() > 0 || *workers < 1 || *workers > 256:
		if err == nil {
			err = errors.New("--workers takes 1 to 256, and nothing stands behind the flags")
		}
		fmt.Fprintf(stderr, "latchkey-pamcheck: %v\n%s", err, usage)
		return 2
	case *tell:
		fmt.Fprintln(stdout, "latchkey-pamcheck", version)
		return 0
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, *socket, *name, *workers, *services, log); err != nil {
		log.Error("latchkey-pamcheck ends", "error", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, socket, name string, workers int, services string, log *slog.Logger) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("PR_SET_CHILD_SUBREAPER: %w", err)
	}
	asker, err := uidOf(name)
	if err != nil {
		return err
	}
	listener, err := listen(socket, name)
	if err != nil {
		return err
	}
	p := newPool(poolConfig{
		Workers: workers, Log: log,
		Start: func() (*worker, error) { return startWorker(services) },
		Vet:   func(service string) (string, error) { return vet(service, services) },
	})
	s := &server{pool: p, log: log, may: func(uid int) bool { return uid == 0 || uid == asker }}
	log.Info("ready", "version", version, "pid", os.Getpid(), "socket", listener.Addr().String(), "workers", workers)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	err = s.serve(ctx, listener)
	p.close()
	return err
}

func uidOf(name string) (int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("--user: %w", err)
	}
	return strconv.Atoi(u.Uid)
}
