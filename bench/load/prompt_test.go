package load

import (
	"testing"
	"time"
)

func TestPrompt(t *testing.T) {
	for _, c := range []struct{ prompt, answer, phrase, want string }{
		{heidelberg, "HEIDELBERG", "of your place of birth", "HIDG"},
		{heidelberg + " ", "HEIDELBERG", "of your place of birth", "HIDG"},
		{"PINphrase: Please enter the 1st, 3rd, 5th and second to last character of your first holiday resort.", "TEGERNSEE", "of your first holiday resort", "TGRE"},
		{"Please enter the 2nd and 12th character of your pet", "abcdefghijklm", "of your pet", "bl"},
		{"enter the last character of it", "xyz", "of it", "z"},
		{"enter the 3rd, last and 1st character of it", "xyz", "of it", "zzx"},
	} {
		a, err := readPrompt([]byte(c.prompt))
		if err != nil || string(a.phrase) != c.phrase {
			t.Errorf("%q: %q, %v", c.prompt, a.phrase, err)
			continue
		}
		got, err := a.appendCharacters(nil, []byte(c.answer))
		if err != nil || string(got) != c.want {
			t.Errorf("%q: %q, %v, want %q", c.prompt, got, err, c.want)
		}
	}
	for _, prompt := range []string{
		"", "Password: ", "enter the 1st", "enter the character of it", "enter the  character of it", "enter the first character of it",
		"enter the 0th character of it", "enter the 1st, character of it", "enter the 1st and 2nd, 3rd character of it",
		"enter the 1st and 2nd and 3rd character of it", "enter the 1 character of it", "enter the 99999th character of it",
		"enter the 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st, 1st character of it",
	} {
		if a, err := readPrompt([]byte(prompt)); err == nil {
			t.Errorf("%q was read: %v", prompt, a.positions[:a.count])
		}
	}
	a, err := readPrompt([]byte("enter the 4th character of it"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.appendCharacters(nil, []byte("abc")); err == nil {
		t.Errorf("the 4th of three characters is %q", got)
	}
}

func FuzzPrompt(f *testing.F) {
	f.Add(heidelberg, "HEIDELBERG")
	f.Add("enter the 1st and second to last character of it", "ab")
	f.Fuzz(func(t *testing.T, prompt, answer string) {
		a, err := readPrompt([]byte(prompt))
		if err != nil {
			return
		}
		if got, err := a.appendCharacters(nil, []byte(answer)); err == nil && len(got) != a.count {
			t.Errorf("%d characters for %d positions", len(got), a.count)
		}
	})
}

func TestHistogram(t *testing.T) {
	var h Histogram
	if h.Quantile(.5) != 0 || h.Max() != 0 {
		t.Error("an empty histogram has a value")
	}
	for i := range 100_000 {
		h.Add(time.Duration(i+1) * time.Microsecond)
	}
	for _, q := range []float64{.001, .5, .9, .99, 1} {
		want := q * 100_000
		if got := float64(h.Quantile(q).Microseconds()); got < want || got > want*1.017+1 {
			t.Errorf("quantile %g of 1 to 100,000 is %g", q, got)
		}
	}
	if h.Max() != 100*time.Millisecond || h.Count() != 100_000 {
		t.Errorf("max %v, count %d", h.Max(), h.Count())
	}
	// Every value falls into a bucket whose end is not below it, and the buckets touch.
	for i, last := 1, ceiling(0); i < len(h.buckets)-6*octave; i++ {
		if bucket(last) != i-1 || bucket(last+1) != i {
			t.Fatalf("bucket %d does not begin behind %d", i, last)
		}
		last = ceiling(i)
	}
	h.Add(-time.Second)
	h.Add(1 << 62)
	if h.Max() != 1<<62 || h.Quantile(1) > h.Max() {
		t.Errorf("the extremes: %v, %v", h.Max(), h.Quantile(1))
	}
}
