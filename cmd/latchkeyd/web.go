package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/latchkey/latchkey/config"
	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/doorbell"
	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/pamcheck"
	"github.com/latchkey/latchkey/localapi"
	"github.com/latchkey/latchkey/web"
	"github.com/latchkey/latchkey/web/appfiles"
)

// authorityDir is where the local authority is kept, in the state's directory: the daemon may write there, and
// the directory is its own. A backup does not hold it: an appliance that was moved gets another one, and whoever
// pinned the first enrols again, unless the directory was carried over by hand.
const authorityDir = "authority"

// certificates are those of the files, or of a local authority, which is made at the first start.
func (a *appliance) loadCertificates(cfg *config.Config) (*web.Certificates, error) {
	if cfg.Web.CertificateFile != "" {
		return web.FromFiles(web.Files{Certificate: cfg.Web.CertificateFile, Key: cfg.Web.KeyFile, URL: cfg.Web.URL, Log: a.log})
	}
	return web.LocalAuthority(web.Authority{Dir: filepath.Join(cfg.StateDir, authorityDir), URL: cfg.Web.URL, Log: a.log})
}

// openWeb opens the HTTPS door, where there is to be one.
func (a *appliance) openWeb(cfg *config.Config) (err error) {
	if len(cfg.Web.Listen) == 0 {
		return nil
	}
	if a.certificates, err = a.loadCertificates(cfg); err != nil {
		return err
	}
	if !appfiles.Built() {
		a.log.Warn("this latchkeyd was built without the app for phones", "hint", "make build, with Node.js, puts it in")
	}
	a.web, err = web.New(web.Config{
		Listen: addressList(cfg.Web.Listen), URL: cfg.Web.URL, Certificates: a.certificates, Brand: brand(cfg), Apps: web.Apps(cfg.Web.Apps), App: appfiles.FS(), Log: a.log,
		Phones: func() core.Phones { return a.core.Load() }, Hosts: func() core.Hosts { return a.core.Load() },
		SelfService: func() core.SelfService {
			if !a.cfg.Load().Web.SelfService {
				return nil
			}
			return a.core.Load()
		},
	})
	return err
}

func brand(cfg *config.Config) web.Brand { return web.Brand(cfg.Web.Brand) }

// letterHead is how letters look: as the app does.
func (a *appliance) letterHead() localapi.LetterHead {
	cfg := a.cfg.Load()
	b := cfg.Web.Brand
	if b.Name == "" {
		b.Name = cfg.Settings.Device.Appliance
	}
	return localapi.LetterHead{Name: b.Name, Colour: b.Colour, Logo: b.Logo}
}

// openBell makes what rings phones, where the push services have somebody to write to.
func (a *appliance) openBell(cfg *config.Config, keyset *keys.Keyset) (err error) {
	push := cfg.Web.Push
	if push.Contact == "" {
		return nil
	}
	vapid, err := doorbell.FromSeed(keyset.Derive("vapid"))
	if err != nil {
		return err
	}
	a.bell, err = doorbell.New(doorbell.Config{Keys: vapid, Contact: push.Contact, Allow: push.Allow, Networks: push.Networks, Log: a.log})
	return err
}

// settings are those of a configuration, with the pin of the certificate that is in force, and who asks PAM.
func (a *appliance) settings(cfg *config.Config) core.Settings {
	s := cfg.Settings
	if a.certificates != nil {
		s.Device.Pin = a.certificates.Pin()
	}
	s.PAM = pamcheck.New(pamcheck.Config{Socket: cfg.PAM.Socket, Service: cfg.PAM.Service, Timeout: cfg.PAM.Timeout})
	return s
}

// followCertificate looks at the certificate files, and lets invitations name what they hold now.
func (a *appliance) followCertificate() {
	if a.certificates == nil {
		return
	}
	a.taking.Lock()
	defer a.taking.Unlock()
	if err := a.certificates.Reload(); err != nil {
		a.log.Error("web certificate", "error", err)
	}
	if a.certificates.Pin() != a.pinned {
		a.log.Warn("the web certificate has another authority: clients that pinned the old one, by their invitation, must enrol again; browsers need not")
		if err := a.take(a.cfg.Load()); err != nil {
			a.log.Error("the new certificate is not named in invitations", "error", err)
		}
	}
}

// checkOrigin refuses a web.url under which enrolled phones could not be used.
func (a *appliance) checkOrigin(ctx context.Context, c *core.Core, force bool) error {
	orphaned, err := c.CheckOrigin(ctx, force)
	var changed *core.OriginChanged
	if errors.As(err, &changed) {
		return fmt.Errorf("web.url: %w: put the old one back, or start latchkeyd once with --force-url, and enrol them again", err)
	}
	if orphaned > 0 {
		a.log.Warn("web.url was changed by force", "phones_to_enrol_again", orphaned)
	}
	return err
}
