PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTS := $(VENV)/.installed-for-tests
DOCS := $(VENV)/.installed-for-docs
# One thread a process: two one-thread processes beat one process of two threads, and nested pools stall.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
# Studies start many processes, each of which would compile the package anew where this is set.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: quickstart test lint docs notebooks clean

quickstart: $(STAMP)
	$(BIN)/selectdis run studies/quickstart.yaml
	$(BIN)/selectdis transfer studies/quickstart.yaml

test: $(TESTS)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, into site/: strict, so that a broken link or a public name without its page ends it.
docs: $(DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

# Runs the notebooks of examples/ anew: on the evidence as it is, and on a folder of pictures (minutes).
notebooks: $(STAMP)
	$(INSTALL) -e ".[notebooks]"
	cd examples && PATH="$(CURDIR)/$(BIN):$$PATH" jupyter execute --inplace findings.ipynb own_folder.ipynb
	sed -i.bak 's|$(CURDIR)/||g' examples/*.ipynb && rm examples/*.ipynb.bak
	rm -rf examples/my_pictures examples/runs examples/codes.csv examples/latents.html

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "selectdis needs Python 3.11 or newer, found %s: make PYTHON=python3.11" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

# Of 17,000 modules a few thousand are ever imported: these are compiled then.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

# The test tools are large; a first look at selectdis does without them.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	touch $(STAMP)

$(TESTS): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e ".[dev]"
	touch $(STAMP) $(TESTS)

$(DOCS): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e ".[docs]"
	touch $(STAMP) $(DOCS)

clean:
	rm -rf $(VENV) site build dist *.egg-info
