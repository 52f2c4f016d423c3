package config

import (
	"fmt"
	"reflect"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// decode lays what the file gives over the defaults and fills the shape. Four habits of viper
// are turned off or kept out: keys are split at a byte that no key holds, instead of at dots;
// names that the sysadmin chooses are values here, not keys, so that they keep their case;
// nothing is read from the environment; and what does not fit is an error, never converted.
func decode(given map[string]any) (file, error) {
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00"))
	for key, value := range defaults(reflect.TypeFor[file]()) {
		v.SetDefault(key, value)
	}
	if err := v.MergeConfigMap(given); err != nil {
		return file{}, err
	}
	var f file
	err := v.UnmarshalExact(&f, func(c *mapstructure.DecoderConfig) {
		c.TagName = "key"
		c.WeaklyTypedInput = false
		c.DecodeHook = nil
	})
	return f, err
}

// defaults gives those of a structure and of the structures in it. Items of lists have their
// own, see withDefaults.
func defaults(t reflect.Type) map[string]any {
	out := map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("key")
		if isMapping(f.Type) {
			if inner := defaults(f.Type); len(inner) > 0 {
				out[name] = inner
			}
		} else if written, ok := f.Tag.Lookup("default"); ok {
			out[name] = parseDefault(written, f.Type)
		}
	}
	return out
}

// withDefaults completes an item of a list, since viper has no defaults inside of lists.
func withDefaults(v any, t reflect.Type) any {
	if !isMapping(t) {
		return v
	}
	out := defaults(t)
	if given, ok := v.(map[string]any); ok {
		for i := range t.NumField() {
			key := t.Field(i).Tag.Get("key")
			if value, ok := given[key]; ok {
				out[key] = withDefaults(value, t.Field(i).Type)
			}
		}
	}
	return out
}

// parseDefault reads a tag in the way in which the file is read. A tag that does not fit its
// field is a mistake in this package, and the first test run shows it.
func parseDefault(written string, t reflect.Type) any {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(written), &document); err != nil {
		panic(fmt.Sprintf("config: default %s: %v", written, err))
	}
	w := walker{newReport("default")}
	v, ok := w.value(document.Content[0], t, place{})
	if !ok {
		panic(fmt.Sprintf("config: default %s: %v", written, w.list))
	}
	return v
}
