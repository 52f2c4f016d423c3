package localapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/mobile"
)

// spend makes a device out of an invitation, as far as its first call goes.
func spend(t *testing.T, c *core.Core, url, name string) {
	t.Helper()
	inv, err := mobile.ParseInvitation(url)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := mobile.SignCall(key, mobile.Enrol(inv.ID, []byte(inv.Secret.Reveal()), spki))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"invitation": mobile.Bytes(inv.ID[:]), "secret": mobile.Bytes(inv.Secret.Reveal()),
		"device_key": mobile.Bytes(spki), "name": name, "proof": mobile.Bytes(proof)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Enrol(t.Context(), core.EnrolCall{Request: "r", Body: body, Remote: "192.0.2.9"}); err != nil {
		t.Fatal(err)
	}
}

func TestDevicesOfAUser(t *testing.T) {
	domain := realCore(t)
	d := start(t, domain, nil)
	c, ctx := d.client, t.Context()
	if _, err := c.AddUser(ctx, core.NewUser{Name: "lutz"}); err != nil {
		t.Fatal(err)
	}
	if devices, err := c.Devices(ctx, "lutz"); err != nil || devices == nil || len(devices) != 0 {
		t.Errorf("none yet: %v, %v", devices, err)
	}
	invitation, err := c.InviteDevice(ctx, "LUTZ", true)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(invitation.URL.Reveal(), "https://latchkey.example.org:8443/app/#i=") || !invitation.Trusted || time.Until(invitation.Expires) < 23*time.Hour {
		t.Errorf("invitation: expires %v, trusted %v", invitation.Expires, invitation.Trusted)
	}
	if log := d.log.String(); strings.Contains(log, "#i=") || strings.Contains(log, invitation.URL.Reveal()[len(invitation.URL.Reveal())-16:]) {
		t.Errorf("the log holds the invitation:\n%s", log)
	}
	spend(t, domain, invitation.URL.Reveal(), "old phone")
	devices, err := c.Devices(ctx, "lutz")
	if err != nil || len(devices) != 1 || devices[0].Name != "old phone" || devices[0].State != "inert" || len(devices[0].ID) != 24 {
		t.Fatalf("devices: %+v, %v", devices, err)
	}
	for what, step := range map[string]struct {
		do     func() error
		status int
		text   string
	}{
		"confirm": {func() error { _, err := c.ConfirmDevice(ctx, "lutz", "BCDF-GHJK"); return err }, http.StatusUnprocessableEntity, "no new device of lutz shows this code"},
		"unlock":  {func() error { return c.UnlockDevice(ctx, "lutz", "no phone") }, http.StatusUnprocessableEntity, "has no device no phone"},
		"revoke":  {func() error { return c.RevokeDevice(ctx, "nobody", "old phone") }, http.StatusNotFound, "no user nobody"},
		"list":    {func() error { _, err := c.Devices(ctx, "nobody"); return err }, http.StatusNotFound, "no user nobody"},
		"invite":  {func() error { _, err := c.InviteDevice(ctx, "nobody", false); return err }, http.StatusNotFound, "no user nobody"},
	} {
		var refused *Error
		if err := step.do(); !errors.As(err, &refused) || refused.Status != step.status || !strings.Contains(refused.Text, step.text) || refused.Hint == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.UnlockDevice(ctx, "lutz", "old phone"); err != nil {
		t.Error(err)
	}
	if err := c.RevokeDevice(ctx, "lutz", devices[0].ID); err != nil {
		t.Error(err)
	}
	if devices, err := c.Devices(ctx, "lutz"); err != nil || len(devices) != 0 {
		t.Errorf("revoked, and still: %v, %v", devices, err)
	}
	var events []string
	err = c.Audit(ctx, core.AuditFilter{User: "lutz"}, false, func(r core.AuditEntry) bool { events = append(events, r.Event); return true })
	if got := strings.Join(events, " "); err != nil || got != "user.add device.invite device.enrol device.unlock device.revoke" {
		t.Errorf("audit: %s, %v", got, err)
	}
	for target, body := range map[string]string{
		"/v1/device/invite":  `{"name":"lutz","trusted":"yes"}`,
		"/v1/device/confirm": `{"name":"lutz","kode":"x"}`,
		"/v1/device/revoke":  `{"name":"lutz","device":1}`,
	} {
		if status, reply := raw(t, d, "POST", target, body); status != http.StatusBadRequest {
			t.Errorf("%s %s: %d %s", target, body, status, reply)
		}
	}
}
