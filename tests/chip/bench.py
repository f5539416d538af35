"""A bench for one chip in virtual time: drives it over its bus, as a driver would, and looks into its EEPROM.

Whatever is expected of the chip is worked out here and in the tests, with hashlib and `cryptography`.
"""

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from simchip import Ack, Chip, Quirks
from simchip.eeprom import Image
from simchip.faults import Faults, parse_fault
from simchip.presets import fresh_image
from simchip.rng import SeededRandom

AWAKE_ANSWER = bytes.fromhex("04113343")
OK, MISCOMPARE, PARSE, ECC, SELF_TEST, EXEC, AFTER_WAKE, WATCHDOG, COMM = (
    bytes([code]) for code in (0x00, 0x01, 0x03, 0x05, 0x07, 0x0F, 0x11, 0xEE, 0xFF)
)
POLL_US, PATIENCE_US = 2_000, 20_000_000

INFO, RANDOM, NONCE, GENKEY, SIGN, VERIFY = 0x30, 0x1B, 0x16, 0x40, 0x41, 0x45
READ, WRITE, LOCK, UPDATE_EXTRA, COUNTER, SHA = 0x02, 0x12, 0x17, 0x20, 0x24, 0x47
GENDIG, MAC, CHECKMAC, DERIVEKEY, PRIVWRITE, ECDH = 0x15, 0x08, 0x28, 0x1C, 0x46, 0x43
AES, KDF, SECUREBOOT, SELFTEST = 0x51, 0x56, 0x80, 0x77

# SlotConfig and KeyConfig of common slots, as bytes in the configuration zone.
PRIVATE = ("8720", "3300")  # P-256, all uses, GenKey after the lock
CLEAR = ("0F00", "3C00")  # data, read and written freely
PUBLIC = ("0F00", "3000")  # P-256 public key, no validation
SECRET = ("8F0F", "1C00")  # data, no reads; written freely
IO_KEY = ("8F0F", "1C00")


def crc(data: bytes) -> bytes:
    """CRC-16 0x8005 by polynomial division of the reflected bit string."""
    value = 0
    for bit in "".join(f"{byte:08b}"[::-1] for byte in data):
        top = value >> 15
        value = (value << 1) & 0xFFFF
        if int(bit) ^ top:
            value ^= 0x8005
    return bytes([value & 0xFF, value >> 8])


def frame(op: int, p1: int = 0, p2: int = 0, data: bytes = b"") -> bytes:
    body = bytes([7 + len(data), op, p1, p2 & 0xFF, p2 >> 8]) + data
    return body + crc(body)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


class Bench:
    """`run` wakes the chip, sends one command, waits for the answer, and idles: RAM is kept."""

    def __init__(self, chip: Chip, address: int = 0x60) -> None:
        self.chip = chip
        self.address = address

    # The bus.

    def wake(self) -> bytes:
        self.chip.write(0, b"", hz=100_000)
        self.chip.advance(1500)
        return self.chip.read(self.address, 4) or b""

    def idle(self) -> None:
        assert self.chip.write(self.address, b"\x02") is Ack.ALL

    def sleep(self) -> None:
        assert self.chip.write(self.address, b"\x01") is Ack.ALL

    def send(self, group: bytes) -> None:
        assert self.chip.write(self.address, b"\x03" + group) is Ack.ALL

    def answer(self) -> bytes:
        """Poll; the payload without count and CRC."""
        waited = 0
        while (count := self.chip.read(self.address, 1)) is None:
            self.chip.advance(POLL_US)
            waited += POLL_US
            assert waited < PATIENCE_US, "no answer"
        rest = self.chip.read(self.address, count[0] - 1) or b""
        group = count + rest
        assert crc(group[:-2]) == group[-2:]
        return group[1:-2]

    def command(self, op: int, p1: int = 0, p2: int = 0, data: bytes = b"") -> bytes:
        self.send(frame(op, p1, p2, data))
        return self.answer()

    def run(self, op: int, p1: int = 0, p2: int = 0, data: bytes = b"") -> bytes:
        assert self.wake() == AWAKE_ANSWER
        answer = self.command(op, p1, p2, data)
        self.idle()
        return answer

    def sleep_through(self) -> None:
        """Wake and go to sleep: what idle kept is lost."""
        self.wake()
        self.sleep()

    # Checks.

    def refuses(self, status: bytes, op: int, p1: int = 0, p2: int = 0, data: bytes = b"") -> None:
        """The command ends with this status and leaves the EEPROM as it was."""
        before = self.eeprom
        assert self.run(op, p1, p2, data).hex() == status.hex()
        assert self.eeprom == before

    @property
    def eeprom(self) -> tuple[bytes, ...]:
        image = self.chip.image
        return (bytes(image.config), bytes(image.otp), *map(bytes, image.slots))

    @property
    def serial(self) -> bytes:
        config = self.chip.image.config
        return bytes(config[0:4] + config[8:13])

    @property
    def sn(self) -> bytes:
        """SN8 || SN0..1."""
        return self.serial[8:] + self.serial[:2]

    @property
    def temp_key_valid(self) -> bool:
        return bool(self.run(INFO, 2)[1] & 0x80)

    @property
    def temp_key_flags(self) -> int:
        return self.run(INFO, 2)[0]

    # Steps that many tests need.

    def load(self, value: bytes, target: int = 0) -> None:
        """Nonce, fixed: into TempKey (0), MsgDigBuf (0x40), AltKeyBuf (0x80)."""
        assert self.run(NONCE, target | (0x23 if len(value) == 64 else 0x03), 0, value) == OK

    def random_nonce(self, num_in: bytes = bytes(20)) -> bytes:
        """Nonce, random; what TempKey must be now."""
        out = self.run(NONCE, 0, 0, num_in)
        assert len(out) == 32
        return sha(out, num_in, bytes([NONCE, 0, 0]))

    def gen_dig(self, slot: int, key: bytes, temp_key: bytes) -> bytes:
        assert self.run(GENDIG, 2, slot) == OK
        return sha(key[:32], bytes([GENDIG, 2, slot, 0]), self.sn, bytes(25), temp_key)

    def authorise(self, slot: int, key: bytes) -> None:
        """CheckMac with the right response."""
        assert self.run(CHECKMAC, 0, slot, self.check_mac_data(key)) == OK

    def check_mac_data(self, key: bytes, challenge: bytes = bytes(32), other: bytes = bytes(13)) -> bytes:
        tail = other[4:7] + self.serial[8:] + other[7:11] + self.serial[:2] + other[11:]
        return challenge + sha(key[:32], challenge, other[:4], bytes(8), tail) + other


def make(
    state: str = "D",
    slots: dict[int, tuple[str, str]] | None = None,
    content: dict[int, bytes] | None = None,
    config: dict[int, str] | None = None,
    quirks: Quirks | None = None,
    faults: tuple[str, ...] = (),
    seed: int | None = None,
) -> Bench:
    """A chip in state U, C or D (nothing, config, both zones locked), slots as given, the rest as shipped."""
    image = fresh_image("blank", SeededRandom(7), blank_data=0xFF, locked=False)
    for slot, (slot_config, key_config) in (slots or {}).items():
        image.config[20 + 2 * slot : 22 + 2 * slot] = bytes.fromhex(slot_config)
        image.config[96 + 2 * slot : 98 + 2 * slot] = bytes.fromhex(key_config)
    for offset, value in (config or {}).items():
        image.config[offset : offset + len(bytes.fromhex(value))] = bytes.fromhex(value)
    for slot, value in (content or {}).items():
        image.slots[slot][: len(value)] = value
    if state in "CD":
        image.config[87] = 0
    if state == "D":
        image.config[86] = 0
    return bench(image, quirks=quirks, faults=faults, seed=seed)


def bench(
    image: Image, *, quirks: Quirks | None = None, faults: tuple[str, ...] = (), seed: int | None = None
) -> Bench:
    chip = Chip(image=image, quirks=quirks, faults=Faults([parse_fault(line) for line in faults]), seed=seed)
    return Bench(chip)


# Keys of the host's side.


def host_key(number: int = 1) -> ec.EllipticCurvePrivateKey:
    """A fixed key pair for each small number: the tests need no randomness of their own."""
    return ec.derive_private_key(int.from_bytes(sha(bytes([number])), "big") >> 1, ec.SECP256R1())


def scalar_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_numbers().private_value.to_bytes(32, "big")


def private_slot(key: ec.EllipticCurvePrivateKey) -> bytes:
    return bytes(4) + scalar_of(key)


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def public_slot(point: bytes, mark: int = 0) -> bytes:
    return bytes([mark, 0, 0, 0]) + point[:32] + bytes(4) + point[32:]


def public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)


def check_signature(point: bytes, digest: bytes, signature: bytes) -> None:
    """Raises InvalidSignature unless R||S signs the digest."""
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public_key(point).verify(der, digest, ec.ECDSA(Prehashed(SHA256())))


def host_sign(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


OFF_CURVE = bytes(31) + b"\1" + bytes(31) + b"\1"
