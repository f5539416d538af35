"""ATCA: the chip itself. The names are those of Mongoose OS."""

import lazily
from atecc608 import ZONE_CONFIG, ZONE_DATA, StateLost, crc16
from rpc.caller import asker
from rpc.errors import RpcError
from rpc.params import BENCH, CALLER, Method, binary, encode, flag, integer, text

_SLOT = integer(0, 15)
_SERIAL = (text(18), None)


class ATCA:
    """The service for `chip` (ATECC608); `store` knows whose a slot's key is, `bench()` whether the bench permission is
    on, with which confirmations may be missing."""

    def __init__(self, chip, store, bench):
        self._chip = chip
        self._store = store
        self._bench = bench

    def methods(self):
        return {
            "ATCA.GetInfo": Method(self.get_info),
            "ATCA.GetConfig": Method(self.get_config),
            "ATCA.SetConfig": Method(
                self.set_config, BENCH, config=binary(128, exactly=True), serial=_SERIAL
            ),
            "ATCA.LockZone": Method(
                self.lock_zone,
                BENCH,
                zone=integer(ZONE_CONFIG, ZONE_DATA),
                serial=_SERIAL,
                crc=(integer(0, 0xFFFF), None),
            ),
            "ATCA.LockSlot": Method(self.lock_slot, BENCH, slot=_SLOT, serial=_SERIAL),
            "ATCA.GetPubKey": Method(self.get_pub_key, slot=_SLOT),
            "ATCA.GenKey": Method(self.gen_key, slot=_SLOT, serial=_SERIAL, caller=CALLER),
            "ATCA.SetKey": Method(
                self.set_key,
                BENCH,
                slot=_SLOT,
                key=binary(32, exactly=True),
                block=(integer(0, 12), 0),
                ecc=(flag, False),
                wkey=(binary(32, exactly=True), None),
                wkslot=(_SLOT, None),
                serial=_SERIAL,
                caller=CALLER,
            ),
            "ATCA.Sign": Method(self.sign, slot=_SLOT, digest=binary(32, exactly=True), caller=CALLER),
            "ATCA.AES": Method(
                self.aes,
                slot=_SLOT,
                data=binary(16, exactly=True),
                block=(integer(0, 3), 0),
                mode=(integer(0, 1), 0),
            ),
            "ATCA.ReadSlot": Method(self.read_slot, slot=_SLOT),
            "ATCA.KeyInfo": Method(self.key_info, slot=_SLOT, caller=CALLER),
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
        with self._chip:
            self._chip.config().slot(slot).check_shows_key(self._chip.KeyValid)
            return {"pubkey": encode(self._chip.PublicKey(slot))}

    def key_info(self, slot, caller):
        keys = self._store.keys
        with self._chip:
            zone = self._chip.config()
            rules = zone.slot(slot)
            private = rules.holds_private_key
            use = keys.use_of(slot, zone) if private else None
            return {
                "slot": slot,
                "private": private,
                "valid": private and self._chip.KeyValid(slot),
                "can_generate": rules.can_generate,
                "can_sign": rules.can_sign,
                "limited_use": rules.limited_use,
                "in_use": use,
                "kept": keys.why_kept(use, slot, zone, asker(caller, self._bench)),
            }

    def set_config(self, config, serial):
        with self._chip:
            if serial is not None:
                self._check_serial(self._chip.config(), serial, "the configuration is for one chip")
            self._chip.write_config(config)

    def sign(self, slot, digest, caller):
        with self._chip:
            zone = self._chip.require_locked()
            zone.slot(slot).check_signs()
            self._store.keys.check_signs_anything(slot, zone, asker(caller, self._bench))
            return {"signature": encode(self._chip.Sign(slot, digest))}

    def aes(self, slot, data, block, mode):
        return {"data": encode(self._chip.AES(slot, block, data, decrypt=mode == 1))}

    def lock_zone(self, zone, serial, crc):
        """IRREVERSIBLE; only for a caller that names this chip and the configuration that it has checked, or with the
        bench permission."""
        with self._chip:
            config = self._chip.config()
            self._check_confirmed(config, zone, serial, crc)
            if zone == ZONE_CONFIG and crc is None:
                crc = crc16(config.data)
            try:
                self._chip.Lock(zone, crc)
            except StateLost:
                pass  # it may have happened: the chip knows
            after = self._chip.config()
        if not (after.config_locked if zone == ZONE_CONFIG else after.data_locked):
            raise RpcError("bus", "the chip was reset while locking, and the zone is still open; try again")

    def _check_confirmed(self, config, zone, serial, crc):
        self._check_serial(config, serial, "locking is for good")
        if zone == ZONE_CONFIG and crc is None and not self._bench():
            raise RpcError(
                "refused", "locking is for good: give the CRC-16 of the configuration that you have checked"
            )
        if zone == ZONE_DATA and not config.config_locked:
            raise RpcError("unlocked", "the config zone has to be locked before the data zone")
        if config.config_locked if zone == ZONE_CONFIG else config.data_locked:
            raise RpcError("locked", "the zone is locked already")
        if zone == ZONE_CONFIG and crc not in (None, crc16(config.data)):
            raise RpcError(
                "refused", "the chip's configuration has not the CRC 0x%04X; nothing was locked" % crc
            )

    def lock_slot(self, slot, serial):
        """IRREVERSIBLE: what the slot holds stays as it is, for good."""
        with self._chip:
            zone = self._chip.require_locked()
            rules = zone.slot(slot)
            self._check_serial(zone, serial, "locking a slot is for good")
            if rules.locked:
                raise RpcError("locked", "slot %d is locked already" % slot)
            if not rules.lockable:
                raise RpcError("slot", "slot %d can't be locked: its configuration says so" % slot)
            try:
                self._chip.LockSlot(slot)
            except StateLost:
                pass  # as in lock_zone
            if not self._chip.config().slot(slot).locked:
                raise RpcError(
                    "bus", "the chip was reset while locking, and the slot is still open; try again"
                )

    def _check_serial(self, zone, serial, why):
        if serial is None and self._bench():
            return
        if serial is None or serial.lower() != zone.serial.hex():
            raise RpcError("refused", "%s: give the serial number of this chip" % why)

    def gen_key(self, slot, serial, caller):
        """A new key in `slot`; what is there is destroyed, and so it must be nobody's, or confirmed."""
        with self._chip:
            zone = self._chip.require_locked()
            if not zone.slot(slot).can_generate:
                raise RpcError(
                    "slot", "slot %d can't generate a key: its configuration forbids GenKey" % slot
                )
            made = self._replace(slot, zone, caller, serial, lambda: self._chip.GenKey(slot))
            return {"pubkey": encode(made)}

    def _replace(self, slot, zone, caller, serial, make):
        return self._store.keys.replace(slot, zone, asker(caller, self._bench), make, serial)

    def set_key(self, slot, key, block, ecc, wkey, wkslot, serial, caller):
        """PrivWrite (ecc) or Write; sealed with `wkey`, the secret in the slot's write key slot, if it is given."""
        with self._chip:
            zone = self._chip.require_locked()
            rules = zone.slot(slot)
            if ecc != rules.private:
                kind = "private key" if rules.private else "data"
                raise RpcError("slot", "slot %d is for %s: its configuration says so" % (slot, kind))
            if wkey is not None and wkslot not in (None, rules.write_key):
                raise RpcError(
                    "argument", "wkslot: slot %d's write key is in slot %d" % (slot, rules.write_key)
                )
            if not ecc:
                return lazily.load("atecc608.sealed").write(self._chip, slot, block, key, wkey)
            if not rules.can_import:
                raise RpcError(
                    "slot", "slot %d takes no key from outside: its configuration forbids PrivWrite" % slot
                )
            if zone.data_locked and wkey is None:
                raise RpcError(
                    "slot", "the data zone is locked: slot %d takes a key only sealed (wkey)" % slot
                )
            return self._replace(
                slot,
                zone,
                caller,
                serial,
                lambda: lazily.load("atecc608.sealed").priv_write(self._chip, slot, key, wkey),
            )

    def read_slot(self, slot):
        with self._chip:
            zone = self._chip.config()
            if not zone.data_locked:
                raise RpcError("unlocked", "the chip lets no slot be read before its data zone is locked")
            if not zone.slot(slot).readable:
                raise RpcError("slot", "slot %d can't be read: its configuration keeps it secret" % slot)
            return {"data": encode(self._chip.read_slot(slot))}
