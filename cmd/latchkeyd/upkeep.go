package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/latchkey/latchkey/config"
	"github.com/latchkey/latchkey/core"
)

// upkeepEvery is how often the clock's mark and the audit head are written.
const upkeepEvery = time.Minute

// upkeep keeps the clock's mark in the state and the head of the audit chain outside it, sweeps the state, and
// looks whether the certificate was renewed.
func (a *appliance) upkeep(ctx context.Context) error {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		a.keep(context.WithoutCancel(ctx))
		select {
		case <-ctx.Done():
			a.keep(context.WithoutCancel(ctx))
			return nil
		case <-tick.C:
		}
	}
}

func (a *appliance) keep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c := a.core.Load()
	if err := c.KeepTime(ctx); err != nil {
		a.log.Warn("the clock's mark was not written", "error", err)
	}
	if err := c.SweepPendings(ctx); err != nil {
		a.log.Warn("logins that ended were not swept", "error", err)
	}
	if err := c.SweepSessions(ctx); err != nil {
		a.log.Warn("sessions that ended were not swept", "error", err)
	}
	if err := c.SweepOutbox(ctx); err != nil {
		a.log.Warn("the outbox was not swept", "error", err)
	}
	a.followCertificate()
	w, err := c.Witness(ctx)
	if err != nil {
		a.log.Warn("the audit head could not be read", "error", err)
		return
	}
	if path := a.cfg.Load().AuditHeadFile; path != "" {
		if err := writeWitness(path, w); err != nil {
			a.log.Warn("the audit head was not written", "error", err)
		}
	}
}

// checkWitness compares the state with the head that was last written outside it. A state
// that knows less than its witness was restored or rolled back: what it says of used
// answers and of codes is not to be believed.
func (a *appliance) checkWitness(ctx context.Context, c *core.Core, cfg *config.Config) error {
	if cfg.AuditHeadFile == "" {
		return nil
	}
	b, err := os.ReadFile(cfg.AuditHeadFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var w core.Witness
	if err == nil {
		err = json.Unmarshal(b, &w)
	}
	if err != nil {
		return fmt.Errorf("audit head %s: %w (move it away to start without it)", cfg.AuditHeadFile, err)
	}
	restored, err := c.CheckWitness(ctx, w)
	if restored {
		a.log.Error("the state is older than its witness: it was restored or rolled back; open challenges, tokens and codes are void",
			"witness", cfg.AuditHeadFile, "records_there", w.Seq)
	}
	return err
}

func writeWitness(path string, w core.Witness) error {
	b, err := json.Marshal(w)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".audit-head-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(append(b, '\n')); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
