package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
)

var check = Request{Kind: KindCheck, Within: 3 * time.Second, ID: "r1", Service: "latchkey-pamcheck", Name: "lutz", Remote: "192.0.2.7", Password: "geheim ü"}

func TestRequest(t *testing.T) {
	raw, err := check.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := ReadFrame(bytes.NewReader(raw), make([]byte, MaxFrame))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRequest(frame)
	if err != nil || got != check {
		t.Fatalf("%+v, %v", got, err)
	}
	// The password is in the frame alone: with it, it goes.
	clear(frame)
	if strings.Trim(got.Password, "\x00") != "" {
		t.Errorf("the password %q outlives its frame", got.Password)
	}
}

func TestDamagedRequests(t *testing.T) {
	good, err := check.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	good = good[4:]
	for n := range good {
		if r, err := DecodeRequest(good[:n]); !errors.Is(err, ErrFrame) {
			t.Errorf("%d bytes of it: %+v, %v", n, r, err)
		}
	}
	if _, err := DecodeRequest(append(bytes.Clone(good), 0)); !errors.Is(err, ErrFrame) {
		t.Error("a byte more is taken")
	}
	for what, change := range map[string]func(*Request){
		"no name":         func(r *Request) { r.Name = "" },
		"no password":     func(r *Request) { r.Password = "" },
		"a NUL in it":     func(r *Request) { r.Password = "right\x00whatever" },
		"a NUL in a name": func(r *Request) { r.Name = "root\x00lutz" },
		"a NUL in rhost":  func(r *Request) { r.Remote = "\x00" },
		"a long password": func(r *Request) { r.Password = strings.Repeat("x", MaxPassword+1) },
		"another kind":    func(r *Request) { r.Kind = 3 },
	} {
		r := check
		change(&r)
		raw, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeRequest(raw[4:]); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", what, err)
		}
	}
	large := check
	large.Name = strings.Repeat("x", MaxFrame)
	if _, err := large.Append(nil); !errors.Is(err, ErrFrame) {
		t.Errorf("a frame that is too large: %v", err)
	}
	for _, size := range []uint32{MaxFrame + 1, 1 << 31, 1<<32 - 1} {
		if _, err := ReadFrame(bytes.NewReader(binary.BigEndian.AppendUint32(nil, size)), make([]byte, MaxFrame)); !errors.Is(err, ErrFrame) {
			t.Errorf("a frame of %d bytes: %v", size, err)
		}
	}
}

func TestIsService(t *testing.T) {
	for name, is := range map[string]bool{
		"latchkey-pamcheck": true, "latchkey.vpn_2": true, "su": false, "../latchkey": false, "latchkey/../su": false, "latchkey\x00": false, "Latchkey": false, "": false,
		"latchkey-" + strings.Repeat("x", 60): false,
	} {
		if IsService(name) != is {
			t.Errorf("%q: %t", name, !is)
		}
	}
}

func FuzzRequest(f *testing.F) {
	good, err := check.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good[4:])
	f.Add([]byte("LKP1"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		r, err := DecodeRequest(frame)
		if err != nil {
			return
		}
		raw, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := DecodeRequest(raw[4:]); err != nil || again.Password != r.Password || again.Name != r.Name {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, r := range []Response{{Outcome: Right, Took: time.Second}, {Outcome: Wrong, Unknown: true}, {Outcome: Unavailable, Open: true, Retire: true, Detail: "x"}} {
		raw, err := r.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw[4:])
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		r, err := DecodeResponse(frame)
		if err == nil && (r.Outcome < Wrong || r.Outcome > Unavailable || r.Took < 0) {
			t.Errorf("%+v", r)
		}
	})
}
