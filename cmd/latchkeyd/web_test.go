package main

import (
	"reflect"
	"testing"

	"github.com/latchkey/latchkey/config"
	"github.com/latchkey/latchkey/core/doorbell"
)

// The configuration's default for web.push.allow and the push services that are known are one list; config may not
// import what rings.
func TestPushServices(t *testing.T) {
	cfg, problems := config.Parse("x", []byte(`web: {url: "https://latchkey.example.org", push: {contact: "mailto:it@example.org"}}`), nil)
	if cfg == nil {
		t.Fatal(problems)
	}
	if !reflect.DeepEqual(cfg.Web.Push.Allow, doorbell.Vendors()) {
		t.Errorf("the configuration has %q, the bell %q", cfg.Web.Push.Allow, doorbell.Vendors())
	}
}
