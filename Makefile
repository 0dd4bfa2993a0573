# make demo   simulate a film, find its flaws, measure them; opens napari where there is a screen
# make test   every check that a change must pass, also without a screen
#
# Both make their own environment in .venv, pinned by constraints.txt. Stamps in .venv remember what is
# installed, so that the second call starts at once.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-avx2 test-slow benchmarks check lint format typecheck imports manifest build docs clean

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt
# What figures are compared with; needed by benchmarks alone.
PEERS := monai opencv-python-headless kornia segmentation-models-pytorch
# Under Linux windows open on a screen of their own, in memory, whatever screen there is.
SCREEN := $(if $(filter Linux,$(shell uname -s)),xvfb-run --auto-servernum --server-args="-screen 0 1600x1200x24")
# Further arguments for pytest, such as ARGS=tests/prediction
ARGS ?=
# Tests run side by side, each with one thread: two that share two cores, each with two threads, wait for one
# another. JOBS=0 runs them one after the other, with all threads.
JOBS ?= 2
SIDE_BY_SIDE := $(if $(filter 0,$(JOBS)),,OMP_NUM_THREADS=1)
PYTEST := $(BIN)/python -m pytest $(if $(filter 0,$(JOBS)),,--numprocesses $(JOBS) --dist loadgroup)

help:
	@sed -n '1,2s/^# //p' Makefile
	@echo "also: test-avx2 test-slow benchmarks check lint format typecheck imports manifest build docs clean"

demo: $(VENV)/.installed-app
	@if [[ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]]; then .ci/system-libraries; fi
	$(BIN)/weld-fcn demo

test: check
	@.ci/system-libraries
	$(SIDE_BY_SIDE) $(SCREEN) $(PYTEST) -m "not slow" $(ARGS)

# What a training does must not hang on a processor's arithmetic: the same tests as if it had AVX2 alone. On one
# that has no more, `make test` is that run.
test-avx2: $(VENV)/.installed-test
	@if grep -qs avx512 /proc/cpuinfo || [[ ! -e /proc/cpuinfo ]]; then \
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 $(SIDE_BY_SIDE) $(PYTEST) -m "not slow" tests/training; \
	else echo "test-avx2: this processor has AVX2 at most, so make test is this run"; fi

test-slow: $(VENV)/.installed-test $(VENV)/.installed-peers
	@.ci/system-libraries
	$(SCREEN) $(BIN)/python -m pytest -m slow --timeout 3600 $(ARGS)

benchmarks: $(VENV)/.installed-test $(VENV)/.installed-peers
	@.ci/system-libraries
	@for script in benchmarks/*.py; do echo "== $$script"; $(SCREEN) $(BIN)/python "$$script"; done

check: lint typecheck imports manifest

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(VENV)/.installed-test
	$(BIN)/mypy

imports: $(VENV)/.installed-test
	$(BIN)/lint-imports --no-logo

manifest: $(VENV)/.installed-test
	$(BIN)/npe2 validate napari-weld-fcn

build: $(VENV)/.installed-test
	$(BIN)/python -m build

docs: $(VENV)/.installed-app
	$(PIP_INSTALL) --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf build dist site weld-fcn-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.installed-app: pyproject.toml constraints.txt .ci/make-venv
	@.ci/make-venv $(VENV)
	@echo "Installing into $(VENV); the first time takes some minutes."
	@$(PIP_INSTALL) --editable ".[all]"
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed-app
	@$(PIP_INSTALL) --editable ".[all,test]"
	@touch $@

$(VENV)/.installed-peers: $(VENV)/.installed-app
	@$(PIP_INSTALL) $(PEERS)
	@touch $@
