# make          set up .venv
# make bench    run the default sweep, print the tables, write reports/out; BENCH="..." passes options to `fuseproof run`
# make test     run every test; TEST="..." passes options to pytest
# make bench-vgpu  how fast the vgpu itself is, against PoCL, torch's CPU operators and numba's simulator
# make lint     ruff and mypy
# make clean    remove .venv and everything that tools have left

PYTHON ?= python3
BENCH ?=
TEST ?= -n auto --dist loadfile --no-loadscope-reorder  # a file stays in one process, which compiles its kernels once

# the set-up is done again when the content of one of these files changes
KEY := $(shell cat constraints.txt pyproject.toml .ci/setup.py | cksum | cut -d ' ' -f 1)
DONE := .venv/set-up-$(KEY)

.PHONY: setup bench bench-vgpu test lint clean
setup: $(DONE)

$(DONE):
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON): install Python 3.10 or newer"; exit 1; }
	@$(PYTHON) .ci/setup.py $@

bench: $(DONE)
	@.venv/bin/fuseproof run $(BENCH)

# what only this needs is installed here, so that nothing else waits for it
bench-vgpu: $(DONE)
	@.venv/bin/python -c "import pyopencl, numba" 2>/dev/null || .venv/bin/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	@.venv/bin/python -m tests.benchmarks --to docs/vgpu-performance.md

test: $(DONE)
	@.venv/bin/python -m pytest $(TEST)

lint: $(DONE)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

clean:
	rm -rf .venv build *.egg-info reports/out .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
