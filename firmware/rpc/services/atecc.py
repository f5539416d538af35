"""ATCA: the chip itself. The names are those of Mongoose OS."""

from atecc608 import ZONE_CONFIG, ZONE_DATA, StateLost, crc16
from rpc.errors import RpcError
from rpc.params import Method, binary, encode, integer, text

_SLOT = integer(0, 15)


def methods(chip, store):
    def get_info():
        zone = chip.config()
        return {
            "address": chip.address,
            "part": zone.part,
            "revision": zone.revision.hex(),
            "serial": zone.serial.hex(),
            "config_locked": zone.config_locked,
            "data_locked": zone.data_locked,
        }

    def lock_zone(zone, serial, crc):
        with chip:
            before = chip.config()
            if serial is None or serial.lower() != before.serial.hex():
                raise RpcError("refused", "locking is for good: give the serial number of this chip")
            if zone == ZONE_CONFIG and crc is None:
                raise RpcError("refused", "locking is for good: give the CRC-16 of the configuration that you have checked")
            _check_lockable(before, zone)
            if zone == ZONE_CONFIG and crc != crc16(before.data):
                raise RpcError("refused", "the chip's configuration is not the one with CRC 0x%04X; nothing was locked" % crc)
            try:
                chip.Lock(zone, crc)
            except StateLost:
                pass  # it may have happened: the chip knows
            after = chip.config()
        if not (after.config_locked if zone == ZONE_CONFIG else after.data_locked):
            raise RpcError("bus", "the chip was reset while locking, and the zone is still open; try again")

    def _check_lockable(config, zone):
        if zone == ZONE_DATA and not config.config_locked:
            raise RpcError("unlocked", "the config zone has to be locked before the data zone")
        if config.config_locked if zone == ZONE_CONFIG else config.data_locked:
            raise RpcError("locked", "the zone is locked already")

    def key_info(slot):
        with chip:
            zone = chip.config()
            rules = zone.slot(slot)
            return {
                "slot": slot,
                "private": rules.holds_private_key,
                "valid": rules.holds_private_key and chip.KeyValid(slot),
                "can_generate": rules.can_generate,
                "can_sign": rules.can_sign,
                "in_use": store.use_of(slot, zone) if rules.holds_private_key else None,
            }

    return {
        "ATCA.GetInfo": Method(get_info),
        "ATCA.GetConfig": Method(lambda: {"config": encode(chip.config().data)}),
        "ATCA.SetConfig": Method(lambda config: chip.write_config(config), config=binary(128, exactly=True)),
        "ATCA.LockZone": Method(
            lock_zone,
            zone=integer(ZONE_CONFIG, ZONE_DATA),
            serial=(text(18), None),
            crc=(integer(0, 0xFFFF), None),
        ),
        "ATCA.GetPubKey": Method(lambda slot: {"pubkey": encode(chip.PublicKey(slot))}, slot=_SLOT),
        "ATCA.KeyInfo": Method(key_info, slot=_SLOT),
    }
