"""SHA-256 whose state can leave and enter, as the chip's SHA command lets it; no library does that."""

from dataclasses import dataclass, field

BLOCK = 64
MASK = 0xFFFFFFFF


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _fraction(root: float) -> int:
    return int(root % 1 * 2**32)


# FIPS 180-4 §4.2.2 and §5.3.3: fractional parts of the roots of the first primes.
_K = [_fraction(prime ** (1 / 3)) for prime in _primes(64)]
_START = tuple(_fraction(prime**0.5) for prime in _primes(8))


def _ror(word: int, bits: int) -> int:
    return (word >> bits | word << 32 - bits) & MASK


def _schedule(block: bytes) -> list[int]:
    w = [int.from_bytes(block[i : i + 4], "big") for i in range(0, BLOCK, 4)]
    for i in range(16, 64):
        s0 = _ror(w[i - 15], 7) ^ _ror(w[i - 15], 18) ^ w[i - 15] >> 3
        s1 = _ror(w[i - 2], 17) ^ _ror(w[i - 2], 19) ^ w[i - 2] >> 10
        w.append((w[i - 16] + s0 + w[i - 7] + s1) & MASK)
    return w


def _compress(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    a, b, c, d, e, f, g, h = state
    for k, w in zip(_K, _schedule(block), strict=True):
        t1 = h + (_ror(e, 6) ^ _ror(e, 11) ^ _ror(e, 25)) + (e & f ^ ~e & g) + k + w
        t2 = (_ror(a, 2) ^ _ror(a, 13) ^ _ror(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & MASK, a, b, c, (d + t1) & MASK, e, f, g
    return tuple((old + new) & MASK for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True))


@dataclass
class ShaContext:
    """One running hash; with `outer_key` it is an HMAC."""

    state: tuple[int, ...] = _START
    pending: bytes = b""
    count: int = 0
    outer_key: bytes | None = field(default=None, repr=False)

    @classmethod
    def hmac(cls, key: bytes) -> "ShaContext":
        padded = key.ljust(BLOCK, b"\0")
        context = cls(outer_key=bytes(byte ^ 0x5C for byte in padded))
        context.update(bytes(byte ^ 0x36 for byte in padded))
        return context

    def update(self, data: bytes) -> None:
        self.count += len(data)
        self.pending += data
        while len(self.pending) >= BLOCK:
            self.state = _compress(self.state, self.pending[:BLOCK])
            self.pending = self.pending[BLOCK:]

    def digest(self) -> bytes:
        bits = self.count * 8
        self.update(b"\x80" + bytes((BLOCK - 9 - len(self.pending)) % BLOCK) + bits.to_bytes(8, "big"))
        inner = b"".join(word.to_bytes(4, "big") for word in self.state)
        if self.outer_key is None:
            return inner
        outer = ShaContext()
        outer.update(self.outer_key + inner)
        return outer.digest()

    def export(self) -> bytes:
        """Byte count, state words (each little-endian), pending bytes."""
        words = (self.count, *self.state)
        return b"".join((word & MASK).to_bytes(4, "little") for word in words) + self.pending

    @classmethod
    def restore(cls, count: int, state: bytes, pending: bytes) -> "ShaContext":
        words = tuple(int.from_bytes(state[i : i + 4], "little") for i in range(0, 32, 4))
        return cls(words, pending, count)
