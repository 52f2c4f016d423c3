package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

const withCarriers = minimal + `
carriers:
  sms: {smpp: {address: "smsc.example.net:3550", system_id: latchkey, password: "geheim", source: Latchkey}}
  Web.SMS:
    http:
      url: https://sms.example.net/send
      headers: {Content-Type: application/xml, X-ID: "{id}"}
      body: |
        <?xml version="1.0"?>
        <sms to="{to}">{text}</sms>
      success: {answer: OK}
  own: {kannel: {url: "http://[::1]:13013/cgi-bin/sendsms", user: u, password_file: /etc/latchkey/kannel.secret, from: "2000"}}
  mail: {mail: {server: "localhost:25", tls: none, from: "Latchkey <latchkey@example.org>"}}
`

func TestCarriers(t *testing.T) {
	c := load(t, withCarriers)
	if len(c.Carriers) != 4 {
		t.Fatalf("%+v", c.Carriers)
	}
	want := SMPP{
		Address: "smsc.example.net:3550", TLS: true, SystemID: "latchkey", Password: c.Carriers[0].SMPP.Password, Source: "Latchkey",
		SourceTON: -1, SourceNPI: -1, DestTON: 1, DestNPI: 1, Receipts: true, Window: 10, MaxParts: 3, Enquire: 30 * time.Second, Timeout: 10 * time.Second,
	}
	if got := *c.Carriers[0].SMPP; !reflect.DeepEqual(got, want) || got.Password.Reveal() != "geheim" {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	web := c.Carriers[1]
	if web.Name != "Web.SMS" || web.HTTP.Number != "plus" || web.HTTP.Timeout != 15*time.Second || web.HTTP.Headers["X-ID"] != "{id}" ||
		!strings.HasPrefix(web.HTTP.Body, "<?xml version=\"1.0\"?>\n<sms to=") || web.HTTP.Answer != "OK" || web.HTTP.Auth != "none" {
		t.Errorf("%+v", web.HTTP)
	}
	if k := c.Carriers[2].Kannel; k.Password.Reveal() != canary || k.Number != "plus" {
		t.Errorf("%+v", k)
	}
	if m := c.Carriers[3]; m.Mail.TLS != "none" || m.Address() != core.AddressMail || web.Address() != core.AddressPhone {
		t.Errorf("%+v", m.Mail)
	}
}

// What a reload compares: the same file gives the same carriers, another secret others.
func TestCarriersCompare(t *testing.T) {
	a, b := load(t, withCarriers), load(t, withCarriers)
	if !reflect.DeepEqual(a.Carriers, b.Carriers) {
		t.Error("the same file gives different carriers")
	}
	if other := load(t, strings.Replace(withCarriers, "geheim", "gehein", 1)); reflect.DeepEqual(a.Carriers, other.Carriers) {
		t.Error("another password gives the same carriers")
	}
}
