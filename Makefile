# A fresh machine needs Python 3.11 or newer with venv; everything else is installed here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-slow bench reliability lint types all clean
all: lint types test

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $(READY)

demo: $(READY)
	$(BIN)/untrain demo $(ARGS)

# Two processes of one thread each; the tests of a file stay in one, since they share what they set up. ARGS="-n 0" takes one
# process.
test: $(READY)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

# What takes long: every pair of method and model, kills, statistics of false alarms, many processes.
test-slow: $(READY)
	$(MAKE) test ARGS="-m slow $(ARGS)"

bench: $(READY)
	$(BIN)/python benchmarks $(ARGS)

# Attacks on untrain, and one table; ARGS=--fast for a part of them.
reliability: $(READY)
	$(BIN)/python reliability $(ARGS)

lint: $(READY)
	$(BIN)/ruff check . .ci
	$(BIN)/ruff format --check . .ci

types: $(READY)
	$(BIN)/mypy src

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
