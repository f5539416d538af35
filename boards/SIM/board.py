"""The simulated board: an ATECC608 on the pins most ESP32 modules have I2C on."""

NAME = "SIM"
ARCH = "unix"

I2C = 0
SCL = 22
SDA = 21
I2C_HZ = 400_000

ATECC_ADDRESS = None  # found by itself
KEY_SLOTS = (0, 1)  # one for each of the two identities

LISTEN = "127.0.0.1"  # on a real board 0.0.0.0: every address it has
CONNECTIONS = (6, 2)  # callers on the network at once, and how many of them over TLS
