package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
)

// Brand is how the app looks: the company's name, colours and logo. Empty members leave the app as it is.
type Brand struct {
	Name       string `json:"name,omitempty"`
	Colour     string `json:"colour,omitempty"`      // "#0a5c36"
	ColourDark string `json:"colour_dark,omitempty"` // in dark mode; empty: the same
	Logo       string `json:"logo,omitempty"`        // a data: URL of PNG or SVG, base64
}

const maxLogo = 128 << 10

var (
	colour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	// The app shows it in an <img>, where an SVG runs no script and loads nothing.
	logo = regexp.MustCompile(`^data:image/(png|svg\+xml);base64,[0-9A-Za-z+/]+={0,2}$`)
)

// ErrBrand says that a colour or a logo is not of its form.
var ErrBrand = errors.New("web: brand: colours are #RRGGBB, a logo is a data: URL of PNG or SVG of at most 128 KiB")

// Check judges a brand.
func (b Brand) Check() error {
	for _, c := range []string{b.Colour, b.ColourDark} {
		if c != "" && !colour.MatchString(c) {
			return ErrBrand
		}
	}
	if b.Logo != "" && (len(b.Logo) > maxLogo || !logo.MatchString(b.Logo)) {
		return ErrBrand
	}
	return nil
}

// SetBrand shows another brand from now on. On an error nothing has changed.
func (s *Server) SetBrand(b Brand) error {
	if err := b.Check(); err != nil {
		return err
	}
	s.brand.Store(&b)
	return nil
}

func (s *Server) tellBrand(w http.ResponseWriter, r *request) error {
	body, err := json.Marshal(struct {
		Brand
		// Appliances tells the app which others it may talk to; its content security policy says the same.
		Appliances []string `json:"appliances,omitempty"`
	}{*s.brand.Load(), s.sharing.Load().appliances})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, body)
	return nil
}
