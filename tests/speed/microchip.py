"""The jobs as Microchip's cryptoauthlib does them."""

from hashlib import sha256

import cryptoauthlib as cal
from chip_foreign.bench import driven
from chip_foreign.hal import AS_IN_REAL_TIME
from chip_foreign.setting import DIGEST, TEMP_KEY, ok
from speed.cost import TimedChip
from speed.jobs import GENKEY, NONCE, REQUEST, SIGN, Costs

SLOT = 2
NONCE_TO_TEMP_KEY = 0x03 | TEMP_KEY


def _request() -> None:
    """As far as the chip has to do with it."""
    point = bytearray(64)
    ok(cal.atcab_genkey(SLOT, point))
    ok(cal.atcab_sign(SLOT, sha256(point).digest(), bytearray(64)))


def measured(chip: TimedChip) -> Costs:
    with driven(chip, AS_IN_REAL_TIME):
        return {
            GENKEY: chip.cost(lambda: ok(cal.atcab_genkey(SLOT, bytearray(64)))),
            NONCE: chip.cost(lambda: ok(cal.atcab_nonce(DIGEST))),
            SIGN: chip.cost(lambda: ok(cal.atcab_sign(SLOT, DIGEST, bytearray(64)))),
            REQUEST: chip.cost(_request),
        }
