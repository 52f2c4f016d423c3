# Latchkey. The two commands that do all of their own set-up, on a bare Debian machine too:
#
#   make run     a demo appliance on loopback, with one login on the screen   (DEMO=once: ends after it)
#   make test    everything that proves the project, from quick to slow
#
#   make build   the programs, into bin/                   make check   format, vet, staticcheck, shellcheck, govulncheck
#   make bench   logins a second, beside FreeRADIUS        make fuzz    every fuzz target for FUZZTIME (default 5m)
#   make package dist/*.deb and dist/*.rpm                 make setup   what run, test and package need, and nothing else
#   make clean   takes away bin, dist and .cache

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

# Tools are pinned here and run from the module cache: nothing is installed for them.
# nfpm above v2.45 pulls in a module for Windows packages that the public module proxy does not serve.
NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0

VERSION ?= $(shell git describe --tags --always --dirty --match 'v[0-9]*' 2>/dev/null || echo unknown)
GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
# What calls libpam is C in part, and runs with the rights of root: hardened as Debian does it.
CGOBUILD := CGO_ENABLED=1 CGO_CFLAGS='-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2' CGO_LDFLAGS='-Wl,-z,relro,-z,now' \
	go build -trimpath -buildvcs=false -buildmode=pie -ldflags '-s -w -X main.version=$(VERSION)'

# Tests talk to real clients and real binaries, whose behaviour Go's test cache cannot see: -count=1.
TESTFLAGS ?= -count=1 -timeout 15m
FUZZTIME  ?= 5m

.PHONY: app build run test check bench fuzz package clean setup go-ready

build: go-ready app
	@mkdir -p bin
	@packaging/scripts/setup build
	@$(GOBUILD) -o bin/ ./cmd/latchkeyd ./cmd/latchkey
	@$(CGOBUILD) -o bin/latchkey-pamcheck ./pam_module/pamcheck
	@$(CGOBUILD) -o bin/latchkey-pam ./pam_module/latchkey-pam
	@pam_module/build "$(CURDIR)/bin/pam_latchkey.so"

# The phone app goes into the daemon. It is built again when one of its sources is newer.
APP_SOURCES := $(shell find web/app -name node_modules -prune -o -name dist -prune -o -name test -prune -o -type f -print)

app: web/appfiles/dist/index.html

web/appfiles/dist/index.html: $(APP_SOURCES)
	@packaging/scripts/setup app
	@echo "building the phone app"
	@cd web/app && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	@find web/appfiles/dist -mindepth 1 ! -name .gitignore -delete
	@cp -r web/app/dist/. web/appfiles/dist/
	@touch $@

# The message centre that tests of carriers talk to.
test/carriers/smsc/node_modules/.package-lock.json: test/carriers/smsc/package-lock.json
	@packaging/scripts/setup app
	@cd test/carriers/smsc && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

run: build
	@mkdir -p .cache
	@go build -o .cache/demo ./packaging/demo
	@exec .cache/demo -bin bin $(if $(filter once,$(DEMO)),-once)

# First the rules of the house, then the packages, then the scripts against real binaries and
# real clients, which need them built, and the fuzz targets for five seconds each.
test: go-ready
	@packaging/scripts/setup test
	@$(MAKE) --no-print-directory build test/carriers/smsc/node_modules/.package-lock.json
	go test $(TESTFLAGS) ./test/architecture
	go test $(TESTFLAGS) $$(go list ./... | grep -vE '/latchkey/(test/|packaging/test$$)')
	go test $(TESTFLAGS) -p 1 $$(go list ./packaging/test ./test/... | grep -v '/test/architecture$$')
	cd web/app && npm test --silent
	packaging/scripts/fuzz 5s

check: go-ready
	@unformatted=$$(git ls-files -z '*.go' | xargs -0 -r gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...
	@packaging/scripts/shellcheck
	@pam_module/check
	@packaging/scripts/govulncheck $(GOVULNCHECK)

bench: go-ready
	@packaging/scripts/setup bench
	@$(MAKE) --no-print-directory build
	go test -run '^$$' -bench . -benchtime 2s ./core/store/... ./radiusd/...
	go run ./bench
	go run ./bench/pam

fuzz: go-ready
	packaging/scripts/fuzz $(FUZZTIME)

package: go-ready
	@packaging/scripts/setup package
	@$(MAKE) --no-print-directory build
	@packaging/scripts/package $(NFPM) $(VERSION)

setup: go-ready
	@packaging/scripts/setup test
	@packaging/scripts/setup package

# go itself fetches the version that go.mod names where it may (GOTOOLCHAIN); else one line says what is missing.
go-ready:
	@command -v go >/dev/null || { echo "Latchkey needs Go $$(sed -n 's/^go //p' go.mod) or newer: https://go.dev/doc/install" >&2; exit 1; }
	@go version >/dev/null 2>&1 || { echo "Latchkey needs Go $$(sed -n 's/^go //p' go.mod) or newer, here is $$(cd / && GOTOOLCHAIN=local go env GOVERSION): https://go.dev/doc/install" >&2; exit 1; }

clean:
	rm -rf bin dist .cache
