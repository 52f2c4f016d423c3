// Package test builds the packages, installs the .deb into a throw-away copy of this system, and
// tries docs/quickstart.md there as it is written.
//
// build_test.go builds, contents_test.go looks into the files, machine_test.go is the
// throw-away system, install_test.go and quickstart_test.go use it.
package test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
)

const (
	top     = "../.."
	version = "v1.2.3"
	epoch   = "1700000000"
)

// packages are built once for all tests.
type packages struct{ deb, rpm, pamDeb, pamRPM, clientDeb, clientRPM string }

var built = sync.OnceValues(func() (packages, error) {
	dir, err := os.MkdirTemp("", "latchkey-packages-")
	if err != nil {
		return packages{}, err
	}
	temporary = append(temporary, dir)
	if out, err := command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version,
		"-o", filepath.Join(dir, "bin")+"/", "./cmd/latchkeyd", "./cmd/latchkey"); err != nil {
		return packages{}, failure{err, out}
	}
	for program, source := range map[string]string{"latchkey-pamcheck": "pamcheck", "latchkey-pam": "latchkey-pam"} {
		cgo := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-buildmode=pie", "-ldflags", "-s -w -X main.version="+version,
			"-o", filepath.Join(dir, "bin", program), "./pam_module/"+source)
		cgo.Dir, cgo.Env = top, append(os.Environ(), "CGO_ENABLED=1", "CGO_LDFLAGS=-Wl,-z,relro,-z,now")
		if out, err := cgo.CombinedOutput(); err != nil {
			return packages{}, failure{err, out}
		}
	}
	if out, err := command("pam_module/build", filepath.Join(dir, "bin/pam_latchkey.so")); err != nil {
		return packages{}, failure{err, out}
	}
	return pack(dir, "first")
})

var temporary []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range temporary {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

type failure struct {
	err error
	out []byte
}

func (f failure) Error() string { return f.err.Error() + "\n" + string(f.out) }

// command runs in the root of the repository.
func command(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "LC_ALL=C.UTF-8")
	return cmd.CombinedOutput()
}

// pack runs what `make package` runs, into a folder of its own.
func pack(dir, name string) (packages, error) {
	nfpm, err := pinned("NFPM")
	if err != nil {
		return packages{}, err
	}
	dist := filepath.Join(dir, name)
	cmd := exec.Command("packaging/scripts/package", nfpm, version)
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "BIN="+filepath.Join(dir, "bin"), "DIST="+dist, "STAGE="+filepath.Join(dir, "stage-"+name),
		"SOURCE_DATE_EPOCH="+epoch, "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return packages{}, failure{err, out}
	}
	return packages{
		filepath.Join(dist, "latchkey_1.2.3-1_amd64.deb"), filepath.Join(dist, "latchkey-1.2.3-1.x86_64.rpm"),
		filepath.Join(dist, "libpam-latchkey_1.2.3-1_amd64.deb"), filepath.Join(dist, "libpam-latchkey-1.2.3-1.x86_64.rpm"),
		filepath.Join(dist, "latchkey-client_1.2.3-1_amd64.deb"), filepath.Join(dist, "latchkey-client-1.2.3-1.x86_64.rpm"),
	}, nil
}

// pinned reads the version of a tool where it is written down.
func pinned(tool string) (string, error) {
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^` + tool + `\s*:=\s*(\S+)$`).FindSubmatch(makefile)
	if found == nil {
		return "", failure{os.ErrNotExist, []byte(tool + " in the Makefile")}
	}
	return string(found[1]), nil
}

func both(t *testing.T) packages {
	t.Helper()
	p, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReproducible: the same sources give the same bytes, wherever they are staged.
func TestReproducible(t *testing.T) {
	first := both(t)
	second, err := pack(filepath.Dir(filepath.Dir(first.deb)), "second")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{first.deb, second.deb}, {first.rpm, second.rpm}, {first.pamDeb, second.pamDeb}, {first.pamRPM, second.pamRPM},
		{first.clientDeb, second.clientDeb}, {first.clientRPM, second.clientRPM},
	} {
		if a, b := sum(t, pair[0]), sum(t, pair[1]); !bytes.Equal(a, b) {
			t.Errorf("%s differs when it is built again: %x, %x", filepath.Base(pair[0]), a, b)
		}
	}
}

func sum(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	return digest[:]
}
