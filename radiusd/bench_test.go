package radiusd

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

// BenchmarkDoor carries whole packets over loopback: the client signs beforehand, the door
// verifies, decrypts, asks a trivial core, signs and logs. The load comes from the same cores.
func BenchmarkDoor(b *testing.B) {
	b.Run("log=discarded", func(b *testing.B) { benchmarkDoor(b, quiet()) })
	b.Run("log=file", func(b *testing.B) {
		file, err := os.Create(filepath.Join(b.TempDir(), "log"))
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		benchmarkDoor(b, slog.New(slog.NewJSONHandler(file, nil)))
	})
}

func benchmarkDoor(b *testing.B, log *slog.Logger) {
	const gateways, window = 4, 32
	s := start(b, Config{Log: log}, &trivial{}, nas(nil))
	var sets [gateways][][]byte
	for g := range sets {
		for i := range 512 { // two packets with each identifier, in turn: none is a duplicate of the newest
			sets[g] = append(sets[g], asked(identified(byte(i)), user("user"+strconv.Itoa(i)), password("a password")))
		}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for _, packets := range sets {
		all.Go(func() { pump(b, s.Addrs()[0], packets, window, &left) })
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
	if st := s.Stats(); st.First != uint64(b.N) || st.Challenges != uint64(b.N) {
		b.Errorf("not every packet was a request of its own: %+v", st)
	}
}

// pump keeps window packets on their way until there are none left.
func pump(b *testing.B, to netip.AddrPort, packets [][]byte, window int, left *atomic.Int64) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	buffer := make([]byte, maxPacket)
	next, outstanding := 0, 0
	for {
		for outstanding < window && left.Add(-1) >= 0 {
			_, _ = conn.Write(packets[next%len(packets)])
			next++
			outstanding++
		}
		if outstanding == 0 {
			return
		}
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := conn.Read(buffer); err != nil {
			b.Errorf("%d replies never came", outstanding)
			return
		}
		outstanding--
	}
}

// trivial accepts without remembering.
type trivial struct{}

func (trivial) Begin(context.Context, core.Attempt) (core.Step, error) {
	return core.Step{Kind: core.Challenge, Token: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", Prompt: "Please give characters 1, 3, 5 and 6 of your place of birth"}, nil
}

func (trivial) AnswerLater(context.Context, core.Reply, core.Later) (core.Step, bool, error) {
	return core.Step{Kind: core.Accept}, false, nil
}
