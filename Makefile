# make demo    runs the quickstart and shows the repository that it writes
# make test    linters and the whole suite
# make docs    builds the pages of docs/ as a site in build/docs
# make bench   measures generating, compiling, rehearsing, provisioning and the service, side by side with others
# make sweep   lets every request of the provisioning scripts fail in every way; takes hours, unless SWEEP= says
#              which: make sweep SWEEP='--kinds 403,kill --only "iam|storage" --log sweep.log', which can be gone on with
# make clean   takes away all that these made
#
# Each needs Python 3.11, 3.12 or 3.13 and nothing else: it makes its environment in .venv, once.

PYTHONS := python3 python3.13 python3.12 python3.11 python
FITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for each in $(PYTHONS); do $$each -c '$(FITS)' 2>/dev/null && echo $$each && break; done)
VENV := .venv

.PHONY: demo test docs bench sweep clean

demo: $(VENV)/demo.stamp
	@$(VENV)/bin/python example/demo.py

test: $(VENV)/dev.stamp
	@PYTHON=$(VENV)/bin/python tests/check

docs: $(VENV)/docs.stamp
	@$(VENV)/bin/python -m sphinx -n -W --keep-going -q docs build/docs
	@echo "Open build/docs/index.html."

bench: $(VENV)/dev.stamp
	@PYTHON=$(VENV)/bin/python tests/bench/run
	@$(VENV)/bin/python tests/bench/compiling.py
	@$(VENV)/bin/python tests/bench/rehearsals.py
	@$(VENV)/bin/python tests/bench/provisions.py
	@$(VENV)/bin/python tests/bench/serving.py

sweep: $(VENV)/dev.stamp
	@$(VENV)/bin/python tests/sweep.py $(SWEEP)

clean:
	rm -rf $(VENV) $(VENV)-* demo build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: an environment is built again when what it should hold has changed.
$(VENV)/%.stamp: setup.py pyproject.toml | $(VENV)/bin/pip
	@echo "Installing what '$*' needs into $(VENV) (once; a minute or two) ..."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]' || \
	  { echo "pip could not install it: the lines above say why. 'make clean' starts afresh." >&2; exit 1; }
	@touch $@

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(FITS)' 2>/dev/null || { echo "This needs Python 3.11, 3.12 or 3.13, with its \
	venv module (Debian: apt-get install python3-venv). Name yours: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
