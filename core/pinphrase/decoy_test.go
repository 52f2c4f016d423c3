package pinphrase

import (
	"fmt"
	"testing"

	"github.com/latchkey/latchkey/core/language"
)

func TestDecoyIsStable(t *testing.T) {
	s := Defaults()
	key := []byte("decoy key")
	one, err := s.NewDecoy(key, Population{}, "de", "lutz", "default", "prompt")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := s.NewDecoy(key, Population{}, "de", "lutz", "default", "prompt")
	other, _ := s.NewDecoy(key, Population{}, "de", "lut", "zdefault", "prompt")
	differ := false
	for k := range uint64(500) {
		a, err := one.Challenge(k)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := two.Challenge(k)
		c, _ := other.Challenge(k)
		if a.Question.ID != b.Question.ID || a.Set != b.Set || a.Length != b.Length {
			t.Fatalf("challenge %d is not stable", k)
		}
		differ = differ || a.Set != c.Set
	}
	if !differ || one.Language != "de" {
		t.Error("another name has the same challenges")
	}
}

// A decoy behaves as a real user would: so many questions as a user answers, in
// turn; one length an answer, as long as the question asks for; no set twice.
func TestDecoyBehavesLikeAUser(t *testing.T) {
	s := Defaults()
	s.Questions[4].MinimumLength = 5
	for u := range 200 {
		d, err := s.NewDecoy([]byte("key"), Population{}, "en", fmt.Sprint("user", u))
		if err != nil {
			t.Fatal(err)
		}
		length, sets, turn := map[string]int{}, map[string]bool{}, []string{}
		for k := range uint64(s.MinimumAnswers * 5) {
			c, err := d.Challenge(k)
			if err != nil {
				t.Fatal(err)
			}
			id := c.Question.ID
			if int(k) < s.MinimumAnswers {
				turn = append(turn, id)
			}
			if n, ok := length[id]; ok && n != c.Length {
				t.Fatalf("%s has %d characters, then %d", id, n, c.Length)
			}
			length[id] = c.Length
			key := fmt.Sprint(id, c.Set)
			if turn[int(k)%s.MinimumAnswers] != id || c.Length < s.Minimum(c.Question) || c.Set.Len() != s.Positions ||
				c.Set>>c.Length != 0 || (c.Length > 5 && sets[key]) {
				t.Fatalf("challenge %d: %s, %d, %v", k, id, c.Length, c.Set.Positions())
			}
			sets[key] = true
		}
		if len(length) != s.MinimumAnswers {
			t.Fatalf("%d questions", len(length))
		}
	}
}

// A question that enters the pool must not change what another one's answer
// seems to be: no real answer grows.
func TestDecoyKeepsItsLengths(t *testing.T) {
	large, small := Defaults(), Defaults()
	small.Questions = small.Questions[:9]
	for u := range 20 {
		lengths := map[string]int{}
		a, errA := large.NewDecoy([]byte("key"), Population{}, "en", fmt.Sprint("user", u))
		b, errB := small.NewDecoy([]byte("key"), Population{}, "en", fmt.Sprint("user", u))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		for _, q := range a.questions {
			lengths[q.ID], _ = a.length(q)
		}
		for _, q := range b.questions {
			m, err := b.length(q)
			if n, ok := lengths[q.ID]; err != nil || ok && n != m {
				t.Fatalf("%s has %d, then %d characters (%v)", q.ID, n, m, err)
			}
		}
	}
}

func TestDecoyPopulation(t *testing.T) {
	s := Defaults()
	p := Population{Languages: map[language.Tag]uint64{"de": 3, "en": 1}, Lengths: map[int]uint64{8: 1, 9: 3, 3: 1000}}
	german, nine, answers := 0, 0, 0
	const users = 2000
	for u := range users {
		d, err := s.NewDecoy([]byte("key"), p, "en", fmt.Sprint("user", u))
		if err != nil {
			t.Fatal(err)
		}
		if d.Language == "de" {
			german++
		}
		for _, q := range d.questions {
			n, _ := d.length(q)
			answers++
			if n == 9 {
				nine++
			}
			if n != 8 && n != 9 {
				t.Fatalf("length %d", n)
			}
		}
	}
	if share := float64(german) / users; share < .7 || share > .8 {
		t.Errorf("%.2f are German, want .75", share)
	}
	if share := float64(nine) / float64(answers); share < .72 || share > .78 {
		t.Errorf("%.2f have nine letters, want .75", share)
	}
	if _, err := (Settings{Positions: 4}).NewDecoy([]byte("key"), p, "en", "x"); err == nil {
		t.Error("a decoy without questions")
	}
}
