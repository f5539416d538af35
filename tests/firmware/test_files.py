"""FS.* on MicroPython: pieces, limits, and that nothing beside the one folder can be reached."""

import base64
import os
import textwrap
from collections.abc import Iterator

import pytest
from rpcboard import RpcBoard, rpc_board

SERVICES = """
from folder import Folder
from rpc.services.files import FS
folder = Folder("/files")
services += [FS(folder)]
"""


@pytest.fixture(scope="module")
def _board() -> Iterator[RpcBoard]:
    with rpc_board(SERVICES) as board:
        yield board


@pytest.fixture
def rpc(_board: RpcBoard) -> RpcBoard:
    """A device that has no files yet, and something else on its flash."""
    _board.value(
        "0",
        textwrap.dedent("""
            import os
            if "files" in os.listdir("/"):
                for name in os.listdir("/files"): os.remove("/files/" + name)
                os.rmdir("/files")
            with open("/secret", "w") as f: f.write("a secret")
        """),
    )
    return _board


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def put(rpc: RpcBoard, name: str, data: bytes, piece: int = 512) -> None:
    """As `mos put` does it."""
    for offset in range(0, len(data), piece):
        part = b64(data[offset : offset + piece])
        assert rpc.call("FS.Put", filename=name, offset=offset, append=offset > 0, data=part) is None


def get(rpc: RpcBoard, name: str, piece: int = 512) -> bytes:
    """As `mos get` does it."""
    data = b""
    while True:
        reply = rpc.call("FS.Get", filename=name, offset=len(data), len=piece)
        data += base64.b64decode(reply["data"])
        if not reply["left"]:
            return data


def test_there_is_nothing_at_first_and_looking_makes_nothing(rpc):
    assert rpc.call("FS.List") == []
    assert rpc.call("FS.ListExt") == []
    assert "files" not in rpc.value("os.listdir('/')", "import os")


@pytest.mark.parametrize("size", [1, 511, 512, 513, 5000])
def test_a_file_goes_there_and_comes_back(rpc, size):
    data = os.urandom(size)
    put(rpc, "data.bin", data)
    assert get(rpc, "data.bin") == data
    assert rpc.call("FS.ListExt") == [{"name": "data.bin", "size": size}]


def test_a_file_outlives_the_power(rpc):
    put(rpc, "ca.pem", b"x" * 1000)
    rpc.restart()
    assert get(rpc, "ca.pem") == b"x" * 1000


def test_the_older_clients_pieces_have_no_offset(rpc):
    rpc.call("FS.Put", filename="f", append=False, data=b64(b"one"))
    rpc.call("FS.Put", filename="f", append=True, data=b64(b"two"))
    assert get(rpc, "f") == b"onetwo"


def test_a_file_is_begun_anew(rpc):
    put(rpc, "f", b"long" * 100)
    put(rpc, "f", b"short")
    assert get(rpc, "f") == b"short"
    rpc.call("FS.Put", filename="f")
    assert rpc.call("FS.Get", filename="f") == {"data": "", "left": 0}


def test_a_piece_that_comes_twice_changes_nothing(rpc):
    put(rpc, "f", b"a" * 512 + b"b" * 512)
    rpc.call("FS.Put", filename="f", offset=512, append=True, data=b64(b"b" * 512))
    assert get(rpc, "f") == b"a" * 512 + b"b" * 512


def test_a_piece_in_the_middle(rpc):
    put(rpc, "f", b"0123456789")
    rpc.call("FS.Put", filename="f", offset=3, data=b64(b"xy"))
    assert get(rpc, "f") == b"012xy56789"


def test_a_piece_beyond_the_end(rpc):
    put(rpc, "f", b"0123456789")
    assert rpc.refusal("FS.Put", filename="f", offset=11, data=b64(b"x")) == (
        "argument",
        "offset: f has only 10 bytes",
    )
    assert rpc.refusal("FS.Put", filename="new", offset=1, data=b64(b"x"))[0] == "file"
    assert get(rpc, "f") == b"0123456789"
    assert rpc.call("FS.List") == ["f"]


def test_reading_parts(rpc):
    put(rpc, "f", b"0123456789")
    assert rpc.call("FS.Get", filename="f", offset=2, len=3) == {"data": b64(b"234"), "left": 5}
    assert rpc.call("FS.Get", filename="f", offset=8) == {"data": b64(b"89"), "left": 0}
    assert rpc.call("FS.Get", filename="f", offset=10) == {"data": "", "left": 0}
    assert rpc.call("FS.Get", filename="f", len=0) == {"data": "", "left": 10}
    assert rpc.refusal("FS.Get", filename="f", offset=11)[0] == "argument"
    put(rpc, "f", b"x" * 600)
    assert rpc.call("FS.Get", filename="f")["left"] == 600 - 512


def test_removing(rpc):
    put(rpc, "a", b"1")
    put(rpc, "b", b"2")
    assert rpc.call("FS.List", path="/") == ["a", "b"]
    assert rpc.call("FS.Remove", filename="a") is None
    assert rpc.call("FS.List", path="") == ["b"]


@pytest.mark.parametrize("method", ["FS.Get", "FS.Remove"])
def test_a_file_that_is_not_there(rpc, method):
    assert rpc.refusal(method, filename="none.pem") == ("file", "no file none.pem on this device")
    put(rpc, "other", b"1")
    assert rpc.refusal(method, filename="none.pem")[0] == "file"


# Escapes.

ESCAPES = [
    "../secret", "/secret", "//secret", "/files/../secret", "./../secret", "..", ".", "...", ". .", " ", "/",
    "\\secret", "..\\secret", "a/b", "sub/", "f\0", "\0", "f\n", "\x7f", "é", "f" * 65, "", "secret\u2215",
]  # fmt: skip


@pytest.mark.parametrize("method", ["FS.Get", "FS.Put", "FS.Remove"])
@pytest.mark.parametrize("name", ESCAPES)
def test_no_name_leads_out_of_the_folder(rpc, method, name):
    put(rpc, "f", b"1")
    kind, message = rpc.refusal(method, filename=name)
    assert kind == "argument"
    assert message.startswith("filename: ")
    assert rpc.value("open('/secret').read()") == "a secret"
    assert rpc.call("FS.List") == ["f"]


@pytest.mark.parametrize("path", ["/..", "..", "/files", "/config", "//", None, 7, []])
@pytest.mark.parametrize("method", ["FS.List", "FS.ListExt"])
def test_there_is_no_other_directory(rpc, method, path):
    assert rpc.refusal(method, path=path) == ("argument", "path: there is only one directory, /")


def test_what_else_lies_there_is_no_file(rpc):
    put(rpc, "f", b"1")
    rpc.value("0", "os.mkdir('/files/sub')")
    try:
        assert rpc.call("FS.List") == ["f"]
        for method in ("FS.Get", "FS.Remove", "FS.Put"):
            more = {"offset": 0, "append": True} if method == "FS.Put" else {}
            assert rpc.refusal(method, filename="sub", **more)[0] in ("file", "memory")
        assert "sub" in rpc.value("os.listdir('/files')")
    finally:
        rpc.value("0", "os.rmdir('/files/sub')")


@pytest.mark.parametrize(
    "name", ["f", "~", "a b.pem", "..a", "a..", "-", "%2e%2e", "f" * 64, "main.py", "$x;'\""]
)
def test_names_that_are_fine(rpc, name):
    put(rpc, name, b"1")
    assert rpc.call("FS.List") == [name]
    rpc.call("FS.Remove", filename=name)
    assert rpc.call("FS.List") == []


# Limits.


def test_a_file_has_an_end(rpc):
    put(rpc, "f", bytes(65536), piece=4096)
    for more in ({"append": True}, {"offset": 65536}, {"append": True, "offset": 65536}):
        kind, message = rpc.refusal("FS.Put", filename="f", data=b64(b"x"), **more)
        assert (kind, message) == ("argument", "a file has at most 65536 bytes")
    assert rpc.call("FS.ListExt") == [{"name": "f", "size": 65536}]


def test_a_full_flash_keeps_room_for_what_the_device_must_write(rpc):
    """Identities and settings can be saved, whatever others upload."""
    kind = None
    for i in range(40):
        try:
            put(rpc, f"f{i}", bytes(65536), piece=4096)
        except Exception as error:
            kind, message = error.kind, error.message
            break
    assert (kind, message) == ("memory", "the flash is full: remove files (FS.Remove)")
    assert rpc.value("(lambda s: s[0] * s[3])(os.statvfs('/'))") > 20_000
    rpc.value(
        "0", "from identity.record import Record\nos.mkdir('/kept')\nRecord('/kept/x').save('y' * 10000)"
    )
    rpc.call("FS.Remove", filename="f0")
    put(rpc, "again", b"1")
    rpc.value("0", "for name in os.listdir('/kept'): os.remove('/kept/' + name)\nos.rmdir('/kept')")


BAD = [
    ("FS.Get", "filename", [None, 7, [], {}, True]),
    ("FS.Get", "offset", [-1, "0", None, 65537, 1.0, True]),
    ("FS.Get", "len", [-1, "512", None, 4097, True]),
    ("FS.Put", "filename", [None, 7, []]),
    ("FS.Put", "data", ["*", None, 7, [], "A", b64(bytes(4097))]),
    ("FS.Put", "append", [0, 1, "true", None]),
    ("FS.Put", "offset", [-1, "0", 65537, None, True]),
    ("FS.Remove", "filename", [None, 7, []]),
]


@pytest.mark.parametrize(("method", "name", "values"), BAD)
def test_bad_values_are_named(rpc, method, name, values):
    put(rpc, "f", b"1")
    for value in values:
        kind, message = rpc.refusal(method, **{"filename": "f", name: value})
        assert (kind, message.startswith(f"{name}: ")) == ("argument", True), value
    assert get(rpc, "f") == b"1"


@pytest.mark.parametrize("method", ["FS.Get", "FS.Put", "FS.Remove"])
def test_a_filename_is_needed(rpc, method):
    assert rpc.refusal(method) == ("argument", "filename: missing")


def test_too_little_memory_is_said_so(rpc):
    rpc.value("0", "def out_of_memory(*a): raise MemoryError('allocating 99 bytes')\nreal = Folder.read")
    rpc.value("0", "Folder.read = out_of_memory")
    try:
        kind, message = rpc.refusal("FS.Get", filename="f")
    finally:
        rpc.value("0", "Folder.read = real")
    assert kind == "memory"
    assert "too little memory" in message


# Power cuts.


def test_power_fails_during_an_upload(rpc):
    """What was there before is there, or a beginning of the new file; never anything else."""
    old = b"old" * 300
    put(rpc, "f", old)
    put(rpc, "other", b"other")
    for pieces in (0, 1, 2):
        for offset in range(0, pieces * 512, 512):
            data = b64(b"n" * 512)
            rpc.call("FS.Put", filename="f", offset=offset, append=offset > 0, data=data)
        rpc.value("0", "unfinished = open('/files/f', 'wb')\nunfinished.write('x' * 100)")
        rpc.restart()
        assert get(rpc, "f") == (b"n" * 512 * pieces or old)
        assert get(rpc, "other") == b"other"
