# Everything a person types. `make demo` and `make test` need Python 3.11+, git and make, nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Every camera, detector and results actor is a Python of its own: where nothing compiled may be kept, each compiles Ray
# and all of this again when it starts, which is two thirds of its start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo check style types quick test bench bench-accuracy bench-api train train-plates train-belts lock clean

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

install: $(READY) ## make .venv with the pinned versions

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old: Digital Dome needs Python 3.11 or newer (make PYTHON=python3.12 ...)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "could not make a virtual environment: install the venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "Installing pinned packages into $(VENV) (several GB, torch is most of it) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)   ## render the demo cameras, run everything on this machine, compare with the truth
	@$(BIN)/dome demo

check: $(READY)  ## ruff, mypy strict, import contracts, quick unit tests (no Ray), a minute
	@$(MAKE) --no-print-directory style
	@$(MAKE) --no-print-directory -j 2 types quick

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(READY)  # beside the tests: a first run without a cache takes half a minute of one core
	$(BIN)/mypy

# One worker a core: numpy's own threads would only wait for one another. No unit test needs schemathesis, whose import
# costs each process a second.
quick: export OPENBLAS_NUM_THREADS = 1
quick: $(READY)
	$(BIN)/pytest -q -n 2 --dist loadfile -p no:schemathesis -m "not slow" tests/unit

test: $(READY)   ## the whole suite: unit, integration (Ray, Redis, RTSP), end to end
	$(BIN)/pytest -q -n 2 --dist loadfile tests/unit
	$(BIN)/pytest -q tests/e2e tests/integration

bench: $(READY)  ## speed of the whole path, idle cost, memory, results a second, plates and belts -> .bench/
	$(BIN)/python -m cluster.bench

bench-accuracy: $(READY) ## how right speeds, rules, signals, plates, belts are on unseen scenes -> .bench/
	$(BIN)/python -m cluster.bench --accuracy

bench-api: $(READY) ## the control centre: events to browsers, lists, review, on Ray Serve -> .bench/
	$(BIN)/python -m cluster.bench --api

train: $(READY)  ## render the training scenes and train the embedded detector again (40 min on 2 cores)
	$(BIN)/python -m cluster.train

train-plates: $(READY) ## draw plates in their surroundings and train the plate finder again (15 min on 2 cores)
	$(BIN)/python -m cluster.train_plates

train-belts: $(READY) ## render people behind windscreens and train the belt networks again (15 min on 2 cores)
	$(BIN)/python -m cluster.train_belts

lock: $(READY)   ## pin the versions again from pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev \
	  --no-annotate --no-header --no-emit-index-url -o requirements.txt pyproject.toml

clean:           ## forget results and caches, keep .venv
	rm -rf .dome .demo .bench .screenshots .mypy_cache .ruff_cache .pytest_cache
