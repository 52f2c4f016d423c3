package main

import (
	"slices"
	"testing"
)

// TestNameOfHosts: the PAM module's package has this command as latchkey-host.
func TestNameOfHosts(t *testing.T) {
	for _, c := range []struct{ argv, want []string }{
		{[]string{"latchkey", "host", "list"}, []string{"host", "list"}},
		{[]string{"/usr/bin/latchkey"}, []string{}},
		{[]string{"latchkey-host", "enroll", "-"}, []string{"host", "enroll", "-"}},
		{[]string{"/usr/sbin/latchkey-host"}, []string{"host"}},
		{nil, nil},
	} {
		if got := arguments(c.argv); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.argv, got, c.want)
		}
	}
}
