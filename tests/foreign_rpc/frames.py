"""Requests as Mongoose OS's client writes them, and replies judged as strictly as it judges them.

Written from what is known of that client's bytes, without a look at the device's code or at the host tool's.
"""

import json
import zlib
from itertools import count
from typing import Any

FIRST_ID = 1_241_379_568_978  # of the size that the client's own are: more than 32 bits
_ids = count(FIRST_ID)


class BadReply(Exception):
    """What came back is nothing that the client takes for a reply; it drops the connection."""


class Refused(Exception):
    """The device's error: `code`, its sentence and all of it."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']} {error.get('message')}")
        self.code = error["code"]
        self.message = error.get("message", "")
        self.kind = error.get("kind")
        self.error = error


class Silence(Exception):
    """No reply in time."""


class Closed(Exception):
    """The other side has ended the connection."""


def request(method: str, params: Any = None, *, src: str = "mos", **more: Any) -> dict[str, Any]:
    """A request with an id of its own; `params` is absent when there are none. `more` replaces or adds members."""
    frame: dict[str, Any] = {"src": src, "id": next(_ids), "method": method}
    if params is not None:
        frame["params"] = params
    return frame | more


def text(frame: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode()


def checksum(frame: bytes) -> bytes:
    return b"%08x" % zlib.crc32(frame)


def parse(data: bytes | str) -> dict[str, Any]:
    """A reply's JSON object, in UTF-8, with nothing behind it."""
    try:
        frame = json.loads(data.decode() if isinstance(data, bytes) else data, parse_constant=_no_constant)
    except ValueError as error:
        raise BadReply(f"no JSON: {error}: {data!r}") from None
    if not isinstance(frame, dict):
        raise BadReply(f"no object: {data!r}")
    return frame


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def check(frame: dict[str, Any], asked: dict[str, Any], *, device: str | None = None) -> Any:
    """The result in `frame`, a reply to `asked`. Raises BadReply, or Refused for the device's error."""
    if isinstance(frame.get("id"), bool) or not isinstance(frame.get("id"), int):
        raise BadReply(f"the id is no JSON number: {frame}")
    if frame["id"] != asked["id"]:
        raise BadReply(f"a reply to another request, {asked['id']} is waited for: {frame}")
    if "method" in frame:
        raise BadReply(f"a request: {frame}")
    if not frame.get("src") or not isinstance(frame["src"], str) or (device and frame["src"] != device):
        raise BadReply(f"not from the device: {frame}")
    if frame.get("dst") != asked["src"]:
        raise BadReply(f"for somebody else than {asked['src']}: {frame}")
    if frame.get("tag") != asked.get("tag"):
        raise BadReply(f"the tag isn't {asked.get('tag')!r}: {frame}")
    if ("result" in frame) == ("error" in frame):
        raise BadReply(f"neither a result nor an error, or both: {frame}")
    if "error" in frame:
        raise Refused(check_error(frame["error"]))
    return frame["result"]


def check_error(error: Any) -> dict[str, Any]:
    """An error's members, if they are what the client wants."""
    if not isinstance(error, dict) or not isinstance(error.get("code"), int) or not error["code"]:
        raise BadReply(f"an error without a code, or with code 0, which counts as success: {error}")
    if not isinstance(error.get("message"), str) or not error["message"]:
        raise BadReply(f"an error without a message: {error}")
    return error
