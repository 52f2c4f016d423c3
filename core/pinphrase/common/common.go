// Package common has the lists of common answers that come with the product: names of towns, cars,
// pets and so on, in German and English. lists/NOTICE.md says where they come from. It must never
// know a user, or which answers there are.
package common

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/latchkey/latchkey/core/pinphrase"
)

//go:embed lists/*.txt
var files embed.FS

// lists are parsed when they are first asked for, each once in the life of the process.
var lists = func() map[string]func() []pinphrase.List {
	all := map[string]func() []pinphrase.List{}
	for name, parts := range named() {
		all[name] = sync.OnceValue(func() []pinphrase.List { return parse(parts) })
	}
	return all
}()

// named gives the files of each list.
func named() map[string][]string {
	entries, err := files.ReadDir("lists")
	if err != nil || len(entries) == 0 {
		panic("common: no lists were compiled in")
	}
	all := map[string][]string{}
	for _, entry := range entries {
		name, _, _ := strings.Cut(entry.Name(), ".")
		all[name] = append(all[name], entry.Name())
	}
	return all
}

func parse(parts []string) (all []pinphrase.List) {
	for _, file := range parts {
		content, err := files.ReadFile("lists/" + file)
		if err != nil {
			panic(err) // what was compiled in can be read
		}
		list, err := pinphrase.ParseList(strings.TrimSuffix(file, ".txt"), string(content))
		if err != nil {
			panic(fmt.Sprintf("common: %s: %v", file, err)) // a test reads them all
		}
		all = append(all, list)
	}
	return all
}

// Names gives the names of the lists, sorted: "towns" stands for all towns.LANGUAGE.
func Names() []string { return slices.Sorted(maps.Keys(lists)) }

// Lists gives the lists of a name, one for each language. They are shared: change nothing.
func Lists(name string) []pinphrase.List {
	if list, ok := lists[name]; ok {
		return list()
	}
	return nil
}
