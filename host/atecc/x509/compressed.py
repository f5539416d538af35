"""Microchip's compressed certificates: 72 bytes in a chip's slot hold what differs from one to the next.

Format: Microchip's application note "ATECC Compressed Certificate Definition" (AN-8974). The rest of such a
certificate is a template that whoever rebuilds it has to know: atecc.x509.factory.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256

from atecc.errors import CertificateError

SIZE = 72
NO_EXPIRY = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
SERIAL_FROM_KEY = 0xA


@dataclass(frozen=True)
class Compressed:
    """What the 72 bytes say."""

    signature: bytes
    dates: bytes
    not_before: dt.datetime
    not_after: dt.datetime
    signer_id: str
    template: int
    chain: int

    @classmethod
    def decode(cls, data: bytes) -> Compressed:
        """From the content of a slot; a CertificateError says why it is none."""
        if len(data) < SIZE:
            raise CertificateError(f"A compressed certificate has {SIZE} bytes, not {len(data)}.")
        data = data[:SIZE]
        if len(set(data)) == 1:
            raise CertificateError("There is no certificate: the slot is empty.")
        version, source = data[70] & 0xF, data[70] >> 4
        if version > 1:
            raise CertificateError(f"Compressed certificates of format {version} are not known here.")
        if source != SERIAL_FROM_KEY:
            raise CertificateError(
                f"The certificate's serial number comes from source 0x{source:X}; of Microchip's TLS chips only "
                f"0x{SERIAL_FROM_KEY:X} is known, the key's hash."
            )
        not_before, not_after = _dates(data[64:67], data[71] if version else 0)
        return cls(
            signature=data[:64],
            dates=data[64:67],
            not_before=not_before,
            not_after=not_after,
            signer_id=data[67:69].hex().upper(),
            template=data[69] >> 4,
            chain=data[69] & 0xF,
        )

    def serial_number(self, point: bytes) -> int:
        """Hash of key and dates; made positive, and always sixteen bytes long."""
        digest = bytearray(sha256(point + self.dates).digest()[:16])
        digest[0] = digest[0] & 0x7F | 0x40
        return int.from_bytes(digest, "big")


def _dates(packed: bytes, extended: int) -> tuple[dt.datetime, dt.datetime]:
    """Five bits year, four month, five day, five hour, five years of validity; format 1 has two more for years."""
    bits = int.from_bytes(packed, "big")
    year = 2000 + (bits >> 19) + (extended >> 6 << 5)
    years = (bits & 0x1F) + ((extended >> 4 & 3) << 5)
    try:
        start = dt.datetime(year, bits >> 15 & 0xF, bits >> 10 & 0x1F, bits >> 5 & 0x1F, tzinfo=dt.UTC)
        return start, start.replace(year=year + years) if years else NO_EXPIRY
    except ValueError as error:
        raise CertificateError(f"The certificate's dates make no sense ({packed.hex()}).") from error
