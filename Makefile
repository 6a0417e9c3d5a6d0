# Concord. Each target first installs what it needs (setup/install.sh says what); a second run has nothing to install.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

export CGO_ENABLED := 1
FUZZTIME ?= 60s
# The part of the bench's full data (1.2 GB) that is used.
SCALE ?= 0.2
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo dev)

concord := go build -ldflags '-X main.version=$(VERSION)' -o bin/concord ./cmd/concord

.PHONY: help build demo test interop lint fuzz bench clean setup-build setup-demo setup-test setup-interop setup-lint setup-bench

help:
	@echo 'make demo        a node, a PACS and a RIS on this machine; a chest X-ray and its reports go through them'
	@echo 'make demo KEEP=1 the same, and the node stays up with its page'
	@echo 'make test        all tests'
	@echo 'make interop     tests with further peers, which PyPI has: a Triton server'
	@echo 'make build       bin/concord'
	@echo 'make lint        golangci-lint'
	@echo 'make fuzz        every fuzz target for FUZZTIME=$(FUZZTIME)'
	@echo 'make bench       Concord beside other servers: rates, memory, failures, as ratios (SCALE=$(SCALE))'
	@echo 'make clean       removes what was built; .deps/ with what was installed stays'

setup-build setup-demo setup-test setup-interop setup-lint setup-bench: setup-%:
	@setup/install.sh $*

build: setup-build
	$(concord)

demo: setup-demo
	$(concord)
	go build -o bin/concord-demo ./cmd/demo
	KEEP='$(KEEP)' bin/concord-demo

test: setup-test
	go vet ./...
	NODE_PATH=$(CURDIR)/.deps/node/node_modules go test -race -timeout 20m ./...

interop: setup-interop
	CONCORD_INTEROP=$(CURDIR)/.deps/interop go test -count=1 -v -run '^TestTriton$$' ./inference/kserve

lint: setup-lint
	.deps/bin/golangci-lint run ./...

# One target at a time, because go test fuzzes only one.
fuzz: setup-test
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

bench: setup-bench
	$(concord)
	go build -o bin/load ./bench/load
	BENCH_SCALE=$(SCALE) bench/run.sh

clean:
	rm -rf bin .deps/bench
	go clean -testcache
