// Package appfiles holds the files of the app as they go into the daemon. `make build` puts the
// built app into the folder dist, which git ignores; where that was not done, one page stands in
// for it and says so, and the Go code builds and tests without Node.
package appfiles

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

//go:embed unbuilt
var unbuilt embed.FS

// FS is the folder that is served at /app/.
func FS() fs.FS {
	if Built() {
		return sub(dist, "dist")
	}
	return sub(unbuilt, "unbuilt")
}

// Built tells whether the app is in it.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

func sub(files embed.FS, name string) fs.FS {
	folder, err := fs.Sub(files, name)
	if err != nil { // the names are constants, and valid
		panic(err)
	}
	return folder
}
