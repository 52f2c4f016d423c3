package badger

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A power loss, simulated. Badger writes its logs and tables through memory maps: what a
// process has written there outlives its death by SIGKILL in the page cache, so killing
// shows nothing about syncs. Here a victim (this test binary, victim_test.go) is built
// against a copy of ristretto whose Msync also writes the bytes that it covered into an
// image beside the state. After the kill the image, and nothing newer, is what the
// medium holds; it is opened, and must hold all that the victim had acknowledged or had
// shown to a reader.
//
// What the model covers: every byte of logs, tables and discard statistics, which are
// all mapped; logs whose removal did not reach the medium; pages that reached it without
// a sync (a random part of the newest pages of the logs).
// What it does not cover: files that Badger writes with write() and syncs itself (MANIFEST,
// KEYREGISTRY, FORMAT) are taken as they are, and so are names in the directory: a new
// file whose name is not on the medium though its content was synced is not modelled
// (ext4, xfs and btrfs keep both together). Nor are media that lie about a flush.

// lossVariant is what else happens to be on the medium.
type lossVariant struct {
	name      string
	resurrect bool // removed logs are there again
	torn      bool // some of the unsynced pages of logs have been written
}

var lossVariants = []lossVariant{
	{name: "synced bytes only"},
	{name: "removed logs are back", resurrect: true},
	{name: "some newer pages", torn: true},
}

func TestPowerLoss(t *testing.T) {
	t.Parallel()
	victim := buildVictim(t)
	for _, v := range lossVariants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			l := &loss{t: t, victim: victim, dir: filepath.Join(t.TempDir(), "state"), acknowledged: map[int]uint64{}}
			for round := range 6 {
				l.run(round%2 == 0, 100+rand.IntN(500))
				if round >= 2 { // killed and started again before the power goes
					l.restartAndLook()
				}
				l.cut(v)
				if lost := l.check(); len(lost) > 0 {
					t.Fatalf("round %d: lost: %s", round, strings.Join(lost, "; "))
				}
			}
			if l.rotations < 2 {
				t.Errorf("only %d rounds ended at a rotation: the test does not test it", l.rotations)
			}
		})
	}
	t.Run("a sync that fails", func(t *testing.T) {
		t.Parallel()
		syncFails(t, victim)
	})
	// The negative control: without syncs the same test must find losses.
	t.Run("control without syncs", func(t *testing.T) {
		t.Parallel()
		l := &loss{t: t, victim: victim, dir: filepath.Join(t.TempDir(), "state"), acknowledged: map[int]uint64{}, env: []string{"LATCHKEY_VICTIM_NOSYNC=1"}}
		l.run(false, 300)
		l.cut(lossVariants[0])
		if lost := l.check(); len(lost) == 0 {
			t.Error("nothing was lost without a sync: the test cannot fail")
		}
	})
}

// syncFails: a sync that fails ends everything, and harms nothing.
func syncFails(t *testing.T, victim string) {
	l := &loss{t: t, victim: victim, dir: filepath.Join(t.TempDir(), "state"), acknowledged: map[int]uint64{}}
	flag := filepath.Join(t.TempDir(), "fail")
	l.env = []string{"LATCHKEY_VICTIM_SYNC_FAILS=" + flag}
	said := l.start(func(acks int, _ bool) bool {
		if acks == 200 {
			if err := os.WriteFile(flag, nil, 0o600); err != nil {
				t.Error(err)
			}
		}
		return false // it must end by itself
	})
	for _, want := range []string{"fatal ", "then-update closed", "then-view closed", "unknown "} {
		if !strings.Contains(said, want) {
			t.Errorf("after the failed sync the victim did not say %q: …%s", want, said[max(0, len(said)-500):])
		}
	}
	l.cut(lossVariants[0])
	if lost := l.check(); len(lost) > 0 {
		t.Errorf("lost: %s", strings.Join(lost, "; "))
	}
}

// loss is a state that loses power again and again.
type loss struct {
	t            *testing.T
	victim, dir  string
	env          []string
	acknowledged map[int]uint64 // writer → the highest count that anybody was told of
	rotations    int
}

func (l *loss) image() string { return l.dir + ".synced" }

// run lets the victim work until it has acknowledged so many, or further until a log was
// rotated, and kills it at that moment.
func (l *loss) run(atRotation bool, acks int) {
	l.t.Helper()
	if err := os.RemoveAll(l.image()); err != nil {
		l.t.Fatal(err)
	}
	if _, err := os.Stat(l.dir); err == nil {
		if err := os.CopyFS(l.image(), os.DirFS(l.dir)); err != nil {
			l.t.Fatal(err)
		}
	}
	l.start(func(n int, rotated bool) bool {
		if n < acks || (atRotation && !rotated) {
			return false
		}
		if atRotation {
			l.rotations++
		}
		return true
	})
}

// start runs a victim, feeds each of its acknowledgements to end, kills it when that says
// so, and returns what it said.
func (l *loss) start(end func(acks int, rotated bool) bool) string {
	l.t.Helper()
	// The bound ends a victim that hangs; none is there for long.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.victim, "-test.run=^$")
	cmd.Env = append(append(os.Environ(), "LATCHKEY_VICTIM="+l.dir, "LATCHKEY_SYNCED="+l.image()), l.env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	var said strings.Builder
	acks, killed := 0, false
	newest := newestLog(l.dir)
	readLines(out, func(line string) {
		said.WriteString(line + "\n")
		var w int
		var n uint64
		if _, err := fmt.Sscanf(line, "ack %d %d", &w, &n); err == nil {
			acks++
		} else if _, err := fmt.Sscanf(line, "seen %d %d", &w, &n); err != nil {
			return
		}
		l.acknowledged[w] = max(l.acknowledged[w], n)
		if killed {
			return
		}
		now := newestLog(l.dir)
		if end(acks, now != newest && newest != "") {
			killed = true
			_ = cmd.Process.Kill()
		}
		newest = now
	})
	if err := cmd.Wait(); !killed && err == nil {
		l.t.Fatalf("the victim ended by itself: %s", &stderr)
	} else if acks == 0 && len(l.env) == 0 && killed == false {
		l.t.Fatalf("the victim never worked: %v: %s", err, &stderr)
	}
	return said.String()
}

// restartAndLook starts a victim on what a kill left, to see what it shows to readers.
func (l *loss) restartAndLook() {
	l.t.Helper()
	l.env = append(l.env, "LATCHKEY_VICTIM_LOOKS=1")
	defer func() { l.env = l.env[:len(l.env)-1] }()
	seen := 0
	l.start(func(int, bool) bool { seen++; return seen == victimWriters })
}

func newestLog(dir string) string {
	logs, _ := filepath.Glob(filepath.Join(dir, "*.mem"))
	if len(logs) == 0 {
		return ""
	}
	return logs[len(logs)-1]
}

// cut makes the state what the medium holds after the power has gone.
func (l *loss) cut(v lossVariant) {
	l.t.Helper()
	after := l.dir + ".after"
	if err := os.MkdirAll(after, 0o700); err != nil {
		l.t.Fatal(err)
	}
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(after, name), data, 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
	read := func(dir, name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			l.t.Fatal(err)
		}
		return data
	}
	for _, name := range names(l.t, l.dir) {
		if !mapped(name) {
			put(name, read(l.dir, name))
			continue
		}
		data := read(l.image(), name) // nothing, when it was never synced
		if v.torn && strings.HasSuffix(name, ".mem") {
			data = tear(data, read(l.dir, name))
		}
		put(name, data)
	}
	if v.resurrect {
		for _, name := range names(l.t, l.image()) {
			if was, gone := strings.CutSuffix(name, ".gone"); gone && strings.HasSuffix(was, ".mem") {
				if _, err := os.Stat(filepath.Join(after, was)); err != nil {
					put(was, read(l.image(), name))
				}
			}
		}
	}
	for _, old := range []string{l.dir, l.image()} {
		if err := os.RemoveAll(old); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := os.Rename(after, l.dir); err != nil {
		l.t.Fatal(err)
	}
}

func mapped(name string) bool {
	switch filepath.Ext(name) {
	case ".mem", ".sst", ".vlog":
		return true
	}
	return name == "DISCARD"
}

func names(t *testing.T, dir string) (all []string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type() == fs.FileMode(0) {
			all = append(all, e.Name())
		}
	}
	return all
}

// tear takes some pages of newer and the others of synced.
func tear(synced, newer []byte) []byte {
	const page = 4096
	mixed := make([]byte, len(newer))
	copy(mixed, synced)
	for at := 0; at < len(newer); at += page {
		if rand.IntN(2) == 0 {
			copy(mixed[at:min(at+page, len(newer))], newer[at:])
		}
	}
	return mixed
}
