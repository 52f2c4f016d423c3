package appliance

import (
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"
)

// patience is how long an event may take that a test waits for. It is long: machines that
// test are busy, and only a failing test waits so long.
const patience = 30 * time.Second

// Screen collects what a program says, and waits for words in it.
type Screen struct {
	name string

	mu      sync.Mutex
	text    []byte
	read    int // what Expect has passed
	ended   bool
	changed chan struct{} // closed, and replaced, at each change
}

// NewScreen gives an empty one; name says in failures whose it is.
func NewScreen(name string) *Screen { return &Screen{name: name, changed: make(chan struct{})} }

// Write adds what the program says.
func (s *Screen) Write(p []byte) (int, error) {
	s.change(func() { s.text = append(s.text, p...) })
	return len(p), nil
}

// end notes that nothing will come; a program that starts again opens it anew.
func (s *Screen) end(ended bool) { s.change(func() { s.ended = ended }) }

func (s *Screen) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Len is the length of the text up to now, from where Await may look.
func (s *Screen) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.text)
}

// String gives the whole text, under its name.
func (s *Screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("--- %s:\n%s\n---", s.name, s.text)
}

// After gives the text from an offset on.
func (s *Screen) After(from int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text[from:])
}

// Expect waits for the pattern behind all that earlier calls have found, and gives its groups.
func (s *Screen) Expect(t testing.TB, pattern string) []string {
	t.Helper()
	match, end := s.await(t, s.read, pattern)
	s.read = end
	return match
}

// OrEnds is Expect for what may end instead: then it gives nil.
func (s *Screen) OrEnds(t testing.TB, pattern string) []string {
	t.Helper()
	match, end := s.seek(t, s.read, pattern)
	s.read = end
	return match
}

// Await waits for the pattern behind an offset, and gives its groups.
func (s *Screen) Await(t testing.TB, from int, pattern string) []string {
	t.Helper()
	match, _ := s.await(t, from, pattern)
	return match
}

func (s *Screen) await(t testing.TB, from int, pattern string) (match []string, end int) {
	t.Helper()
	if match, end = s.seek(t, from, pattern); match == nil {
		t.Fatalf("it ended without saying %q\n%s", pattern, s)
	}
	return match, end
}

// seek gives no match where nothing will come any more.
func (s *Screen) seek(t testing.TB, from int, pattern string) (match []string, end int) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		s.mu.Lock()
		text, ended, changed := s.text[from:], s.ended, s.changed
		s.mu.Unlock()
		if at := wanted.FindSubmatchIndex(text); at != nil {
			for i := 0; i < len(at); i += 2 {
				group := ""
				if at[i] >= 0 {
					group = string(text[at[i]:at[i+1]])
				}
				match = append(match, group)
			}
			return match, from + at[1]
		}
		if ended {
			return nil, from
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("waited %s for %q\n%s", patience, pattern, s)
		}
	}
}
