// MicroPython's own board, with its I2C where the ATECC608 is (board.py says the same).
// MicroPython includes it twice, and its own header would define the name anew.
#pragma once

#include "boards/ESP32_GENERIC_C3/mpconfigboard.h"

#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "ESP32-C3 in QEMU"

#undef MICROPY_HW_I2C0_SCL
#undef MICROPY_HW_I2C0_SDA
#define MICROPY_HW_I2C0_SCL (9)
#define MICROPY_HW_I2C0_SDA (8)
