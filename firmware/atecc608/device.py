"""The ATECC608's commands, under the names of the data sheet.

After the ATECC508A complete data sheet DS20005927A (the fullest public text), with what is known to differ on the
ATECC608: execution times (Microchip's own library allows up to the M2 column) and the digest buffer.

Every command goes through `_run`; a status other than success is a ChipError. Wrap a sequence in `with chip:` and it
costs one wake, keeps other threads away from the chip, and leaves it asleep with its SRAM forgotten.
"""

import sys
import time
from array import array

import _thread
from micropython import const

from . import packet
from .bus import Bus
from .errors import BusError, ChipError, ConfigError, OtherPart, StateLost
from .packet import part_in, serial_in

_READ = const(0x02)
_WRITE = const(0x12)
_GEN_DIG = const(0x15)
_NONCE = const(0x16)
_LOCK = const(0x17)
_RANDOM = const(0x1B)
_INFO = const(0x30)
_GEN_KEY = const(0x40)
_SIGN = const(0x41)
_VERIFY = const(0x45)
_PRIV_WRITE = const(0x46)
_AES = const(0x51)

# Opcode, name, longest execution in ms at the fastest and at the slowest clock divider (M0, M2), and the time in us to
# expect of a chip that has not shown its own yet: the ATECC508A's (table 9-4), and of AES a guess. A tuple, not a dict:
# frozen, it stays out of the RAM.
_COMMANDS = (
    (_READ, "Read", 5, 5, 100),
    (_WRITE, "Write", 45, 45, 7_000),
    (_GEN_DIG, "GenDig", 25, 35, 5_000),
    (_NONCE, "Nonce", 20, 20, 100),
    (_LOCK, "Lock", 35, 35, 8_000),
    (_RANDOM, "Random", 23, 23, 1_000),
    (_INFO, "Info", 5, 5, 100),
    (_GEN_KEY, "GenKey", 115, 653, 11_000),
    (_SIGN, "Sign", 115, 665, 42_000),
    (_VERIFY, "Verify", 105, 1085, 38_000),
    (_PRIV_WRITE, "PrivWrite", 50, 50, 800),
    (_AES, "AES", 27, 27, 1_000),
)

_SUCCESS = const(0x00)
_MISCOMPARE = const(0x01)
_ECC_FAULT = const(0x05)
_EXECUTION = const(0x0F)
_AFTER_WAKE = const(0x11)
_WATCHDOG = const(0xEE)
_COMMUNICATION = const(0xFF)

ZONE_CONFIG = const(0)
ZONE_DATA = const(1)  # in the Lock command: data and OTP

_LOCK_SLOT = const(0x02)
_LOCK_WITHOUT_CRC = const(0x80)
_NONCE_TO_TEMPKEY = const(0x03)
_NONCE_RANDOM = const(0x00)
_GEN_KEY_CREATE = const(0x04)
_GEN_KEY_PUBLIC = const(0x00)
_SIGN_EXTERNAL = const(0x80)
_VERIFY_EXTERNAL = const(0x02)
_P256 = const(0x0004)
_INFO_KEY_VALID = const(1)
_AES_DECRYPT = const(1)
_SELECT_32 = const(0x80)
_SEALED_DATA_32 = const(0xC2)
_ZONE_SLOTS = const(2)  # in the commands Read, Write and GenDig

# t_WATCHDOG is 0.7 s at least: beyond that a command may be refused, or cut off.
_AWAKE_MS = const(700)
_TRIES = const(3)


def _config():
    """The module of the configuration zone, forgotten at once: it is needed seldom, and there as long as a zone is."""
    name = "atecc608.config"
    known = name in sys.modules
    module = __import__(name, None, None, (None,))
    if not known and sys.modules.pop(name, None):
        del sys.modules["atecc608"].config
    return module


class ATECC608:
    """An ATECC608 on `i2c`: a machine.I2C or SoftI2C, or what opens one (see Bus). Making one touches nothing; the
    first command wakes the chip."""

    def __init__(self, i2c, freq=400_000, address=None):
        self._bus = Bus(i2c, freq, address)
        self._bus.is_wanted = self._is_wanted
        self._lock = _thread.allocate_lock()
        self._owner = None
        self._depth = 0
        self._awake = False
        # Since the sequence began: a thread was held up for longer than the chip stays awake.
        self._slept = False
        self._woken = 0
        # us that each of _COMMANDS took last: chips differ, and a slower clock divider makes a large difference.
        self._expected = array("I", [command[4] for command in _COMMANDS])
        self.preferred = None

    # A sequence: one wake, one owner.

    def __enter__(self):
        me = _thread.get_ident()
        if self._owner != me:
            self._lock.acquire()
            self._owner = me
        self._depth += 1
        return self

    def __exit__(self, *error):
        self._depth -= 1
        if self._depth == 0:
            try:
                self._end()
            finally:
                self._owner = None
                self._lock.release()

    def _end(self):
        if self._awake:
            self._awake = False
            self._bus.sleep()

    def repeat(self, sequence):
        """Call `sequence()` with the chip held, and again if the chip lost its SRAM on the way."""
        with self:
            for _ in range(_TRIES - 1):
                try:
                    self._slept = False
                    return sequence()
                except StateLost:
                    pass
            return sequence()

    def hurried(self, sequence):
        """Call `sequence()` with the chip held; one that is silent is given up at once, though it may be busy."""
        with self:
            self._bus.hurry = True
            try:
                return sequence()
            finally:
                self._bus.hurry = False
                if self.preferred:
                    # It may have been silent for being busy, and another one was met.
                    self._end()
                    self._bus.forget()

    def _wake(self):
        self._bus.wake()
        self._awake = True
        self._woken = time.ticks_ms()

    def _prepare(self, longest):
        """Awake, with enough of the watchdog left for `longest` ms if a fresh one has that much at all."""
        if not self._awake:
            self._wake()
        elif time.ticks_diff(time.ticks_ms(), self._woken) + longest > _AWAKE_MS:
            self._slept = not self._bus.idle() or self._slept
            self._wake()

    def _exchange(self, which, group, size):
        """One command group out, its answer's payload back; StateLost if the chip was not there to take it."""
        _, name, usual, longest, _ = _COMMANDS[which]
        self._prepare(usual)
        if not self._bus.send(group):
            self._awake = False
            raise StateLost("%s: the chip fell asleep or was reset" % name)
        answer = self._bus.receive(size, self._expected[which], longest + longest // 4 + 20)
        if answer is None:
            self._awake = False
            raise StateLost("%s: the chip acknowledged the command and then fell silent" % name)
        return answer

    def _run(self, opcode, param1, param2, data=b"", size=1):
        """Run one command and return its answer's payload, `size` bytes long (1: a status)."""
        group = packet.command(opcode, param1, param2, data)
        which = 0
        while _COMMANDS[which][0] != opcode:
            which += 1
        name = _COMMANDS[which][1]
        with self:
            for _ in range(_TRIES):
                answer = self._exchange(which, group, size)
                status = answer[0] if len(answer) == 1 else _SUCCESS
                if status == _AFTER_WAKE:
                    raise StateLost("%s: the chip was reset" % name)
                if status == _WATCHDOG:
                    self._bus.idle()
                    self._wake()
                elif status not in (_COMMUNICATION, _ECC_FAULT):
                    break
                elif status == _COMMUNICATION:
                    self._bus.damaged += 1
        if status == _EXECUTION and self._slept:
            raise StateLost("%s: the chip fell asleep before it" % name)
        if status != _SUCCESS:
            raise ChipError(name, status)
        if len(answer) != size:
            raise BusError("%s: an answer of %d bytes, not %d" % (name, len(answer), size))
        # About twice as much at most: the thread may have been held up, and not the chip.
        self._expected[which] = min(self._bus.took, 2 * self._expected[which] + 100)
        return answer

    def _run_alone(self, *command):
        """As _run, for a command that needs nothing from before it and does no harm when it runs twice."""
        return self.repeat(lambda: self._run(*command))

    # The commands.

    def Info(self):
        """The revision, 4 bytes (section 9.9)."""
        return self._run_alone(_INFO, 0, 0, b"", 4)

    def KeyValid(self, slot):
        """Info, mode 1: whether `slot` holds a valid private key."""
        return self._run_alone(_INFO, _INFO_KEY_VALID, slot, b"", 4)[0] == 1

    def Random(self):
        """32 random bytes. ConfigError while the config zone is unlocked, for the chip then answers a constant."""
        with self:
            self.require_locked()
            return self._run_alone(_RANDOM, 0, 0, b"", 32)

    def Read(self, zone, address, size=32):
        """`size` bytes (4 or 32) of `zone` (0 config, 1 OTP, 2 data) at the encoded `address` (section 9.16)."""
        return self._run_alone(_READ, zone | (_SELECT_32 if size == 32 else 0), address, b"", size)

    def Write(self, zone, address, data):
        """Write 4 or 32 bytes in the clear (section 9.21)."""
        self._run_alone(_WRITE, zone | (_SELECT_32 if len(data) == 32 else 0), address, data)

    def Nonce(self, value):
        """Load 32 bytes into TempKey as they are (section 9.12, pass-through)."""
        self._run(_NONCE, _NONCE_TO_TEMPKEY, 0, value)

    def NonceRandom(self, num_in):
        """TempKey = SHA-256 over the chip's random number, which is returned (32 bytes), and `num_in` (20 bytes)."""
        return self._run(_NONCE, _NONCE_RANDOM, 0, num_in, 32)

    def GenDig(self, slot):
        """Mix the secret in `slot` into TempKey (section 9.6)."""
        self._run(_GEN_DIG, _ZONE_SLOTS, slot)

    def WriteSealed(self, address, cipher, mac):
        """Write 32 encrypted bytes to a data slot, under the session key in TempKey (section 9.21)."""
        self._run(_WRITE, _SEALED_DATA_32, address, cipher + mac)

    def PrivWrite(self, mode, slot, value, mac):
        """Put a private key into `slot` (section 9.14); see sealed.priv_write."""
        self._run(_PRIV_WRITE, mode, slot, value + mac)

    def GenKey(self, slot):
        """Make a new private key in `slot`; the public key, X then Y, 64 bytes (section 9.7)."""
        return self._run_alone(_GEN_KEY, _GEN_KEY_CREATE, slot, b"", 64)

    def PublicKey(self, slot):
        """GenKey without creating: the public key of the private key in `slot`, 64 bytes."""
        return self._run_alone(_GEN_KEY, _GEN_KEY_PUBLIC, slot, b"", 64)

    def Sign(self, slot, digest):
        """ECDSA over the 32-byte `digest` with the key in `slot`: r then s, 64 bytes (sections 9.12, 9.18)."""

        def sequence():
            self.Nonce(digest)
            return self._run(_SIGN, _SIGN_EXTERNAL, slot, b"", 64)

        return self.repeat(sequence)

    def Verify(self, public_key, signature, digest):
        """Whether `signature` (r, s) over the 32-byte `digest` is by `public_key` (X, Y); computed by the chip."""

        def sequence():
            self.Nonce(digest)
            try:
                self._run(_VERIFY, _VERIFY_EXTERNAL, _P256, signature + public_key)
                return True
            except ChipError as e:
                if e.status == _MISCOMPARE:
                    return False
                raise

        return self.repeat(sequence)

    def AES(self, slot, block, data, decrypt=False):
        """AES-128 ECB of 16 bytes with the 16-byte key number `block` (0 to 3) in `slot`: 16 bytes."""
        return self._run_alone(_AES, block << 6 | (_AES_DECRYPT if decrypt else 0), slot, data, 16)

    def Lock(self, zone, crc=None):
        """Lock `zone` (ZONE_CONFIG or ZONE_DATA) for good. IRREVERSIBLE.

        The chip refuses unless `crc` is the CRC-16 of what it holds; None waives that (section 9.10). Never repeated:
        after a StateLost the caller reads the configuration to learn whether it happened.
        """
        self._run(_LOCK, zone | (_LOCK_WITHOUT_CRC if crc is None else 0), crc or 0)

    def LockSlot(self, slot):
        """Freeze the content of `slot` for good. IRREVERSIBLE. Needs KeyConfig.Lockable (section 9.10)."""
        self._run(_LOCK, _LOCK_WITHOUT_CRC | _LOCK_SLOT | slot << 2, 0)

    # The bus.

    @property
    def address(self):
        """The 7-bit address at which the chip was found; None before."""
        return self._bus.address

    @property
    def damaged(self):
        """How many transfers arrived with a wrong CRC, or as nonsense, and were repeated."""
        return self._bus.damaged

    def prefer(self, serial):
        """Where several chips answer, the one with this serial number (hex) is meant; None: the first one."""
        with self:
            if serial != self.preferred:
                self._end()
                self._bus.forget()
            self.preferred = serial

    def _is_wanted(self):
        """Asked by the bus when it has just woken a chip."""
        self._awake = True
        self._woken = time.ticks_ms()
        try:
            data = self.Read(ZONE_CONFIG, 0)
        finally:
            self._awake = False
        self._check_part(data)
        return self.preferred in (None, serial_in(data).hex())

    def _check_part(self, data):
        if part_in(data) is None:
            raise OtherPart(
                "the chip at 0x%02X is no ATECC608 (%s)" % (self.address, _config().relative_in(data))
            )

    def answering(self):
        """All addresses (7-bit) on the bus that acknowledge after a wake pulse."""
        with self:
            self._end()
            return self._bus.answering()

    def reopen(self):
        """To be called with the chip held, by whoever has used its pins for something else."""
        self._bus.reopen()

    # The configuration zone as a whole.

    def serial(self):
        """The nine bytes of the serial number, by one Read."""
        return serial_in(self.Read(ZONE_CONFIG, 0))

    @property
    def serial_number(self):
        """The serial number as text: 18 hex digits, as it is shown everywhere."""
        return self.serial().hex()

    def config(self):
        """The configuration zone as it is now; OtherPart if what answers is not an ATECC608."""
        with self:
            zone = _config().ConfigZone(b"".join(self.Read(ZONE_CONFIG, block << 3) for block in range(4)))
        self._check_part(zone.data)
        return zone

    def require_locked(self):
        """The configuration zone, or ConfigError while it is unlocked: keys and randomness do not exist before."""
        zone = self.config()
        if not zone.config_locked:
            raise ConfigError(
                "unlocked", "the chip's config zone is not locked: it makes no keys and no random numbers yet"
            )
        return zone

    def write_config(self, config):
        """Write the bytes of `config` (128) that Write can change, read all of them back and compare.

        The chip sleeps then, for that is when it takes over another I2C address.
        """
        with self:
            _config().write(self, config)

    def settle(self, address, before):
        """It sleeps, and answers at `address` from now on: for whoever has written its configuration, and holds it."""
        self._end()
        if address != before:
            self._bus.moved(address)

    def read_slot(self, slot):
        """All bytes of a data slot that may be read in the clear; the chip allows it once the data zone is locked."""
        size = _config().slot_size(slot)
        with self:
            out = b"".join(
                self.Read(_ZONE_SLOTS, block << 8 | slot << 3) for block in range((size + 31) // 32)
            )
        return out[:size]
