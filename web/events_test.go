package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

// following is a stream of events as a phone reads it.
type following struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Reader
}

func (d *door) follow(t *testing.T, r *http.Request) *following {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	response, err := d.client.Do(r.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return &following{t, response, bufio.NewReader(response.Body)}
}

// block is all up to the next empty line.
func (f *following) block() string {
	f.t.Helper()
	var text strings.Builder
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			f.t.Fatalf("the stream broke after %q: %v", text.String(), err)
		}
		if line == "\n" {
			return text.String()
		}
		text.WriteString(line)
	}
}

func (f *following) ended() {
	f.t.Helper()
	if rest, err := io.ReadAll(f.lines); err != nil || len(rest) != 0 {
		f.t.Errorf("the stream did not end: %q %v", rest, err)
	}
}

// fed are Phones whose streams send what comes from a channel.
func fed(events chan core.DeviceEvent) *told {
	return &told{stream: func(ctx context.Context, begun func(), send func(core.DeviceEvent) error) error {
		begun()
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case e := <-events:
				if err := send(e); err != nil {
					return err
				}
			}
		}
	}}
}

func events(t *testing.T) *http.Request {
	r := signedCall(t, "GET", "/api/v1/device/events", "")
	r.Body, r.ContentLength = http.NoBody, 0
	return r
}

func TestEventsOnBothProtocols(t *testing.T) {
	for _, major := range []int{1, 2} {
		feed := make(chan core.DeviceEvent)
		p := fed(feed)
		d := openDoor(t, p, func(c *Config) {
			// The stream outlives what an ordinary request may take.
			c.Limits = Limits{Request: 100 * time.Millisecond, Reply: 100 * time.Millisecond, Heartbeat: 250 * time.Millisecond}
		})
		d.client.Transport = d.transport(major == 2)
		f := d.follow(t, events(t))
		if f.response.ProtoMajor != major || f.response.StatusCode != 200 || f.response.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%s %d %v", f.response.Proto, f.response.StatusCode, f.response.Header)
		}
		c := p.last(t)
		if c.Method != "GET" || c.Path != "/api/v1/device/events" || c.Op != "events" || len(c.Body) != 0 || c.Counter != 7 {
			t.Errorf("core was told %+v", c)
		}
		for range 3 { // comments over 750 ms
			if b := f.block(); b != ":\n" {
				t.Errorf("%q", b)
			}
		}
		feed <- core.DeviceEvent{Name: "pending", ID: "abc"}
		b := f.block()
		for b == ":\n" {
			b = f.block()
		}
		if b != "event: pending\ndata: {\"id\":\"abc\"}\n" {
			t.Errorf("%q", b)
		}
		// The end of the server ends the stream, in order.
		go func() { _ = d.end() }()
		for {
			line, err := f.lines.ReadString('\n')
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || line != ":\n" && line != "\n" {
				t.Fatalf("%q %v", line, err)
			}
		}
	}
}

func TestTheNewestStreamOfADeviceWins(t *testing.T) {
	d := openDoor(t, fed(make(chan core.DeviceEvent)), nil)
	first := d.follow(t, events(t))
	other := events(t)
	other.Header.Set(headerDevice, strings.Repeat("ab", 12))
	feed := d.follow(t, other)
	second := d.follow(t, events(t))
	first.ended()
	d.stop()
	second.ended()
	feed.ended()
	if len(d.streams.of) != 0 {
		t.Errorf("still listed: %v", d.streams.of)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	d := openDoor(t, fed(make(chan core.DeviceEvent)), func(c *Config) { c.Limits.Streams = 1 })
	f := d.follow(t, events(t))
	d.do(t, events(t)).want(t, 503, core.CodeBusy)
	d.stop()
	f.ended()
}

func TestAStreamThatIsRefused(t *testing.T) {
	var says error
	p := &told{stream: func(context.Context, func(), func(core.DeviceEvent) error) error { return says }}
	d := openDoor(t, p, nil)
	for code, status := range map[core.DeviceCode]int{core.CodeDeviceInert: 403, core.CodeBadSignature: 401} {
		says = refuse(code, "")
		d.do(t, events(t)).want(t, status, code)
	}
	says = errInternal
	d.do(t, events(t)).want(t, 503, core.CodeBusy)
	heard := p.count()
	r := signedCall(t, "GET", "/api/v1/device/events", `{}`)
	d.do(t, r).want(t, 400, core.CodeBadRequest)
	r = events(t)
	r.Method = "HEAD"
	d.do(t, r).want(t, 405, "")
	if p.count() != heard {
		t.Error("core heard of it")
	}
}

// TestAStrangerEndsNoStream: only core's word that the caller is the device counts.
func TestAStrangerEndsNoStream(t *testing.T) {
	verified := true
	p := fed(nil)
	follow := p.stream
	p.stream = func(ctx context.Context, begun func(), send func(core.DeviceEvent) error) error {
		if !verified {
			return refuse(core.CodeBadSignature, "")
		}
		return follow(ctx, begun, send)
	}
	d := openDoor(t, p, func(c *Config) { c.Limits.Heartbeat = 10 * time.Millisecond })
	f := d.follow(t, events(t))
	verified = false
	for range 3 {
		d.do(t, events(t)).want(t, 401, core.CodeBadSignature)
	}
	for range 3 {
		if b := f.block(); b != ":\n" {
			t.Errorf("%q", b)
		}
	}
}
