package config

import "go.yaml.in/yaml/v3"

// gap is a part of the file's format that this version refuses, since to take it and do
// nothing would be a lie. To lift one, remove its line here and read the key in shape.go.
type gap struct {
	key  string // of the place: * stands for any name, [] for any item
	when func(*yaml.Node) bool
	what string
	hint string
}

var gaps = []gap{
	{"web.serve[]", text("services"), "the service API", "[app]"},
	{"policies.*.first", elsewhere, "a password that LDAP or RADIUS checks", "password, pam, or none where the gateway has checked it"},
}

// notYet finds the gap that a value falls into.
func notYet(pattern string, n *yaml.Node) (gap, bool) {
	for _, g := range gaps {
		if g.key == pattern && g.when(n) {
			return g, true
		}
	}
	return gap{}, false
}

func always(*yaml.Node) bool { return true }

func text(value string) func(*yaml.Node) bool {
	return func(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Value == value }
}

// elsewhere is a first factor that another server checks: {ldap: NAME}, {radius: NAME};
// also without the name, as one writes who has not read on.
func elsewhere(n *yaml.Node) bool {
	if n.Kind == yaml.MappingNode {
		return len(n.Content) == 2 && (n.Content[0].Value == "ldap" || n.Content[0].Value == "radius")
	}
	return text("ldap")(n) || text("radius")(n)
}
