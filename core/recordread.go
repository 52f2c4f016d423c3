package core

import "github.com/latchkey/latchkey/core/pinphrase"

// The records that a login reads, by the short way of cbor.go: the same fields as their
// definitions have.

// readable is a record that a login reads. read begins with a zero record.
type readable interface{ read(*cborReader) }

func (n *nameRecord) read(r *cborReader) {
	*n = nameRecord{}
	r.fields(func(number uint64) {
		switch number {
		case 1:
			r.fixed(n.ID[:])
		case 2:
			n.Import = r.uint()
		default:
			r.odd = true
		}
	})
}

func (u *userRecord) read(r *cborReader) {
	*u = userRecord{}
	r.fields(func(number uint64) {
		switch number {
		case 1:
			u.Name = r.text()
		case 2:
			u.Language = r.text()
		case 3:
			u.Phone = r.text()
		case 4:
			u.Mail = r.text()
		case 5:
			n := r.count(cborArray, 1)
			u.Groups = make([]string, n)
			for i := range u.Groups {
				u.Groups[i] = r.text()
			}
		case 6:
			u.Created = r.int()
		case 7:
			u.Epoch = r.uint()
		case 8:
			u.Disabled = r.bool()
		case 9:
			u.Locked = r.bool()
		case 10:
			u.Expires = r.int()
		case 11:
			u.Password = r.bytes()
		case 12:
			u.CodeWord = readCode(r)
		case 13:
			u.Temporary = readCode(r)
		case 14:
			u.Deliver = r.text()
		case 15:
			u.NotMe = r.bool()
		default:
			r.odd = true
		}
	})
}

func readCode(r *cborReader) *codeRecord {
	c := &codeRecord{}
	r.fields(func(number uint64) {
		switch number {
		case 1:
			c.Sealed = r.bytes()
		case 2:
			c.Until = r.int()
		case 3:
			c.Uses = int(r.int())
		case 4:
			c.Generation = r.uint()
		case 5:
			c.Serial = r.uint()
		case 6:
			c.Typed = r.int()
		default:
			r.odd = true
		}
	})
	return c
}

func (a *answersRecord) read(r *cborReader) {
	*a = answersRecord{}
	r.fields(func(number uint64) {
		switch number {
		case 1:
			a.Version = r.uint()
		case 2:
			a.Items = make([]answerRecord, r.count(cborArray, 8))
			for i := range a.Items {
				a.Items[i].read(r)
			}
		default:
			r.odd = true
		}
	})
}

func (a *answerRecord) read(r *cborReader) {
	r.fields(func(number uint64) {
		switch number {
		case 1:
			a.Question = r.text()
		case 2:
			a.Sealed = r.bytes()
		case 3:
			a.Set = r.int()
		case 4:
			a.Serial = r.uint()
		case 5:
			a.Length = int(r.int())
		case 6:
			r.fixed(a.Mark[:])
		default:
			r.odd = true
		}
	})
}

func (s *stateRecord) read(r *cborReader) {
	*s = stateRecord{}
	r.fields(func(number uint64) {
		switch number {
		case 1:
			s.Generation = r.uint()
		case 2:
			s.Asked = r.uint()
		case 3:
			n := r.count(cborMap, 10)
			s.Usage = make(map[[8]byte]pinphrase.Usage, n)
			for ; n > 0 && !r.odd; n-- {
				var mark [8]byte
				r.fixed(mark[:])
				if _, twice := s.Usage[mark]; twice {
					r.odd = true
				}
				s.Usage[mark] = readUsage(r)
			}
		case 4:
			n := r.count(cborMap, 2)
			s.Series = make(map[string]seriesRecord, n)
			for ; n > 0 && !r.odd; n-- {
				name := r.text()
				if _, twice := s.Series[name]; twice {
					r.odd = true
				}
				s.Series[name] = readSeries(r)
			}
		default:
			r.odd = true
		}
	})
}

func readUsage(r *cborReader) (u pinphrase.Usage) {
	r.fields(func(number uint64) {
		switch number {
		case 1:
			u.LastAsked = r.uint()
		case 2:
			n := r.count(cborArray, 1)
			u.Used = make([]pinphrase.Set, n, n+1) // one more is about to be asked
			for i := range u.Used {
				u.Used[i] = pinphrase.Set(r.uint())
			}
		case 3:
			u.Seen = pinphrase.Set(r.uint())
		case 4:
			u.Retired = r.bool()
		default:
			r.odd = true
		}
	})
	return u
}

func readSeries(r *cborReader) (s seriesRecord) {
	r.fields(func(number uint64) {
		switch number {
		case 1:
			s.Open.read(r)
		case 2:
			s.Last = r.bytes()
		default:
			r.odd = true
		}
	})
	return s
}

func (o *openRecord) read(r *cborReader) {
	r.fields(func(number uint64) {
		switch number {
		case 1:
			r.fixed(o.ID[:])
		case 2:
			o.Question = r.text()
		case 3:
			o.Serial = r.uint()
		case 4:
			o.Set = pinphrase.Set(r.uint())
		case 5:
			o.Pressed = r.bool()
		default:
			r.odd = true
		}
	})
}

func (c *countRecord) read(r *cborReader) {
	*c = countRecord{}
	r.fields(func(number uint64) {
		switch number {
		case 1:
			c.Wrong = r.float()
		case 2:
			c.At = r.int()
		case 3:
			c.Pairs = make([]pairRecord, r.count(cborArray, 3))
			for i := range c.Pairs {
				c.Pairs[i].read(r)
			}
		case 4:
			c.SecondWrong = int(r.int())
		case 5:
			c.ForGood = r.bool()
		default:
			r.odd = true
		}
	})
}

func (p *pairRecord) read(r *cborReader) {
	r.fields(func(number uint64) {
		switch number {
		case 1:
			p.Source = r.text()
		case 2:
			p.Wrong = int(r.int())
		case 3:
			p.At = r.int()
		case 4:
			p.Until = r.int()
		case 5:
			p.Success = r.int()
		default:
			r.odd = true
		}
	})
}

func (row *sourceRow) read(r *cborReader) {
	*row = sourceRow{}
	r.fields(func(number uint64) {
		if number != 1 {
			r.odd = true
			return
		}
		row.Entries = make([]sourceRecord, r.count(cborArray, 3))
		for i := range row.Entries {
			e := &row.Entries[i]
			r.fields(func(number uint64) {
				switch number {
				case 1:
					e.Source = r.text()
				case 2:
					e.Wrong = int(r.int())
				case 3:
					e.At = r.int()
				case 4:
					e.Until = r.int()
				default:
					r.odd = true
				}
			})
		}
	})
}
