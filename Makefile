# Everything that a user, a contributor or CI runs. On a fresh machine with Python >= 3.11:
#   make demo     installs into .venv and runs the whole pipeline on the packaged data
#   make test     installs the dev extras and runs the test suite
#   make bench-predictor UPWORTHY=FILE   also fits on headline tests; a killed one goes on
#   make bench-peers   times ours beside RTBGym and Open Bandit Pipeline, installed into .venv-peers
# PYTHON=python3.12 picks the interpreter, VENV=folder the environment.

PYTHON ?= python3
VENV ?= .venv
VENV_PEERS ?= .venv-peers

BIN := $(VENV)/bin
# Stamps: what is up to date is never reinstalled.
INSTALLED_DEMO := $(VENV)/.installed-demo
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_PEERS := $(VENV_PEERS)/.installed-peers
PINS := pyproject.toml constraints.txt
PINS_PEERS := experiments/bench/peers-requirements.txt
FOLDERS := agents configs envs experiments predictors
LINKS := $(addprefix .typing/promopilot/,$(FOLDERS))
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
# One thread per worker: two torch threads beside another process are slower than one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: demo test test-slow lint type format clean browser bench bench-predictor bench-peers

demo: $(INSTALLED_DEMO)
	$(BIN)/promopilot demo --out runs/demo --overwrite

test: $(INSTALLED_DEV)
	$(PYTEST) -q -n auto --maxprocesses 4 --dist loadfile -m "not slow"

test-slow: $(INSTALLED_DEV)
	$(PYTEST) -q -m slow --timeout 1800

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(INSTALLED_DEV) $(LINKS)
	$(BIN)/mypy $(addprefix -p promopilot.,$(FOLDERS))

format: $(INSTALLED_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Caches and builds only: runs/ is the user's work, and the environment goes with `rm -r .venv`.
clean:
	rm -rf .typing .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find $(FOLDERS) tests -name __pycache__ -type d -prune -exec rm -rf {} +

# System packages for the tests that look at the report in a browser.
browser:
	@sh .ci/browser.sh

bench: $(INSTALLED_DEMO)
	$(BIN)/promopilot bench --out runs/bench

# UPWORTHY=FILE, headline tests: three fits of up to a quarter of an hour each on two cores, kept in
# runs/bench/upworthy and taken up as long as code, config and file are the same. ABLATIONS=1: up to
# six fits more, one of them with peft, which comes with the dev extras.
bench-predictor: $(if $(ABLATIONS),$(INSTALLED_DEV),$(INSTALLED_DEMO))
	$(BIN)/promopilot bench predictor --out runs/bench \
	  $(if $(UPWORTHY),--upworthy "$(UPWORTHY)") $(if $(ABLATIONS),--ablations)

# Both in one run, in turns: figures of two runs are not comparable.
bench-peers: $(INSTALLED_DEMO) $(INSTALLED_PEERS)
	$(BIN)/promopilot bench peers --peers-python "$(VENV_PEERS)/bin/python" --out runs/bench

bench-%: $(INSTALLED_DEMO)
	$(BIN)/promopilot bench $* --out runs/bench

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "promopilot needs Python 3.11 or newer; name one with: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; \
	  exit 2; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED_DEMO): $(PINS) | $(BIN)/python
	$(PIP) -e ".[demo]"
	touch $@

$(INSTALLED_DEV): $(PINS) | $(BIN)/python
	$(PIP) -e ".[demo,dev]"
	touch $(INSTALLED_DEMO) $@

$(VENV_PEERS)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { \
	  echo "the peers need numpy 1, so Python 3.11 or 3.12; name one with: make PYTHON=python3.12 bench-peers" >&2; \
	  exit 2; }
	$(PYTHON) -m venv $(VENV_PEERS)

# Every package is pinned there, and of what the peers' distributions declare a part is imported.
$(INSTALLED_PEERS): $(PINS_PEERS) | $(VENV_PEERS)/bin/python
	$(VENV_PEERS)/bin/python -m pip install -q --disable-pip-version-check --no-deps -r $(PINS_PEERS)
	touch $@

# Type checkers read the folders under the names they are installed by.
.typing/promopilot/%:
	@mkdir -p .typing/promopilot
	ln -sfn ../../$* $@
