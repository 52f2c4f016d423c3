package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core/keys"
)

const defaultKeys = "/etc/latchkey/keyset"

func (a *app) initCommand() *cobra.Command {
	var path, owner string
	cmd := &cobra.Command{Use: "init", Short: "Make the keyset that the state is encrypted with", Args: takes(0)}
	cmd.Long = `Makes a new keyset, mode 0600, where there is none; one that exists is never
touched. Without its keyset the state and every backup are of no use: keep a
copy of it in a safe place, apart from the backups.`
	cmd.Example = `  latchkey init --keys /etc/latchkey/keyset --owner latchkey`
	cmd.Flags().StringVar(&path, "keys", defaultKeys, "`PATH` of the keyset, as keys.file in latchkey.yaml says")
	cmd.Flags().StringVar(&owner, "owner", "", "give the keyset to the Unix `USER` that latchkeyd runs as")
	cmd.RunE = a.do(func(context.Context, []string) error {
		created, err := makeKeyset(path, owner)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(map[string]any{"path": path, "created": created})
		}
		if !created {
			a.remark("%s is already there; it is left as it is.", path)
			return nil
		}
		a.remark("%s is made. Keep a copy in a safe place, apart from the backups.", path)
		if owner == "" && os.Geteuid() == 0 {
			a.remark("It belongs to root. If latchkeyd runs as another user: chown latchkey %s", path)
		}
		return nil
	})
	return cmd
}

// makeKeyset writes under a temporary name and links: so the file appears whole, and never in
// place of another.
func makeKeyset(path, owner string) (created bool, err error) {
	if _, err := os.Lstat(path); err == nil {
		return false, nil
	}
	uid, gid, err := ids(owner)
	if err != nil {
		return false, err
	}
	set, err := keys.Generate()
	if err != nil {
		return false, err
	}
	content, err := set.Marshal()
	if err != nil {
		return false, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, unwritable(path, err)
	}
	temporary, err := os.CreateTemp(dir, ".keyset-*") // mode 0600
	if err != nil {
		return false, unwritable(path, err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.WriteString(content.Reveal())
	if err == nil && owner != "" {
		err = temporary.Chown(uid, gid)
	}
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return false, unwritable(path, err)
	}
	if err := os.Link(temporary.Name(), path); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return false, unwritable(path, err)
	}
	return true, syncDir(dir)
}

func ids(owner string) (uid, gid int, err error) {
	if owner == "" {
		return -1, -1, nil
	}
	u, err := user.Lookup(owner)
	if err != nil {
		return 0, 0, refusal{fmt.Sprintf("no user %q on this system", owner), "the package makes it; or: useradd --system " + owner}
	}
	if uid, err = strconv.Atoi(u.Uid); err == nil {
		gid, err = strconv.Atoi(u.Gid)
	}
	return uid, gid, err
}

func unwritable(path string, err error) error {
	return refusal{"cannot write " + path + ": " + err.Error(), "run as root, or give --keys another PATH"}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
