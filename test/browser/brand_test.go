package browser

import (
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// brand is a company's, with the logo as a data: URL.
type brand struct {
	Name, Logo, Colour string
	ColourDark         string `json:"colour_dark"`
}

// yaml is its section of the configuration, which has the logo in a file of the folder.
func (b brand) yaml(t *testing.T, folder string) string {
	t.Helper()
	given := map[string]string{"name": "Example GmbH"}
	for key, value := range map[string]string{"name": b.Name, "colour": b.Colour, "colour_dark": b.ColourDark} {
		if value != "" {
			given[key] = value
		}
	}
	if b.Logo != "" {
		encoded, isSVG := strings.CutPrefix(b.Logo, "data:image/svg+xml;base64,")
		logo, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !isSVG {
			t.Fatalf("the logo is no SVG in base64: %v", err)
		}
		given["logo_file"] = filepath.Join(folder, "logo.svg")
		appliance.Write(t, given["logo_file"], string(logo))
	}
	text, err := json.Marshal(given) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
