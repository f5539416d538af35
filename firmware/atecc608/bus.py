"""The chip on its I2C bus: find, wake, send, receive, idle, sleep.

Knows word addresses and NACKs, nothing of commands. Sources: ATECC508A data sheet DS20005927A, sections 6 and 8.
A NACK is normal here: the chip gives one while it is busy, asleep or idle.
"""

import time

from micropython import const

from . import packet
from .errors import ATECCError, BusError, ChipError, NoChip, OtherPart

# SDA must stay low for 60 us (t_WLO); the address byte 0x00 does that at 100 kHz, and no longer above 133 kHz.
WAKE_HZ = const(100_000)
WAKE_DELAY_US = const(1_500)  # t_WHI

# Blank parts, Trust&GO, TrustFLEX, and two more that are sold preconfigured (7-bit).
KNOWN_ADDRESSES = (0x60, 0x35, 0x36, 0x59, 0x58)

_TRIES = const(3)
_ENODEV = const(19)
# A chip that was cut off inside its longest command acknowledges nothing until it is done.
_BUSY_WAITS_MS = (0, 20, 200, 700)
_POLL_US = const(50)


def _pause(us):
    """Whole milliseconds are other threads' to use; on an ESP32 sleep_us would hold them up."""
    if us < 1000:
        time.sleep_us(us)
    else:
        time.sleep_ms(us // 1000)


def seven_bit(address):
    """The 7-bit form of an I2C address given as 7 bits (0x60) or, as the data sheet does, as 8 bits (0xC0).

    0x6A could be either: where only one reading is an address that an ATECC is sold with, that one is meant.
    """
    if address not in KNOWN_ADDRESSES and address >> 1 in KNOWN_ADDRESSES and not address & 1:
        return address >> 1
    if 0x08 <= address <= 0x77:
        return address
    if 0x78 <= address <= 0xEE and not address & 1:
        return address >> 1
    raise ValueError("0x%02X is not an I2C address" % address)


def _is_after_wake(answer):
    return answer == packet.AFTER_WAKE or answer in packet.SELF_TEST_FAILED


class Bus:
    """One chip on `i2c`: a machine.I2C or SoftI2C of at most 100 kHz, or a function that returns one of so many hertz.

    With a function, all but the wake pulse is as fast as `freq`: an ESP32's hardware I2C changes its speed only by
    being made again.
    """

    def __init__(self, i2c, freq=400_000, address=None):
        self._given = hasattr(i2c, "writeto")
        self._open = (lambda _: i2c) if self._given else i2c
        self._freq = freq
        self._wanted = None if address is None else seven_bit(address)
        self._i2c = None
        self._speed = 0
        self.address = self._wanted
        # Whether a silent chip is given up at once, without the time that it would need if it were busy.
        self.hurry = False
        # Whether the one that has just been woken is the chip to settle on; an error if it is none at all.
        self.is_wanted = lambda: True
        self.damaged = 0  # transfers that arrived spoilt, and were repeated
        self.took = 0  # us from the last command to its answer

    def _at(self, freq):
        if self._speed != freq:
            self._i2c = self._open(freq)
            self._speed = freq
        return self._i2c

    def _write(self, data):
        """True if everything was acknowledged."""
        try:
            self._at(self._freq).writeto(self.address, data)
            return True
        except OSError as e:
            return self._nack(e)

    def _read(self, n):
        """`n` bytes, or None if the address was not acknowledged."""
        try:
            return self._at(self._freq).readfrom(self.address, n)
        except OSError as e:
            self._nack(e)
            return None

    def _read_into(self, buffer):
        """Fill `buffer`; False if the address was not acknowledged."""
        try:
            self._at(self._freq).readfrom_into(self.address, buffer)
            return True
        except OSError as e:
            return self._nack(e)

    @staticmethod
    def _nack(error):
        if error.args[0] != _ENODEV:
            raise BusError("the I2C bus is stuck (OSError %s): is SDA or SCL held low?" % error.args[0])
        return False

    def forget(self):
        """Whoever it was that answered, the next wake looks for a chip anew."""
        self.address = self._wanted

    def moved(self, address):
        """The chip sleeps, and wakes up at another address."""
        if self._wanted is not None:
            self._wanted = address
        self.address = address

    def reopen(self):
        """Somebody else had the pins: the next transfer makes the I2C anew."""
        self._speed = 0

    def _waits(self):
        return _BUSY_WAITS_MS[:1] if self.hurry else _BUSY_WAITS_MS

    def pulse(self):
        """Hold SDA low long enough to wake every chip on the bus, and wait until they can talk."""
        try:
            # Nobody acknowledges address 0: the NACK is the expected end of the pulse.
            self._at(WAKE_HZ).writeto(0, b"")
        except OSError as e:
            self._nack(e)
        time.sleep_us(WAKE_DELAY_US)

    def wake(self):
        """Wake the chip from sleep or idle; returns when it has proved that it is freshly awake.

        A chip that was awake already ignores the pulse, and its watchdog is half spent: it is put to sleep first.
        """
        if self.address is None:
            self.find()
            return
        heard = None
        for wait in self._waits():
            time.sleep_ms(wait)
            for _ in range(_TRIES):
                self.pulse()
                answer = self._read(4)
                if answer is None:
                    break
                if answer == packet.AFTER_WAKE:
                    return
                if answer in packet.SELF_TEST_FAILED:
                    raise ChipError("Wake", 0x07)
                heard = answer
                self.sleep()
        self._give_up(heard)

    def _give_up(self, heard):
        address = self.address
        self.address = self._wanted
        if heard is None:
            raise NoChip("no ATECC608 answers at 0x%02X (8-bit 0x%02X)" % (address, address << 1))
        raise BusError(
            "something at 0x%02X answers the wake pulse with %s instead of 04113343" % (address, heard.hex())
        )

    def find(self):
        """Wake whatever is there and settle on the chip that is wanted, or else on the first ATECC608 that was met: by
        what each says of itself, for an address says little."""
        heard = other = None
        for wait in self._waits():
            time.sleep_ms(wait)
            for address in self._candidates():
                self.pulse()
                self.address = address
                answer = self._read(4)
                # Elsewhere than at an ATECC's own addresses, only its answer to the pulse counts: the byte that
                # would put it to sleep is not ours to write to somebody else's chip.
                if _is_after_wake(answer) or (answer and address in KNOWN_ADDRESSES):
                    try:
                        self.wake()
                        if self.is_wanted():
                            return
                        other = other or address
                    except NoChip:
                        continue
                    except ATECCError as e:
                        if not isinstance(heard, OtherPart):
                            heard = e
                    if _is_after_wake(answer):
                        self.address = address
                        self.sleep()
        self.address = other or self._wanted
        if other:
            self.wake()
        else:
            self._give_up_finding(heard)

    def _give_up_finding(self, heard):
        if heard:
            raise heard
        others = self._at(WAKE_HZ).scan()
        raise NoChip(
            "no ATECC608 on the I2C bus (tried %s; %s)"
            % (
                " ".join("0x%02X" % a for a in KNOWN_ADDRESSES),
                "answering: " + " ".join("0x%02X" % a for a in others)
                if others
                else "nothing else answers either",
            )
            + (
                "; a bus of more than 100 kHz does not wake it: make the I2C with freq=100_000"
                if self._given
                else ""
            )
        )

    def _candidates(self):
        for address in KNOWN_ADDRESSES:
            yield address
        # An address changed by the owner: whoever acknowledges just after a wake pulse may be the chip.
        self.pulse()
        for address in self._at(self._freq).scan():
            if address not in KNOWN_ADDRESSES:
                yield address

    def answering(self):
        """The 7-bit addresses that acknowledge after a wake pulse; an ATECC among them sleeps again."""
        self.pulse()
        found = self._at(self._freq).scan()
        before = self.address
        for address in found:
            if address in KNOWN_ADDRESSES or address == before:
                self.address = address
                self.sleep()
        self.address = before
        return found

    def idle(self):
        """Leave the active state and keep SRAM; the next wake gives a full watchdog again. False if the chip has slept
        already."""
        return self._write(bytes((packet.WORD_ADDRESS_IDLE,)))

    def sleep(self):
        """Leave the active state and forget SRAM."""
        self._write(bytes((packet.WORD_ADDRESS_SLEEP,)))

    def send(self, group):
        """Write one command group; False if the chip acknowledged nothing (it sleeps, or is gone)."""
        return self._write(group)

    def receive(self, size, expected_us, timeout_ms):
        """The payload of the answer, `size` bytes or a status, polled for until `timeout_ms`; None if it never came.

        Nobody asks before a part of `expected_us` has passed: an answer is seldom earlier, and a chip that calculates
        is better left alone. From then on it is asked so often that an answer never waits for longer than a 32nd of
        the time that it took, which is `took` (us) afterwards.
        A garbled answer is read again, for the chip keeps it; the command is not sent again, it would run twice.
        """
        group = bytearray(size + packet.OVERHEAD)
        began = time.ticks_us()
        wait = expected_us * 9 // 16
        while True:
            _pause(wait)
            # Looked at before the chip is asked: another thread may have held this one up for any length of time.
            self.took = time.ticks_diff(time.ticks_us(), began)
            if self._read_into(group):
                break
            if self.took >= timeout_ms * 1000:
                return None
            wait = max(_POLL_US, self.took // 32)
        return self._checked(group)

    def _checked(self, group):
        """The payload of the answer that `group` holds, or will once it has been read again."""
        tries = _TRIES
        while True:
            try:
                return packet.payload(group)
            except BusError:
                self.damaged += 1
                tries -= 1
                if not tries:
                    raise
            self._write(bytes((packet.WORD_ADDRESS_RESET,)))
            if not self._read_into(group):
                raise BusError("the chip stopped acknowledging inside its answer")
