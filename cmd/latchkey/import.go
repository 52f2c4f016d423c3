package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) userImport() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{Use: "import FILE.csv", Short: "Add the users of a CSV file, all or none", Args: takes(1)}
	cmd.Long = `Adds the users of a CSV file (RFC 4180, UTF-8). The first line names the
columns: name, language, phone, mail, groups (separated by ;), password, and
answer.QUESTION for any question of the pool; any may be absent but name.

Nothing of the file is taken if a row is bad: each bad row is named by its line.
With --keep-going the bad rows are left out. The users appear all at once. "-"
is standard input.

An answer that many people give is named by its line too, with a warning, or as
bad, as pinphrase.common_answers says.

--code-words writes a CSV file with the code words of those who have not the
minimum of answers; it is made with mode 0600 and must not be there before.
--letters writes a letter for each of them into a new directory, as "latchkey
user invite --print" does. Without either, "latchkey user invite NAME" makes a
new code word for each.`
	cmd.Example = `  latchkey user import --code-words words.csv users.csv`
	cmd.Flags().BoolVar(&o.keepGoing, "keep-going", false, "leave bad rows out and take the rest")
	cmd.Flags().StringVar(&o.letters, "letters", "", "write a letter with the code word for each new user into the new `DIR`")
	cmd.Flags().StringVar(&o.words, "code-words", "", "write the code words of new users to `FILE`")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		o.file = args[0]
		return a.importFile(ctx, c, o)
	})
	return cmd
}

type importOptions struct {
	file, words, letters string
	keepGoing            bool
}

func (a *app) importFile(ctx context.Context, c *localapi.Client, o importOptions) error {
	from, size, err := a.openImport(o.file)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	bar := a.progress(size)
	rows, err := newRowReader(io.TeeReader(from, bar))
	if err != nil {
		return err
	}
	words, err := newWordFile(o.words)
	if err != nil {
		return err
	}
	letters, err := a.newLetters(ctx, c, o.letters)
	if err != nil {
		return errors.Join(err, words.end(false))
	}
	result, err := c.Import(ctx, rows.rows(), o.keepGoing, bar.rows, func(word localapi.CodeWord) error {
		return errors.Join(words.add(word), letters.add(word))
	})
	bar.end()
	if err = errors.Join(err, words.end(result.Taken > 0), letters.end()); err != nil {
		return err
	}
	return a.importResult(result, o)
}

func (a *app) openImport(file string) (io.ReadCloser, int64, error) {
	if file == "-" {
		return io.NopCloser(a.in), -1, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, refusal{err.Error(), ""}
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return f, -1, err
	}
	return f, info.Size(), nil
}

// shownBad is how many bad rows a person is shown.
const shownBad = 50

func (a *app) importResult(result localapi.ImportResult, o importOptions) error {
	if a.json {
		if err := a.value(result); err != nil {
			return err
		}
	}
	for i, row := range result.Bad {
		if a.json || i == shownBad {
			break
		}
		a.remark("%s", rowText(o.file, row))
	}
	if hidden := len(result.Bad) - shownBad; hidden > 0 {
		a.remark("… and more bad rows (--json shows up to 1,000)")
	}
	if len(result.Bad) > 0 && (result.Taken == 0 || !o.keepGoing) {
		return refusal{fmt.Sprintf("%s: %d bad rows, nothing was taken", o.file, len(result.Bad)),
			"correct them, or leave them out with --keep-going"}
	}
	a.remark("%s added.", count(result.Taken, "user is", "users are"))
	if len(result.Bad) > 0 {
		a.warn("%d bad rows were left out", len(result.Bad))
	}
	for i, row := range result.Weak {
		if a.json || i == shownBad {
			break
		}
		a.remark("%s", rowText(o.file, row))
	}
	if len(result.Weak) > 0 {
		a.warn("%d answers are taken, but are easily guessed (pinphrase.common_answers)", len(result.Weak))
	}
	switch {
	case result.CodeWords > 0 && o.letters != "":
		a.remark("%d letters are in %s. Print them, then delete them.", result.CodeWords, o.letters)
	case result.CodeWords > 0 && o.words != "":
		a.remark("%d code words are in %s.", result.CodeWords, o.words)
	case result.CodeWords > 0:
		a.remark("%s a code word; latchkey user invite NAME makes a new one (--code-words or --letters would have written them).", count(result.CodeWords, "of them needs", "of them need"))
	}
	return nil
}

func rowText(file string, row core.RowError) string {
	text := fmt.Sprintf("%s: line %d", file, row.Line)
	return text + prefix(" (", row.Name) + word(row.Name != "", ")", "") + ": " + row.Error + prefix("; ", row.Hint)
}

// bar shows the progress of a long import, on a terminal only. It counts bytes of the file,
// which are known, and says rows, which people think in.
type bar struct {
	shown *progressbar.ProgressBar // nil: quiet
	size  int64
}

func (a *app) progress(size int64) *bar {
	if !a.errTTY || a.json {
		return &bar{}
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(a.err),
		progressbar.OptionSetDescription("Importing"),
		progressbar.OptionEnableColorCodes(false),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionSetRenderBlankState(false),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionFullWidth(),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(size > 0),
	}
	return &bar{progressbar.NewOptions64(size, options...), size}
}

// Write takes the bytes that were read from the file. It never fails.
func (b *bar) Write(p []byte) (int, error) {
	if b.shown != nil {
		_ = b.shown.Add(len(p))
	}
	return len(p), nil
}

func (b *bar) rows(p core.ImportProgress) {
	if b.shown != nil {
		b.shown.Describe(fmt.Sprintf("%s %d rows", word(p.Done, "Publishing", "Importing"), p.Rows))
	}
}

func (b *bar) end() {
	if b.shown != nil {
		_ = b.shown.Clear()
	}
}

// wordFile is the CSV file of code words. It is made before the import begins, so that no
// code word is lost for the want of a place.
type wordFile struct {
	path  string
	file  *os.File
	csv   *csv.Writer
	words int
}

func newWordFile(path string) (*wordFile, error) {
	if path == "" {
		return &wordFile{}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, refusal{"--code-words: " + err.Error(), "the file is made by the import and must not be there before"}
	}
	w := &wordFile{path: path, file: f, csv: csv.NewWriter(f)}
	return w, w.csv.Write([]string{"name", "code_word"})
}

func (w *wordFile) add(word localapi.CodeWord) error {
	if w.file == nil {
		return nil
	}
	w.words++
	if err := w.csv.Write([]string{word.Name, word.Word.Reveal()}); err != nil {
		return w.failed(err)
	}
	return nil
}

// end makes the file durable, or takes it away where it would say nothing. When the reply was
// cut off the users may have been added all the same: words that came are kept.
func (w *wordFile) end(taken bool) error {
	if w.file == nil {
		return nil
	}
	w.csv.Flush()
	err := errors.Join(w.csv.Error(), w.file.Sync(), w.file.Close())
	if !taken && w.words == 0 {
		return os.Remove(w.path)
	}
	if err != nil {
		return w.failed(err)
	}
	return nil
}

func (w *wordFile) failed(err error) error {
	return refusal{"the users are added, but their code words could not be written: " + err.Error(),
		"latchkey user codeword NAME makes a new one"}
}
