// Bench measures whole logins of two rounds over RADIUS, each of which Latchkey makes durable
// before it accepts, side by side with FreeRADIUS, which keeps its challenge in memory. One run
// lets both serve in turn, several times over, so that their ratio holds also where the machine
// is busy with other things. What it says is explained in docs/benchmarks.md.
//
//	go run ./bench                    about four minutes
//	go run ./bench -quick             one minute
//	go run ./bench -users 1000000     beside that, a large store: import, disk, start, speed
//	go run ./bench -only latchkey -profile perf.data
//	go run ./bench -only phone        from the approval on a phone to the Access-Accept
//	go run ./bench -only latchkey,latency -against ../older/latchkeyd
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	sharedSecret = "benchmark-0123456789"

	smallStore = 20_000
	withHash   = 64 // users with a password, each of whose hashes costs an import 20 ms
)

// The gateways have an address each, so that one daemon serves them by different policies.
var (
	gateway         = netip.MustParseAddr("127.0.0.1")
	passwordGateway = netip.MustParseAddr("127.0.0.2")
)

// parts of the benchmark, in order.
var parts = []string{"latchkey", "freeradius", "latency", "password", "phone"}

type bench struct {
	rounds  int
	seconds time.Duration
	workers int
	users   int // of the large store; 0: there is none
	only    []string
	profile string
	against string
	rate    float64 // of the open loop; 0: half of the closed one
	dir     string
	threads int

	binaries binaries
	running  []*process
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	b := &bench{}
	if err := b.flags(args); err != nil {
		return err
	}
	// It should be on a disk: in memory, durability would cost nothing.
	if b.dir, err = os.MkdirTemp(b.dir, "latchkey-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	defer b.endAll()
	b.warnOfMemory()
	b.say("building latchkeyd and latchkey")
	if b.binaries, err = build(b.dir); err != nil {
		return err
	}
	return b.measure(ctx)
}

func (b *bench) flags(args []string) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := f.Bool("quick", false, "fewer and shorter rounds")
	f.IntVar(&b.rounds, "rounds", 5, "measurements of each server")
	f.DurationVar(&b.seconds, "for", 8*time.Second, "length of a measurement")
	f.IntVar(&b.workers, "workers", 256, "logins at once")
	f.IntVar(&b.users, "users", 0, "also measure a store with so many users")
	f.IntVar(&b.threads, "threads", 4, "threads of FreeRADIUS")
	f.StringVar(&b.profile, "profile", "", "write what perf records of latchkeyd's last round to this file")
	f.StringVar(&b.against, "against", "", "another latchkeyd, such as that of the version before, to compare with")
	f.Float64Var(&b.rate, "rate", 0, "logins a second of the open loop (default: half of what the closed one carried)")
	f.StringVar(&b.dir, "dir", "", "a folder on the disk that is to be measured (default: that for temporary files)")
	only := f.String("only", strings.Join(parts, ","), "which parts to run")
	if err := f.Parse(args); err != nil {
		return err
	}
	b.only = strings.Split(*only, ",")
	for _, part := range b.only {
		if !slices.Contains(parts, part) {
			return fmt.Errorf("-only: there is no part %q, there are %s", part, strings.Join(parts, ", "))
		}
	}
	if *quick {
		b.rounds, b.seconds = min(b.rounds, 3), min(b.seconds, 3*time.Second)
	}
	if f.NArg() > 0 || b.rounds < 1 || b.seconds < time.Second || b.workers < 1 || b.workers > smallStore {
		return errors.New("rounds, seconds, or workers make no sense")
	}
	if b.users != 0 && b.users < b.workers {
		return fmt.Errorf("-users: %d workers need at least as many", b.workers)
	}
	return nil
}

func (b *bench) has(part string) bool { return slices.Contains(b.only, part) }

func (b *bench) say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// free finds a port for a server. Between its being found and its being used somebody else could
// take it; the server then says so.
func free() (netip.AddrPort, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(gateway, 0)))
	if err != nil {
		return netip.AddrPort{}, err
	}
	address := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return address, conn.Close()
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) warnOfMemory() {
	const tmpfs = 0x01021994
	var fs syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &fs); err == nil && fs.Type == tmpfs {
		b.say("warning: %s is kept in memory: durable commits cost nothing there; give another -dir", b.dir)
	}
}

func (b *bench) endAll() {
	for _, p := range b.running {
		_ = p.Process.Kill()
		<-p.ended
	}
}

func (b *bench) measure(ctx context.Context) error {
	b.say("%s, %d processors, %s", runtime.Version(), runtime.NumCPU(), time.Now().Format(time.DateOnly))
	r := &report{b: b}
	defer r.close()
	if err := b.prepare(r); err != nil {
		return err
	}
	if all := r.contenders(); len(all) > 0 {
		b.say("closed loop: %d workers, each begins the next login as soon as one is through", b.workers)
		if err := b.alternate(ctx, "throughput", b.rounds, unlimited, all...); err != nil {
			return err
		}
		r.carried = keep(all)
		if b.has("latency") {
			b.say("open loop at a fixed rate")
			if err := b.alternate(ctx, "half load", max(2, b.rounds/2), r.half(), all...); err != nil {
				return err
			}
			r.relaxed = keep(all)
		}
	}
	if b.has("password") {
		if err := b.password(ctx, r); err != nil {
			return err
		}
	}
	if b.has("phone") {
		if err := b.phones(ctx); err != nil {
			return err
		}
	}
	if r.store != nil {
		if err := b.afterwards(ctx, r); err != nil {
			return err
		}
	}
	if len(r.contenders()) > 0 || r.passwords != nil {
		r.print()
	}
	return nil
}

// prepare starts the servers that the chosen parts need, and opens the generators.
func (b *bench) prepare(r *report) (err error) {
	if b.has("latchkey") || b.has("password") {
		p := people{prefix: "s", count: smallStore, password: "hello"}
		if r.small, err = b.appliance("small", b.binaries, p); err != nil {
			return err
		}
		if b.has("latchkey") {
			if r.ours, err = b.contend(r.small, fmt.Sprintf("Latchkey, %d users", smallStore), p); err != nil {
				return err
			}
		}
	}
	if b.against != "" && b.has("latchkey") {
		p := people{prefix: "s", count: smallStore, password: "hello"}
		l, err := b.appliance("other", binaries{b.against, b.binaries.command}, p)
		if err != nil {
			return err
		}
		if r.other, err = b.contend(l, "the other Latchkey", p); err != nil {
			return err
		}
	}
	if b.has("freeradius") {
		if r.peer, err = b.peer(); err != nil {
			return err
		}
	}
	if b.users > 0 {
		return b.large(r)
	}
	return nil
}

// half gives the rates of the open loop: half of what each has carried, if none is given; what is
// compared as another version gets the same as ours.
func (r *report) half() func(*contender) float64 {
	rates := map[*contender]float64{}
	for _, c := range r.contenders() {
		rates[c] = cmp.Or(r.b.rate, half(c))
	}
	if r.other != nil && r.ours != nil {
		rates[r.other] = rates[r.ours]
	}
	return func(c *contender) float64 { return rates[c] }
}
