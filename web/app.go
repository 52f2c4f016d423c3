package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// appFile is one file of the app, as it is sent.
type appFile struct {
	body              []byte
	kind, etag, cache string
}

// kinds are the media types of what an app is made of. They are told here, since the system's table
// differs from machine to machine, and nosniff makes browsers obey them.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".map": "application/json",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp",
	".woff2": "font/woff2", ".wasm": "application/wasm", ".txt": "text/plain; charset=utf-8",
}

// hashed names never hold anything else: name-0A1B2C3D.js. A lower-case word is no hash.
var hashed = regexp.MustCompile(`[.-]([0-9A-Z]{8}|[0-9a-f]{16,64})\.[a-z0-9]+$`)

const (
	cacheForever = "public, max-age=31536000, immutable"
	cacheAsk     = "no-cache" // kept, and asked for again by its ETag
)

// loadApp reads all files once: they are few, and a request then cannot name any other.
func loadApp(files fs.FS) (map[string]appFile, error) {
	app := map[string]appFile{}
	if files == nil {
		return app, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		kind, ok := kinds[path.Ext(name)]
		if !ok {
			return fmt.Errorf("web: the app has a file %s, whose media type is not known", name)
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		f := appFile{body: body, kind: kind, etag: etag(body), cache: cacheAsk}
		if hashed.MatchString(name) {
			f.cache = cacheForever
		}
		app[name] = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, ok := app["index.html"]; !ok {
		return nil, errors.New("web: the app has no index.html")
	}
	return app, nil
}

// meFolder is where the app's files have the pages of self-service, which are served apart from it.
const meFolder = "me/"

func (s *Server) appFile(w http.ResponseWriter, r *request) error {
	name := strings.TrimPrefix(r.URL.Path, mobile.AppPath)
	if name == "" {
		name = "index.html"
	}
	f, ok := s.app[name]
	if !ok || strings.HasPrefix(name, meFolder) {
		return refuse(codeNotFound, "")
	}
	if mark := s.sharing.Load().mark; mark != "" && name == workerFile {
		f = f.with(mark)
	}
	s.send(w, r, f)
	return nil
}

// workerFile is the app's service worker.
const workerFile = "sw.js"

// with is the file with a text behind it.
func (f appFile) with(text string) appFile {
	f.body = append(bytes.Clone(f.body), text...)
	f.etag = etag(f.body)
	return f
}

func etag(body []byte) string {
	hash := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`
}

// send answers HEAD, ranges and If-None-Match too.
func (s *Server) send(w http.ResponseWriter, r *request, f appFile) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	h.Set("ETag", f.etag)
	http.ServeContent(w, r.Request, "", time.Time{}, bytes.NewReader(f.body))
}

func (s *Server) toApp(w http.ResponseWriter, r *request) error {
	h := w.Header()
	h.Set("Location", mobile.AppPath)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
	return nil
}

//go:embed openapi.yaml
var description []byte

func (s *Server) openAPI(w http.ResponseWriter, r *request) error {
	s.send(w, r, appFile{description, "application/yaml", etag(description), cacheAsk})
	return nil
}

// health says that the door is open, and nothing else: anybody may ask, by any name.
func (s *Server) health(w http.ResponseWriter, r *request) error {
	writeJSON(w, http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}
