# `make` lists what there is to do. Needs Python 3.11, 3.12 or 3.13; everything else goes into .venv.

PROFILE = quick
ONLY =
SEED =
FRESH =
REPO =

PYTHON = .venv/bin/python
CONSTRAINTS = .github/constraints.txt
NEWEST ?=
SERIES = $(PYTHON) -m helpers
CHOSEN = $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))
TESTS = test test-helpers test-units test-series test-site test-notebooks \
  test-notebooks-early test-notebooks-late
SERIES_TESTS = tests/test_execution.py tests/test_publishing.py
NBVAL = FASHION_PROFILE=smoke FASHION_SEED=0 $(PYTHON) -m pytest -q --nbval-lax \
  --nbval-current-env --nbval-cell-timeout=300 --nbval-sanitize-with=tests/nbval.cfg \
  -p no:cacheprovider
FITS = import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

.PHONY: help run $(TESTS) lab site publish address clean

help:
	@echo 'make run [PROFILE=quick]       run all notebooks without opening them (PROFILE: smoke, quick, full)'
	@echo '     ONLY="05 07"                ... only these'
	@echo '     SEED=1                      ... with another seed than 0'
	@echo '     FRESH=1                     ... also those that are finished and unchanged'
	@echo 'make lab                       open the notebooks in JupyterLab'
	@echo 'make site                      build the site from the stored notebooks, in outputs/site/html'
	@echo 'make test                      check the code, run the tests, then every notebook on a small sample'
	@echo 'make publish [ONLY=05]         maintainers: run on all data and store the outputs in notebooks/'
	@echo 'make address REPO=owner/name   maintainers: write the public address into notebooks and README'
	@echo 'make clean                     remove .venv, outputs/ and caches'

run: .venv/made
	@$(SERIES) run --profile $(PROFILE) $(CHOSEN) $(if $(FRESH),--fresh)

# Three parts side by side keep two cores busy, each of them waits now and then; the others take
# the place of those that end. More threads in each would only wait for one another, which
# doubles the time of scikit-learn's notebooks.
$(TESTS): export OMP_NUM_THREADS = 1
$(TESTS): export OPENBLAS_NUM_THREADS = 1
$(TESTS): export FASHION_RESULTS_DIR = $(CURDIR)/outputs/test
test: .venv/made
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check --quiet .
	@$(MAKE) -j3 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
	  --no-print-directory test-units test-notebooks test-series test-site

test-helpers: test-units test-series test-site

test-units: .venv/made
	$(PYTHON) -m pytest -q $(addprefix --ignore=,$(SERIES_TESTS) tests/test_site.py)

test-series: .venv/made
	$(PYTHON) -m pytest -q $(SERIES_TESTS)

test-site: .venv/made
	$(PYTHON) -m pytest -q tests/test_site.py

test-notebooks: test-notebooks-early test-notebooks-late

test-notebooks-early: .venv/made
	$(NBVAL) notebooks/0*.ipynb

test-notebooks-late: .venv/made
	$(NBVAL) notebooks/1*.ipynb

lab: .venv/made
	$(PYTHON) -m jupyterlab notebooks

site: .venv/made
	@$(SERIES) site

publish: .venv/made
	@$(SERIES) publish $(CHOSEN)
	@$(SERIES) pages

address: .venv/made
	@$(SERIES) address $(REPO)
	@$(SERIES) pages

clean:
	rm -rf .venv outputs .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is complete when the file `made` is there and newer than requirements.txt. A Python
# that was upgraded or moved leaves links that lead nowhere: then it is made anew.
ifneq ($(shell $(PYTHON) -c 'print(1)' 2>/dev/null),1)
.PHONY: .venv/made
endif
.venv/made: requirements.txt
	@if [ "$$(uname -sm)" = 'Darwin x86_64' ]; then \
	  echo 'TensorFlow has no package for Macs with Intel processors any more: open the notebooks in' \
	    'Colab, or run make in a Linux container.' >&2; exit 1; fi; \
	found=; for python in python3 python3.13 python3.12 python3.11 python; do \
	  if $$python -c '$(FITS)' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if $(PYTHON) -c '$(FITS)' >/dev/null 2>&1; then :; \
	elif [ -n "$$found" ]; then $$found -m venv --clear .venv || exit 1; \
	elif command -v uv >/dev/null; then uv venv --quiet --clear --seed --python 3.13 .venv || exit 1; \
	elif command -v conda >/dev/null; then \
	  rm -rf .venv && conda create --yes --quiet --prefix .venv python=3.13 pip || exit 1; \
	else echo 'No Python 3.11, 3.12 or 3.13 with its venv module was found, and neither uv nor conda' \
	    'to fetch one: install Python 3.13 (on Debian and Ubuntu also the package python3-venv), or' \
	    'uv, then run make again.' >&2; exit 1; fi; \
	echo "Installing requirements.txt into .venv with $$($(PYTHON) --version): some minutes, 2 GB, once."; \
	if [ -z "$(NEWEST)" ] && [ -f $(CONSTRAINTS) ]; then \
	  $(PYTHON) -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) \
	    -r requirements.txt 2>/dev/null && touch $@ && exit 0; \
	  echo 'The exact versions in $(CONSTRAINTS) do not suit this Python: taking newer or older ones.'; \
	fi; \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt || { \
	  echo 'The installation failed: see the lines above; make goes on where it stopped.' >&2; exit 1; }; \
	touch $@
