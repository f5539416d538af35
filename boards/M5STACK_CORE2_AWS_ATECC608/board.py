"""M5Stack Core2 for AWS: its ATECC608 Trust&GO shares the internal bus with power, touch, clock and motion sensor."""

NAME = "M5STACK_CORE2_AWS_ATECC608"
ARCH = "esp32"

I2C = 0
SCL = 22
SDA = 21
I2C_HZ = 100_000  # five chips share this bus

ATECC_ADDRESS = 0x35
KEY_SLOTS = (0, 2)  # slot 0 keeps the key that it came with; slots 2 to 4 take new ones

LISTEN = "0.0.0.0"
CONNECTIONS = (6, 2)  # as on the simulated board: there is PSRAM
