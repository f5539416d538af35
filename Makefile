# The only entrance: `make help` is made from the comments behind `##`.
PYTHON ?= python3
BUILD := build
VENV := $(BUILD)/venv
PY := $(VENV)/bin/python
ARGS ?=
SEED ?=
SLOWEST ?=

# What is downloaded and compiled is kept here for the next clone, and for CI; ATECC_CACHE= keeps nothing.
ATECC_CACHE ?= $(if $(or $(XDG_CACHE_HOME),$(HOME)),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/atecc)
export ATECC_CACHE

# Without compiled modules every command and every test would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

include boards/SIM/sim.mk
include boards/SIM/budget.mk
include boards/SIM/cloud.mk
include tests/mutants/mutants.mk
include boards/esp32.mk

# An environment with nothing but pip in it: enough to fetch what is frozen into a board.
$(VENV)/.pip: boards/SIM/venv.py
	@$(PYTHON) boards/SIM/venv.py $(VENV)
	@touch $@

# The plain one of pip's ways: the other costs each start of Python some of its time. All that it takes is there.
EDITABLE := --config-settings editable_mode=compat --no-deps --no-build-isolation

# Python packages: the host tool itself, and what the bench in software and the tests need, ruff and mypy too. pip takes
# them only as they were when they were locked.
READY := $(VENV)/.ready
$(READY): host/pyproject.toml tests/locked.txt | $(VENV)/.pip
	@echo "install the Python packages"
	@$(PYTHON) boards/SIM/venv.py $(VENV) --require-hashes -r tests/locked.txt
	@$(PYTHON) boards/SIM/venv.py $(VENV) $(EDITABLE) -e host
	@touch $@

# Versions and SHA-256 of all files of every package, for every platform: what pyproject.toml and requirements*.txt ask for.
LOCK = $(BUILD)/lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
.PHONY: lock
lock: ## write */locked.txt anew, after a Python package was added or to take newer ones
	@$(PYTHON) boards/SIM/venv.py $(BUILD)/lock uv
	@$(LOCK) --upgrade host/pyproject.toml host/build.txt -o host/locked.txt
	@$(LOCK) --upgrade host/pyproject.toml --extra flash host/build.txt tests/requirements.txt tests/requirements-check.txt \
		-c host/locked.txt -o tests/locked.txt
	@$(LOCK) --upgrade boards/esptool.txt -c tests/locked.txt -o boards/locked.txt

FOREIGN_READY := $(VENV)/.ready-foreign
$(FOREIGN_READY): $(READY) tests/requirements-foreign.txt tests/requirements-speed.txt
	@echo "install other people's drivers, to compare with"
	@$(PYTHON) boards/SIM/venv.py $(VENV) -r tests/requirements-foreign.txt
	@$(PYTHON) boards/SIM/venv.py $(VENV) --no-deps -r tests/requirements-speed.txt
	@touch $@

# Downloads and builds side by side: the network and the compiler wait for each other least this way.
SIDE_BY_SIDE = $(MAKE) -s --no-print-directory -j$(shell echo $$(($$(nproc) + 1)))

.PHONY: setup
setup: ## set everything up under build/ (the other targets do it by themselves)
	+@$(SIDE_BY_SIDE) $(SIMULATION) $(SIM32_HERE) $(ESP32_CMAKE)

# What a demo takes.
SIMULATION := $(READY) sim mosquitto
.PHONY: simulation
simulation:
	+@$(SIDE_BY_SIDE) $(SIMULATION)

.PHONY: demo
demo: simulation ## from a blank chip to a living MQTT connection, on a simulated board
	@$(PY) boards/SIM/demo.py $(ARGS)

# Else each worker, at its start, would compile all tests of a new clone, as the others do at that very moment. What can't be
# collected yet is no error here: the tests themselves will tell.
COMPILED := $(BUILD)/.tests-compiled
$(COMPILED): | $(READY)
	@$(PY) -m pytest --collect-only -q > $@ 2>&1 || true

.PHONY: test
test: ## run all tests (ARGS="tests/host -k csr": some; SLOWEST=15; SEED=7: shuffled)
	+@$(SIDE_BY_SIDE) $(SIMULATION) $(FOREIGN_READY) $(COMPILED) $(SIM32_HERE) $(ESP32_CMAKE)
	@$(PY) -m pytest -n auto $(if $(SLOWEST),--durations=$(SLOWEST)) \
		$(if $(SEED),--randomly-seed=$(SEED),-p no:randomly) $(ARGS)

# Unless both are said nothing is touched, and nothing at all if the chip has another serial number.
.PHONY: test-hardware
test-hardware: ## tests of the board on PORT=… whose chip is SERIAL=…; IRREVERSIBLE=1 does more
	@test -n "$(PORT)" -a -n "$(SERIAL)" || \
		{ echo "make test-hardware needs PORT=… and SERIAL=…, the serial number that \`atecc info\` shows"; exit 2; }
	@$(MAKE) -s --no-print-directory $(READY)
	@HARDWARE_PORT="$(PORT)" HARDWARE_SERIAL="$(SERIAL)" IRREVERSIBLE="$(IRREVERSIBLE)" \
		$(PY) -m pytest tests/hardware -rs -s $(ARGS)

.PHONY: bench
bench: simulation $(FOREIGN_READY) ## what the driver's operations cost beside other drivers', in virtual time
	@$(PY) tests/speed

.PHONY: fleet
fleet: simulation ## 200 simulated devices renew their certificates through one job, 3 fail on purpose (ARGS=50: so many)
	@$(PY) tests/fleet $(ARGS)

.PHONY: check
check: $(READY) ## ruff, its formatting, and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

.PHONY: format
format: $(READY) ## let ruff format everything
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

.PHONY: mip
mip: $(READY) ## write firmware/package.json, after a module has come or gone
	@$(PY) host/mip.py

.PHONY: atecc
atecc: $(READY) ## the host tool: make atecc ARGS="info"
	@$(VENV)/bin/atecc $(ARGS)

.PHONY: board
board: simulation ## a simulated board in the foreground; prints the port to use (ARGS="--rpc wss://127.0.0.1:0": on the network)
	@PYTHONPATH=boards/SIM $(PY) -m simboard $(ARGS)

.PHONY: chip
chip: $(READY) ## a simulated chip alone: make chip ARGS="--listen unix:PATH"
	@PYTHONPATH=boards/SIM $(PY) -m simchip $(ARGS)

.PHONY: cloud
cloud: $(READY) mosquitto ## the stand-in for AWS IoT alone
	@PYTHONPATH=boards/SIM $(PY) -m simcloud $(ARGS)

.PHONY: broker
broker: $(READY) mosquitto ## a broker for a CA of your own: make broker CA=ca.crt.pem KEY=ca.key.pem
	@test -n "$(CA)" -a -n "$(KEY)" || { echo "make broker needs CA=… and KEY=…, the files of your CA"; exit 2; }
	@PYTHONPATH=boards/SIM $(PY) boards/SIM/mybroker.py "$(CA)" "$(KEY)"

.PHONY: try
try: simulation ## a shell with a simulated board, the stand-in for AWS IoT and `atecc` in place
	@PYTHONPATH=boards/SIM $(PY) boards/SIM/tryout.py

.PHONY: clean
clean: ## remove build/
	rm -rf $(BUILD)
