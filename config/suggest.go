package config

import (
	"reflect"
	"strings"
)

// suggest gives the hint for a key that is not known at a place of type t.
func suggest(given string, t reflect.Type) string {
	known := keysOf(t)
	best, distance := "", max(1, min(3, len(given)/3))+1
	for _, k := range known {
		if d := edits(strings.ToLower(given), k); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	if places := placesOf(given, reflect.TypeFor[file](), ""); len(places) > 0 {
		hint := "it stands under " + strings.Join(places[:min(len(places), 3)], ", ")
		if len(places) > 3 {
			hint += ", …"
		}
		return hint
	}
	return "known here: " + strings.Join(known, ", ")
}

func keysOf(t reflect.Type) []string {
	var known []string
	for i := range t.NumField() {
		known = append(known, t.Field(i).Tag.Get("key"))
	}
	return known
}

// placesOf finds the structures of the format that have a key.
func placesOf(key string, t reflect.Type, at string) []string {
	var places []string
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("key")
		if name == key && at != "" {
			places = append(places, at)
		}
		path := strings.TrimPrefix(at+"."+name, ".")
		inner := f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
			if isNamed(inner) {
				inner = inner.Field(1).Type
			}
		}
		if isMapping(inner) {
			places = append(places, placesOf(key, inner, path)...)
		}
	}
	return places
}

// edits is the optimal string alignment distance: insertions, deletions, replacements and
// swaps of neighbours.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
