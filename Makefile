# Every target prepares what it needs and does nothing the second time. Prerequisites: Python 3.11+, Java 17+, Maven, make.

VENV := .venv
BENCH_VENV := .venv-bench
# grafana-client replaces urllib3 by a fork: it gets an environment of its own.
GRAFANA_VENV := .venv-grafana
BIN := $(VENV)/bin
PYTHON ?=
PACKAGES := schemas ingest streams dashboards deploy tests

# Tests and checks see no settings of the person at the keyboard; `make demo` does.
CLEAN_ENV := env $(foreach name,$(filter GOSPULSE_%,$(.VARIABLES)),-u $(name))

# Modules and the rewritten assertions of tests are compiled once, not in every process and every run.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test long check mutants chaos bench bench-spikes endpoint lock clean distclean ready
.DEFAULT_GOAL := help

# Options of what is run: make chaos ARGS="--seed 7", make test ARGS="tests/streams".
ARGS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ready ## everything on this machine: boards, history, a killed worker, live messages, a spike, all verified
	@$(BIN)/gospulse demo $(ARGS)

# One process more than two cores: tests also wait for servers.
PARALLEL ?= 3
PYTEST = $(CLEAN_ENV) $(BIN)/python -m pytest -n $(PARALLEL) --dist loadscope --no-loadscope-reorder

test: check ready ## lint, types and tests, on real parts (minutes)
	$(PYTEST) $(ARGS)

long: ready ## the tests that take longest, which `make test` leaves out
	$(PYTEST) -m "long and not chaos and not endpoint" $(ARGS)

check: $(VENV)/.ready ## lint, format and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(CLEAN_ENV) $(BIN)/mypy

mutants: ready ## one wrong line at a time, each of which the tests must notice (long)
	$(CLEAN_ENV) $(BIN)/python -m tests.mutants $(ARGS)

chaos: ready ## a million events under kill -9 of every part, then every number compared (long)
	$(CLEAN_ENV) $(BIN)/python -m tests.chaos $(ARGS)
	$(CLEAN_ENV) $(BIN)/python -m pytest -m chaos --timeout 600

endpoint: ready ## what real ClickHouse clients need from the one-machine endpoint (long)
	$(CLEAN_ENV) $(BIN)/python -m pytest tests/deploy/clickhouse_endpoint -m "endpoint or not endpoint" --timeout 1200 $(ARGS)

bench: ready $(BENCH_VENV)/.ready ## speed, latency, memory, beside peers (long)
	$(CLEAN_ENV) $(BIN)/python -m tests.bench $(ARGS)

bench-spikes: ready ## figures of the spike detector on simulated federations (long)
	$(CLEAN_ENV) $(BIN)/python -m tests.bench.spikes $(ARGS)

ready: $(VENV)/.ready .cache/kafka/.ready $(GRAFANA_VENV)/.ready ## virtual environment and Kafka's jars

# The environment is made anew when the lock changes in a way that an install cannot mend (another Python).
$(VENV)/.ready: requirements/development.txt pyproject.toml
	@python=$$(sh deploy/find_python.sh "$(PYTHON)") && \
	  { [ -x $(BIN)/python ] || "$$python" -m venv $(VENV); }
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/development.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(BENCH_VENV)/.ready: requirements/bench.txt
	@python=$$(sh deploy/find_python.sh "$(PYTHON)") && \
	  { [ -x $(BENCH_VENV)/bin/python ] || "$$python" -m venv $(BENCH_VENV); }
	$(BENCH_VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

$(GRAFANA_VENV)/.ready: requirements/grafana.txt
	@python=$$(sh deploy/find_python.sh "$(PYTHON)") && \
	  { [ -x $(GRAFANA_VENV)/bin/python ] || "$$python" -m venv $(GRAFANA_VENV); }
	$(GRAFANA_VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/grafana.txt
	@touch $@

.cache/kafka/.ready: $(VENV)/.ready deploy/machine/kafka_broker/pom.xml
	@$(CLEAN_ENV) $(BIN)/python -m deploy.machine.kafka_broker
	@touch $@

# Locks: exact versions with hashes, for every Python from 3.11 on, without addresses of an index. Kept pins stay;
# `make lock UPGRADE=--upgrade` takes the newest that pyproject.toml allows.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)
SAME = --constraints requirements/development.txt

lock: ## writes requirements/*.txt from pyproject.toml
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install -q uv
	$(COMPILE) --extra machine --extra dev -o requirements/development.txt
	$(COMPILE) $(SAME) --no-annotate -o requirements/runtime.txt
	$(COMPILE) $(SAME) --no-annotate --extra machine -o requirements/machine.txt
	$(COMPILE) $(SAME) --no-annotate --extra grafana -o requirements/grafana.txt
	$(subst pyproject.toml,,$(COMPILE)) --group bench -o requirements/bench.txt

clean: ## removes what checks and tests left behind
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find $(PACKAGES) -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## removes the environments and the downloads as well; data in .gospulse stays
	rm -rf $(VENV) $(BENCH_VENV) $(GRAFANA_VENV) .cache
