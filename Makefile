# flowident. `make help` lists the targets; `make run` and `make test` do everything on a fresh Debian 12 with Node 20.
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin:/sbin
export PATH

NODE ?= node
# Options for `make run`, for example: make run ARGS='--wire-interfaces none'
ARGS ?=
# Which vitest projects or files `make test` runs, for example: make test ONLY='--project unit'
ONLY ?=

TS := $(shell find src -name '*.ts' 2>/dev/null)
GENERATED := bpf/gen/protocols.h src/gen/protocols.ts src/gen/abi.ts docs/CONFIG.md

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.DEFAULT_GOAL := build

.PHONY: setup
setup: ## install what the build needs (root; quick when nothing is missing)
	@tools/setup.sh

.PHONY: build
build: native ts ## the addon with its BPF object, and dist/main.js

.PHONY: gen
gen: node_modules/.package-lock.json ## regenerate bpf/gen, src/gen and docs/CONFIG.md from their sources
	@$(NODE) tools/gen-protocols.mjs
	@$(MAKE) --no-print-directory native
	@$(NODE) tools/gen-abi.mjs
	@$(NODE) --import tsx tools/gen-config-docs.ts
	@$(NODE) --import tsx tools/make-samples.ts

.PHONY: bpf
bpf: node_modules/.package-lock.json ## the BPF object only
	@cmake-js configure -O build/cmake --log-level error
	@cmake --build build/cmake --target bpf

.PHONY: native
native: node_modules/.package-lock.json ## the addon (and the BPF object inside it)
	@cmake-js compile -O build/cmake --log-level error

.PHONY: ts
ts: dist/main.js ## the daemon and the command line, bundled

dist/main.js: $(TS) tools/bundle.mjs package.json node_modules/.package-lock.json
	@$(NODE) tools/bundle.mjs

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-fund --no-audit --ignore-scripts
	@touch $@

.PHONY: lock
lock: ## after `npm install`: bring package-lock.json into the form that is committed
	@$(NODE) tools/lock.mjs

.PHONY: run
run: ## install, build, start the daemon (root); Ctrl-C detaches everything
	@tools/setup.sh
	@$(MAKE) --no-print-directory build
	@exec $(NODE) dist/main.js run $(ARGS)

.PHONY: test
test: ## install, build, run every test
	@tools/setup.sh test
	@$(MAKE) --no-print-directory build
	@$(NODE) tools/test.mjs $(ONLY)

.PHONY: test-unit
test-unit: build ## tests that need no privileges
	@$(NODE) tools/test.mjs --project unit

.PHONY: test-kernel
test-kernel: build ## tests that load the BPF programs (root)
	@$(NODE) tools/test.mjs --project kernel

.PHONY: test-e2e
test-e2e: build ## tests with real servers in network namespaces (root)
	@$(NODE) tools/test.mjs --project e2e

.PHONY: golden
golden: build ## rewrite the golden files of the tests; review the diff like code
	@UPDATE_GOLDEN=1 $(NODE) tools/test.mjs $(ONLY)

.PHONY: fuzz
fuzz: ## fuzz the parser and every signature (SECONDS=60)
	@test/fuzz/run.sh

.PHONY: bench
bench: build ## benchmarks (root), as Markdown; docs/BENCHMARKS.md keeps the last run; PART=kernel|socket|replay|daemon|requests
	@tools/setup.sh bench
	@bash test/bench/run.sh

.PHONY: bench-rules
bench-rules: build ## drop rates of rules against an empty XDP program, nftables and iptables (root, two CPUs), as Markdown
	@tools/setup.sh bench
	@bash test/bench/rules.sh

.PHONY: size
size: build ## instructions and verifier cost of each program against the baseline (root)
	@$(NODE) --import tsx tools/size.ts

.PHONY: accuracy
accuracy: build ## writes docs/ACCURACY.md; FLOWIDENT_CORPUS=DIR adds the score on labelled captures
	@$(NODE) --import tsx tools/accuracy.ts

.PHONY: lint
lint: node_modules/.package-lock.json ## style of TypeScript and shell
	@biome check --error-on-warnings .

.PHONY: typecheck
typecheck: node_modules/.package-lock.json ## the TypeScript compiler, strict
	@tsc -p .

.PHONY: format
format: node_modules/.package-lock.json ## rewrite TypeScript to the style
	@biome check --write .

.PHONY: generated
generated: node_modules/.package-lock.json ## fail when a generated file was out of date (and bring it up to date)
	@before=$$(cat $(GENERATED) 2>/dev/null | sha256sum || true); $(MAKE) --no-print-directory gen; \
	if [ "$$before" != "$$(cat $(GENERATED) | sha256sum)" ]; then \
		echo "generated files were out of date: $(GENERATED); they are new now, review and commit them" >&2; exit 1; \
	fi

.PHONY: check
check: ## lint, types, generated files up to date, every test
	@tools/setup.sh test
	@$(MAKE) --no-print-directory lint typecheck generated
	@$(NODE) tools/bundle.mjs
	@$(NODE) tools/test.mjs $(ONLY)

.PHONY: man
man: node_modules/.package-lock.json ## manual pages, shell completion and the commented configuration, into build/text
	@$(NODE) --import tsx tools/packaging-text.ts build/text

.PHONY: deb
deb: ## a self-contained Debian package: build/flowident_VERSION_ARCH.deb
	@tools/setup.sh deb
	@$(MAKE) --no-print-directory ts
	@mkdir -p build; cmake -G Ninja -S . -B build/release -DFLOWIDENT_LIBBPF=bundled -DFLOWIDENT_OUT=$(CURDIR)/build/release/out >build/release.log
	@cmake --build build/release >>build/release.log
	@tools/deb.sh

.PHONY: clean
clean: ## remove what the build made
	@rm -rf build dist
