# Everything runs in .venv, which is made once and again when the dependencies change.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint benchmark

demo: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: lint
	$(BIN)/mypy rinject benchmarks
	$(BIN)/pytest -n auto --dist loadfile -q

# Next to tracr, side by side; writes the tables of docs/tracr.md. About 15 minutes.
benchmark: $(READY)
	$(BIN)/python -m benchmarks.compiler --growth --json benchmarks/compiler.json
	$(BIN)/python -m benchmarks.compare_programs --write

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $$(grep '^torch==' constraints.txt)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[test]'
	touch $@
