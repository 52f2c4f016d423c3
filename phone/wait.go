package phone

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// Wait returns when a login waits that is none of seen, with all that wait. It listens to the appliance's
// stream of events, and where none can be had it asks every Config.Poll. It outlasts an appliance that is away for
// a while; what cannot become better by waiting (a revoked device, say) is returned at once.
func (p *Phone) Wait(ctx context.Context, seen ...mobile.PendingID) ([]Pending, error) {
	for {
		events, err := p.listen(ctx)
		if err != nil && hopeless(err) {
			return nil, err
		}
		pendings, err := p.until(ctx, events, seen)
		if len(pendings) > 0 || err != nil && hopeless(err) {
			return pendings, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("phone: waiting: %w", ctx.Err())
		}
		// Also after a stream has ended: the appliance bounds the streams of a device, so many that wait on one state
		// would else take them from each other without a pause.
		select {
		case <-ctx.Done():
		case <-time.After(p.config.poll()):
		}
	}
}

// until looks once, and again at every event, until the stream ends. Looking first after the stream has been
// opened is what keeps a login from slipping in between. Without a stream it looks once.
func (p *Phone) until(ctx context.Context, events *stream, seen []mobile.PendingID) ([]Pending, error) {
	if events != nil {
		defer events.close()
	}
	for {
		pendings, err := p.Pendings(ctx)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(pendings, func(one Pending) bool { return !slices.Contains(seen, one.ID) }) {
			return pendings, nil
		}
		if events == nil || !events.next() {
			return nil, nil
		}
	}
}

// hopeless is what waiting does not mend.
func hopeless(err error) bool {
	return isAny(err, UnknownDevice, BadSignature, DeviceCloned, DeviceLocked, DeviceRevoked, DeviceInert, PINLocked, PINErased) ||
		errors.Is(err, ErrCertificate) || errors.Is(err, ErrNotEnrolled) || errors.Is(err, ErrState) || errors.Is(err, ErrReadable)
}

// stream is an open stream of server-sent events.
type stream struct {
	body    io.ReadCloser
	lines   *bufio.Scanner
	watch   *time.Timer // closes a stream that has been silent for too long
	silence time.Duration
	cancel  context.CancelFunc
}

// listen opens the stream. The lock is held until its header is there.
func (p *Phone) listen(ctx context.Context) (*stream, error) {
	release, err := p.config.Storage.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	request, err := p.sign(ctx, http.MethodGet, devicePath+"events", nil)
	if err != nil {
		cancel()
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	header := time.AfterFunc(p.config.timeout(), cancel)
	response, err := p.client.Do(request)
	header.Stop()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("phone: no stream of events: %w", err)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		defer cancel()
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxReply))
		return nil, problemOf(response.StatusCode, body)
	}
	s := &stream{body: response.Body, lines: bufio.NewScanner(response.Body), silence: p.config.silence(), cancel: cancel}
	s.watch = time.AfterFunc(s.silence, cancel)
	return s, nil
}

// next waits for an event; false: the stream is over. What the event says does not matter, since it says no
// more than that there is something to ask for.
func (s *stream) next() bool {
	for s.lines.Scan() {
		s.watch.Reset(s.silence)
		if strings.HasPrefix(s.lines.Text(), "data:") {
			return true
		}
	}
	return false
}

func (s *stream) close() {
	s.watch.Stop()
	s.cancel()
	_ = s.body.Close()
}
