package main

import (
	"strings"

	"github.com/rivo/uniseg"
)

// fold breaks a text at spaces where the terminal ends; what follows is indented. A word that
// is longer than a line stays whole, and so does everything that is not for a terminal.
func (u *ui) fold(text string, indent int) string { return u.foldAfter(0, text, indent) }

// foldAfter is fold for a text that begins at a column.
func (u *ui) foldAfter(column int, text string, indent int) string {
	if u.width <= indent || column+uniseg.StringWidth(text) <= u.width {
		return text
	}
	var b strings.Builder
	gap := ""
	for len(text) > 0 {
		word := text
		if i := strings.IndexByte(text, ' '); i >= 0 {
			word = text[:i]
		}
		text = text[len(word):]
		wide := uniseg.StringWidth(word)
		if gap != "" && column+len(gap)+wide > u.width {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column, gap = indent, ""
		}
		b.WriteString(gap + word)
		column += len(gap) + wide
		rest := strings.TrimLeft(text, " ")
		gap, text = text[:len(text)-len(rest)], rest
	}
	return b.String()
}
