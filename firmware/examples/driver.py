"""The driver alone, without the device: `mpremote mip install` of firmware/atecc608, and two wires."""

from hashlib import sha256

from atecc608 import ATECC608
from machine import I2C, Pin

chip = ATECC608(I2C(0, scl=Pin(22), sda=Pin(21), freq=100_000))
print("serial number", chip.serial_number)
if chip.config().config_locked and chip.KeyValid(0):
    print("random", chip.Random().hex())
    digest = sha256(b"a message").digest()
    signature = chip.Sign(0, digest)
    print("signature", chip.Verify(chip.PublicKey(0), signature, digest))
