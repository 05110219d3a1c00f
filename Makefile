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
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(TESTED): $(INSTALLED) requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.txt
	touch $@

up: $(INSTALLED)
	$(BIN)/omniaxs up

test: $(TESTED)
	log=$$(mktemp); nice -n 19 $(BIN)/python -m pytest -s tests -m beside >$$log 2>&1 & beside=$$!; failed=0; \
	$(BIN)/python -m pytest tests -m "not faults and not alone and not beside and not long" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder || failed=1; \
	$(BIN)/python -m pytest tests -m "faults and not alone and not long" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder || failed=1; \
	$(BIN)/python -m pytest tests -m "alone and not long" || failed=1; \
	wait $$beside || failed=1; cat $$log; rm $$log; exit $$failed

check: $(TESTED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TESTED)
	$(BIN)/python -m ops.bench

faults: $(TESTED)
	FAULTS=all $(BIN)/python -m pytest tests/faults

long: $(TESTED)
	FAULTS=all $(BIN)/python -m pytest tests -m long

simulate: $(TESTED)
	HUB_SIMULATION_RUNS=$(N) OWNER_SIMULATION_RUNS=$(N) SIMULATION_RUNS=$(N) $(BIN)/python -m pytest -s tests/simulation

requirements:
	$(BIN)/pip-compile --quiet --generate-hashes --all-build-deps --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --strip-extras -o requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --all-build-deps --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --strip-extras --extra test -c requirements.txt -o requirements-test.txt pyproject.toml

clean:
	rm -rf $(VENV) .omniaxs build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
