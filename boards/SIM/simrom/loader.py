"""The loader's protocol: requests of an ESP32's ROM, and those of the stub that a tool puts into its RAM.

After Espressif's description ("Serial protocol" in esptool's documentation). The stub itself is not run: what is
uploaded is taken, and its requests are answered from then on.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable

from simrom import slip
from simrom.chips import Model
from simrom.flash import SECTOR, Flash

SYNC_PAYLOAD = b"\x07\x07\x12\x20" + b"\x55" * 32
ROM_BAUD = 115200
UNKNOWN_REQUEST, BAD_CHECKSUM = 0x05, 0x07
MAGIC_REGISTER = 0x40001000
SPI_USER_COMMAND = 1 << 18
READ_ID, READ_SFDP = 0x9F, 0x5A
MAKER = 0x20
SFDP = int.from_bytes(b"SFDP", "little")


class Refused(Exception):
    """An answer that is an error; its argument is the reason."""


class Loader:
    """Takes packets with hear(), and answers with `send`. `fuses` are registers that don't read 0."""

    def __init__(
        self, model: Model, flash: Flash, fuses: dict[int, int], send: Callable[[bytes], None]
    ) -> None:
        self.model = model
        self.flash = flash
        self.stub = False
        self.baud = ROM_BAUD
        self.damage = False  # a bit of what is written next does not arrive
        self.requests: list[int] = []
        self.compared = 0  # how often a tool has asked for the MD5 of what it has written
        self.break_off: Callable[[], None] | None = None  # called instead of taking what is written next
        self._registers = dict(fuses)
        self._send = send
        self._slip = slip.Decoder()
        self._inflate: zlib._Decompress | None = None
        self._place = 0
        self._reading: list[bytes] = []

    def hear(self, data: bytes) -> None:
        for packet in self._slip.feed(data):
            if len(packet) == 4 and self._reading:
                self._say(self._reading.pop(0))
            elif len(packet) >= 8 and packet[0] == 0:
                self._answer(packet)

    def _say(self, packet: bytes) -> None:
        self._send(slip.encode(packet))

    def _answer(self, packet: bytes) -> None:
        _, request, _, checksum = struct.unpack("<BBHI", packet[:8])
        self.requests.append(request)
        handler = _REQUESTS.get(request)
        value, payload, status = 0, b"", b"\0\0"
        try:
            if handler is None or (request > 0xD0 and not self.stub):
                raise Refused(UNKNOWN_REQUEST)
            value, payload = handler(self, packet[8:], checksum)
        except Refused as why:
            status = bytes((1, why.args[0]))
        body = payload + status + (b"" if self.stub else b"\0\0")
        reply = struct.pack("<BBHI", 1, request, len(body), value) + body
        for _ in range(8 if request == 0x08 else 1):
            self._say(reply)
        self._afterwards(request, packet[8:])

    def _afterwards(self, request: int, body: bytes) -> None:
        if request == 0x06 and struct.unpack("<II", body[:8])[1]:
            self.stub = True
            self._say(b"OHAI")
        elif request == 0x0F:
            self.baud = struct.unpack("<I", body[:4])[0]
        elif request == 0x13:
            self.compared += 1
        elif request == 0xD2 and self._reading:
            self._say(self._reading.pop(0))

    # Requests: the body behind the header, and the header's checksum; the answer's value and payload.

    def sync(self, body: bytes, _: int) -> tuple[int, bytes]:
        if body != SYNC_PAYLOAD:
            raise Refused(UNKNOWN_REQUEST)
        return (0 if self.stub else 0x20120707), b""

    def accept(self, *_: object) -> tuple[int, bytes]:
        return 0, b""

    def read_register(self, body: bytes, _: int) -> tuple[int, bytes]:
        (address,) = struct.unpack("<I", body[:4])
        if address == MAGIC_REGISTER and self.model.magic is not None:
            return self.model.magic, b""
        return self._registers.get(address, 0), b""

    def write_register(self, body: bytes, _: int) -> tuple[int, bytes]:
        for place in range(0, len(body) - 15, 16):
            address, value = struct.unpack("<II", body[place : place + 8])
            self._registers[address] = value
            if address == self.model.spi and value & SPI_USER_COMMAND:
                self._registers[address] = 0
                self._registers[self.model.spi + self.model.w0] = self._ask_flash()
        return 0, b""

    def _ask_flash(self) -> int:
        command = self._registers.get(self.model.spi + self.model.usr2, 0) & 0xFF
        return {READ_ID: MAKER | 0x40 << 8 | self.flash.size_id << 16, READ_SFDP: SFDP}.get(command, 0)

    def security_info(self, *_: object) -> tuple[int, bytes]:
        if self.model.magic is not None:
            raise Refused(UNKNOWN_REQUEST)
        (boot, boot_mask), (crypt, crypt_mask) = self.model.secure_boot, self.model.encryption
        flags = int(bool(self._registers.get(boot, 0) & boot_mask))
        count = int(bool(self._registers.get(crypt, 0) & crypt_mask))
        return 0, struct.pack("<IB7BII", flags, count, *bytes(7), self.model.chip_id, 0)

    def flash_begin(self, body: bytes, _: int) -> tuple[int, bytes]:
        size, _, _, self._place = struct.unpack("<IIII", body[:16])
        self._inflate = None
        self.flash.erase(self._place, size)
        return 0, b""

    def deflated_begin(self, body: bytes, _: int) -> tuple[int, bytes]:
        self.flash_begin(body, 0)
        self._inflate = zlib.decompressobj()
        return 0, b""

    def flash_data(self, body: bytes, checksum: int) -> tuple[int, bytes]:
        (size,) = struct.unpack("<I", body[:4])
        data = body[16 : 16 + size]
        seen = 0xEF
        for byte in data:
            seen ^= byte
        if seen != checksum & 0xFF:
            raise Refused(BAD_CHECKSUM)
        if self.break_off is not None:
            self.break_off()
        if self._inflate is not None:
            data = self._inflate.decompress(data)
        if self.damage and data:
            data, self.damage = bytes([data[0] ^ 1]) + data[1:], False
        self.flash.program(self._place, data)
        self._place += len(data)
        return 0, b""

    def md5(self, body: bytes, _: int) -> tuple[int, bytes]:
        offset, size = struct.unpack("<II", body[:8])
        digest = hashlib.md5(self.flash.read(offset, size))  # noqa: S324 (the protocol's)
        return 0, digest.digest() if self.stub else digest.hexdigest().encode()

    def erase_region(self, body: bytes, _: int) -> tuple[int, bytes]:
        offset, size = struct.unpack("<II", body[:8])
        if offset % SECTOR or size % SECTOR:
            raise Refused(UNKNOWN_REQUEST)
        self.flash.erase(offset, size)
        return 0, b""

    def erase_flash(self, *_: object) -> tuple[int, bytes]:
        self.flash.erase(0, len(self.flash))
        return 0, b""

    def read_flash(self, body: bytes, _: int) -> tuple[int, bytes]:
        """Block after block, each when the one before was acknowledged, and their digest at the end."""
        offset, size, block, _ = struct.unpack("<IIII", body[:16])
        data = self.flash.read(offset, size)
        blocks = [data[place : place + block] for place in range(0, size, block)]
        self._reading = [*blocks, hashlib.md5(data).digest()]  # noqa: S324
        return 0, b""


_REQUESTS: dict[int, Callable[[Loader, bytes, int], tuple[int, bytes]]] = {
    0x02: Loader.flash_begin,
    0x03: Loader.flash_data,
    0x04: Loader.accept,  # FLASH_END: a tool resets the chip itself
    0x05: Loader.accept,  # MEM_BEGIN, and MEM_END and MEM_DATA: what is uploaded is not run
    0x06: Loader.accept,
    0x07: Loader.accept,
    0x08: Loader.sync,
    0x09: Loader.write_register,
    0x0A: Loader.read_register,
    0x0B: Loader.accept,  # SPI_SET_PARAMS, SPI_ATTACH
    0x0D: Loader.accept,
    0x0F: Loader.accept,  # CHANGE_BAUDRATE
    0x10: Loader.deflated_begin,
    0x11: Loader.flash_data,
    0x12: Loader.accept,
    0x13: Loader.md5,
    0x14: Loader.security_info,
    0xD0: Loader.erase_flash,
    0xD1: Loader.erase_region,
    0xD2: Loader.read_flash,
}
