package secret

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Disclosed is a secret that crosses a wire as a JSON text. A plain Secret encodes as
// "[secret]", so that each field in which one is really meant to cross bears this type. It
// still prints as "[secret]".
type Disclosed struct{ Secret }

// MarshalJSON gives the text itself.
func (d Disclosed) MarshalJSON() ([]byte, error) { return json.Marshal(d.Reveal()) }

// UnmarshalJSON takes a JSON text. Its error does not repeat what was there instead.
func (d *Disclosed) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil || bytes.Equal(b, []byte("null")) {
		return errors.New("a secret must be a text")
	}
	d.Secret = New(text)
	return nil
}
