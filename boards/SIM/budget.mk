# The simulated board with 32-bit objects, as large as a microcontroller's: $(BUILD)/sim32/micropython. What it takes of
# its heap is what an ESP32 takes.
#
# gcc's 32-bit half and its C library are unpacked from Debian's packages; nothing is installed. The Makefile that includes
# this has included sim.mk before.

comma := ,
SIM32_BUILD := $(abspath $(BUILD))/sim32
SIM32_MICROPYTHON := $(BUILD)/sim32/micropython
SIM32_DEBIAN := $(abspath $(BUILD))/debian32
SIM32_VERSION := $(firstword $(subst ., ,$(shell gcc -dumpversion)))
SIM32_PACKAGES := libc6-dev-i386 libc6-i386 lib32gcc-$(SIM32_VERSION)-dev lib32gcc-s1

# Of the headers only those that differ are in the packages. The program names its own loader and finds its own libraries:
# it executes itself when it resets.
SIM32_GCC := $(SIM32_DEBIAN)/usr/lib/gcc/x86_64-linux-gnu/$(SIM32_VERSION)/32
SIM32_LIBRARIES := $(SIM32_DEBIAN)/lib32 $(SIM32_DEBIAN)/usr/lib32
SIM32_CC = $(SIM_GCC) -m32 -idirafter /usr/include/x86_64-linux-gnu -idirafter $(SIM32_DEBIAN)/usr/include/x86_64-linux-gnu \
	-B$(SIM32_GCC)/ -B$(SIM32_DEBIAN)/usr/lib32/ $(addprefix -L,$(SIM32_GCC) $(SIM32_LIBRARIES)) \
	-Wl,--sysroot=$(SIM32_DEBIAN) -Wl,--dynamic-linker=$(SIM32_DEBIAN)/lib32/ld-linux.so.2 \
	$(addprefix -Wl$(comma)-rpath=,$(SIM32_LIBRARIES))

.PHONY: budget
budget: $(READY) sim mosquitto $(SIM32_MICROPYTHON) ## what the device takes of a microcontroller's memory, beside the limits
	@PYTHONPATH=boards/SIM $(PY) $(SIM)/budget.py

.PHONY: sim32
sim32: $(SIM32_MICROPYTHON) ## build the simulated board with 32-bit objects

# What the tests need of it: on another processor than a PC's there is no such compiler, and they say so.
SIM32_HERE := $(if $(filter x86_64,$(shell uname -m)),$(SIM32_MICROPYTHON))

# The packages' absolute links lead out of the tree: they are bent back into it.
$(SIM32_DEBIAN)/.ready: $(SIM)/budget.mk $(SIM)/debian.py
	@[ "$$(uname -m)" = x86_64 ] || { echo "the 32-bit board needs gcc -m32, on x86_64; this is $$(uname -m)"; exit 1; }
	@python3 $(SIM)/debian.py binary $(SIM32_PACKAGES) --into $(SIM32_DEBIAN)
	@find $(SIM32_DEBIAN)/lib $(SIM32_DEBIAN)/usr/lib32 -lname '/*' ! -lname '$(SIM32_DEBIAN)/*' \
		-exec sh -c 'ln -sfn "$(SIM32_DEBIAN)$$(readlink "$$1")" "$$1"' - {} \;
	@touch $@

$(SIM32_MICROPYTHON): $(SIM32_DEBIAN)/.ready $(SIM_INPUTS) $(SIM)/budget.mk
	@echo "build the simulated board with 32-bit objects"
	@mkdir -p $(SIM32_BUILD)/port && $(call SIM_FORGET,$(SIM32_BUILD)/port)
	@cp $(SIM_BUILD)/port/board_pins.h $(SIM32_BUILD)/port
	+@$(SIM_PORT_MAKE) BUILD=$(SIM32_BUILD)/port MICROPY_FORCE_32BIT=1 CC="$(SIM32_CC)" $(SIM_LOGGED)
	@cp $(SIM32_BUILD)/port/micropython $@.new && mv $@.new $@
