package main

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/localapi"
)

// version is set by the linker: -X main.version=1.2.3.
var version string

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version of this command", Args: takes(0),
		RunE: a.do(func(context.Context, []string) error {
			if a.json {
				return a.value(map[string]string{"version": buildVersion()})
			}
			return a.print("latchkey " + buildVersion())
		})}
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Show how latchkeyd is", Args: takes(0)}
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, _ []string) error {
		status, err := c.Status(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(status)
		}
		if err := a.card(a.statusCard(status)); err != nil {
			return err
		}
		for _, warning := range status.Warnings {
			a.warn("%s", warning)
		}
		return nil
	})
	return cmd
}

func (a *app) statusCard(s localapi.Status) card {
	var c card
	c.add("Version", s.Version)
	c.add("Ready", word(s.Ready, "yes", "no"))
	c.add("Since", a.when(s.Since))
	c.add("Restored", word(s.Restored, "yes: the state is from a backup or a snapshot", ""))
	c.add("Configuration", s.Config)
	c.add("State", s.StateDir)
	c.add("Listens at", strings.Join(s.Listen, ", "))
	for _, name := range slices.Sorted(maps.Keys(s.Store)) {
		c.add("Store "+strings.ReplaceAll(name, "_", " "), number(s.Store[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(s.RADIUS)) {
		c.add("RADIUS "+strings.ReplaceAll(name, "_", " "), strconv.FormatUint(s.RADIUS[name], 10))
	}
	for _, k := range s.Carriers {
		c.add("Carrier "+k.Name, carrierLine(k))
	}
	return c
}

func carrierLine(k localapi.CarrierStatus) string {
	line := fmt.Sprintf("%s, %s%d taken over, %d failed", k.Kind, prefixed(k.State, ", "), k.Sent, k.Failed)
	if k.LastError != "" {
		line += ", last: " + k.LastError
	}
	return line
}

func prefixed(text, behind string) string {
	if text == "" {
		return ""
	}
	return text + behind
}

// number keeps large JSON numbers from reading as 1e+06.
func number(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
