# Firmware for real boards: make firmware BOARD=… MICROPYTHON_DIR=… IDF_PATH=…, make flash BOARD=… PORT=…
#
# The Makefile that includes this sets BUILD, PYTHON, VENV and PY; sim.mk before it says where umqtt and microdot come from.

BOARD ?=
PORT ?=
IDF_PATH ?=

ESP32 = $(PYTHON) boards/esp32.py
ESP32_SOURCES = --board "$(BOARD)" --micropython "$(MICROPYTHON_DIR)" --idf "$(IDF_PATH)"

.PHONY: firmware
firmware: firmware-check $(SIM_PARTS) ## build for a real board: BOARD=… MICROPYTHON_DIR=… IDF_PATH=…
	@$(ESP32) build $(ESP32_SOURCES) --parts "$(BUILD)" --into "$(BUILD)/firmware"

# What is missing is said before anything is downloaded.
.PHONY: firmware-check
firmware-check:
	@$(ESP32) check $(ESP32_SOURCES)

# esptool comes from PyPI, the one that boards/esptool.txt names and boards/locked.txt knows by its SHA-256.
ESPTOOL_READY := $(VENV)/.esptool
$(ESPTOOL_READY): boards/locked.txt | $(VENV)/.pip
	@$(PYTHON) boards/SIM/venv.py $(VENV) --require-hashes -r boards/locked.txt
	@touch $@

.PHONY: flash
flash: $(ESPTOOL_READY) ## write that firmware to a board: BOARD=… PORT=…
	@$(PY) boards/esp32.py flash --board "$(BOARD)" --port "$(PORT)" --into "$(BUILD)/firmware"

# With MICROPYTHON_DIR and IDF_PATH all boards are built before; without them, what is built is taken.
.PHONY: release
release: $(BUILD)/esp-web-tools/.ready $(if $(IDF_PATH),$(SIM_PARTS)) ## images, sums and a page that flashes from a browser: build/release
	@$(PYTHON) boards/release.py make --micropython "$(if $(IDF_PATH),$(MICROPYTHON_DIR))" --idf "$(IDF_PATH)" \
		--parts "$(BUILD)" --firmware "$(BUILD)/firmware" --tools "$(BUILD)/esp-web-tools" --into "$(BUILD)/release"

$(BUILD)/esp-web-tools/.ready: boards/web/esp-web-tools.txt boards/release.py
	@$(PYTHON) boards/release.py tools --into $(@D)
	@touch $@

# The whole path on an emulated ESP32-C3: QEMU is ESP-IDF's, chip, broker and CA are this computer's.
.PHONY: firmware-test
firmware-test: simulation ## build for an ESP32-C3 in QEMU and walk the whole path on it: MICROPYTHON_DIR=… IDF_PATH=…
	@$(MAKE) --no-print-directory firmware BOARD=ESP32_QEMU_C3
	@QEMU_IMAGE="$(BUILD)/firmware/ESP32_QEMU_C3/firmware.bin" QEMU_PATH="$$($(ESP32) path --idf "$(IDF_PATH)")" \
		$(PY) -m pytest tests/emulated -rs -s $(ARGS)

# The tests configure the boards with cmake; it is fetched (11 MB) where the machine has none.
ESP32_CMAKE := $(if $(shell command -v cmake),,$(BUILD)/cmake/usr/bin/cmake)
$(BUILD)/cmake/usr/bin/cmake: boards/esp32.mk
	@$(PYTHON) boards/SIM/debian.py binary cmake cmake-data --into $(BUILD)/cmake
	@touch $@
