# make          set up .venv
# make bench    run the default sweep, print the tables, write reports/out; BENCH="..." passes options to `fuseproof run`
# make test     run every test; TEST="..." passes options to pytest
# make lint     ruff and mypy
# make clean    remove .venv and everything that tools have left

PYTHON ?= python3
BENCH ?=
TEST ?= -n auto

# the set-up is done again when the content of one of these files changes
KEY := $(shell cat constraints.txt pyproject.toml .ci/setup.py | cksum | cut -d ' ' -f 1)
DONE := .venv/set-up-$(KEY)

.PHONY: setup bench test lint clean
setup: $(DONE)

$(DONE):
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON): install Python 3.10 or newer"; exit 1; }
	@$(PYTHON) .ci/setup.py $@

bench: $(DONE)
	@.venv/bin/fuseproof run $(BENCH)

test: $(DONE)
	@.venv/bin/python -m pytest $(TEST)

lint: $(DONE)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

clean:
	rm -rf .venv build *.egg-info reports/out .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
