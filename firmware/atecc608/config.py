"""The configuration zone, read (ATECC508A data sheet DS20005927A, table 2-5; ATECC608 differences from AN3539)."""

from micropython import const

from .errors import BusError, ConfigError
from .packet import part_in, serial_in

SIZE = const(128)
UNLOCKED = const(0x55)

_SLOT_CONFIG = const(20)
_LOCK_DATA = const(86)
_LOCK_CONFIG = const(87)
_SLOT_LOCKED = const(88)
_KEY_CONFIG = const(96)

_KEY_TYPE_P256 = const(4)

# Bytes that Write never changes: serial number, revision, and the ones of UpdateExtra and Lock.
READ_ONLY = tuple(range(16)) + tuple(range(84, 88))


def relative_in(data):
    """The same of one that is no ATECC608: its revision, and the name if it is known."""
    name = {0x50: "ATECC508A", 0x10: "ATECC108A", 0x04: "ATSHA204A", 0x00: "ATSHA204A"}.get(data[6])
    revision = "revision " + data[4:8].hex()
    return "%s, %s" % (name, revision) if name else revision


def slot_size(number):
    """Bytes in slot `number` (section 2.1)."""
    return 36 if number < 8 else 416 if number == 8 else 72


class Slot:
    """What SlotConfig and KeyConfig say of one slot (sections 2.2.1 and 2.2.5 of the data sheet)."""

    def __init__(self, number, slot_config, key_config, locked, data_locked):
        self.number = number
        self.private = bool(key_config & 0x0001)
        self.p256 = (key_config >> 2) & 7 == _KEY_TYPE_P256
        self.public_readable = bool(key_config & 0x0002) or not data_locked
        self.secret = bool(slot_config & 0x0080)
        self.limited_use = bool(slot_config & 0x0020)
        self.authorised = bool(key_config & 0x0080)
        self.latched = bool(key_config & 0x1000)
        self.authorised_by = key_config >> 8 & 0x0F
        self.locked = locked
        # Clear reading, once the data zone is locked (section 2.4.2).
        self.readable = not slot_config & 0x00C0 and not self.private
        self.lockable = bool(key_config & 0x0020)
        self.write_key = slot_config >> 8 & 0x0F
        self._priv_write = bool(slot_config & 0x4000) or not data_locked
        # Before the data zone is locked GenKey does not look at WriteConfig; the slot's own lock always counts.
        self._gen_key = bool(slot_config & 0x2000) or not data_locked
        self._external_sign = bool(slot_config & 0x0001)

    @property
    def holds_private_key(self):
        return self.private and self.p256 and self.secret

    @property
    def can_generate(self):
        return self.holds_private_key and self._gen_key and not self.locked

    @property
    def can_import(self):
        """Whether PrivWrite may put a key here: in the clear before the data zone is locked, sealed afterwards."""
        return self.holds_private_key and self._priv_write and not self.locked

    @property
    def can_sign(self):
        return self._why_no_signature() is None

    def _why_no_signature(self):
        if not self.holds_private_key:
            return "its configuration is that of no P-256 private key"
        if not self._external_sign:
            return "its configuration lets it sign nothing that comes from outside"
        return self._why_no_use()

    def _why_no_use(self):
        if self.authorised:
            return "each use must be authorised first, with the secret in slot %d" % self.authorised_by
        if self.latched:
            return "it works only while the persistent latch is set, and nothing sets it"
        return None

    def check_signs(self, wish="sign"):
        """ConfigError unless this firmware can sign with the slot's key, if there is one, and so fulfil `wish`."""
        why = self._why_no_signature()
        if why:
            raise ConfigError("slot", "slot %d can't %s: %s" % (self.number, wish, why))

    def check_shows_key(self, key_valid):
        """ConfigError unless the chip tells the slot's public key; key_valid(slot): whether there is a key."""
        why = self._why_no_use()
        if not self.holds_private_key:
            why = "it is no slot for private keys, and so has no public one"
        elif not self.public_readable:
            why = "its configuration hides it (PubInfo)"
        elif not key_valid(self.number):
            why = "it holds no key"
        if why:
            raise ConfigError("slot", "slot %d shows no public key: %s" % (self.number, why))


class ConfigZone:
    """A view of the 128 bytes of a configuration zone."""

    def __init__(self, data):
        if len(data) != SIZE:
            raise ValueError("a configuration zone has 128 bytes, not %d" % len(data))
        self.data = bytes(data)

    def _u16(self, offset):
        return self.data[offset] | self.data[offset + 1] << 8

    @property
    def serial(self):
        """The nine bytes of the serial number."""
        return serial_in(self.data)

    @property
    def revision(self):
        return self.data[4:8]

    @property
    def part(self):
        return part_in(self.data)

    @property
    def address(self):
        """The 7-bit I2C address at which the chip answers from its next sleep on."""
        moved = self.data[19] & 1 and self.data[14] & 1 and self.data[85]
        return (self.data[85] if moved else self.data[16]) >> 1

    @property
    def config_locked(self):
        return self.data[_LOCK_CONFIG] != UNLOCKED

    @property
    def data_locked(self):
        return self.data[_LOCK_DATA] != UNLOCKED

    def slot(self, number):
        """The rules of slot `number` (0 to 15)."""
        if not 0 <= number <= 15:
            raise ValueError("a slot's number is 0 to 15, not %r" % (number,))
        return Slot(
            number,
            self._u16(_SLOT_CONFIG + 2 * number),
            self._u16(_KEY_CONFIG + 2 * number),
            not self._u16(_SLOT_LOCKED) >> number & 1,
            self.data_locked,
        )


def write(chip, config):
    """ATECC608.write_config, with the chip held."""
    before = chip.config()
    if before.config_locked:
        raise ConfigError("locked", "the chip's config zone is locked for good: it can't be written any more")
    for offset in range(16, SIZE, 4):
        word = config[offset : offset + 4]
        if offset not in READ_ONLY and before.data[offset : offset + 4] != word:
            chip.Write(0, offset >> 5 << 3 | (offset >> 2 & 7), word)
    zone = chip.config()
    chip.settle(zone.address, before.address)
    wrong = [i for i in range(SIZE) if i not in READ_ONLY and zone.data[i] != config[i]]
    if wrong:
        raise BusError("after writing, configuration bytes %s differ from what was sent" % wrong)
