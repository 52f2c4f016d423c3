package pinphrase

import (
	"errors"
	"io"
)

// Usage is what one series (prompt or message, of one realm) has asked of one
// answer. It holds no letter.
type Usage struct {
	LastAsked uint64 `cbor:"1,keyasint,omitempty"` // sequence number of the series when it was last asked; 0: never
	Used      []Set  `cbor:"2,keyasint,omitempty"` // every set ever drawn
	Seen      Set    `cbor:"3,keyasint,omitempty"` // all positions that an observer of every attempt has seen, wrong ones included
	Retired   bool   `cbor:"4,keyasint,omitempty"` // no fresh set is left
}

// Asked records that set was drawn as number sequence of the series (from 1).
func (u *Usage) Asked(set Set, sequence uint64) {
	u.Used = append(u.Used, set)
	u.LastAsked = sequence
}

// Observed records that a reply to set was typed, right or wrong.
func (u *Usage) Observed(set Set) { u.Seen |= set }

// ErrNoQuestion says that no candidate has a fresh set of positions: the user
// has to give new answers.
var ErrNoQuestion = errors.New("pinphrase: every answer is used up")

// Candidate is an answer that could be asked about.
type Candidate struct {
	Length int // characters of the answer
	Usage  Usage
}

// Choice tells which question comes next.
type Choice struct {
	Index int // into the candidates
	// Pressed: exposure left no answer, and this is the least exposed one. User
	// and admin are to be warned at every login.
	Pressed bool
	// Renew: the answer has passed the share at which the user is asked for a
	// new one.
	Renew    bool
	Exposure float64
}

// Choose draws the next question: the one asked least recently, at random among
// equals, of those that are neither retired, nor too short, nor exposed beyond
// stop (a share; 0 turns the limit off). When exposure leaves none, the least
// exposed one is chosen and Pressed is set. When all are retired it fails with
// ErrNoQuestion.
func (s Settings) Choose(candidates []Candidate, random io.Reader) (Choice, error) {
	var best []int
	pressed := false
	for _, limit := range []bool{true, false} {
		pressed = !limit
		for i, c := range candidates {
			exposed := Exposure(c.Length, s.Positions, c.Usage.Seen)
			if c.Usage.Retired || c.Length <= s.Positions {
				continue
			}
			if limit && s.ExposureStop > 0 && exposed >= s.ExposureStop {
				continue
			}
			switch order := s.compare(c, candidates, best, pressed); {
			case order < 0:
				best = []int{i}
			case order == 0:
				best = append(best, i)
			}
		}
		if len(best) > 0 {
			break
		}
	}
	if len(best) == 0 {
		return Choice{}, ErrNoQuestion
	}
	k, err := below(random, uint64(len(best)))
	if err != nil {
		return Choice{}, err
	}
	i := best[k]
	exposed := Exposure(candidates[i].Length, s.Positions, candidates[i].Usage.Seen)
	return Choice{
		Index:    i,
		Pressed:  pressed,
		Renew:    pressed || s.ExposureWarn > 0 && exposed >= s.ExposureWarn,
		Exposure: exposed,
	}, nil
}

// compare orders c before (-1), beside (0) or after (1) the best so far: by
// exposure where that presses, then by the time since it was last asked.
func (s Settings) compare(c Candidate, candidates []Candidate, best []int, pressed bool) int {
	if len(best) == 0 {
		return -1
	}
	b := candidates[best[0]]
	if pressed {
		x := Exposure(c.Length, s.Positions, c.Usage.Seen)
		y := Exposure(b.Length, s.Positions, b.Usage.Seen)
		if x != y {
			return sign(x < y)
		}
	}
	if c.Usage.LastAsked != b.Usage.LastAsked {
		return sign(c.Usage.LastAsked < b.Usage.LastAsked)
	}
	return 0
}

func sign(before bool) int {
	if before {
		return -1
	}
	return 1
}

// Prepared is the next challenge of a series.
type Prepared struct {
	Choice
	Set Set
	// Retired lists the candidates found without a fresh set on the way: the
	// caller stores Usage.Retired for them.
	Retired []int
}

// Prepare chooses question and positions together. open gives the answer of a
// candidate; it is called only for one of which sets were used, for the letters matter only
// beside those of other sets. candidates is not changed.
// The caller records the result with Usage.Asked.
func (s Settings) Prepare(candidates []Candidate, open func(index int) (Answer, error), random io.Reader) (Prepared, error) {
	left := append([]Candidate(nil), candidates...)
	var retired []int
	for {
		choice, err := s.Choose(left, random)
		if err != nil {
			return Prepared{Retired: retired}, err
		}
		set, err := s.fresh(left[choice.Index], func() (Answer, error) { return open(choice.Index) }, random)
		if err == nil {
			return Prepared{Choice: choice, Set: set, Retired: retired}, nil
		}
		if !errors.Is(err, ErrExhausted) {
			return Prepared{Retired: retired}, err
		}
		left[choice.Index].Usage.Retired = true
		retired = append(retired, choice.Index)
	}
}

// fresh is Draw for a candidate.
func (s Settings) fresh(c Candidate, open func() (Answer, error), random io.Reader) (Set, error) {
	if len(c.Usage.Used) == 0 {
		if err := askable(c.Length, s.Positions); err != nil {
			return 0, err
		}
		return drawAny(c.Length, s.Positions, random)
	}
	answer, err := open()
	if err != nil {
		return 0, err
	}
	return Draw(answer, s.Positions, c.Usage.Used, random)
}
