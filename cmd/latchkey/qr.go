package main

import (
	"strings"

	"rsc.io/qr"
)

// quiet is the light margin around a QR code (ISO/IEC 18004 asks for four modules).
const quiet = 4

// qrCode draws a text for a camera, two modules a character. With colours it is black on white whatever the
// terminal's own are; without, the light modules are drawn, for a dark terminal. It is false where the
// terminal is too narrow: a code that wraps cannot be read.
func (u *ui) qrCode(text string) (string, bool) {
	code, err := qr.Encode(text, qr.L) // a screen has no stains: the smallest code is the largest on it
	if err != nil || u.width > 0 && u.width < code.Size+2*quiet {
		return "", false
	}
	dark := func(x, y int) bool {
		// Outside of the code all is light. Below the last line of an odd height too.
		return x >= 0 && y >= 0 && x < code.Size && y < code.Size && code.Black(x, y)
	}
	if !u.outColour {
		inner := dark
		dark = func(x, y int) bool { return !inner(x, y) }
	}
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var line strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			line.WriteString(halves(dark(x, y), dark(x, y+1)))
		}
		if y > -quiet {
			b.WriteByte('\n')
		}
		b.WriteString(paint(u.outColour, blackOnWhite, line.String()))
	}
	return b.String(), true
}

// blackOnWhite is the 256-colour cube's, which no theme changes.
const blackOnWhite = "38;5;16;48;5;231"

func halves(above, below bool) string {
	switch {
	case above && below:
		return "█"
	case above:
		return "▀"
	case below:
		return "▄"
	}
	return " "
}
