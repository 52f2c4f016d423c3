package pinphrase

import "testing"

// An unknown name must not cost more, nor less by much, than a known one.
func BenchmarkDecoy(b *testing.B) {
	s := Defaults()
	for b.Loop() {
		d, err := s.NewDecoy([]byte("key"), Population{}, "de", "lutz", "default", "prompt")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Challenge(7); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrompt(b *testing.B) {
	s := Defaults()
	q, _ := s.Question("birthplace")
	for b.Loop() {
		s.In("de", "en").Prompt(q, NewSet(1, 3, 4, 10), 10)
	}
}
