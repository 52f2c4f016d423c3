package architecture

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rule forbids imports to packages. Trees are paths below the module's root; imports outside
// the module are named in full. A tree covers all that is below it.
type rule struct {
	name   string
	binds  []string // trees that the rule binds; none: the whole module
	except []string // trees that it leaves out
	mains  bool     // leaves out package main too
	never  []string // trees that must not be imported
	but    []string // trees that may be, though `never` covers them
	// used says that somebody outside the rule does import what it forbids. A rule about a
	// library that nobody imports any more has rotted, and says so.
	used bool
	why  string
}

// adapters are the leaves below core that do I/O: engines of the store, and deliveries.
var adapters = []string{"core/store/badger", "core/store/memory", "core/store/etcd", "core/doorbell", "core/pamcheck", "core/delivery/*"}

// doors let people and machines in.
var doors = []string{"radiusd", "localapi", "web", "pam_module"}

// open are the parts of doors that anybody may use: clients, and names that a configuration
// file may say. They let nobody in.
var open = []string{"radiusd/radclient", "radiusd/attribute", "web/client"}

// outside is what reaches outside of the process. Not in it: io (only interfaces), net/netip and
// net/url (only values), crypto/rand (which style asks for), log/slog (the logger comes in
// through the constructor), embed (data that is compiled in).
var outside = []string{
	"os", "io/fs", "io/ioutil", "path/filepath", "net", "syscall", "plugin", "log", "database/sql",
	"golang.org/x/sys", "golang.org/x/net", "golang.org/x/term",
}

var pure = []string{"net/netip", "net/url", "net/mail", "log/slog"}

var rules = []rule{
	{
		name: "only the RADIUS door knows the RADIUS library", except: []string{"radiusd", "bench"},
		never: []string{"layeh.com/radius"}, used: true,
		why: "core speaks of attempts and steps; were packets known elsewhere, the second door would have to pretend to be RADIUS, and the library could not be replaced at one place",
	},
	{
		name: "only config knows viper", except: []string{"config"},
		never: []string{"github.com/spf13/viper"}, used: true,
		why: "viper lower-cases keys, splits them at dots and ignores unknown ones; config undoes all that once, and everybody else gets typed structs",
	},
	{
		name: "only the Badger engine knows Badger", except: []string{"core/store/badger"},
		never: []string{"github.com/dgraph-io"}, used: true,
		why: "durability rests on one committer with SyncWrites; a second user of the database could write past it, and etcd could not take its place",
	},
	{
		name: "core knows no door and no configuration file", binds: []string{"core"},
		never: append([]string{"config", "cmd", "bench", "test"}, doors...),
		why:   "dependencies point at core: a new door or another file format must not touch the rules of a login",
	},
	{
		name: "core and its pure children do no I/O", binds: []string{"core"}, except: adapters,
		never: outside, but: pure,
		why: "a login must be decided by its arguments, the store and the clock that were handed in; then every rule can be tested without files, sockets and sleeps",
	},
	{
		name: "adapters are leaves that only mains import", except: []string{"bench", "test"}, mains: true,
		never: adapters, used: true,
		why: "which engine keeps the state is decided once, in main; whoever imports an engine depends on more than the store contract promises",
	},
	{
		name: "config knows no door", binds: []string{"config"}, never: append([]string{"cmd"}, doors...), but: open,
		why: "the file describes doors, main builds them: else `latchkeyd --check` would need everything that serves",
	},
	{
		name: "doors do not read the file themselves", binds: doors, never: []string{"config", "cmd"},
		why: "a door gets a Config struct from main, so that a reload swaps one snapshot for all doors and tests need no YAML",
	},
	{
		name: "the language of hosts knows no door", binds: []string{"hostapi"}, never: append([]string{"config", "cmd", "core/store"}, doors...),
		why: "the local sockets and the HTTPS door serve it, and the PAM helper calls by it: whatever it knew of one of them, the others would have to be",
	},
	{
		name: "no door knows the store", binds: doors, never: []string{"core/store"},
		why: "doors carry; whoever reads or writes state past core goes past its locks, counters and audit",
	},
}

func init() {
	// Every door is forbidden to every other one.
	for i, door := range doors {
		others := slices.Concat(doors[:i], doors[i+1:])
		if door == "pam_module" {
			// The PAM helper is a client of the local socket, whose client stands beside its server.
			others = slices.DeleteFunc(others, func(other string) bool { return other == "localapi" })
		}
		rules = append(rules, rule{
			name: "the door " + door + " imports no other door", binds: []string{door}, never: others, but: open,
			why: "each door must be able to be off, or to run as a process of its own, and a change at one must not reach another's users",
		})
	}
}

// notYet are the trees that rules name before they are built. TestNotYet empties the list.
var notYet = []string{}

func (r rule) bound(p pkg) bool {
	path := p.path()
	return (len(r.binds) == 0 || under(path, r.binds...)) && !under(path, r.except...) && !(r.mains && p.Name == "main")
}

func (r rule) forbids(imported string) bool {
	path := strings.TrimPrefix(imported, module+"/")
	return under(path, r.never...) && !under(path, r.but...)
}

// broken lists what a package imports against the rule.
func (r rule) broken(packages []pkg) (faults []string, bound int) {
	for _, p := range packages {
		if !r.bound(p) {
			continue
		}
		bound++
		for _, imported := range p.Imports {
			// What stands in one adapter or door may use its own parts.
			if r.forbids(imported) && !sameTree(p.path(), imported, r.never) {
				faults = append(faults, fmt.Sprintf("%s imports %s", p.ImportPath, imported))
			}
		}
	}
	return faults, bound
}

func sameTree(path, imported string, trees []string) bool {
	imported = strings.TrimPrefix(imported, module+"/")
	for _, tree := range trees {
		if under(path, tree) && under(imported, tree) {
			return true
		}
	}
	return false
}

func TestImports(t *testing.T) {
	packages := list(t, "./...")
	for _, r := range rules {
		t.Run(strings.ReplaceAll(r.name, " ", "_"), func(t *testing.T) {
			faults, bound := r.broken(packages)
			for _, fault := range faults {
				t.Errorf("%s\n\trule: %s\n\twhy: %s", fault, r.name, r.why)
			}
			if bound == 0 && !(len(r.binds) == 1 && slices.Contains(notYet, r.binds[0])) {
				t.Errorf("the rule %q binds no package: a tree was moved or misspelt", r.name)
			}
			if r.used && !slices.ContainsFunc(packages, func(p pkg) bool { return slices.ContainsFunc(p.Imports, r.forbids) }) {
				t.Errorf("the rule %q forbids %v, which nobody imports: it guards nothing", r.name, r.never)
			}
		})
	}
}

// TestNotYet keeps the list of what is still to be built true.
func TestNotYet(t *testing.T) {
	packages := list(t, "./...")
	for _, tree := range notYet {
		if slices.ContainsFunc(packages, func(p pkg) bool { return under(p.path(), tree) }) {
			t.Errorf("%s is there now: take it from notYet, so that its rules are bound to bind something", tree)
		}
	}
}

// TestRulesBite hands each rule a package that breaks it, and one beside it that does not.
func TestRulesBite(t *testing.T) {
	for _, r := range rules {
		from := "somewhere"
		if len(r.binds) > 0 {
			from = r.binds[0]
		}
		for _, tree := range r.never {
			imported := strings.Replace(tree, "/*", "/some", 1)
			if !strings.Contains(strings.Split(tree, "/")[0], ".") && !under(tree, outside...) {
				imported = module + "/" + imported
			}
			bad := pkg{ImportPath: module + "/" + from, Name: "x", Imports: []string{"fmt", imported}}
			if faults, bound := r.broken([]pkg{bad}); len(faults) != 1 || bound != 1 {
				t.Errorf("%s: %s importing %s gives the faults %q", r.name, from, imported, faults)
			}
		}
		good := pkg{ImportPath: module + "/" + from, Name: "x", Imports: []string{"fmt", "strings", module + "/core"}}
		if faults, _ := r.broken([]pkg{good}); len(faults) != 0 {
			t.Errorf("%s: a good package gives the faults %q", r.name, faults)
		}
	}
}

// TestCgo looks at everything that the binaries link, not only at our own packages.
func TestCgo(t *testing.T) {
	const why = "C in the daemon means a C compiler for every build, no static binary, and memory that Go cannot guard; " +
		"only the PAM helper, a process of its own, needs libpam"
	// The standard library's own use (net, os/user, runtime/cgo) vanishes with CGO_ENABLED=0.
	for _, p := range list(t, "-deps", "./cmd/latchkeyd", "./cmd/latchkey") {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo (%s)\n\twhy not: %s", p.ImportPath, strings.Join(p.CgoFiles, ", "), why)
		}
	}
	for _, p := range list(t, "./...") {
		if len(p.CgoFiles) > 0 && !under(p.path(), "pam_module") {
			t.Errorf("%s imports \"C\" (%s)\n\twhy not: %s", p.ImportPath, strings.Join(p.CgoFiles, ", "), why)
		}
	}
}

// TestHelperIsLight: a login starts the helper of the PAM module anew, and each package that it links costs its start.
func TestHelperIsLight(t *testing.T) {
	for _, main := range []string{"./pam_module/latchkey-pam", "./pam_module/pamcheck"} {
		for _, p := range list(t, main) {
			for _, dep := range p.Deps {
				if dep == module+"/core" || under(dep, "github.com/tink-crypto", "google.golang.org/protobuf", "github.com/spf13", "github.com/dgraph-io", module+"/core/pinphrase") {
					t.Errorf("%s links %s\n\twhy not: it takes as long as all else in its start together; say what both need in a small package", p.ImportPath, dep)
				}
			}
		}
	}
}

// TestCoreLinksNothingOfADoor looks through the libraries of core too.
func TestCoreLinksNothingOfADoor(t *testing.T) {
	for _, p := range list(t, "./core") {
		for _, dep := range p.Deps {
			if under(dep, "layeh.com/radius", "github.com/spf13/viper", "github.com/spf13/cobra", "github.com/dgraph-io", "net/http") {
				t.Errorf("core links %s\n\twhy not: core is the vocabulary of all doors and must be able to go into any process, a small one too", dep)
			}
		}
	}
}
