package phone

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

const (
	devicePath    = "/api/v1/device/"
	enrolmentPath = "/api/v1/enrolments"
	maxReply      = 256 << 10
	attempts      = 3 // of one call whose reply is lost
	pause         = 100 * time.Millisecond
	busyPause     = time.Second
)

// call is one signed call of the device. The counter is durable before anything leaves, and the lock is held until
// the reply is there: a call that overtook another would look like a copied profile.
func (p *Phone) call(ctx context.Context, op string, in, out any) error {
	release, err := p.config.Storage.Lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	return p.held(ctx, op, in, out)
}

// held is call for whoever has the lock.
func (p *Phone) held(ctx context.Context, op string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("phone: %s: %w", op, err)
	}
	request, err := p.sign(ctx, http.MethodPost, devicePath+op, body)
	if err != nil {
		return err
	}
	return p.exchange(request, body, out)
}

// sign takes the next counter and makes the request; the lock is held.
func (p *Phone) sign(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	s, err := read(p.config.Storage)
	if err != nil {
		return nil, err
	}
	if !s.enrolled() {
		return nil, ErrNotEnrolled
	}
	key, err := s.deviceKey()
	if err != nil {
		return nil, err
	}
	s.Counter++
	if err := write(p.config.Storage, s); err != nil {
		return nil, err
	}
	signature, err := mobile.SignCall(key, mobile.Call(s.Device, s.Counter, method, path, body))
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Origin+path, nil)
	if err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	request.Header.Set("Latchkey-Device", s.Device.String())
	request.Header.Set("Latchkey-Counter", strconv.FormatUint(s.Counter, 10))
	request.Header.Set("Latchkey-Signature", base64.RawURLEncoding.EncodeToString(signature))
	return request, nil
}

// exchange sends a call, and the very same one again while its reply is lost or the appliance is busy.
func (p *Phone) exchange(request *http.Request, body []byte, out any) error {
	ctx := request.Context()
	for attempt := 1; ; attempt++ {
		status, reply, err := p.once(request, body)
		if err == nil && status/100 == 2 {
			if err := json.Unmarshal(reply, out); err != nil {
				return fmt.Errorf("%w: malformed", ErrAnswer)
			}
			return nil
		}
		if err == nil {
			err = problemOf(status, reply)
		}
		again := isAny(err, Busy, TooManyCalls) || status == 0 && !errors.Is(err, ErrCertificate)
		if !again || attempt == attempts || ctx.Err() != nil {
			return err
		}
		wait := pause << (attempt - 1)
		if status != 0 {
			wait = busyPause
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// once sends and reads; status 0 if there was no whole reply.
func (p *Phone) once(request *http.Request, body []byte) (status int, reply []byte, err error) {
	ctx, cancel := context.WithTimeout(request.Context(), p.config.timeout())
	defer cancel()
	request = request.Clone(ctx)
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, application/problem+json")
	response, err := p.client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("phone: the appliance does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	reply, err = io.ReadAll(io.LimitReader(response.Body, maxReply+1))
	if err != nil {
		return 0, nil, fmt.Errorf("phone: the answer was cut off: %w", err)
	}
	if len(reply) > maxReply {
		return response.StatusCode, nil, fmt.Errorf("%w: too long", ErrAnswer)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); response.StatusCode/100 == 2 && kind != "application/json" {
		return response.StatusCode, nil, fmt.Errorf("%w: it is %q", ErrAnswer, kind)
	}
	return response.StatusCode, reply, nil
}
