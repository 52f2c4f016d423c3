package test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// demo prepares what `make run` runs, with a temporary folder of its own.
func demo(t *testing.T, language string, args ...string) (cmd *exec.Cmd, folder string) {
	t.Helper()
	bin := filepath.Join(filepath.Dir(filepath.Dir(both(t).deb)), "bin")
	program := filepath.Join(t.TempDir(), "demo")
	if out, err := command("go", "build", "-o", program, "./packaging/demo"); err != nil {
		t.Fatal(failure{err, out})
	}
	folder = t.TempDir()
	cmd = exec.Command(program, append([]string{"-bin", bin}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+folder, "LC_ALL="+language)
	return cmd, folder
}

// TestDemo: one login on the screen, in the language of the person before it; nothing stays.
func TestDemo(t *testing.T) {
	for language, prompt := range map[string]string{
		"C.UTF-8":     "PINphrase: Please enter the ",
		"de_DE.UTF-8": "PINphrase: Bitte wählen Sie das ",
	} {
		cmd, folder := demo(t, language, "-once")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), prompt) || !strings.Contains(string(out), "Access-Accept") {
			t.Errorf("%s: %v\n%s", language, err, out)
		}
		nothingIn(t, folder)
	}
}

// TestDemoInterrupted: without -once it serves until Ctrl-C, and then cleans up.
func TestDemoInterrupted(t *testing.T) {
	cmd, folder := demo(t, "C.UTF-8")
	screen, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(screen); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "Ctrl-C ends") {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	nothingIn(t, folder)
}

func nothingIn(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v (%v)", left, err)
	}
}
