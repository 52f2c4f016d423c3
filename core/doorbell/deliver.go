package doorbell

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// firstPause is the wait before the second try; it doubles with each, and a push service may ask for more.
const firstPause = time.Second

// topic names the message among those that the push service keeps for a phone: a later ring takes the place of one that
// was not fetched yet (RFC 8030 section 5.4).
const topic = "latchkey"

// verdict is what came of one try.
type verdict struct {
	fate  fate
	after time.Duration // what the push service asks us to wait
	why   string        // for the log: never more of the endpoint than its host
}

type fate int

const (
	rung  fate = iota
	ended      // the subscription is no more
	again      // a later try may succeed
	refused
	late // nobody was asked: the ring is of no use any more
)

// deliver rings one phone, trying again as long as the ring is of use.
func (b *Bell) deliver(s subscription, gone func()) {
	log := b.log.With("host", s.host)
	if s.expired(b.now()) {
		log.Info("a push subscription has expired")
		gone()
		return
	}
	message, err := encrypt(&s)
	if err != nil {
		log.Error("a ring was not encrypted", "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, b.limits.Life)
	defer cancel()
	for try, pause := 1, firstPause; ; try, pause = try+1, 2*pause {
		v := b.inLane(ctx, &s, message)
		switch v.fate {
		case rung:
			log.Debug("a phone was rung", "tries", try)
			return
		case ended:
			log.Info("a push subscription has ended", "reason", v.why)
			gone()
			return
		case refused:
			log.Warn("a push service refuses to ring", "reason", v.why)
			return
		case late:
			log.Warn("a phone was not rung", "reason", v.why, "tries", try-1)
			return
		}
		wait := max(pause, v.after)
		deadline, _ := ctx.Deadline()
		if try >= b.limits.Attempts || wait >= time.Until(deadline) {
			log.Warn("a phone was not rung", "reason", v.why, "tries", try)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// inLane tries once, when there is a place among those that the service may take up at once.
func (b *Bell) inLane(ctx context.Context, s *subscription, message []byte) verdict {
	// Asked for alone, too: a select may take the free place of a ring that is past its time.
	if ctx.Err() == nil {
		select {
		case s.service.lanes <- struct{}{}:
			defer func() { <-s.service.lanes }()
			return b.try(ctx, s, message)
		case <-ctx.Done():
		}
	}
	if b.ctx.Err() != nil {
		return verdict{fate: late, why: "the appliance is going down"}
	}
	return verdict{fate: late, why: "too many stood before it"}
}

// try posts the message once (RFC 8030 section 5).
func (b *Bell) try(ctx context.Context, s *subscription, message []byte) verdict {
	authorization, err := b.vapid.header(s.origin)
	if err != nil {
		return verdict{fate: refused, why: "the request could not be signed"}
	}
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, b.limits.Try)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, bytes.NewReader(message))
	if err != nil {
		return verdict{fate: refused, why: "the endpoint makes no request"}
	}
	// What the phone cannot be told while the ring is of use, it need not be told.
	ttl := int((time.Until(deadline) + time.Second - 1) / time.Second)
	r.Header.Set("TTL", strconv.Itoa(max(ttl, 0)))
	r.Header.Set("Urgency", "high")
	r.Header.Set("Topic", topic)
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("Content-Encoding", "aes128gcm")
	r.Header.Set("User-Agent", "Latchkey")

	answer, err := b.client.Do(r)
	if err != nil {
		if errors.Is(err, errNotPublic) {
			return verdict{fate: refused, why: cause(err)}
		}
		return verdict{fate: again, why: cause(err)}
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 4096) // so that the connection can be used again; more is not read
	return b.judge(answer)
}

// judge reads the status. Its text is ours: the server's may repeat the endpoint.
func (b *Bell) judge(answer *http.Response) verdict {
	v := verdict{fate: refused, why: "status " + strconv.Itoa(answer.StatusCode)}
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		v.fate = rung
	case code == http.StatusNotFound || code == http.StatusGone:
		v.fate = ended
	case code == http.StatusTooManyRequests || code >= 500:
		v.fate = again
		v.after = b.retryAfter(answer.Header.Get("Retry-After"))
	case code >= 300 && code < 400:
		v.why += ", a redirect, which is not followed"
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		v.why += ": it does not take the appliance's signature (is the clock right? has the keyset changed since the phone subscribed?)"
	}
	return v
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3).
func (b *Bell) retryAfter(value string) time.Duration {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return at.Sub(b.now())
	}
	return 0
}

// cause puts an error of the client in words of ours: its own text holds the endpoint.
func cause(err error) string {
	var (
		name    *net.DNSError
		trust   *tls.CertificateVerificationError
		errno   syscall.Errno
		timeout net.Error
	)
	switch {
	case errors.Is(err, errNotPublic):
		return "its name leads to an address that is not public"
	case errors.As(err, &name):
		return "its name does not resolve"
	case errors.As(err, &trust):
		return "its certificate is not trusted"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, context.Canceled):
		return "the appliance is going down"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time"
	}
	return "the connection failed"
}
