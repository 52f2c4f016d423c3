package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
)

// questions are those of the pool that the benchmark configures, and their phrases in prompts.
var questions = []struct{ id, label, phrase string }{
	{"birthplace", "Place of birth?", "of your place of birth"},
	{"first_car", "First car?", "of your first car"},
	{"maiden_name", "Mother's maiden name?", "of your mother's maiden name"},
	{"holiday", "First holiday resort?", "of your first holiday resort"},
	{"pet", "Name of your pet?", "of the name of your pet"},
	{"club", "Favourite football club?", "of your favourite football club"},
}

// people are accounts whose answers follow from their number, so that a million of them need
// no room in the load generator.
type people struct {
	prefix   string // of their names
	count    int
	password string
	apart    int // only every so many-th of those who are enrolled; 0: all
}

func (p people) Len() int { return p.count }

func (p people) Name(dst []byte, i int) []byte {
	return strconv.AppendInt(append(dst, p.prefix...), int64(p.number(i)), 10)
}

func (p people) number(i int) int { return i * max(1, p.apart) }

func (p people) Password(dst []byte, _ int) []byte { return append(dst, p.password...) }

func (p people) Answer(dst []byte, i int, phrase []byte) []byte {
	for q := range questions {
		if string(phrase) == questions[q].phrase {
			return p.answer(dst, i, q)
		}
	}
	return dst
}

// answer gives 12 to 24 letters. They need not be secret, only different.
func (p people) answer(dst []byte, i, question int) []byte {
	h := fnv.New64a()
	var seed [16]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(p.number(i)))
	binary.LittleEndian.PutUint64(seed[8:], uint64(question))
	_, _ = h.Write(seed[:])
	state := h.Sum64()
	for n := 12 + state>>40%13; n > 0; n-- {
		state = state*6364136223846793005 + 1442695040888963407 // Knuth's generator
		dst = append(dst, byte('a'+state>>33%26))
	}
	return dst
}

// export writes the CSV file of an import.
func (p people) export(path string, passwords bool) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<16)
	fmt.Fprint(w, "name,language")
	for _, q := range questions {
		fmt.Fprint(w, ",answer.", q.id)
	}
	if passwords {
		fmt.Fprint(w, ",password")
	}
	var line []byte
	for i := range p.count {
		line = append(p.Name(append(line[:0], '\n'), i), ",en"...)
		for q := range questions {
			line = p.answer(append(line, ','), i, q)
		}
		if passwords {
			line = append(append(line, ','), p.password...)
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// twins all have the birthplace that the peer's configuration knows.
type twins struct{ people }

func (twins) Answer(dst []byte, _ int, phrase []byte) []byte {
	if string(phrase) == questions[0].phrase {
		return append(dst, peerAnswer...)
	}
	return dst
}
