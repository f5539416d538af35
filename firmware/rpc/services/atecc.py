"""ATCA: the chip itself. The names are those of Mongoose OS."""

from atecc608 import ZONE_CONFIG, ZONE_DATA, StateLost, crc16
from rpc.errors import RpcError
from rpc.params import Method, binary, encode, integer, text

_SLOT = integer(0, 15)


class ATCA:
    """The service for `chip` (ATECC608); `store` knows whose a slot's key is."""

    def __init__(self, chip, store):
        self._chip = chip
        self._store = store

    def methods(self):
        return {
            "ATCA.GetInfo": Method(self.get_info),
            "ATCA.GetConfig": Method(self.get_config),
            "ATCA.SetConfig": Method(self._chip.write_config, config=binary(128, exactly=True)),
            "ATCA.LockZone": Method(
                self.lock_zone,
                zone=integer(ZONE_CONFIG, ZONE_DATA),
                serial=(text(18), None),
                crc=(integer(0, 0xFFFF), None),
            ),
            "ATCA.GetPubKey": Method(self.get_pub_key, slot=_SLOT),
            "ATCA.KeyInfo": Method(self.key_info, slot=_SLOT),
        }

    def get_info(self):
        zone = self._chip.config()
        return {
            "address": self._chip.address,
            "part": zone.part,
            "revision": zone.revision.hex(),
            "serial": zone.serial.hex(),
            "config_locked": zone.config_locked,
            "data_locked": zone.data_locked,
        }

    def get_config(self):
        return {"config": encode(self._chip.config().data)}

    def get_pub_key(self, slot):
        return {"pubkey": encode(self._chip.PublicKey(slot))}

    def key_info(self, slot):
        with self._chip:
            zone = self._chip.config()
            rules = zone.slot(slot)
            private = rules.holds_private_key
            return {
                "slot": slot,
                "private": private,
                "valid": private and self._chip.KeyValid(slot),
                "can_generate": rules.can_generate,
                "can_sign": rules.can_sign,
                "in_use": self._store.use_of(slot, zone) if private else None,
            }

    def lock_zone(self, zone, serial, crc):
        """IRREVERSIBLE; only for a caller that names this chip, and the configuration that it has checked."""
        with self._chip:
            self._check_confirmed(self._chip.config(), zone, serial, crc)
            try:
                self._chip.Lock(zone, crc)
            except StateLost:
                pass  # it may have happened: the chip knows
            after = self._chip.config()
        if not (after.config_locked if zone == ZONE_CONFIG else after.data_locked):
            raise RpcError("bus", "the chip was reset while locking, and the zone is still open; try again")

    @staticmethod
    def _check_confirmed(config, zone, serial, crc):
        if serial is None or serial.lower() != config.serial.hex():
            raise RpcError("refused", "locking is for good: give the serial number of this chip")
        if zone == ZONE_CONFIG and crc is None:
            raise RpcError(
                "refused", "locking is for good: give the CRC-16 of the configuration that you have checked"
            )
        if zone == ZONE_DATA and not config.config_locked:
            raise RpcError("unlocked", "the config zone has to be locked before the data zone")
        if config.config_locked if zone == ZONE_CONFIG else config.data_locked:
            raise RpcError("locked", "the zone is locked already")
        if zone == ZONE_CONFIG and crc != crc16(config.data):
            raise RpcError(
                "refused", "the chip's configuration has not the CRC 0x%04X; nothing was locked" % crc
            )
