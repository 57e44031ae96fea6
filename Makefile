# `make help` lists the targets.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c '' 2>/dev/null && echo $$p && break; done)
WEEKS ?= 2
VENV := .venv
BIN := $(VENV)/bin

# Shell lines that install the lock's uv into .venv, by its hashes.
define uv
[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
awk '/^[^ #]/ { uv = /^uv==/ } uv' requirements.txt > $(VENV)/uv.txt
$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
endef

# Shell lines that show in a terminal how long the process $uv has been running.
define seconds
while [ -t 2 ] && [ -z "$${CI:-}$${NO_COLOR:-}" ] && kill -0 $$uv 2> /dev/null; do
  printf '\r%4d s ' $$SECONDS >&2
  sleep 1
done
[ ! -t 2 ] || printf '\r       \r' >&2
endef

.PHONY: force help setup lock compile run up down status test bench check audit docs dist image deploy

help: ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/project ## create .venv from the lock, with this project in it (skipped until they change)
	@:

# The project itself, editable, built by the lock's setuptools. The stamp holds the checkout's path:
# a .venv that was copied or moved here still points to another one.
$(VENV)/project: $(VENV)/lock pyproject.toml $(if $(filter $(CURDIR),$(shell cat $(VENV)/project 2>&1)),,force)
	@$(BIN)/uv pip install --quiet --offline --no-deps --no-build-isolation --compile-bytecode \
	  --python $(BIN)/python --editable .
	echo '$(CURDIR)' > $@

# The stamp is a copy of the installed lock. Bytecode is compiled here, even if
# PYTHONDONTWRITEBYTECODE is set: without it every start of Airflow takes three times as long.
$(VENV)/lock: requirements.txt
	@echo "titleholder: setting up $(VENV) with $$($(PYTHON) --version), $$(grep -c '^[a-z].*==' $<) packages, once until the lock changes"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12), (3, 13)] and "titleholder: Python 3.11, 3.12 or 3.13 is needed; name it with make PYTHON=...")'
	$(uv)
	$(BIN)/uv pip sync --quiet --require-hashes --build-constraints requirements.txt \
	  --python $(BIN)/python --compile-bytecode requirements.txt & uv=$$!
	$(seconds)
	wait $$uv
	cp requirements.txt $@

lock: ## update both locks, requirements.txt and the image's; ARGS=--upgrade for newer versions
	@$(uv)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --override requirements.overrides \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(ARGS) \
	  requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --constraint requirements.txt \
	  --override images/requirements.overrides --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" images/requirements.in -o images/requirements.txt

compile: setup ## compile the pipelines into pipeline/compiled
	@$(BIN)/python -m pipeline.compile

docs: setup ## write what is generated (JSON Schema, reference, roles, coverage), and the site in var/site
	@$(BIN)/python -m titleholder schema > dags/models/schema.new
	mv dags/models/schema.new dags/models/schema.json
	$(BIN)/python -m docs.generate
	$(BIN)/python -m deploy.permissions
	$(BIN)/python -m images.licenses
	$(BIN)/python -m sandbox.vertex.coverage
	$(BIN)/python -m docs.site

run: setup ## everything: a clean sandbox, two weeks of the DAG (or WEEKS=8), one prediction, a summary
	@$(BIN)/python -m pipeline.compile
	$(BIN)/python -m titleholder validate > /dev/null
	$(BIN)/python -m sandbox reset
	$(BIN)/python -m sandbox up
	$(BIN)/python -m sandbox demo --weeks $(WEEKS)

up: setup ## sandbox, the example's data and a real Airflow, its UI on port 8080 or a free one
	@$(BIN)/python -m sandbox up --airflow --example

down: ## stop everything that up or run started
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m sandbox down

status: setup ## what is running, and the state of every endpoint; no error if nothing is
	@$(BIN)/python -m sandbox status || [ $$? -eq 3 ] # nothing is running

# Without bytecode every process that the tests start compiles this project again.
test: setup ## run every test
	@exec env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest $(ARGS)

bench: setup ## repeat every measurement of tests/bench/RESULTS.md: an hour on an idle machine
	@$(BIN)/python -m tests.bench $(ARGS)

check: setup ## ruff, mypy, the models' files, code in the documentation, and whether the lock is installed
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m titleholder validate
	$(BIN)/python -m docs.code_blocks
	$(BIN)/python -m tests.audit --offline

audit: setup ## known vulnerabilities of the locked packages, from osv.dev if it can be reached
	@$(BIN)/python -m tests.audit --or-skip

dist: setup ## sdist and wheel of the last commit, into var/dist
	@rm -rf var/dist && mkdir -p var/dist/source
	git archive HEAD | tar -x -C var/dist/source
	$(BIN)/uv build --quiet --offline --no-build-isolation --python $(BIN)/python \
	  --out-dir var/dist var/dist/source
	rm -r var/dist/source

image: setup ## build the image that trains and serves with Cloud Build; DRY_RUN=1 only prints the steps
	@$(BIN)/python -m deploy.image --project '$(PROJECT)' --location '$(LOCATION)' \
	  $(if $(filter-out 0,$(DRY_RUN)),--dry-run) $(if $(filter-out 0,$(UNCOMMITTED)),--uncommitted) \
	  $(if $(SERVICE_ACCOUNT),--service-account '$(SERVICE_ACCOUNT)')

deploy: setup ## deploy to a Composer environment; DRY_RUN=1 only prints the steps, VERBOSE=1 all
	@$(BIN)/python -m pipeline.compile --check
	$(BIN)/python -m deploy --project '$(PROJECT)' --location '$(LOCATION)' \
	  --environment '$(ENVIRONMENT)' $(if $(filter-out 0,$(DRY_RUN)),--dry-run) \
	  $(if $(filter-out 0,$(FORCE)),--force) $(if $(filter-out 0,$(UNCOMMITTED)),--uncommitted) \
	  $(if $(filter-out 0,$(VERBOSE)),--verbose) $(if $(OWNER),--owner '$(OWNER)')
