"""An ESP32-C6 module with an ATECC608 wired to it."""

NAME = "ESP32_GENERIC_C6_ATECC608"
ARCH = "esp32c6"

I2C = 0
SCL = 18
SDA = 19
I2C_HZ = 100_000  # what jumper wires and weak pull-ups still carry; the chip itself does 1 MHz

ATECC_ADDRESS = None  # found by itself
KEY_SLOTS = (0, 1)  # one for each of the two identities; (0, 2) with a Trust&GO or TrustFLEX chip

LISTEN = "0.0.0.0"
CONNECTIONS = (4, 1)  # callers on the network at once, and how many of them over TLS (30 KB each)
