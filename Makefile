# vitalstream: one command for each thing one wants to do. `make help` lists them.
#
# Every target sets up first what it needs (.venv, the locked dependencies, the built page); stamp files make that a
# matter of a moment when nothing changed. Progress goes to stderr, stdout belongs to the program that was asked for.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
# A recipe that was interrupted leaves no half-made target behind.
.DELETE_ON_ERROR:

# The command to make .venv with; the other recipes use .venv's own Python.
PYTHON ?= python3
# Passed on by `make demo` (for example ARGS="--patients 20 --for 60 --check") and by `make test` (pytest's options).
ARGS ?=
# Passed on by `make bench`: the name of one row.
ONLY ?=
# Test processes side by side; a file stays in one, because its tests may share a running system.
TEST_WORKERS ?= 2

BIN := .venv/bin
# The stamp's name depends on the folder's, so a moved clone (whose .venv points to the old place) is set up again.
PYTHON_STAMP := .venv/made-here-$(firstword $(shell pwd | cksum)).stamp
NODE_STAMP := ui/node_modules/.vitalstream-stamp
# Vite writes it last of all; it stands for the whole built page.
PAGE := api/static/index.html
# A .venv/bin/node, where there is one, comes first: it is the locked one for machines without a good Node.
UI := cd ui && PATH="$(CURDIR)/$(BIN):$$PATH"
# What the page is built from, its tests left out.
UI_SOURCES := $(shell find ui -path ui/node_modules -prune -o -path ui/dev -prune -o -type f ! -name '*.md' ! -name '*.test.*' -print 2>/dev/null)

.PHONY: help setup demo test test-long check bench lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name what; do \
		printf '  make %-10s %s\n' "$$name" "$$what"; done

setup: $(PYTHON_STAMP) $(PAGE) ## make .venv with .venv/bin/vitalstream, and build the page
	@:

$(PYTHON_STAMP): requirements/dev.txt pyproject.toml scripts/setup_python.sh
	@PYTHON="$(PYTHON)" sh scripts/setup_python.sh >&2
	@touch "$@"

$(NODE_STAMP): ui/package.json ui/package-lock.json ui/.npmrc requirements/node.txt scripts/setup_node.sh | $(PYTHON_STAMP)
	@sh scripts/setup_node.sh >&2
	@touch "$@"

$(PAGE): $(NODE_STAMP) $(UI_SOURCES)
	@sh scripts/quietly.sh "building the page (about 10 s)" sh -c '$(UI) npm run build'
	@touch "$@"

demo: setup ## simulated patients through the whole pipeline; ARGS="--patients 20 --for 60 --check"
	@exec $(BIN)/vitalstream demo $(ARGS)

test: setup ## all tests but the long ones; installs Chromium and Mosquitto where it may
	@sh scripts/system_packages.sh >&2
	@exec $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile $(ARGS)

test-long: setup ## the long tests, and every property with 20,000 examples
	@sh scripts/system_packages.sh >&2
	@exec $(BIN)/python -m pytest -m "long or hypothesis" --hypothesis-profile=long --timeout=3600 $(ARGS)

check: setup ## lint, format, types, import contracts, house rules, and the page's own checks
	@echo "lint" >&2; $(BIN)/ruff check .
	@echo "format" >&2; $(BIN)/ruff format --check .
	@echo "types" >&2; $(BIN)/mypy
	@echo "import contracts" >&2; $(BIN)/lint-imports
	@echo "house rules" >&2; $(BIN)/python -m pytest -q tests/house
	@echo "page: lint, types, tests" >&2; $(UI) sh -c 'npm run --silent lint && npm run --silent typecheck && npm run --silent test'

bench: setup ## ours, a peer and a physical limit on the same work; ONLY=name for one row
	@exec $(BIN)/python -m benchmarks $(if $(ONLY),--only "$(ONLY)")

lock: $(PYTHON_STAMP) ## pin every dependency anew, with hashes and without addresses
	@sh scripts/lock.sh >&2

clean: ## remove everything that was made here
	@rm -rf .venv api/static ui/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
