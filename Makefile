# Works with BSD make and with GNU make: no conditionals, no functions.
#   make demo   a jail from nothing, on a simulated host in .demo/
#   make test   the tests
#   make matrix every verb failing, killed and without power at every step; make test takes some
#   make pictures       the pictures of the UI, in tests/tui/pictures
#   make test-oldest    part of the tests with the oldest packages that are allowed; OLDEST_TESTS=tests for all
#   make completions    the table of completions/, from the parsers of the verbs
#   make package-check  the source distribution, the wheel and the port's list of files
#   make libzfs-check POOL=SCRATCH   zfs(8) and py-libzfs, on a real pool: datasets are created and destroyed in it
#   make fuzz   what make test takes a little of, for FUZZ_SECONDS of each kind
#   make lint   types and style

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
DEMO = .demo
FUZZ_SECONDS = 600
OLDEST = .oldest
# What depends on the packages: msgspec and PyYAML read all files (spec, library), Jinja2 writes
# jail.conf (golden), rows are printed by msgspec, the UI is drawn by textual and rich.
LIBZFS = .venv-libzfs
POOL =
OLDEST_TESTS = tests/unit/spec tests/unit/golden tests/unit/library tests/sim/test_sim_rows.py tests/tui/test_ui_actions_find.py
RUN = $(BIN)/bsdvirt --sim $(DEMO)

all: test

$(VENV)/ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $(VENV)/ready

demo: $(VENV)/ready
	rm -rf $(DEMO)
	$(RUN) init --pool zroot
	$(RUN) create jail web --start
	printf 'hostname\nifconfig\nexit\n' | $(RUN) console web
	$(RUN) ls
	$(RUN) info web
	@echo
	@echo "$(RUN) tui    opens the terminal UI on this host"

test: $(VENV)/ready
	$(BIN)/python -m pytest -q -n auto --dist worksteal

matrix: $(VENV)/ready
	BSDVIRT_MATRIX=all $(BIN)/python -m pytest -q -n auto --dist worksteal tests/sim/test_sim_crash.py tests/sim/test_sim_vm_crash.py tests/sim/test_sim_power.py tests/tui

pictures: $(VENV)/ready
	PYTHONPATH=.:tests/tui $(BIN)/python tests/tui/pictures.py

# The oldest packages are found before those of the environment, which has the rest.
$(OLDEST)/ready: $(VENV)/ready tests/oldest.txt
	rm -rf $(OLDEST)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(OLDEST) --requirement tests/oldest.txt
	touch $(OLDEST)/ready

test-oldest: $(OLDEST)/ready
	PYTHONPATH="$$PWD/$(OLDEST)" $(BIN)/python -m pytest -q -n auto --dist worksteal $(OLDEST_TESTS)

completions: $(VENV)/ready
	$(BIN)/python completions/completion_table.py completions/complete

package-check: $(VENV)/ready
	$(BIN)/python -m pytest -q tests/package

# libzfs is of the OS's packages.
$(LIBZFS)/ready: setup.cfg
	$(PYTHON) -m venv --system-site-packages $(LIBZFS)
	$(LIBZFS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $(LIBZFS)/ready

libzfs-check: $(LIBZFS)/ready
	@test -n '$(POOL)' || { echo 'name a scratch pool: make libzfs-check POOL=scratch' >&2; exit 1; }
	@$(LIBZFS)/bin/python -c 'import libzfs; print("libzfs:", libzfs.__file__)' || { echo 'install py-libzfs: pkg install py311-libzfs' >&2; exit 1; }
	BSDVIRT_TEST_POOL='$(POOL)' $(LIBZFS)/bin/python -m pytest -v -rs tests/unit/zfs/test_contract.py

fuzz: $(VENV)/ready
	BSDVIRT_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -q -n auto tests/fuzz

check: test lint

lint: $(VENV)/check
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

$(VENV)/check: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[check]'
	touch $(VENV)/check

clean:
	rm -rf $(VENV) $(OLDEST) $(LIBZFS) $(DEMO) build dist bsdvirt.egg-info

.PHONY: all demo test matrix test-oldest pictures completions package-check libzfs-check fuzz check lint clean
