# Every target works from a fresh checkout; `make help` lists them.
# An existing virtual environment keeps its Python unless PYTHON names another one.
ifeq ($(shell test -x .venv/bin/python && echo usable),usable)
PYTHON ?= .venv/bin/python
else
PYTHON ?= python3
endif
ARGS ?=

BIN := .venv/bin
NEEDED := Python 3.11 or newer is needed: install it, or pass PYTHON=/path/to/python
SET_UP = @command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; $(NEEDED)" >&2; exit 1; }; \
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("make: $(PYTHON) is Python %d.%d; $(NEEDED)" % sys.version_info[:2])' && \
	$(PYTHON) scripts/set_up.py

# The tests start hundreds of processes: each would compile all modules for itself.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help serve cluster setup test proof quick check format autobahn cluster-faults cluster-test fuzz session bench lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):  *## /  make \1\t/p' $(MAKEFILE_LIST)
	@echo 'Variables: PYTHON=python3.12 chooses the interpreter, ARGS="--port 3001" passes flags to serve, cluster, quick, proof, autobahn, cluster-test, fuzz or bench.'

serve:  ## start the server, after installing what it needs
	$(SET_UP) serve
	@exec $(BIN)/python -m server $(ARGS)

cluster:  ## start two nodes with PostgreSQL, Redis and nginx for a look, after installing them
	$(SET_UP) cluster
	@exec $(BIN)/python scripts/cluster.py $(ARGS)

setup:  ## install all that `make test` needs: Python and Node packages, Chromium
	$(SET_UP) test

# Both suites always run; either one's failure fails the target. The clients wait for much, so they run beside
# the other suite, and what they print comes behind it. In a new checkout one process compiles the tests, so
# that not each of those that run them does. pytest-cov counts the lines again to print those that are missing,
# which nobody asks for when there are none.
test:  ## run the Python tests with coverage, and the official JavaScript clients
	$(SET_UP) test
	@failed=0; printed=$$(mktemp); \
	PYTHON="$(CURDIR)/$(BIN)/python" npm --prefix conformance/js test -- --test-concurrency=2 >"$$printed" 2>&1 & \
	clients=$$!; trap 'kill $$clients 2>/dev/null; rm -f "$$printed"' EXIT; trap 'exit 130' INT TERM; \
	ls tests/__pycache__/conftest.*pytest*.pyc >/dev/null 2>&1 || $(BIN)/python -m pytest --collect-only -qq >/dev/null; \
	$(BIN)/python -m pytest --cov --cov-report= --numprocesses auto --dist worksteal || \
		{ failed=1; $(BIN)/coverage report; }; \
	wait $$clients || failed=1; \
	cat "$$printed"; \
	exit $$failed

proof:  ## let what searches at random search ten times as long; EFFORT=50 for 50 times
	$(SET_UP) test
	@EFFORT=$(or $(EFFORT),10) $(BIN)/python -m pytest -o faulthandler_timeout=0 --numprocesses auto --dist worksteal \
		-m "hypothesis or search" $(ARGS)

quick:  ## run the tests of rules and bytes alone, under a minute: no Node, Redis or browser
	$(SET_UP) check
	@exec $(BIN)/python -m pytest --quick --quiet --numprocesses auto --dist worksteal $(ARGS)

check:  ## check format, lint and types
	$(SET_UP) check
	@failed=0; \
	$(BIN)/ruff format --check . || failed=1; \
	$(BIN)/ruff check . || failed=1; \
	$(BIN)/mypy || failed=1; \
	exit $$failed

format:  ## format the Python files, mend what the linter can, renew what is derived
	$(SET_UP) check
	@$(BIN)/python scripts/option_types.py
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@$(BIN)/python scripts/packet_path.py --write

autobahn:  ## run all WebSocket cases of the Autobahn suite, most of an hour
	$(SET_UP) test
	@exec $(BIN)/python -m tests.hostile.autobahn $(ARGS)

cluster-faults:  ## let members, Redis, the network and workers fail, over and over
	$(SET_UP) test
	@$(BIN)/python -m tests.socketio_min.cluster.faults
	@$(BIN)/python -m tests.socketio_min.worker_faults

# ARGS names what is done to the cluster; without any the page's stories follow, its people on two nodes.
cluster-test:  ## let people work on a cluster of the assistant's servers while its parts fail
	$(SET_UP) test
	@failed=0; \
	$(BIN)/python -m tests.server.cluster_proof $(ARGS) || failed=1; \
	$(if $(ARGS),,$(BIN)/python -m pytest tests/web/two_nodes.py || failed=1;) \
	exit $$failed

fuzz:  ## fuzz what reads a peer's bytes, a minute for each target
	$(SET_UP) fuzz
	@exec $(BIN)/python -m fuzz $(ARGS)

session:  ## half an hour of ten people in one project, compressed: copies, log and memory
	$(SET_UP) test
	@exec $(BIN)/python -m tests.server.long_session $(ARGS)

bench:  ## measure this server and its peers, and write docs/performance.md
	$(SET_UP) bench
	@exec $(BIN)/python -m benchmarks.run $(ARGS)

# ARGS=--upgrade takes the newest releases that pyproject.toml allows.
lock:  ## make the lock files of the Python packages anew, after a change of pyproject.toml
	$(SET_UP) check
	@exec $(BIN)/python scripts/lock.py $(ARGS)

clean:  ## remove everything that can be made again, the virtual environment included
	@rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist htmlcov
	@rm -rf conformance/js/node_modules conformance/targets/node/node_modules
	@rm -rf tests/oracle/node_modules tests/server/node_modules
	@rm -rf server/web/node_modules sdk/javascript/node_modules
	@rm -rf fuzz/corpus fuzz/crashes
	@rm -rf benchmarks/js/node_modules benchmarks/.venv-*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
