package browser

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// TestLetter prints the letters of two users, as a browser does: one page each, in their languages.
func TestLetter(t *testing.T) {
	chromium := appliance.Need(t, "chromium", "chromium")
	binaries, err := appliance.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := appliance.Start(t, appliance.Config{Binaries: binaries})
	dir := appliance.Folder(t)
	for name, lang := range map[string]string{"lutz": "de", "anna.of-a-very-long-name@department.example.org": "en"} {
		a.Latchkey("", "user", "add", name, "--language", lang)
		letter, pdf := filepath.Join(dir, lang+".html"), filepath.Join(dir, lang+".pdf")
		a.Latchkey("", "user", "invite", name, "--print", letter)
		cmd := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
			"--user-data-dir="+filepath.Join(dir, "profile-"+lang), "--print-to-pdf="+pdf, "file://"+letter)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		printed, err := os.ReadFile(pdf)
		if err != nil {
			t.Fatal(err)
		}
		pages := len(regexp.MustCompile(`/Type ?/Page\b`).FindAll(printed, -1))
		if pages != 1 || !bytes.HasPrefix(printed, []byte("%PDF-")) || len(printed) < 5000 {
			t.Errorf("%s: %d pages, %d bytes", lang, pages, len(printed))
		}
	}
}
