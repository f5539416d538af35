# The board whose modules `make mutants` changes. The Makefile that includes this sets what boards/SIM/sim.mk needs, too.

MUTANTS := $(abspath $(BUILD))/mutants

.PHONY: mutants
mutants: simulation ## change the code a little, here and there: do tests notice? (ARGS="host --seed 7 --sample 30")
	@$(PY) tests/mutants $(ARGS)

# Nearly all of it is the simulated board's own: what was compiled for that is not compiled again.
.PHONY: mutants-board
mutants-board:
	@rm -rf $(MUTANTS)/port && cp -a $(SIM_BUILD)/port $(MUTANTS)/port && rm -f $(MUTANTS)/port/frozen_content.c
	+@$(SIM_MAKE) -C $(SIM_SOURCE)/ports/unix VARIANT_DIR=$(abspath $(SIM))/port \
		FROZEN_MANIFEST=$(MUTANTS)/manifest.py MICROPY_MANIFEST_PARTS_DIR=$(abspath $(BUILD)) \
		USER_C_MODULES=$(abspath tests/mutants/port) BUILD=$(MUTANTS)/port >$(BUILD)/mutants.log 2>&1 || \
		{ tail -n 30 $(BUILD)/mutants.log; exit 1; }
