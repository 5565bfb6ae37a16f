# One word each; the first use of any of them sets everything up in .venv.
#
#   make demo    the whole story on this machine, without a network
#   make test    every test, those on the built wheel included
#   make check   style, types, architecture, locks, generated code, published schema
#   make bench   how long things take
#   make fuzz    every parser on a million inputs (docs/fuzzing.md)
#   make proto   Python from proto/, into verifier/v1/
#   make lock    the locks, from pyproject.toml (.ci/lock --upgrade takes newer releases)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
.SILENT:
.PHONY: demo test check bench fuzz proto lock

PYTHON ?= python3
# The machine knows which certificate authorities it trusts; uv would bring its own.
export UV_SYSTEM_CERTS ?= true
BIN := .venv/bin
READY := .venv/.ready
SOURCES := verifier providers pycosign tests $(wildcard bench)

demo: $(READY)
	$(BIN)/pycosign demo

test: $(READY)
	$(BIN)/pytest

check: $(READY)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy --no-error-summary $(SOURCES)
	$(BIN)/lint-imports --no-cache --show-timings >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	.ci/lock --check
	.ci/proto --check
	.ci/schema --check

bench: $(READY)
	$(BIN)/python -m bench

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz

proto: $(READY)
	.ci/proto

lock: .venv/.made
	.ci/lock

# Twice: what installs, then what is installed. Redone when a lock or pyproject.toml changes, and only then.
.venv/.made: .ci/bootstrap.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "pycosign needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true) (make PYTHON=...)" >&2; exit 1; }
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/bootstrap.lock
	touch $@

$(READY): .venv/.made pyproject.toml requirements.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
	touch $@
