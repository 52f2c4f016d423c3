package pinphrase

import (
	"fmt"
	"io"
)

// markLetters are the letters that no one mistakes for another, in print or read
// aloud over a telephone, and that make no words: no vowels, no B, G, Q, S, Z.
// Sixteen of them, so that a draw has no bias.
const markLetters = "CDFHJKLMNPRTVWXY"

// NewMark draws the two letters by which a message is told from others: "KX". A
// mark belongs to its challenge and is no secret.
func NewMark(random io.Reader) (string, error) {
	var b [1]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("pinphrase: reading randomness: %w", err)
	}
	return string([]byte{markLetters[b[0]>>4], markLetters[b[0]&15]}), nil
}
