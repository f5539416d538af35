"""What a board keeps beside its identities: settings, files, the Wi-Fi network, the owner's program."""

from __future__ import annotations

from binascii import crc32
from typing import Any

from atecc.bounded import LARGEST_FILE
from atecc.device.answers import binary, fields, listed, text
from atecc.device.caller import Caller
from atecc.device.replies import Entry, Network, Part, Program, Told, WifiStatus, build, is_a
from atecc.device.rpc import FIRMWARE_DIFFERS
from atecc.errors import ChannelError

# Of a file, in one frame.
PIECE = 512


class Keeping(Caller):
    """Config, FS, Wifi and App."""

    def settings(self, key: str | None = None) -> Any:
        """A value, or all of them as nested objects."""
        return self.call("Config.Get", {} if key is None else {"key": key})

    def change_settings(
        self, values: dict[str, Any], save: bool = False, reboot: bool = False, try_once: bool = False
    ) -> bool:
        """All of them or none; whether they are saved. `reboot`: as Device.reboot."""
        flags = {
            name: True for name, on in (("save", save), ("reboot", reboot), ("try_once", try_once)) if on
        }
        told = fields(self.call("Config.Set", {"config": values} | flags), "Config.Set")
        if reboot:
            self.wait_for_reset()
        return bool(told.get("saved"))

    def save_settings(self, reboot: bool = False, try_once: bool = False) -> None:
        flags = {name: True for name, on in (("reboot", reboot), ("try_once", try_once)) if on}
        self.call("Config.Save", flags)
        if reboot:
            self.wait_for_reset()

    def files(self, path: str | None = None) -> list[Entry]:
        data = self.call("FS.ListExt", {} if path is None else {"path": path})
        return [build(Entry, one, "FS.ListExt") for one in listed(data, "FS.ListExt")]

    def read_file(self, name: str) -> bytes:
        """All of it; a ChannelError if what is left of it does not become less, or is more than a board can hold."""
        content, left = self._piece(name, 0)
        size = len(content) + left
        if size > LARGEST_FILE:
            raise ChannelError(f"The board says that {name} has {size} bytes: no board holds as much.")
        while left:
            piece, left = self._piece(name, len(content))
            content += piece
            if not piece or len(content) + left != size:
                raise ChannelError(
                    f"{name} changes while it is read, or is given only in part.", "Try again."
                )
        return content

    def _piece(self, name: str, offset: int) -> tuple[bytes, int]:
        data = self.call("FS.Get", {"filename": name, "offset": offset, "len": PIECE})
        piece, left = binary(data, "data", "FS.Get"), data.get("left") or 0
        if not is_a(left, int) or left < 0 or len(piece) > PIECE:
            raise ChannelError("The board's answer to FS.Get makes no sense.", FIRMWARE_DIFFERS)
        return piece, left

    def write_file(self, name: str, content: bytes) -> None:
        """In pieces; a file of that name is replaced."""
        for start in range(0, max(len(content), 1), PIECE):
            piece = text(content[start : start + PIECE])
            self.call("FS.Put", {"filename": name, "data": piece} | ({"append": True} if start else {}))

    def remove_file(self, name: str) -> None:
        self.call("FS.Remove", {"filename": name})

    def programs(self, method: str = "App.Status") -> tuple[list[Program], list[Part]]:
        """The owner's programs and what they are made of; after App.Start or App.Stop, if that is the method."""
        data = self.call(method)
        parts = data if isinstance(data, dict) else {}
        return (
            [build(Program, one, method) for one in listed(parts.get("programs"), method)],
            [build(Part, one, method) for one in listed(parts.get("files"), method)],
        )

    def program_log(self) -> list[Told]:
        return [build(Told, one, "App.Log") for one in listed(self.call("App.Log"), "App.Log")]

    def write_program(self, name: str, content: bytes) -> None:
        """A file of the program's folder: it takes the place of the old one when all of it has arrived."""
        for start in range(0, max(len(content), 1), PIECE):
            piece = text(content[start : start + PIECE])
            self.call("App.Put", {"filename": name, "data": piece, "offset": start})
        self.call("App.Keep", {"filename": name, "crc": crc32(content)})

    def remove_program(self, name: str) -> None:
        self.call("App.Remove", {"filename": name})

    def wifi_status(self) -> WifiStatus:
        return build(WifiStatus, self.call("Wifi.Status"), "Wifi.Status")

    def wifi_scan(self) -> list[Network]:
        data = self.call("Wifi.Scan", None, self.network_timeout)
        return [build(Network, one, "Wifi.Scan") for one in listed(data, "Wifi.Scan")]

    def wifi_setup(self, ssid: str, password: str | None = None, save: bool = True) -> WifiStatus:
        """Join a network; saved only once that has worked."""
        params: dict[str, Any] = {"ssid": ssid} | ({} if password is None else {"pass": password})
        params |= {} if save else {"save": False}
        return build(WifiStatus, self.networked("Wifi.Setup", params), "Wifi.Setup")
