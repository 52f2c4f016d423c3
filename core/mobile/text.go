package mobile

import "encoding/base64"

// Ids and nonces in documents: hex for what people read (devices), base64url for the rest, each in one form only.

// MarshalText gives hex.
func (d DeviceID) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads hex; ErrSyntax otherwise.
func (d *DeviceID) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDeviceID(string(text))
	return err
}

// String gives base64url.
func (e EvaluationID) String() string { return encode64(e[:]) }

// MarshalText gives base64url.
func (e EvaluationID) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads base64url; ErrSyntax otherwise.
func (e *EvaluationID) UnmarshalText(text []byte) error { return fixed(e[:], text) }

// String gives base64url.
func (p PendingID) String() string { return encode64(p[:]) }

// MarshalText gives base64url.
func (p PendingID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads base64url; ErrSyntax otherwise.
func (p *PendingID) UnmarshalText(text []byte) error { return fixed(p[:], text) }

// MarshalText gives base64url.
func (n Nonce) MarshalText() ([]byte, error) { return []byte(encode64(n[:])), nil }

// UnmarshalText reads base64url; ErrSyntax otherwise.
func (n *Nonce) UnmarshalText(text []byte) error { return fixed(n[:], text) }

// Bytes is binary in documents: base64url without padding.
type Bytes []byte

// MarshalText gives base64url.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(encode64(b)), nil }

// UnmarshalText reads base64url; ErrSyntax otherwise.
func (b *Bytes) UnmarshalText(text []byte) error {
	decoded, err := decode64(string(text))
	if err != nil {
		return ErrSyntax
	}
	*b = decoded
	return nil
}

func encode64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func fixed(into, text []byte) error {
	b, err := decode64(string(text))
	if err != nil || len(b) != len(into) {
		return ErrSyntax
	}
	copy(into, b)
	return nil
}
