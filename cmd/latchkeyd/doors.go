package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/config"
	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/pamcheck"
	"github.com/latchkey/latchkey/localapi"
	"github.com/latchkey/latchkey/radiusd"
)

func addressList(of []netip.AddrPort) (addresses []string) {
	for _, a := range of {
		addresses = append(addresses, a.String())
	}
	return addresses
}

// snapshot is what the RADIUS door serves by: the clients of a configuration and the core
// under its settings, as one.
func (a *appliance) snapshot(cfg *config.Config, c *core.Core) radiusd.Snapshot {
	s := radiusd.Snapshot{Logins: c}
	for _, k := range cfg.RADIUS.Clients {
		s.Clients = append(s.Clients, radiusd.Client{
			Name: k.Name, Prefix: k.Address, Secrets: k.Secrets, MessageAuthenticator: authenticator(k.MessageAuthenticator),
			LimitProxyState: k.LimitProxyState, Timeout: k.Timeout, Tries: k.Tries, Wait: k.Wait, Hold: k.Hold, ASCII: k.ASCII, Challenge: k.Challenge,
			PasswordChecked: k.PasswordChecked, TrustCallingStation: k.TrustCallingStation, Policy: k.Policy,
		})
	}
	return s
}

// authenticator maps the configuration's word; what is not known is the strict one.
func authenticator(word string) radiusd.MessageAuthenticator {
	switch word {
	case "accept":
		return radiusd.LetOff
	case "omit":
		return radiusd.Omit
	}
	return radiusd.Require
}

func (a *appliance) addresses() []string {
	out := []string{}
	if a.radius != nil {
		for _, addr := range a.radius.Addrs() {
			out = append(out, "udp "+addr.String())
		}
	}
	if a.web != nil {
		for _, addr := range a.web.Addrs() {
			out = append(out, "https "+addr.String())
		}
	}
	if cfg := a.cfg.Load(); cfg.Socket.PAM != "" {
		out = append(out, "unix "+cfg.Socket.PAM, "unix "+cfg.Socket.PAMUser)
	}
	return out
}

// status is what `latchkey status` shows.
func (a *appliance) status(ctx context.Context) localapi.Status {
	cfg := a.cfg.Load()
	s := localapi.Status{
		Version: version, Since: a.since.UTC(), Now: time.Now().UTC(), Ready: a.ready.Load(), Config: a.path, StateDir: cfg.StateDir,
		Listen: a.addresses(), Warnings: []string{},
	}
	st := a.store.Stats()
	s.Store = map[string]any{
		"engine": "badger", "commits": st.Commits, "batches": st.Batches, "conflicts": st.Conflicts, "refused_full": st.Full,
		"bytes": st.Bytes, "disk_bytes": st.LSM + st.ValueLog,
	}
	if seq, _, err := a.store.JournalHead(ctx); err == nil {
		s.Store["audit_records"] = seq
	}
	s.Carriers = a.carriers.status()
	if a.radius != nil {
		s.RADIUS = counters(a.radius.Stats())
	}
	if behind := a.core.Load().ClockBehind(); behind > time.Second {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the host's clock is %s behind the latest time known: locks and expiries go on from there", behind.Round(time.Second)))
	}
	if cfg.PAM.Used {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		if err := pamcheck.New(pamcheck.Config{Socket: cfg.PAM.Socket}).Reachable(ctx); err != nil {
			s.Warnings = append(s.Warnings, fmt.Sprintf("passwords cannot be checked by PAM: %v (systemctl enable --now latchkey-pamcheck.socket)", err))
		}
		cancel()
	}
	if a.certificates != nil {
		if until := a.certificates.NotAfter(); time.Until(until) < 14*24*time.Hour {
			s.Warnings = append(s.Warnings, fmt.Sprintf("the web certificate is valid until %s only: renew web.certificate_file, it is read again by itself", until.UTC().Format(time.RFC3339)))
		}
	}
	return s
}

func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano() / 1000
}

// counters are the RADIUS door's sums under the names that status shows; of the drops those
// that happened.
func counters(st radiusd.Stats) map[string]uint64 {
	m := map[string]uint64{
		"received": st.Received, "first_rounds": st.First, "second_rounds": st.Second,
		"accepts": st.Accepts, "rejects": st.Rejects, "challenges": st.Challenges, "refused": st.Refused,
		"status_server": st.StatusServer, "duplicates_resent": st.Resent, "joined": st.Joined,
	}
	for drop, n := range st.Dropped {
		if n > 0 {
			m["dropped_"+drop.String()] = n
		}
	}
	return m
}
