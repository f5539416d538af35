"""An ESP32-C3 in Espressif's QEMU, which has no I2C: machine.py takes transfers over TCP, to a chip on the computer."""

NAME = "ESP32_QEMU_C3"
ARCH = "esp32c3"

I2C = 0
SCL = 9
SDA = 8
I2C_HZ = 100_000
BUS = ("10.0.2.2", 6080)  # the computer, as seen from within QEMU; where the chip listens there

ATECC_ADDRESS = None  # found by itself
KEY_SLOTS = (0, 1)

LISTEN = "0.0.0.0"
CONNECTIONS = (4, 1)
