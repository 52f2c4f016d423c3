// Package hosts logs in to a Linux host as people do: through the real sshd, sudo, su and login, whose PAM stacks have
// our module, against the real latchkeyd on that host. Each host is a private mount namespace with an /etc, a /dev and
// a /home of its own; the machine that tests keeps its own.
package hosts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// built are the programs under test, made once before all tests.
var built struct {
	appliance.Binaries
	module, helper string
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "login programs and mount namespaces need root: run these tests as root, in a container for instance")
		return 1
	}
	folder, err := os.MkdirTemp("", "latchkey-test-")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		err = build(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(folder string) (err error) {
	// Users run what is in here.
	if err = os.Chmod(folder, 0o755); err != nil {
		return err
	}
	if built.Binaries, err = appliance.Build(folder); err != nil {
		return err
	}
	built.module, built.helper = filepath.Join(folder, "pam_latchkey.so"), filepath.Join(folder, "latchkey-pam")
	for _, cmd := range []*exec.Cmd{
		exec.Command("../../pam_module/build", built.module),
		exec.Command("go", "build", "-o", built.helper, "github.com/latchkey/latchkey/pam_module/latchkey-pam"),
	} {
		if out, errRun := cmd.CombinedOutput(); errRun != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w\n%s", cmd, errRun, out))
		}
	}
	return err
}
