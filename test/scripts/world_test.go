package scripts

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/radiusd/radclient"
)

// world is what one script has beside its files.
type world struct {
	dir      string // $WORK
	server   string // $RADIUS
	daemon   *daemon
	client   *radclient.Client // of begin and answer; nil: not yet
	patience time.Duration     // of client
	tap      *tap              // nil: begin and answer speak with the daemon directly
	states   map[string]begun  // by user, of begin
	typed    map[string]bool   // characters of answers, which no log may show
	last     string            // typed last

	follower *follower  // of follow
	waiting  []*waiting // of wants
	gateway  *gateway   // nil: none
}

type begun struct {
	state  []byte
	prompt string
}

type worldKey struct{}

func of(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// questions of testdata/latchkey.yaml, by the words with which a prompt names them.
var questions = map[string]string{
	"birthplace": "of your place of birth", "first_car": "of your first car", "maiden_name": "of your mother's maiden name",
	"first_holiday": "of your first holiday resort", "pet": "of the name of your pet", "football_club": "of your favourite football club",
}

var scriptNumber atomic.Uint32

// setUp gives a script its configuration, its secrets and an address of its own, so that all can
// run at once: every address of 127.0.0.0/8 is this machine.
func setUp(env *testscript.Env) error {
	w := &world{dir: env.WorkDir, states: map[string]begun{}, typed: map[string]bool{}}
	env.Values[worldKey{}] = w
	pid := os.Getpid()
	address := fmt.Sprintf("127.%d.%d.%d", 1+pid/250%250, pid%250, scriptNumber.Add(1))
	w.server = address + ":1812"
	if err := os.Chmod(env.WorkDir, 0o755); err != nil {
		return err
	}
	secrets := map[string]string{"pin": letters(12), "new-pin": letters(12), "wrong-pin": letters(12), "password": "Pw " + letters(14), "radius.secret": letters(32), "wrong-password": "Wrong " + letters(10)}
	for question := range questions {
		secrets[question] = strings.ToUpper(letters(1)) + letters(9)
	}
	for name, text := range secrets {
		if err := w.know(name, text); err != nil {
			return err
		}
	}
	env.Setenv("PATH", os.Getenv(binaries)+":"+env.Getenv("PATH"))
	env.Setenv("RADIUS", w.server)
	env.Setenv("HTTPS", address+":8443")
	env.Setenv("GATEWAY", address+":8090")
	env.Setenv("LATCHKEY_SOCKET", filepath.Join(w.dir, "admin.sock"))
	env.Setenv("LATCHKEY_RADIUS_SECRET", secrets["radius.secret"])
	env.Setenv("PATIENCE", "10s")
	env.Setenv("TZ", "UTC")
	config, err := os.ReadFile("testdata/latchkey.yaml")
	if err != nil {
		return err
	}
	expanded := strings.NewReplacer("$WORK", w.dir, "$RADIUS", w.server).Replace(string(config))
	env.Defer(w.end)
	return os.WriteFile(filepath.Join(w.dir, "latchkey.yaml"), []byte(expanded), 0o640)
}

// letters are random ones, of no word and no encoding: found anywhere, they were leaked.
func letters(n int) string {
	const some = "bcdfghjklmnpqrtvwxz"
	var b strings.Builder
	for range n {
		var one [1]byte
		_, _ = rand.Read(one[:])
		b.WriteByte(some[int(one[0])%len(some)])
	}
	return b.String()
}

// know puts a secret where those who may know it have it, and nobody else.
func (w *world) know(name, text string) error {
	if err := os.MkdirAll(filepath.Join(w.dir, "known"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir, "known", name), []byte(text+"\n"), 0o600)
}

// known reads what know has written.
func (w *world) known(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(w.dir, "known", name))
	return strings.TrimSuffix(string(text), "\n"), err
}

func (w *world) end() {
	if w.client != nil {
		_ = w.client.Close()
	}
	if w.tap != nil {
		w.tap.close()
	}
	if w.daemon != nil {
		w.daemon.kill()
	}
}

// note appends to a file that no-secrets searches.
func (w *world) note(name, text string) error {
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// dial gives a RADIUS client of the test's own.
func (w *world) dial(server string, patience time.Duration) (*radclient.Client, error) {
	shared, err := w.known("radius.secret")
	if err != nil {
		return nil, err
	}
	return radclient.Dial(radclient.Config{Server: server, Secret: secret.New(shared), NASIdentifier: "script", Timeout: patience, Tries: 1})
}

// changeCommand is: change FILE OLD NEW. In NEW, \n is a line break.
func changeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: change FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, args[1]); n != 1 {
		ts.Fatalf("%q stands %d times in %s", args[1], n, args[0])
	}
	text = strings.Replace(text, args[1], strings.ReplaceAll(args[2], `\n`, "\n"), 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o640))
}

// maskCommand is: mask FILE REGEX WORD. A mask that masks nothing is a mistake.
func maskCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: mask FILE REGEX WORD")
	}
	pattern, text := regexp.MustCompile(args[1]), ts.ReadFile(args[0])
	if !pattern.MatchString(text) {
		ts.Fatalf("nothing like %q in %s: %s", args[1], args[0], text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(pattern.ReplaceAllLiteralString(text, args[2])), 0o600))
}

func sameCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: same FILE FILE...")
	}
	first := ts.ReadFile(args[0])
	if first == "" {
		ts.Fatalf("%s is empty: nothing to compare", args[0])
	}
	for _, other := range args[1:] {
		if (ts.ReadFile(other) == first) == neg {
			ts.Fatalf("%s: %s%s: %s", args[0], first, other, ts.ReadFile(other))
		}
	}
}

// damageCommand is: damage FILE [OFFSET]. It turns bytes in the file's middle, or puts them back.
func damageCommand(ts *testscript.TestScript, neg bool, args []string) {
	matches, err := filepath.Glob(ts.MkAbs(args[0]))
	from := 12
	if len(args) == 2 {
		from, _ = strconv.Atoi(args[1])
	}
	if err != nil || neg || len(args) < 1 || len(args) > 2 || len(matches) != 1 {
		ts.Fatalf("usage: damage FILE [OFFSET], of one file: %v, %v", matches, err)
	}
	b, err := os.ReadFile(matches[0])
	ts.Check(err)
	if len(b) < from+8 {
		ts.Fatalf("%s has only %d bytes", matches[0], len(b))
	}
	for i := range 8 {
		b[from+i] ^= 0x5a
	}
	f, err := os.OpenFile(matches[0], os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt(b[from:from+8], int64(from))
	ts.Check(err)
	ts.Check(f.Close())
}

// patience is how long a reply is waited for.
func patience(ts *testscript.TestScript) time.Duration {
	d, err := time.ParseDuration(ts.Getenv("PATIENCE"))
	ts.Check(err)
	return d
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func localUDP() (*net.UDPConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}
