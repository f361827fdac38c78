# `make` or `make help` says what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV := $(BIN)/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
WORKERS ?= 4

.DEFAULT_GOAL := help

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(STAMP) ## Install everything into .venv, every package checked against its hash

$(STAMP): requirements/dev.txt requirements/bootstrap.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Chitram needs Python 3.11 or newer: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt requirements/bootstrap.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: up
up: $(STAMP) ## Start the whole system on this machine and say where it is (READ=3 WRITE=1 WORKER=1 PORT=8080)
	@$(BIN)/chitram up $(if $(READ),--read $(READ)) $(if $(WRITE),--write $(WRITE)) $(if $(WORKER),--worker $(WORKER)) $(if $(PORT),--port $(PORT))

.PHONY: down
down: $(STAMP) ## Stop it; the data stays
	@$(BIN)/chitram down

.PHONY: status
status: $(STAMP) ## Show every process of it
	@$(BIN)/chitram status

.PHONY: test
test: $(STAMP) ## Run everything that needs no Docker, with coverage
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup --cov --cov-report=term

.PHONY: test-containers
test-containers: $(STAMP) ## Run the component tests on official images, then try the compose stack; skipped without a Docker engine
	@if docker info >/dev/null 2>&1; then \
	  CHITRAM_TEST_SERVERS=containers $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup tests/component && \
	  CHITRAM_TEST_SERVERS=containers $(BIN)/python -m pytest tests/containers; \
	else echo "No Docker engine answers here, so the tests with containers were skipped."; fi

.PHONY: lint
lint: $(STAMP) ## Check style, types, who imports whom, SQL, shell scripts, Dockerfiles, and that the OpenAPI document is true
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --verbose
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 1 infrastructure/postgres/migrations
	@$(BIN)/shellcheck .ci/run .ci/containers deploy/rolling-update $$(git ls-files "*.sh")
	@$(BIN)/hadolint --failure-threshold info $$(git ls-files '*Dockerfile')
	@if docker compose version >/dev/null 2>&1; then docker compose config --quiet && docker compose -f docker-compose.yml -f docker-compose.prod.yml config --quiet; fi
	@$(BIN)/chitram openapi --check

.PHONY: format
format: $(STAMP) ## Put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: openapi
openapi: $(STAMP) ## Write contracts/openapi.json from the services' routes
	@$(BIN)/chitram openapi

.PHONY: bench
bench: $(STAMP) ## Measure speed as ratios to what the parts can do, and write docs/benchmarks.md
	@$(BIN)/python -m tests.bench

.PHONY: chaos
chaos: $(STAMP) ## Hurt the system while clients work, then check what it promises (SCENARIO= SECONDS= SEED= SABOTAGE=)
	@$(BIN)/python -m tests.chaos $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(if $(SABOTAGE),--sabotage $(SABOTAGE))

.PHONY: load
load: $(STAMP) ## Put people on a running system: USERS=100 SPAWN_RATE=10 SECONDS=60 PROCESSES=2 URL=http://127.0.0.1:8080 TAGS=
	@USERS='$(USERS)' SPAWN_RATE='$(SPAWN_RATE)' SECONDS='$(SECONDS)' PROCESSES='$(PROCESSES)' URL='$(URL)' TAGS='$(TAGS)' $(BIN)/python -m tests.load

.PHONY: load-web
load-web: $(STAMP) ## The same from locust's page on http://127.0.0.1:8089
	@USERS='$(USERS)' SPAWN_RATE='$(SPAWN_RATE)' PROCESSES='$(PROCESSES)' URL='$(URL)' TAGS='$(TAGS)' $(BIN)/python -m tests.load --web

.PHONY: lock
lock: $(STAMP) ## Renew the pinned requirements from pyproject.toml
	@$(COMPILE) --upgrade requirements/bootstrap.in --output-file requirements/bootstrap.txt
	@$(COMPILE) --upgrade pyproject.toml --extra heif --output-file requirements/runtime.txt
	@$(COMPILE) --upgrade --group pyproject.toml:migrate --output-file requirements/migrate.txt
	@$(COMPILE) --upgrade pyproject.toml --extra heif --group local --group test --group lint --constraint requirements/runtime.txt --constraint requirements/migrate.txt --output-file requirements/dev.txt

.PHONY: clean
clean: ## Remove what was installed and built; data in .chitram stays
	@rm -rf $(VENV) build *.egg-info .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov
