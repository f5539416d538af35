# Builds the simulated board: $(BUILD)/sim/micropython, MicroPython's unix port with boards/SIM/port.
#
# The Makefile that includes this sets BUILD, VENV (a virtual environment, with pip when $(VENV)/.pip is there), PY, its
# Python, and ATECC_CACHE. MICROPYTHON_DIR=… takes a checkout of MicroPython with its submodules instead of Debian's source
# packages.

SIM := boards/SIM
SIM_BUILD := $(abspath $(BUILD))/sim
SIM_MICROPYTHON := $(BUILD)/sim/micropython
SIM_PARTS := $(BUILD)/umqtt/.ready $(BUILD)/microdot/.ready

ifeq ($(MICROPYTHON_DIR),)
SIM_SOURCE := $(BUILD)/src/micropython
SIM_SOURCE_READY := $(BUILD)/src/.mended
else
SIM_SOURCE := $(MICROPYTHON_DIR)
endif

# (The slash: `firmware` alone is a target of make.)
SIM_FIRMWARE := $(sort $(shell find firmware/ -name '*.py')) $(SIM)/board.py $(SIM)/manifest.py \
	boards/common/firmware.py boards/common/umqtt.simple/manifest.py boards/common/heap.c
SIM_PORT := $(wildcard $(SIM)/port/*)

# Their names: it changes when a file comes or goes.
SIM_LIST := $(BUILD)/sim.list
.PHONY: always
$(SIM_LIST): always
	@mkdir -p $(@D) && echo '$(SIM_FIRMWARE) $(SIM_PORT)' | cmp -s - $@ || echo '$(SIM_FIRMWARE) $(SIM_PORT)' >$@

# What was compiled once is not compiled again, in no clone: ccache, Debian's where the machine has none, sees to that.
# Without a place to keep it in there is none of this.
CCACHE_FETCHED := $(abspath $(BUILD))/ccache/usr/bin/ccache
CCACHE := $(if $(ATECC_CACHE),$(or $(shell command -v ccache),$(CCACHE_FETCHED)))
CCACHE_READY := $(filter $(CCACHE_FETCHED),$(CCACHE))
CCACHE_LIBRARIES = $(wildcard $(abspath $(BUILD))/ccache/usr/lib/*-linux-gnu)
CCACHE_ENV = CCACHE_DIR="$(ATECC_CACHE)/ccache" CCACHE_BASEDIR="$(CURDIR)" CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 CCACHE_MAXSIZE=400M \
	$(if $(CCACHE_READY),LD_LIBRARY_PATH="$(CCACHE_LIBRARIES)")
SIM_GCC = $(strip $(CCACHE) gcc)

# MicroPython asks git for its version: it must not find this project's. What it says goes to a log.
SIM_JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
SIM_MAKE = $(if $(CCACHE),$(CCACHE_ENV)) GIT_CEILING_DIRECTORIES=$(abspath $(BUILD))/src \
	$(MAKE) --no-print-directory $(SIM_JOBS) CC="$(SIM_GCC)" \
	MICROPY_MPYCROSS=$(SIM_BUILD)/mpy-cross/mpy-cross MICROPY_MPYCROSS_DEPENDENCY=
SIM_LOG = $(BUILD)/$(notdir $(@D)).log
SIM_LOGGED = >$(SIM_LOG) 2>&1 || { tail -n 30 $(SIM_LOG); exit 1; }

.PHONY: sim
sim: $(SIM_MICROPYTHON) ## build the simulated board

$(CCACHE_FETCHED): $(SIM)/sim.mk
	@python3 $(SIM)/debian.py binary ccache --into $(BUILD)/ccache
	@touch $@

# Debian takes these libraries out of MicroPython's source; they go back to where its makefiles expect them.
$(BUILD)/src/.ready: $(SIM)/debian.py
	@python3 $(SIM)/debian.py source micropython mbedtls --suite trixie --into $(BUILD)/src
	@rmdir $(SIM_SOURCE)/lib/mbedtls 2>/dev/null || true
	@ln -sfn ../../mbedtls $(SIM_SOURCE)/lib/mbedtls
	@touch $(SIM_SOURCE)/lib/micropython-lib/README.md $@

# A defect of the unix port, of which boards know nothing: when select.poll() outgrows its first four sockets while
# something without a descriptor is registered as well (asyncio.ThreadSafeFlag), it makes a pointer of what is none.
# A checkout of one's own is left alone; without this, it crashes with more than four connections.
$(BUILD)/src/.mended: $(BUILD)/src/.ready
	@sed -i 's/if (!poll_obj) {/if (!poll_obj || poll_obj->pollfd == NULL) {/' $(SIM_SOURCE)/extmod/modselect.c
	@touch $@

# What PyPI has for MicroPython: the source package that boards/SIM/NAME.txt pins, unpacked in $(BUILD)/NAME. pip has no
# way to only download one: it unpacks it, complains that it can't build it, and tidies up unless told.
$(SIM_PARTS): $(BUILD)/%/.ready: $(SIM)/%.txt | $(VENV)/.pip
	@rm -rf $(@D).part && mkdir -p $(@D).part
	@TMPDIR=$(abspath $(@D)).part $(PY) -m pip download --no-clean --no-deps --no-binary :all: --no-build-isolation \
		--no-cache-dir -r $< -d $(@D).part >$(@D).part/log 2>&1 || true
	@ls -d $(@D).part/pip-download-*/*$**/ >/dev/null 2>&1 || \
		{ cat $(@D).part/log; echo "$* can't be downloaded; is the network up?"; exit 1; }
	@rm -rf $(@D) && mv $(@D).part/pip-download-*/*$**/ $(@D) && rm -rf $(@D).part && touch $@

# A compiler that is used for a second need not be a fast one.
$(SIM_BUILD)/mpy-cross/mpy-cross: $(SIM_SOURCE_READY) | $(CCACHE_READY)
	@echo "build MicroPython's compiler"
	+@$(SIM_MAKE) -C $(SIM_SOURCE)/mpy-cross BUILD=$(SIM_BUILD)/mpy-cross COPT=-O0 CFLAGS_EXTRA=-Wno-error $(SIM_LOGGED)
	@touch $@

# The chip is wired to the pins that board.py names.
$(SIM_BUILD)/port/board_pins.h: $(SIM)/board.py
	@mkdir -p $(@D)
	@sed -n 's/^\(SCL\|SDA\) = /#define BOARD_\1 /p' $< >$@

SIM_INPUTS := $(SIM_SOURCE_READY) $(SIM_BUILD)/mpy-cross/mpy-cross $(SIM_PARTS) $(SIM_BUILD)/port/board_pins.h \
	$(SIM_FIRMWARE) $(SIM_PORT) $(SIM_LIST) $(SIM)/sim.mk
SIM_PORT_MAKE = $(SIM_MAKE) -C $(SIM_SOURCE)/ports/unix VARIANT_DIR=$(abspath $(SIM))/port \
	FROZEN_MANIFEST=$(abspath $(SIM))/manifest.py MICROPY_MANIFEST_PARTS_DIR=$(abspath $(BUILD))

# MicroPython notices neither that a frozen file is gone nor that the compiler's and linker's options have changed. A board
# that runs, and the last one that could be built, stay as they are until the new one is complete.
SIM_FORGET = rm -f $(1)/frozen_content.c $(1)/micropython; $(if $(filter %.mk,$?),find $(1) -name '*.o' -delete)
$(SIM_MICROPYTHON): $(SIM_INPUTS)
	@echo "build the simulated board"
	@$(call SIM_FORGET,$(SIM_BUILD)/port)
	+@$(SIM_PORT_MAKE) BUILD=$(SIM_BUILD)/port $(SIM_LOGGED)
	@cp $(SIM_BUILD)/port/micropython $@.new && mv $@.new $@
