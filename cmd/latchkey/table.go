package main

import (
	"bufio"
	"errors"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// measured is how many rows a table looks at before it decides its widths. Longer tables are
// printed as they come, so that a list of a million users takes no memory.
const measured = 500

// narrowest is how far a column is shortened to make a table fit.
const narrowest = 8

// table prints rows in aligned columns. Widths are those of graphemes on a terminal, so that
// Müller, 山田 and combining accents align. On a terminal long columns are shortened to its width;
// elsewhere nothing is, and an empty cell is "-", so that the columns can be counted.
type table struct {
	u      *ui
	out    *bufio.Writer
	head   []string
	rows   [][]string
	widths []int
	err    error
}

func (u *ui) table(head ...string) *table {
	return &table{u: u, out: bufio.NewWriter(u.out), head: head}
}

// add takes a row. It returns false when the output has failed.
func (t *table) add(cells ...string) bool {
	for i, cell := range cells {
		if cells[i] = clean(cell); cell == "" {
			cells[i] = "-"
		}
	}
	if t.widths == nil {
		if t.rows = append(t.rows, cells); len(t.rows) == measured {
			t.begin()
		}
		return t.err == nil
	}
	t.line(cells, "")
	return t.err == nil
}

// begin decides the widths and prints what was held back.
func (t *table) begin() {
	t.widths = make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			t.widths[i] = max(t.widths[i], uniseg.StringWidth(cell))
		}
	}
	t.fit()
	t.line(t.head, bold)
	for _, row := range t.rows {
		t.line(row, "")
	}
	t.rows = nil
}

// fit shortens the widest columns until the table is as wide as the terminal.
func (t *table) fit() {
	if t.u.width == 0 {
		return
	}
	for {
		total := 2 * (len(t.widths) - 1)
		for _, w := range t.widths {
			total += w
		}
		widest := slices.Max(t.widths)
		if total <= t.u.width || widest <= narrowest {
			return
		}
		t.widths[slices.Index(t.widths, widest)]--
	}
}

func (t *table) line(cells []string, colour string) {
	var b strings.Builder
	for i, cell := range cells {
		cell = t.shorten(cell, t.widths[i])
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", max(0, t.widths[i]-uniseg.StringWidth(cell))+2))
		}
	}
	_, t.err = t.out.WriteString(paint(t.u.outColour, colour, b.String()) + "\n")
}

func (t *table) shorten(cell string, width int) string {
	if t.u.width == 0 || uniseg.StringWidth(cell) <= width {
		return cell
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(cell); g.Next() && used+g.Width() < width; used += g.Width() {
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}

// end prints the rest. none is said where there were no rows.
func (t *table) end(err error, none string) error {
	if t.widths == nil && len(t.rows) == 0 {
		if err == nil {
			t.u.remark("%s", none)
		}
		return err
	}
	if t.widths == nil {
		t.begin()
	}
	return errors.Join(err, t.err, t.out.Flush())
}

// card prints pairs of a word and a value, such as one user.
type card struct{ pairs [][2]string }

func (c *card) add(word, value string) {
	if value != "" {
		c.pairs = append(c.pairs, [2]string{word, value})
	}
}

func (u *ui) card(c card) error {
	width := 0
	for _, p := range c.pairs {
		width = max(width, uniseg.StringWidth(p[0]))
	}
	for _, p := range c.pairs {
		word := p[0] + strings.Repeat(" ", width-uniseg.StringWidth(p[0]))
		value := u.foldAfter(width+2, clean(p[1]), width+2)
		if err := u.print(paint(u.outColour, dim, word) + "  " + value); err != nil {
			return err
		}
	}
	return nil
}
