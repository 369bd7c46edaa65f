# make demo    tune a real model and watch it      make test    all checks and tests
# make check   lint, types, import contracts       make format  rewrite the code as `check` wants it
# make kills   kill an orchestrator N times and look for processes left over                 (N=100)
# make storm   kill real processes N times and look for losses      (N=100, SEED: as it was printed)
# make conformance    the official suite of MCP against the server, both eras     (npm brings it)
# make bench   measure all that docs/benchmarks.md tells, and write its table     (half an hour)
# make bench-search   search quality over 30 seeds and 50 trials: hours, goes on where it was stopped
# make bench-peers    measure optuna-mcp, Ray Tune and Syne Tune, and store it for `bench`
# make interop        foreign clients, each in its own environment, tune over stdio  (CLIENTS: all)
#
# Each makes .venv with $(PYTHON) and installs what it needs; a second run installs nothing.

PYTHON ?= python3
VENV ?= .venv
PEERS ?= .venv-peers
N ?= 100
SIDE_BY_SIDE ?= 3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
SOURCES := mcp_automl trainers tests $(sort $(dir $(wildcard benchmarks/*.py)))

# One stamp per set of packages; only pyproject.toml can outdate it, because the code is installed as
# a link.
DEMO := $(VENV)/.installed-demo
TEST := $(VENV)/.installed-test
BENCH := $(VENV)/.installed-bench

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check format kills storm conformance interop bench bench-search bench-peers clean

help:
	@sed -n 's/^# \{0,1\}//; 1,9p' Makefile

demo: $(DEMO)
	@$(BIN)/mcp-automl demo

test: $(TEST) check
	@# Where bytecode is not written (PYTHONDONTWRITEBYTECODE), each process that a test starts would compile it all.
	@$(BIN)/python -m compileall -q mcp_automl trainers
	@# Three at a time also on two cores: the slow ones wait for processes. A file's tests share what is set up,
	@# and tests/conftest.py says which files come first.
	$(BIN)/python -m pytest -q -n $(SIDE_BY_SIDE) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered

check: $(TEST)
	$(BIN)/ruff check -q $(SOURCES)
	$(BIN)/ruff format -q --check $(SOURCES)
	@# Two rules that ruff lacks: an await in a finally wants a shield, a caught cancellation is raised again.
	$(BIN)/flake8-async --anyio --enable=ASYNC102,ASYNC103 $$(find $(SOURCES) -name '*.py')
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports --no-logo

format: $(TEST)
	$(BIN)/ruff check -q --fix $(SOURCES)
	$(BIN)/ruff format -q $(SOURCES)

kills: $(TEST)
	@MCP_AUTOML_TEST_KILLS=$(N) $(BIN)/python -m pytest -q tests/test_leftover_processes.py

storm: $(TEST)
	@$(BIN)/python -m tests.storm $(N) $(SEED)

conformance: $(TEST)
	@$(BIN)/python -m tests.conformance

bench: $(BENCH)
	@$(BIN)/python -m benchmarks

bench-search: $(BENCH)
	@$(BIN)/python -m benchmarks.search_table

bench-peers: $(BENCH) $(PEERS)/.installed
	@$(BIN)/python -m benchmarks.peers $(PEERS)

interop: $(TEST)
	@$(BIN)/python -m tests.interop $(CLIENTS)

clean:
	rm -rf $(VENV) $(PEERS) .venv-interop tests/conformance/results .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "mcp-automl needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo 'not there')."; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) has no working venv module (on Debian and Ubuntu: apt install python3-venv)."; exit 1; }

$(DEMO): pyproject.toml | $(BIN)/python
	@echo "Installing mcp-automl, PyTorch and MLflow into $(VENV): once, one to five minutes ..."
	@$(PIP) -e '.[mnist]'
	@touch $@

# What the tests need holds what the demo needs.
$(TEST): pyproject.toml | $(BIN)/python
	@echo "Installing mcp-automl, PyTorch, MLflow and the test tools into $(VENV): once, one to five minutes ..."
	@$(PIP) -e '.[mnist,llm,dev]'
	@touch $(DEMO) $@

$(BENCH): pyproject.toml | $(BIN)/python
	@echo "Installing mcp-automl, PyTorch, MLflow and the benchmarks' data into $(VENV): once, one to five minutes ..."
	@$(PIP) -e '.[mnist,bench]'
	@touch $@

# Two peers come without what they ask for: a CUDA torch and XGBoost, 7 GB that nothing here uses;
# and one asks for a newer Python than its code needs.
$(PEERS)/.installed: benchmarks/peers.txt | $(BIN)/python
	@echo "Installing the peers into $(PEERS): once, a minute or two ..."
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install -q --disable-pip-version-check -r benchmarks/peers.txt
	@$(PEERS)/bin/python -m pip install -q --disable-pip-version-check --no-deps --ignore-requires-python \
	  'optuna-mcp>=0.2,<0.3' 'syne-tune>=0.16,<0.17'
	@touch $@
