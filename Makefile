# `make` alone lists the targets. Everything a target needs is set up by the target itself.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test unit lint bench peers docs lock clean migration system system-test

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed system  ## the main job on a real application: build, scan, sign, deploy, refuse, deny
	$(RUN)/python examples/shop/demo.py

demo-stop: $(VENV)/.installed  ## end what the demo left running
	$(RUN)/python examples/shop/demo.py --stop

test: $(VENV)/.installed system system-test lint  ## lint and every test, real peers included
	$(RUN)/pytest tests -n $(JOBS) --dist loadfile -q

unit: $(VENV)/.installed  ## the quick tests only, in under a minute
	$(RUN)/pytest tests --ignore tests/system -m 'not slow' -n $(JOBS) --dist loadfile -q \
	  --hypothesis-profile=quick -p no:schemathesis -p no:faker

lint: $(VENV)/.installed  ## formatting, lint, types and the order of the rooms
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports --no-logo

bench: $(VENV)/.installed system system-test  ## speed, as ratios against peers in the same run
	$(RUN)/python -m bench

peers:  ## build newer peers (cosign, …) from the Go registry into bench/peers/bin
	sh bench/peers/build.sh

docs: $(VENV)/.installed  ## write the generated pages of docs/ anew
	$(RUN)/python scripts/errors_page.py
	$(RUN)/python scripts/lint_page.py

migration: $(VENV)/.installed  ## write the database's next revision from the tables; NOTE="what it does"
	$(RUN)/python scripts/migration.py "$(or $(NOTE),Change the tables)"

lock:  ## resolve the dependencies anew and write requirements.lock
	test -x $(RUN)/pip || $(PYTHON) -m venv $(VENV)
	$(RUN)/pip install -q uv
	$(RUN)/uv pip compile -q pyproject.toml --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-find-links --custom-compile-command 'make lock' -o requirements.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/peers/bin
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system:
	@sh scripts/system.sh run

system-test:
	@sh scripts/system.sh test

$(VENV)/.installed: requirements.lock pyproject.toml scripts/venv.sh
	@sh scripts/venv.sh "$(PYTHON)" "$(VENV)"
