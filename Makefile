PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTED := $(VENV)/.installed-test
WORKERS ?= 3

N ?= 10000

.PHONY: install up test check bench faults long simulate clean requirements

install: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; PYTHON=... chooses another") if sys.version_info < (3, 11) else None'
	@echo 'Setting up $(VENV): a minute or two the first time'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(TESTED): $(INSTALLED) requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.txt
	touch $@

up: $(INSTALLED)
	$(BIN)/omniaxs up

# Files are collected only by the phase that runs them: schemathesis alone makes its cases for 40 s while it collects, and its
# plugin looks at every test.
PYTEST := $(BIN)/python -m pytest
WITHOUT_SCHEMATHESIS := $(PYTEST) -p no:schemathesis
SIDE_BY_SIDE := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# What the simulations get is what nobody else wants: their time is virtual, that of the other tests is not.
IDLE := $(shell chrt --idle 0 true 2>/dev/null && echo chrt --idle 0 || echo nice -n 19)
marked = $(shell grep -rlE --include='test_*.py' 'mark\.$(1)\b' tests)
LONGEST_FAULTS := tests/e2e/test_outages.py tests/faults/test_processor_kills.py

test: $(TESTED)
	schemas=$$(mktemp); simulations=$$(mktemp); failed=0; \
	nice -n 19 $(PYTEST) tests/contract/schemas >$$schemas 2>&1 & first=$$!; \
	$(IDLE) $(WITHOUT_SCHEMATHESIS) -s $(call marked,beside) -m beside >$$simulations 2>&1 & second=$$!; \
	$(WITHOUT_SCHEMATHESIS) tests --ignore tests/contract/schemas -m "not faults and not alone and not quiet and not beside and not long" $(SIDE_BY_SIDE) || failed=1; \
	$(WITHOUT_SCHEMATHESIS) $(LONGEST_FAULTS) $(filter-out $(LONGEST_FAULTS),$(call marked,faults)) -m "faults and not alone and not long" $(SIDE_BY_SIDE) || failed=1; \
	$(WITHOUT_SCHEMATHESIS) $(call marked,quiet) -m "quiet and not long" $(SIDE_BY_SIDE) || failed=1; \
	$(WITHOUT_SCHEMATHESIS) $(call marked,alone) -m "alone and not long" || failed=1; \
	wait $$first || failed=1; wait $$second || failed=1; cat $$schemas $$simulations; rm $$schemas $$simulations; exit $$failed

check: $(TESTED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TESTED)
	$(BIN)/python -m ops.bench

faults: $(TESTED)
	FAULTS=all $(PYTEST) tests/faults

long: $(TESTED)
	FAULTS=all $(PYTEST) $(call marked,long) -m long

simulate: $(TESTED)
	HUB_SIMULATION_RUNS=$(N) OWNER_SIMULATION_RUNS=$(N) SIMULATION_RUNS=$(N) $(BIN)/python -m pytest -s tests/simulation

requirements:
	$(BIN)/pip-compile --quiet --generate-hashes --all-build-deps --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --strip-extras -o requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --all-build-deps --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --strip-extras --extra test -c requirements.txt -o requirements-test.txt pyproject.toml

clean:
	rm -rf $(VENV) .omniaxs build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
