package main

import (
	"cmp"
	"context"
	"errors"
	"os"

	"github.com/latchkey/latchkey/config"
	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/hostapi/hostdoor"
	"github.com/latchkey/latchkey/localapi"
)

// hostRules are what calls through PAM are judged by, under one configuration.
func hostRules(cfg *config.Config, c *core.Core) *hostdoor.Rules {
	return &hostdoor.Rules{Logins: c, Policy: cfg.Hosts.Policy, Services: cfg.Hosts.Services, PasswordChecked: cfg.Hosts.PasswordChecked}
}

// openHosts opens the sockets of this machine's own PAM module, where hosts are served, and starts their doors.
func (a *appliance) openHosts(cfg *config.Config, start func(string, func(context.Context) error)) error {
	if cfg.Socket.PAM == "" {
		return nil
	}
	name, err := os.Hostname()
	if err != nil {
		a.log.Warn("this machine has no name", "error", err)
	}
	root, err := localapi.ListenPAM(cfg.Socket.PAM)
	if err != nil {
		return err
	}
	users, err := localapi.ListenPAMUser(cfg.Socket.PAMUser)
	if err != nil {
		return errors.Join(err, root.Close())
	}
	door := localapi.NewHosts(localapi.HostsConfig{
		Name: cmp.Or(name, "localhost"), Rules: func() hostdoor.Rules { return *a.hosts.Load() }, Log: a.log,
	})
	start("PAM socket", func(ctx context.Context) error { return door.ServeRoot(ctx, root) })
	start("PAM socket for users", func(ctx context.Context) error { return door.ServeUsers(ctx, users) })
	return nil
}
