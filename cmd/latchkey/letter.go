package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/localapi"
)

// A letter brings a code word to its user on paper: one HTML page that a browser prints, on A4 or US letter, with
// nothing in it that is loaded from elsewhere.

//go:embed letter.html
var letterHTML string

var letterTemplate = template.Must(template.New("letter").Parse(letterHTML))

// letterPage is what the template shows.
type letterPage struct {
	Texts                        *language.Handover
	Lang                         string
	Company, Name, Word, Address string
	Intro, End                   string
	Colour                       template.CSS
	Logo                         template.URL
	QR                           template.HTML
}

// writeLetter writes one letter.
func writeLetter(to io.Writer, h localapi.Handover, zone *time.Location) error {
	tag := language.Tag(h.Language)
	texts := &language.In(tag).Handover
	until := h.Until.In(zone).Format("2006-01-02 15:04 MST")
	if language.Best(tag) == language.German {
		until = h.Until.In(zone).Format("02.01.2006, 15:04 MST")
	}
	page := letterPage{
		Texts: texts, Lang: string(language.Best(tag)), Company: h.Head.Name, Name: h.Name, Word: h.Word.Reveal(), Address: h.URL,
		Intro: texts.LetterIntro(until), End: texts.LetterEnd(until), Colour: "#1f2937",
	}
	if isColour(h.Head.Colour) {
		page.Colour = template.CSS(h.Head.Colour) //nolint:gosec // six hexadecimal digits
	}
	if strings.HasPrefix(h.Head.Logo, "data:image/") {
		page.Logo = template.URL(h.Head.Logo) //nolint:gosec // in an <img>, where no script runs; the template escapes it
	}
	if h.URL != "" {
		code, err := qrSVG(h.URL)
		if err != nil {
			return err
		}
		page.QR = code
	}
	return letterTemplate.Execute(to, page)
}

func isColour(text string) bool {
	return len(text) == 7 && text[0] == '#' && strings.Trim(text[1:], "0123456789abcdefABCDEF") == ""
}

// qrSVG draws a text for a camera, at the middle level of repair: paper has folds.
func qrSVG(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", err
	}
	size := code.Size + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="qr" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img" aria-hidden="true"><path d="`, size, size)
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil //nolint:gosec // numbers only
}

// letterFile is a letter's place. It is made before the code word is: else one could be lost for the want of a place.
type letterFile struct {
	path string
	file *os.File
}

func newLetterFile(path string) (*letterFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, refusal{"--print: " + err.Error(), "the letter is a new file, which only you can read"}
	}
	return &letterFile{path, f}, nil
}

// write fills the file and makes it durable.
func (l *letterFile) write(h localapi.Handover, zone *time.Location) error {
	err := errors.Join(writeLetter(l.file, h, zone), l.file.Sync(), l.file.Close())
	if err != nil {
		return refusal{"the code word is made, but its letter could not be written: " + err.Error(), "latchkey user invite " + h.Name + " makes a new one"}
	}
	return nil
}

// drop takes an empty file away.
func (l *letterFile) drop() { _ = errors.Join(l.file.Close(), os.Remove(l.path)) }

// letterName is a user's name as the name of a file: what could lead elsewhere, or is not seen, is spelt in hexadecimal.
func letterName(dir, name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '@', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return filepath.Join(dir, b.String()+".html")
}

// letters is the directory of an import's letters. It is made before the import begins.
type letters struct {
	dir  string
	head localapi.LetterHead
	zone *time.Location
	any  bool
}

func (a *app) newLetters(ctx context.Context, c *localapi.Client, dir string) (*letters, error) {
	if dir == "" {
		return &letters{}, nil
	}
	head, err := c.LetterHead(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, refusal{"--letters: " + err.Error(), "the directory is made by the import and must not be there before"}
	}
	return &letters{dir: dir, head: head, zone: a.now().Location()}, nil
}

func (l *letters) add(word localapi.CodeWord) error {
	if l.dir == "" {
		return nil
	}
	l.any = true
	file, err := newLetterFile(letterName(l.dir, word.Name))
	if err != nil {
		return refusal{"the users are added, but a letter could not be written: " + err.Error(), "latchkey user invite NAME --print FILE makes a new one"}
	}
	return file.write(localapi.Handover{Name: word.Name, Language: word.Language, Until: word.Until, URL: word.URL, Word: word.Word, Head: l.head}, l.zone)
}

// end takes the directory away where it would be empty.
func (l *letters) end() error {
	if l.dir == "" || l.any {
		return nil
	}
	return os.Remove(l.dir)
}
