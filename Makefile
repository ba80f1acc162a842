# pixledger. `make help` lists what there is to do.
SHELL := /bin/bash
GO ?= go
FUZZTIME ?= 2m
DURATION ?= 20m
PACKAGES = ./...

.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/pixledger
	$(GO) build -trimpath -ldflags "-X main.version=$$(.ci/version) -X main.revision=$$(.ci/version revision)" -o bin/pixledger ./cmd/pixledger

.PHONY: dist
dist: ## dist/: a tarball, a .deb where debhelper is installed, and SHA256SUMS (VERSION=, MAINTAINER=)
	@.ci/dist

.PHONY: demo
demo: build ## build, then the whole chain on sample-logs, ending with the revenue report
	./bin/pixledger demo

.PHONY: tools
tools: ## what the tests need beside Go: nginx, logrotate, strace
	@.ci/tools

.PHONY: test
test: tools build ## all tests under the race detector, with the real nginx, logrotate and strace
	$(GO) test -race -timeout 14m $(PACKAGES)

.PHONY: test-all
test-all: test ## test, and what needs Node.js, Python, LibreOffice, Chromium, OpenSSH, S3 and others' servers, PostgreSQL, Prometheus, rsync, Caddy, workerd, systemd, lintian, podman
	@.ci/tools-office
	@.ci/tools-postgres
	@.ci/tools-prometheus
	@.ci/tools-all
	$(GO) test -race -timeout 20m -count=1 -tags testall -run 'TestAnother|TestPostgres|TestPrometheus|TestBrowser|TestUnit|TestOperations|TestEdgesOn' ./cmd/pixledger ./report
	$(GO) test -race -timeout 10m -count=1 -tags testall ./report/deliver
	@.ci/tools-edge && $(GO) test -race -timeout 5m -count=1 -tags testall ./ingest/edge
	@.ci/tools-dist && $(GO) test -timeout 30m -count=1 -tags testall ./cmd/pixledger/packaging

.PHONY: test-cluster
test-cluster: tools build ## a real Spark with several worker processes against DuckDB; installs Java and pyspark
	@.ci/tools-cluster
	$(GO) test -timeout 90m -count=1 -p 1 -v -tags testcluster -run TestCluster ./attribute ./cmd/pixledger

.PHONY: check
check: ## format, vet, staticcheck, and known vulnerabilities where their database is reachable
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "gofmt: the files above are not formatted; run: gofmt -w ."; exit 1; }
	$(GO) vet -tags testall,testcluster $(PACKAGES)
	$(GO) tool staticcheck -tags testall,testcluster $(PACKAGES)
	@.ci/vulncheck

.PHONY: bench
bench: build ## Go benchmarks, and whole runs against one DuckDB statement on the same log
	$(GO) test -run '^$$' -bench . -benchtime $(or $(BENCHTIME),1s) ./ingest/... ./attribute
	@.ci/bench

.PHONY: soak
soak: tools build ## harm to the built program and the random tests for DURATION: what is lost or doubled
	.ci/soak $(DURATION)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	.ci/fuzz $(FUZZTIME)

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
