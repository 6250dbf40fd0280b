# The commands of this project. `make help` lists them. They set up .venv themselves, once, and again when
# pyproject.toml changes.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

HTTP ?= 127.0.0.1:8080
PATHS ?=
BIG ?=
ARGS ?=

BIN := .venv/bin
STATIC := medtiles/protocols/http/static
FAST := not corpus and not slow and not browser and not bench

# Workers of pytest.
JOBS ?= 2

# Node 18 or later with npm bundles the page; where the machine has none, it comes as a wheel.
HAS_NODE := $(shell v=$$(node --version 2>/dev/null | tr -cd 0-9.) && [ "$${v%%.*}" -ge 18 ] 2>/dev/null && command -v npm)
EXTRA_FOR_PAGE := $(if $(HAS_NODE),,web)
comma := ,

.PHONY: help serve test lint check _lint _types _fast fix bench proto bless clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

serve: .venv/serve ## serve PATHS="slides/ studies/" (or samples; BIG=1 adds a large slide) at HTTP=127.0.0.1:8080
	@$(BIN)/python medtiles/web/build.py || echo "going on without the page"
ifeq ($(strip $(PATHS)),)
	@$(BIN)/python testdata/samples.py samples
	@$(if $(BIG),$(BIN)/python testdata/make_big.py samples/big.svs || echo "going on without the large slide")
endif
	$(BIN)/medtiles serve $(if $(strip $(PATHS)),$(PATHS),samples) --http $(HTTP) $(ARGS)

test: .venv/test ## run every test (ARGS="-k name" for some)
	@.ci/install-test-tools
	@$(BIN)/python medtiles/web/build.py
	$(BIN)/python -m pytest -m "not bench" -n $(JOBS) --dist loadfile $(ARGS)

lint: .venv/test ## format, lint, types, import rules
	@$(MAKE) --no-print-directory -j2 _lint _types

check: .venv/test ## lint, and the fast tests: what a change must pass
	@.ci/install-test-tools
	@$(MAKE) --no-print-directory -j2 _lint _types _fast

_lint:
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/lint-imports --no-logo
	$(BIN)/typos

_types:
	$(BIN)/mypy

_fast:
	$(BIN)/python -m pytest -q -m "$(FAST)" -n $(JOBS) --dist loadfile

fix: .venv/test ## do what a machine can do: format, sort imports, safe fixes
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format --quiet

bench: .venv/test ## measure speed and memory; prints a table
	$(BIN)/python -m pytest tests/bench -m bench -s -p no:cacheprovider $(ARGS)

proto: .venv/test ## regenerate medtiles/api from proto/
	$(BIN)/python proto/generate.py

bless: .venv/test ## take what the server says now as the expected documents; review the diff
	BLESS=1 $(BIN)/python -m pytest -m "not bench" -k "golden or snapshot" $(ARGS)
	@git --no-pager diff --stat

clean: ## remove what the other commands made, but no sample
	rm -rf .venv $(STATIC) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------------------- set-up

.venv/bin/python:
	@.ci/make-venv

# The module that is compiled while installing; an older compiled one would stand before it.
COMPILED := $(addprefix transcode/packet_index/,packet_header.py packet_header.pxd build.py)

.venv/serve: pyproject.toml $(COMPILED) | .venv/bin/python
	@echo "Installing medtiles into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".$(EXTRA_FOR_PAGE:%=[%])"
	@touch $@

.venv/test: pyproject.toml $(COMPILED) | .venv/bin/python
	@echo "Installing medtiles and the tools of its tests into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test$(EXTRA_FOR_PAGE:%=$(comma)%)]"
	@touch $@ .venv/serve
