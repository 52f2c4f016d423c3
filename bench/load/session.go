package load

import (
	"context"
	"time"
)

// worker is one login at a time, on a socket of its own. Which accounts are a worker's is
// fixed (its number, and every Config.Workers-th after it), so that nobody logs in twice at
// once.
type worker struct {
	number     int
	socket     int
	account    int
	identifier byte

	busy    bool
	second  bool      // the second round is under way
	began   time.Time // when the login was due
	sent    time.Time // when the packet was sent last
	tries   int
	request []byte
}

// session is one run.
type session struct {
	*Generator
	context context.Context
	run     Run
	result  *Result

	began time.Time
	end   time.Time
	due   uint64 // logins begun so far
	idle  []*worker
	open  int // logins under way

	name, text, answer []byte
	raw                [maxPacket + 256]byte
}

// How often the loop looks at the clock when nothing arrives: for retransmissions, and in an
// open loop for logins that are due.
const (
	patience = 50 * time.Millisecond
	tick     = time.Millisecond
	fineTick = 200 * time.Microsecond
)

// stagger lies between the first logins of a closed loop's workers. Hundreds of first packets at
// once would overflow the server's socket before it runs.
const stagger = 200 * time.Microsecond

// late is what makes a login of an open loop count as such.
const late = 5 * time.Millisecond

func (s *session) measure() error {
	every := tick
	if s.run.Rate > 0 {
		every = fineTick
	}
	if err := s.loop.tick(every); err != nil {
		return err
	}
	for _, w := range s.workers {
		s.drain(w)
	}
	s.began = time.Now()
	s.end = s.began.Add(s.run.For)
	s.idle = append(s.idle, s.workers...)
	s.begin(s.began)
	looked := s.began
	for {
		now := time.Now()
		if s.over(now) && s.open == 0 {
			break
		}
		if now.Sub(looked) >= patience {
			looked = now
			s.resend(now)
		}
		ready, err := s.loop.wait()
		if err != nil {
			return err
		}
		for _, number := range ready {
			s.receive(s.workers[number])
		}
		s.begin(time.Now())
	}
	s.result.Elapsed = min(time.Since(s.began), s.run.For)
	return s.context.Err()
}

func (s *session) over(now time.Time) bool {
	return now.After(s.end) || s.context.Err() != nil
}

// begin gives idle workers the logins that are due.
func (s *session) begin(now time.Time) {
	if s.over(now) {
		return
	}
	for len(s.idle) > 0 {
		began, due := now, s.next()
		if due.After(now) {
			return
		}
		if s.run.Rate > 0 {
			began = due
			if now.Sub(due) > late {
				s.result.Late++
			}
		}
		s.due++
		w := s.idle[0] // the one idle longest, so that all people have their turn
		s.idle = s.idle[1:]
		s.login(w, began)
	}
}

// next is when the next login is due.
func (s *session) next() time.Time {
	after := time.Duration(min(s.due, uint64(len(s.workers)))) * stagger
	if s.run.Rate > 0 {
		after = time.Duration(float64(s.due) / s.run.Rate * float64(time.Second))
	}
	return s.began.Add(after)
}

func (s *session) login(w *worker, began time.Time) {
	w.busy, w.second, w.began = true, false, began
	s.open++
	s.name = s.config.Accounts.Name(s.name[:0], w.account)
	s.text = s.config.Accounts.Password(s.text[:0], w.account)
	s.ask(w, nil)
}

// ask sends a new request with s.name and s.text.
func (s *session) ask(w *worker, state []byte) {
	w.identifier++
	w.request = s.codec.request(w.request, w.identifier, s.name, s.text, state)
	w.tries = 0
	s.send(w, time.Now())
}

func (s *session) send(w *worker, now time.Time) {
	w.tries++
	w.sent = now
	write(w.socket, w.request)
}

// resend sends again what has waited too long, and gives up what was sent often enough.
func (s *session) resend(now time.Time) {
	for _, w := range s.workers {
		if !w.busy || now.Sub(w.sent) < s.config.Retransmit {
			continue
		}
		if w.tries >= s.config.Tries {
			s.result.Timeouts++
			s.done(w)
			continue
		}
		s.result.Retransmits++
		s.send(w, now)
	}
}

// done takes the worker's next account.
func (s *session) done(w *worker) {
	w.busy = false
	s.open--
	if w.account += s.config.Workers; w.account >= s.config.Accounts.Len() {
		w.account = w.number
	}
	s.idle = append(s.idle, w)
}

// drain forgets what came after its run was over.
func (s *session) drain(w *worker) {
	for read(w.socket, s.raw[:maxPacket]) > 0 {
	}
}

// receive takes one reply; the loop tells again of a socket that holds more.
func (s *session) receive(w *worker) {
	n := read(w.socket, s.raw[:maxPacket])
	if n <= 0 {
		return
	}
	if n < 2 || !w.busy || s.raw[1] != w.identifier {
		s.result.Stray++
		return
	}
	r, err := s.codec.check(s.raw[:n], w.request)
	if err != nil {
		s.bad(err)
		return
	}
	switch r.code {
	case codeChallenge:
		s.result.Challenges++
		if err := s.characters(w, r); err != nil {
			s.bad(err)
			s.done(w)
			return
		}
		w.second = true
		s.ask(w, r.state)
	case codeAccept:
		now := time.Now()
		s.result.Completed++
		if !now.After(s.end) {
			s.result.Logins++
		}
		s.result.Latency.Add(now.Sub(w.began))
		s.done(w)
	case codeReject:
		s.result.Rejects++
		s.done(w)
	default:
		s.bad(errCode)
		s.done(w)
	}
}

// characters puts into s.text what the prompt asks for.
func (s *session) characters(w *worker, r reply) error {
	if len(r.state) == 0 || len(r.message) == 0 {
		return errSilent
	}
	a, err := readPrompt(r.message)
	if err != nil {
		return err
	}
	s.answer = s.config.Accounts.Answer(s.answer[:0], w.account, a.phrase)
	if len(s.answer) == 0 {
		return errUnknown
	}
	s.name = s.config.Accounts.Name(s.name[:0], w.account)
	s.text, err = a.appendCharacters(s.text[:0], s.answer)
	return err
}

func (s *session) bad(err error) {
	s.result.Bad++
	if s.result.FirstBad == nil {
		s.result.FirstBad = err
	}
}
