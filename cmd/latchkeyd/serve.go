package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/latchkey/latchkey/config"
	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/doorbell"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/store/badger"
	"github.com/latchkey/latchkey/hostapi/hostdoor"
	"github.com/latchkey/latchkey/localapi"
	"github.com/latchkey/latchkey/radiusd"
	"github.com/latchkey/latchkey/web"
)

// appliance is the running daemon.
type appliance struct {
	path  string
	log   *slog.Logger
	since time.Time
	store *badger.Store
	fatal chan error
	ready atomic.Bool

	cfg  atomic.Pointer[config.Config]
	core atomic.Pointer[core.Core]

	// taking serialises what changes cfg and core.
	taking sync.Mutex
	pinned mobile.Pin // that invitations name

	radius       *radiusd.Server // nil: the door is shut
	web          *web.Server     // nil: the door is shut
	certificates *web.Certificates
	bell         *doorbell.Bell // nil: phones are not rung
	carriers     *carriers
	admin        *localapi.Server

	// hosts is what the doors for PAM judge by: core and policies of one configuration.
	hosts atomic.Pointer[hostdoor.Rules]
}

// serve opens the state, then the doors, and serves until ctx ends or a door breaks.
func serve(ctx context.Context, path string, cfg *config.Config, forceURL bool, log *slog.Logger) error {
	a := &appliance{path: path, log: log, since: time.Now(), fatal: make(chan error, 1), carriers: newCarriers(log)}
	a.carriers.ring = func(ctx context.Context, m core.Message) error { return a.core.Load().SendToPhones(ctx, m) }
	if err := a.openState(ctx, cfg, forceURL); err != nil {
		return err
	}
	defer a.close()
	if err := a.openDoors(cfg); err != nil {
		return err
	}
	socket, err := localapi.Listen(cfg.Socket.Admin, cfg.Socket.Roles)
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	running := 0
	ended := make(chan error)
	start := func(what string, run func(context.Context) error) {
		running++
		go func() {
			err := run(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", what, err)
			}
			ended <- err
		}()
	}
	if err := a.openHosts(cfg, start); err != nil {
		return err
	}
	start("admin socket", func(ctx context.Context) error { return a.admin.Serve(ctx, socket) })
	if a.radius != nil {
		start("radius", a.radius.Serve)
	}
	if a.web != nil {
		start("web", a.web.Serve)
	}
	start("waiting logins", func(ctx context.Context) error { return a.core.Load().Run(ctx) })
	start("upkeep", a.upkeep)
	start("reload", a.reloads)

	a.ready.Store(true)
	log.Info("ready", "version", version, "pid", os.Getpid(), "listen", a.addresses(), "admin", cfg.Socket.Admin)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)

	var first error
	for running > 0 {
		select {
		case err := <-ended:
			running--
			if err != nil && first == nil {
				first = err
			}
			stop(err)
		case err := <-a.fatal:
			// Nothing may be promised any more: no reply, no orderly end.
			return fmt.Errorf("the state cannot be written durably: %w", err)
		}
		a.ready.Store(false)
	}
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	if first == nil {
		log.Info("stopped")
	}
	return first
}

// openState opens keyset, store and core.
func (a *appliance) openState(ctx context.Context, cfg *config.Config, forceURL bool) error {
	keyset, err := loadKeyset(cfg.KeysFile, cfg.StateDir, a.log)
	if err != nil {
		return err
	}
	a.store, err = badger.Open(badger.Config{
		Dir: cfg.StateDir, EncryptionKey: keyset.Derive("badger"), Link: core.AuditLink(keyset), Logger: a.log,
		Fatal: func(err error) {
			select {
			case a.fatal <- err:
			default:
			}
		},
	})
	if err != nil {
		return err
	}
	parts := core.Config{
		Store: a.store, Keys: keyset, Settings: cfg.Settings, Log: a.log,
		Passwords: password.NewPool(password.PoolConfig{Workers: max(1, runtime.NumCPU()-1)}),
	}
	parts.Turns = password.NewTurns(password.TurnsConfig{Workers: cfg.PAM.AtOnce})
	if err = a.openBell(cfg, keyset); err == nil && a.bell != nil {
		parts.Doorbell = a.bell
	}
	if err == nil {
		parts.Carriers, err = a.carriers.take(cfg.Carriers)
	}
	var c *core.Core
	if err == nil {
		c, err = core.Open(ctx, parts)
	}
	if err == nil {
		err = c.SweepImports(ctx)
	}
	if err == nil {
		err = a.checkWitness(ctx, c, cfg)
	}
	if err == nil {
		err = a.checkOrigin(ctx, c, forceURL)
	}
	if err != nil {
		return errors.Join(err, a.store.Close())
	}
	a.core.Store(c)
	a.cfg.Store(cfg)
	return nil
}

func (a *appliance) close() {
	if a.bell != nil {
		a.bell.Close()
	}
	a.carriers.close()
	if err := a.store.Close(); err != nil {
		a.log.Error("closing the state", "error", err)
	}
}

// openDoors opens the sockets, so that mistakes show before readiness is told.
func (a *appliance) openDoors(cfg *config.Config) (err error) {
	a.admin, err = localapi.NewServer(localapi.Config{
		Admin: func() localapi.Admin { return a.core.Load() }, Status: a.status, Head: a.letterHead, Carriers: a, Roles: cfg.Socket.Roles, Log: a.log,
	})
	if err != nil {
		return err
	}
	if err := a.openWeb(cfg); err != nil {
		return err
	}
	a.core.Store(a.core.Load().With(a.settings(cfg)))
	a.hosts.Store(hostRules(cfg, a.core.Load()))
	a.pinned = a.settings(cfg).Device.Pin
	if len(cfg.RADIUS.Listen) == 0 {
		return nil
	}
	a.radius, err = radiusd.New(radiusd.Config{Listen: addressList(cfg.RADIUS.Listen), Log: a.log}, a.snapshot(cfg, a.core.Load()))
	return err
}

// reloads reads the configuration again at each SIGHUP.
func (a *appliance) reloads(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			_, _ = daemon.SdNotify(false, fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonic()))
			a.reload()
			_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
		}
	}
}

// reload takes a good configuration as a whole, or keeps the old one. Logins in flight end
// under the one that they began with.
func (a *appliance) reload() {
	next, problems := config.Load(a.path)
	for _, p := range problems {
		a.log.Warn("configuration", "problem", p.String())
	}
	if next == nil {
		a.log.Error("the configuration has errors; the old one stays", "file", a.path)
		return
	}
	old := a.cfg.Load()
	for key, changed := range map[string]bool{
		"state_dir": old.StateDir != next.StateDir, "keys.file": old.KeysFile != next.KeysFile, "socket": old.Socket.Admin != next.Socket.Admin,
		"hosts": (old.Hosts.Policy == "") != (next.Hosts.Policy == ""), "socket.pam": old.Socket.PAM != next.Socket.PAM, "socket.pam_user": old.Socket.PAMUser != next.Socket.PAMUser,
		"radius.listen": (len(old.RADIUS.Listen) == 0) != (len(next.RADIUS.Listen) == 0),
		"web":           (len(old.Web.Listen) == 0) != (len(next.Web.Listen) == 0), "web.url": old.Web.URL != next.Web.URL,
		"web.push": !reflect.DeepEqual(old.Web.Push, next.Web.Push), "web.certificate_file": old.Web.CertificateFile != next.Web.CertificateFile, "web.key_file": old.Web.KeyFile != next.Web.KeyFile,
		"pam.at_once": old.PAM.AtOnce != next.PAM.AtOnce,
	} {
		if changed {
			a.log.Error("this change needs a restart; the old configuration stays", "key", key)
			return
		}
	}
	a.taking.Lock()
	defer a.taking.Unlock()
	if a.certificates != nil {
		if err := a.certificates.Reload(); err != nil {
			a.log.Error("web certificate", "error", err)
		}
	}
	if err := a.take(next); err != nil {
		a.log.Error("the old configuration stays", "error", errors.Join(err, a.take(old)))
		return
	}
	a.log.Info("reloaded", "file", a.path, "listen", a.addresses())
}

// take lets all doors serve by a configuration, under taking. After an error the old one is to be taken again.
func (a *appliance) take(cfg *config.Config) error {
	settings := a.settings(cfg)
	c := a.core.Load().With(settings)
	carriers, err := a.carriers.take(cfg.Carriers)
	if err != nil {
		return err
	}
	c.SetCarriers(carriers)
	if a.web != nil {
		if err := errors.Join(a.web.Listen(addressList(cfg.Web.Listen)), a.web.SetBrand(brand(cfg)), a.web.SetApps(web.Apps(cfg.Web.Apps))); err != nil {
			return err
		}
	}
	if a.radius != nil {
		if err := a.radius.Listen(addressList(cfg.RADIUS.Listen)); err != nil {
			return err
		}
		if err := a.radius.Reload(a.snapshot(cfg, c)); err != nil {
			return err
		}
	}
	a.core.Store(c)
	a.hosts.Store(hostRules(cfg, c))
	a.cfg.Store(cfg)
	a.pinned = settings.Device.Pin
	return nil
}
