"""A board with its chip, as a Python object: one method per RPC method that the host uses."""

from __future__ import annotations

from typing import Any

from atecc.device.answers import binary, fields, listed, text
from atecc.device.identities import Identities
from atecc.device.keeping import Keeping
from atecc.device.replies import (
    AccessStatus,
    BoardInfo,
    ChipInfo,
    KeyInfo,
    SelfCheck,
    TrustedCa,
    access_status,
    build,
)
from atecc.device.rpc import FIRMWARE_DIFFERS
from atecc.errors import ChannelError

CONFIG, DATA = 0, 1


class Device(Keeping, Identities):
    """Talks to a board: Sys, Access and ATCA, and what its bases know."""

    # The board

    def methods(self) -> list[str]:
        return [str(name) for name in listed(self.call("RPC.List"), "RPC.List")]

    def info(self) -> BoardInfo:
        return build(BoardInfo, self.call("Sys.GetInfo"), "Sys.GetInfo")

    def check(self) -> list[SelfCheck]:
        """What the device finds of its own fitness."""
        return [build(SelfCheck, one, "Sys.Check") for one in listed(self.call("Sys.Check"), "Sys.Check")]

    def set_time(self, time: int) -> int | None:
        """Set the board's clock; what it said before."""
        previous = fields(self.call("Sys.SetTime", {"time": time}), "Sys.SetTime").get("previous")
        return previous if isinstance(previous, int) else None

    def reboot(self) -> None:
        """The board answers first, and resets then; when this returns it has done so."""
        self.call("Sys.Reboot")
        self.wait_for_reset()

    # Who may call it

    def access_status(self) -> AccessStatus:
        return access_status(self.call("Access.Status"), "Access.Status")

    def trust(self, ca: bytes, withdraw: bool | None = None) -> TrustedCa:
        """Callers with a certificate of this CA (DER) are operators from now on.

        `withdraw`: whether they may have others forgotten from afar; None leaves that as it is.
        """
        params = {"ca": text(ca)} | ({} if withdraw is None else {"withdraw": withdraw})
        return build(TrustedCa, self.call("Access.Trust", params), "Access.Trust")

    def forget(self, sha256: str) -> None:
        self.call("Access.Forget", {"sha256": sha256})

    def bench(self, on: bool, seconds: int | None = None, keep: bool = False) -> AccessStatus:
        """The bench permission; without `seconds` and `keep` for as long as the board's default."""
        params: dict[str, Any] = {"on": on} | ({"keep": True} if keep else {})
        params |= {} if seconds is None else {"seconds": seconds}
        return access_status(self.call("Access.Bench", params), "Access.Bench")

    def web_socket(self, enable: bool, **settings: Any) -> AccessStatus:
        """Plain ws://; `settings` are `port`, `username` and `ha1`, each only if it is given."""
        params = {"enable": enable} | {k: v for k, v in settings.items() if v is not None}
        return access_status(self.call("Access.WebSocket", params), "Access.WebSocket")

    # The chip

    def chip_info(self) -> ChipInfo:
        return build(ChipInfo, self.call("ATCA.GetInfo"), "ATCA.GetInfo")

    def get_config(self) -> bytes:
        config = binary(self.call("ATCA.GetConfig"), "config", "ATCA.GetConfig")
        if len(config) != 128:
            raise ChannelError(
                f"The board sent a configuration of {len(config)} bytes, not 128.", FIRMWARE_DIFFERS
            )
        return config

    def set_config(self, config: bytes) -> None:
        self.call("ATCA.SetConfig", {"config": text(config)})

    def lock_zone(self, zone: int, serial: str, crc: int | None) -> None:
        """Irreversible. The chip refuses unless what it holds has this CRC."""
        params: dict[str, Any] = {"zone": zone, "serial": serial}
        self.call("ATCA.LockZone", params if crc is None else params | {"crc": crc})

    def lock_slot(self, slot: int, serial: str) -> None:
        """Irreversible: what the slot holds stays."""
        self.call("ATCA.LockSlot", {"slot": slot, "serial": serial})

    def key_info(self, slot: int) -> KeyInfo:
        return build(KeyInfo, self.call("ATCA.KeyInfo", {"slot": slot}), "ATCA.KeyInfo")

    def public_key(self, slot: int) -> bytes:
        return binary(self.call("ATCA.GetPubKey", {"slot": slot}), "pubkey", "ATCA.GetPubKey")

    def generate_key(self, slot: int, serial: str | None = None) -> bytes:
        """A new key; the one that is there is destroyed, which takes the chip's serial number."""
        params = {"slot": slot} if serial is None else {"slot": slot, "serial": serial}
        return binary(self.call("ATCA.GenKey", params), "pubkey", "ATCA.GenKey")

    def import_key(
        self, slot: int, scalar: bytes, write_key: bytes | None = None, serial: str | None = None
    ) -> None:
        """A private key from outside, sealed on its way into the chip if there is a write key."""
        params: dict[str, Any] = {"slot": slot, "key": text(scalar), "ecc": True}
        if write_key is not None:
            params["wkey"] = text(write_key)
        self.call("ATCA.SetKey", params if serial is None else params | {"serial": serial})

    def read_slot(self, slot: int) -> bytes:
        return binary(self.call("ATCA.ReadSlot", {"slot": slot}), "data", "ATCA.ReadSlot")
