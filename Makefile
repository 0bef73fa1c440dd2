# make demo, make test: all the set-up on a fresh machine is done on the way.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# the pins are those of Python 3.11 and newer; an older one takes what its packages still offer
PINS := $(shell $(PYTHON) -c 'import sys; print("-c constraints.txt" if sys.version_info >= (3, 11) else "")')
# installed where we may, named where we may not: a compiler for the core, what open3d needs
SYSTEM_LIBRARIES := g++ libusb-1.0-0 libgl1 libgomp1
# the browser that the viewer's tests look through; they skip without
TEST_LIBRARIES := chromium

# nerfstudio's environment; its tests run in it where it has been made
NERF := .venv-nerf

.PHONY: demo nerf test test-quick lint format types check versions system clean

demo: $(STAMP)
	$(BIN)/grounding3d demo -o out/demo

test: $(STAMP)
	-sh tools/system_libraries.sh $(TEST_LIBRARIES)
	-$(BIN)/python tools/build_ros_interfaces.py
	$(BIN)/python -m pytest -n 2
	@if [ -x $(NERF)/bin/python ]; then echo "in $(NERF):"; $(NERF)/bin/python -m pytest -n 2 tests/nerf; fi

nerf: $(STAMP)
	$(BIN)/grounding3d nerf-setup

test-quick: $(STAMP)
	$(BIN)/python -m pytest -n 2 -m "not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy

check: lint types test

# the wheel in clean environments of the oldest and newest Python, where this machine has them
versions: system
	bash .ci/python_versions

system:
	@sh tools/system_libraries.sh $(SYSTEM_LIBRARIES)

$(STAMP): pyproject.toml constraints.txt tools/system_libraries.sh $(wildcard cpp/* cpp/kernels/*) | system
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "grounding3d needs Python 3.10 to 3.13, found $$($(PYTHON) --version); name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "python's venv is missing: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(PINS) torch
	$(BIN)/python -m pip install --quiet $(PINS) -e '.[all]'
	touch $@

clean:
	rm -rf $(VENV) out build dist
