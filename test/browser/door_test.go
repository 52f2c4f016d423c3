package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// door is the control door of web/app/README.md, in front of a real appliance.
type door struct {
	*appliance.Appliance
	t       *testing.T
	web     string // host:port of HTTPS
	url     string // as browsers have it
	control *httptest.Server
	vpn     *appliance.VPN
	folder  string
	users   map[string]bool
	logins  map[string]*login
	brand   brand
	mute    bool // the gateway can show nothing
	// whom the app may talk to, and whose may talk to us
	appliances, origins []string

	// orders are carried out by the test's own goroutine: only that one may end the test.
	orders chan func()
}

type order struct {
	User    string
	Trusted bool
	Code    string
	Source  string
	Seconds int
	Via     string
	Login   string
	Brand   *brand

	Appliances, Origins *[]string
	Symbols             string
	Challenge           *bool
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var o order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := make(chan any, 1)
	carry := func() {
		defer close(answer)
		answer <- d.carry(r.URL.Path, o)
	}
	select {
	case d.orders <- carry:
	case <-r.Context().Done():
		return
	}
	_ = json.NewEncoder(w).Encode(<-answer) // whoever asked notices
}

func (d *door) carry(what string, o order) any {
	switch what {
	case "/invite":
		return d.invite(o)
	case "/confirm":
		d.Latchkey("", "device", "confirm", o.User, o.Code)
	case "/devices":
		return map[string]any{"devices": d.devices(o.User)}
	case "/unlock":
		for _, one := range d.devices(o.User) {
			d.Latchkey("", "device", "unlock", o.User, one.ID)
		}
	case "/type":
		return map[string]string{"outcome": d.typed(o.User, o.Code)}
	case "/login":
		return d.login(o)
	case "/outcome":
		return map[string]string{"outcome": d.outcome(o.Login)}
	case "/set":
		if o.Brand != nil {
			d.brand = *o.Brand
		}
		if o.Appliances != nil {
			d.appliances = *o.Appliances
		}
		if o.Origins != nil {
			d.origins = *o.Origins
		}
		if o.Challenge != nil {
			d.mute = !*o.Challenge
		}
		if o.Symbols != "" {
			d.Policy = "symbols: " + o.Symbols
		}
		d.configure(usual)
	default:
		d.t.Errorf("the journey wants %s, which the control door does not have", what)
	}
	return struct{}{}
}

func (d *door) invite(o order) any {
	if !d.users[o.User] {
		d.Add(o.User)
		d.users[o.User] = true
	}
	args := []string{"device", "invite", o.User, "--json"}
	if o.Trusted {
		args = append(args, "--trusted")
	}
	var made struct{ URL, Typed string }
	d.parse(&made, args...)
	return map[string]string{"url": made.URL, "code": made.Typed}
}

type device struct {
	ID    string `json:"-"`
	Name  string `json:"name"`
	State string `json:"state"`
}

func (d *door) devices(user string) []device {
	var listed []struct{ ID, Name, State string }
	d.parse(&listed, "device", "list", user, "--json")
	devices := make([]device, len(listed))
	for i, l := range listed {
		devices[i] = device(l)
	}
	return devices
}

// parse runs the command line and reads its JSON.
func (d *door) parse(into any, args ...string) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.Latchkey("", args...)), into); err != nil {
		d.t.Fatalf("latchkey %s: %v", strings.Join(args, " "), err)
	}
}

// configure changes what can be changed while the daemon runs.
func (d *door) configure(approveWithin time.Duration) {
	d.t.Helper()
	gateway := client
	if d.mute {
		gateway += ", challenge: false"
	}
	d.Configure(gateway, d.sections(approveWithin))
	d.Reload()
}

func (d *door) sections(approveWithin time.Duration) string {
	return fmt.Sprintf("web:\n  listen: [%q]\n  url: %s\n  brand: %s\n  app: {appliances: [%s], origins: [%s]}\ndevice: {approve_within: %s}\n",
		d.web, d.url, d.brand.yaml(d.t, d.folder), quoted(d.appliances), quoted(d.origins), approveWithin)
}

func quoted(texts []string) string {
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "%q, ", text)
	}
	return b.String()
}
