// Command pam measures what the PAM module costs a login: pam_start and pam_authenticate in a fresh process, beside
// pam_permit, which does nothing, and libpam-google-authenticator, which reads a file. The modules take turns, one login
// each, so that whatever else the machine does hits all of them.
//
//	go run ./bench/pam -logins 200
package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/hostapi"
)

func main() {
	logins := flag.Int("logins", 200, "of each module")
	flag.Parse()
	if err := run(*logins); err != nil {
		fmt.Fprintln(os.Stderr, "bench/pam:", err)
		os.Exit(1)
	}
}

// subject is one PAM service, and what is typed there.
type subject struct {
	name, service string
	answer        func() string
	took          []time.Duration
}

func run(logins int) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("the module takes no helper that is not root's: run it as root")
	}
	dir, err := os.MkdirTemp("", "latchkey-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, build := range [][]string{
		{"pam_module/build", file("pam_latchkey.so")},
		{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file("latchkey-pam"), "./pam_module/latchkey-pam"},
		{"cc", "-O2", "-o", file("once"), "bench/pam/testdata/once.c", "-lpam"},
	} {
		if out, err := exec.Command(build[0], build[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(build, " "), err, out)
		}
	}
	stop, err := yes(file("pam.sock"))
	if err != nil {
		return err
	}
	defer stop()

	const secret = "JBSWY3DPEHPK3PXP"
	if err := os.WriteFile(file("secret"), []byte(secret+"\n\" TOTP_AUTH\n"), 0o400); err != nil {
		return err
	}
	ours := fmt.Sprintf("auth required %s helper=%s socket=%s\n", file("pam_latchkey.so"), file("latchkey-pam"), file("pam.sock"))
	nothing := func() string { return "" }
	subjects := []*subject{
		{name: "pam_permit", service: "auth required pam_permit.so\n", answer: nothing},
		{name: "pam_google_authenticator", service: "auth required pam_google_authenticator.so user=root secret=" + file("secret") + "\n", answer: func() string { return totp(secret) }},
		{name: "pam_latchkey", service: ours, answer: nothing},
	}
	for i, s := range subjects {
		if err := os.WriteFile(file(fmt.Sprint("service", i)), []byte(s.service), 0o644); err != nil {
			return err
		}
	}
	for n := range logins + 5 {
		for i, s := range subjects {
			out, err := exec.Command(file("once"), dir, fmt.Sprint("service", i), "root", s.answer()).Output()
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			var ns int64
			var code int
			if _, err := fmt.Sscan(string(out), &ns, &code); err != nil || code != 0 {
				return fmt.Errorf("%s: pam_authenticate gives %q", s.name, out)
			}
			if n >= 5 { // the first few find cold caches
				s.took = append(s.took, time.Duration(ns))
			}
		}
	}
	report(subjects)
	return nil
}

func report(subjects []*subject) {
	fmt.Printf("\npam_start and pam_authenticate in a fresh process, answered at once, %d logins each, taking turns:\n\n", len(subjects[0].took))
	fmt.Println("| module | median | 10 % – 90 % | to pam_permit | to google-authenticator |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for _, s := range subjects {
		slices.Sort(s.took)
	}
	at := func(s *subject, percent int) float64 { return float64(s.took[(len(s.took)-1)*percent/100]) / 1e6 }
	for _, s := range subjects {
		fmt.Printf("| %s | %.2f ms | %.2f – %.2f | %.1f | %.1f |\n", s.name, at(s, 50), at(s, 10), at(s, 90),
			at(s, 50)/at(subjects[0], 50), at(s, 50)/at(subjects[1], 50))
	}
}

// yes serves the calls of hosts at a socket, and accepts at once: what is left is the module's own.
func yes(path string) (stop func(), err error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(hostapi.Step{Kind: hostapi.Accept})
	if err != nil {
		return nil, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})}
	go func() { _ = server.Serve(l) }()
	return func() { _ = server.Close() }, nil
}

// totp is RFC 6238 with its defaults.
func totp(secret string) string {
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		return ""
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}
