# Every target makes what it needs: an empty clone, Python 3.11 or newer and make are enough.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8080
# What `make pytest` runs: all, or for example tests/core.
TESTS ?=
# What `make test` runs without coverage.
ASKS_ALL := tests/core/test_faults.py tests/security tests/servers tests/benchmarks tests/typing

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The kinds of environment, each a stamp in $(VENV) that is older than pyproject.toml when it has to be made again.
WANTS_demo := --editable '.[serve]'
WANTS_tests := $(WANTS_demo) --group tests
WANTS_dev := $(WANTS_demo) --group dev
WANTS_bench := --editable . --group bench

.PHONY: help demo demo-check three-apps three-apps-check test pytest bench bench-quick lint format docs wheel clean
.DELETE_ON_ERROR:

help:
	@echo "make demo        serve the example site on port $(PORT) (or PORT=...); Ctrl-C ends it"
	@echo "make demo-check  serve it on a free port, send it the requests that it suggests, check the answers"
	@echo "make three-apps  serve one policy in a Flask, a Django and a FastAPI app, on three ports from 8081 on"
	@echo "make three-apps-check  send all three the same requests, compare answers and access logs"
	@echo "make test        run all tests in parallel, with the coverage gate"
	@echo "make pytest      run all tests, or those that TESTS=... names, without the gate"
	@echo "make bench       measure what hookchain costs beside its peers, for minutes; writes figures and plots"
	@echo "make bench-quick the same table in less than a minute, with a wider spread; writes nothing"
	@echo "make lint        ruff, mypy, pyright, import-linter, codespell"
	@echo "make format      let ruff mend what it can"
	@echo "make docs        build the documentation into docs/_build"
	@echo "make wheel       build the wheel into dist, and try it in an environment of its own"
	@echo "make clean       remove everything that the above have made"

demo: $(VENV)/.demo
	@$(BIN)/python examples/site/demo.py --port $(PORT)

demo-check: $(VENV)/.demo
	@$(BIN)/python examples/site/demo.py --check

three-apps: $(VENV)/.tests
	@$(BIN)/python examples/one-policy-three-apps/run.py

three-apps-check: $(VENV)/.tests
	@$(BIN)/python examples/one-policy-three-apps/run.py --check

# Coverage starts before pytest: pytest loads hookchain's plugin, and most of hookchain with it, before any test.
# What asks all of it again, or real servers, runs behind it: every line has a test without, and it would take twice as long.
test: $(VENV)/.tests
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest --numprocesses=auto --dist=worksteal $(ASKS_ALL:%=--ignore=%)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal $(ASKS_ALL)

pytest: $(VENV)/.tests
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal $(TESTS)

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

bench-quick: $(VENV)/.bench
	$(BIN)/python -m benchmarks --quick

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/codespell

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.dev
	$(BIN)/python docs/phase_diagram.py
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

wheel: $(VENV)/.tests
	rm -rf build/wheel dist
	$(BIN)/python -m hatchling build --target wheel --directory dist
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/python -m pip --disable-pip-version-check --quiet install dist/*.whl
	cd build/wheel && bin/python -c "import hookchain; print(hookchain.__file__)"

clean:
	rm -rf $(VENV) build dist docs/_build .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.%: pyproject.toml | $(BIN)/python
	$(PIP) install $(WANTS_$*)
	@touch $@

# pip 25.1 is the first that knows dependency groups.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "hookchain needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.13" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
