# Two commands do everything, set-up included: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo

.PHONY: setup demo test slow lint types examples bench clean

setup: $(VENV)/.ready

# Debian's python3 comes without venv and pip unless python3-venv is installed: install it where we may.
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
		echo "python3-venv is missing; installing it"; \
		apt-get update -qq && apt-get install -y -qq python3-venv; \
		$(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/stemwise demo --out $(DEMO)

# One thread in each of two processes is faster than two threads in one: the networks under test are tiny.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

# What takes long in a single test: a whole demo, processes killed and resumed, nodes of a cluster.
slow: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist load -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/pyright

examples: setup
	set -e; for example in examples/*.py; do echo "== $$example"; $(BIN)/python $$example; done
	set -e; for book in examples/*.ipynb; do echo "== $$book"; $(BIN)/python tests/notebooks.py $$book; done

bench: setup
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) demo runs
