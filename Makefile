# Every target makes the environment it needs; see scripts/bootstrap.py.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: env demo test test-all check docs clean

env: .venv/.complete

.venv/.complete: scripts/bootstrap.py pyproject.toml
	$(PYTHON) scripts/bootstrap.py

demo: env
	$(BIN)/chiasma demo

test: env
	scripts/test

test-all: env
	scripts/test --all

check: env
	scripts/check

docs: env
	scripts/docs

clean:
	rm -rf .venv build dist docs/_build
