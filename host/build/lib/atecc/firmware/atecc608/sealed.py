"""What may enter the chip only sealed: with a key that host and slot share (data sheet, 3.1.2, 9.6, 9.14, 9.21).

The session key is what Nonce and GenDig leave in TempKey, computed here a second time. Nothing here is kept.
"""

from hashlib import sha256

from micropython import const

_NONCE = const(0x16)
_GEN_DIG = const(0x15)
_WRITE = const(0x12)
_PRIV_WRITE = const(0x46)

_ENCRYPTED = const(0x40)
_DATA_32 = const(0x82)
_NUM_IN = bytes(20)  # the chip's own random number is what makes a session unique


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def _message(opcode, param1, param2, serial, zeros):
    """The fixed middle of the messages hashed here: command, SN8, SN0..1, zeros."""
    head = bytes((opcode, param1, param2 & 0xFF, param2 >> 8, serial[8]))
    return head + serial[0:2] + bytes(zeros)


def _session(chip, slot, key, serial):
    """Load a session key from `key` (32 bytes), which the chip has in `slot`, and compute the same."""
    random = chip.NonceRandom(_NUM_IN)
    temp_key = sha256(random + _NUM_IN + bytes((_NONCE, 0, 0))).digest()
    chip.GenDig(slot)
    return sha256(key + _message(_GEN_DIG, 2, slot, serial, 25) + temp_key).digest()


def priv_write(chip, slot, scalar, write_key=None):
    """PrivWrite: put a P-256 private key (`scalar`, 32 bytes, big-endian) into `slot`.

    Without `write_key` in the clear, which the chip takes only until its data zone is locked; with the 32 bytes of the
    slot's WriteKey, sealed. ChipError where the slot's configuration forbids it.
    """
    plain = bytes(4) + scalar

    def sequence():
        zone = chip.require_locked()
        if write_key is None:
            return chip.PrivWrite(0, slot, plain, bytes(32))
        key = _session(chip, zone.slot(slot).write_key, write_key, zone.serial)
        mac = sha256(key + _message(_PRIV_WRITE, _ENCRYPTED, slot, zone.serial, 21) + plain).digest()
        return chip.PrivWrite(_ENCRYPTED, slot, _xor(plain, key + sha256(key).digest()), mac)

    chip.repeat(sequence)


def write(chip, slot, block, data, write_key=None):
    """Write: put 32 bytes into `block` of data slot `slot`, sealed if `write_key` (32 bytes) is given."""
    address = block << 8 | slot << 3

    def sequence():
        zone = chip.require_locked()
        if write_key is None:
            return chip.Write(2, address, data)
        key = _session(chip, zone.slot(slot).write_key, write_key, zone.serial)
        mac = sha256(key + _message(_WRITE, _DATA_32 | _ENCRYPTED, address, zone.serial, 25) + data).digest()
        return chip.WriteSealed(address, _xor(data, key), mac)

    chip.repeat(sequence)
