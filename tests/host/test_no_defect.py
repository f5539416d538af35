"""Whatever is in a file or behind an option: a sentence and an exit status, never "a defect of this tool"."""

import random

import pytest
from derpki import CA, cert, csr, ec_key, ext, key_pem, pem, tlv
from fakedevice import FakeDevice

KEY = ec_key()
GOOD = {
    "ca.crt": pem(cert("Root", KEY, exts=CA)).encode(),
    "ca.key": key_pem(KEY).encode(),
    "d.csr": pem(csr("device", ec_key()), "CERTIFICATE REQUEST").encode(),
    "p.json": b'{"Version": "2012-10-17", "Statement": []}',
    "pw": b"secret\n",
}
JUNK = {
    "empty": b"",
    "zeros": bytes(300),
    "text": "größe\n".encode(),
    "latin-1": b"gr\xf6\xdfe\n",
    "utf-16": "größe\n".encode("utf-16"),
    "html": b"<html></html>",
    "json": b'{"a": [1, 2]}',
    "deep": b"[" * 5000,
    "der": b"\x30\x82\x7f\xff\x02\x01",
    "nested": b"\x30\x80" * 200,
    "pem of nothing": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    "pem of junk": pem(bytes(range(256))).encode(),
    "key of junk": pem(bytes(range(100)), "PRIVATE KEY").encode(),
    "request of junk": pem(bytes(range(100)), "CERTIFICATE REQUEST").encode(),
    "headers": b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,1\n\nAAAA\n"
    b"-----END EC PRIVATE KEY-----",
    "openssh": b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
}
CERT = ("cert", "--ca-cert", "ca.crt", "--ca-key", "ca.key", "--days", "9", "--csr", "d.csr")
CA_OPTIONS = ("--ca-cert", "ca.crt", "--ca-key", "ca.key", "--days", "9", "--subject", "CN=x")
PROVISION = ("provision", "ca", *CA_OPTIONS, "--broker", "broker.invalid", "--server-ca", "ca.crt")
FACTORY = ("provision", "factory", "--broker", "broker.invalid", "--server-ca", "ca.crt", "--root", "ca.crt")
AWS = (
    "provision",
    "aws",
    "--thing",
    "x",
    "--policy",
    "p",
    "--policy-file",
    "p.json",
    "--server-ca",
    "ca.crt",
)
LOGIN = (*PROVISION, "--username", "u", "--password-file", "pw")
KEY_IMPORT = ("key", "import", "2", "--key", "ca.key", "--write-key", "pw")
MQTTS = (
    "info",
    "--port",
    "mqtts://b.invalid/x",
    "--mqtt-ca",
    "ca.crt",
    "--mqtt-cert",
    "ca.crt",
    "--mqtt-key",
    "ca.key",
)
COMMANDS = {
    "cert": CERT,
    "provision ca": PROVISION,
    "factory": FACTORY,
    "aws": AWS,
    "login": LOGIN,
    "import": KEY_IMPORT,
    "mqtts": MQTTS,
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, data in GOOD.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def no_defect(seen):
    assert "defect of this tool" not in seen.err and "Traceback" not in seen.err, seen.err
    assert seen.status in (0, 2, 3, 4, 5, 6, 7, 8), seen.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("junk", JUNK)
def test_files_of_anything(run, call, files, command, junk):
    arguments = COMMANDS[command]
    for name in sorted(set(arguments) & set(GOOD)):
        (files / name).write_bytes(JUNK[junk])
        no_defect(call(*arguments) if command == "mqtts" else run(FakeDevice(), *arguments))
        (files / name).write_bytes(GOOD[name])


@pytest.mark.parametrize("seed", range(20))
def test_files_that_were_damaged(run, files, seed):
    chance = random.Random(seed)
    for name in ("ca.crt", "ca.key", "d.csr"):
        data = bytearray(GOOD[name])
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (files / name).write_bytes(data)
        no_defect(run(FakeDevice(), *CERT))
        (files / name).write_bytes(GOOD[name])


WORDS = [
    "",
    ".",
    "a..b",
    "ü" * 70,
    "a\tb",
    "😀",
    "\udcff",
    "\ud83d",
    "[::1]",
    "x" * 300,
    "%00",
    "-",
    "'",
    "\\",
    "C=Ireland",
    "/CN=",
    "=",
    "+",
]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "option", ["--broker", "--subject", "--name", "--client-id", "--san", "--username", "--alpn"]
)
def test_words_of_anything(run, files, option, word):
    for value in (
        (word, f"DNS:{word}", f"IP:{word}", f"URI:{word}", f"email:{word}") if option == "--san" else (word,)
    ):
        no_defect(run(FakeDevice(), *LOGIN, option, value))


def test_a_request_that_no_board_reads(run, files):
    board = FakeDevice()
    seen = run(board, "rpc", "call", "Sys.GetInfo", '{"a": "%s"}' % ("x" * 12288))
    assert seen.status == 2 and "is too large for a board: it reads 12288 at most" in seen.err
    assert board.calls == []


def test_a_chain_that_fits_into_no_request(run, files):
    comment = ext("2.16.840.1.113730.1.13", tlv(0x16, b"x" * 3000))
    (files / "large.crt").write_text("".join(pem(cert(f"R{i}", KEY, exts=(*CA, comment))) for i in range(4)))
    board = FakeDevice()
    seen = run(board, *PROVISION, "--server-ca", "large.crt")
    assert seen.status == 6 and "too large for a board, all together" in seen.err
    assert not board.keys


# Files that can't be: a name that is too long, a directory, what is below a file, no permission, a loop.
PLACES = [
    "x" * 300,
    "/".join(["y" * 250] * 20),
    ".",
    "p.json/x",
    "loop",
    "/proc/self/mem",
    "/dev/full",
    "",
    "no/such",
]


@pytest.fixture
def places(files):
    (files / "loop").symlink_to("loop")
    return files


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", COMMANDS)
def test_files_anywhere(run, call, places, command, place):
    arguments = COMMANDS[command]
    for name in sorted(set(arguments) & set(GOOD)):
        there = [place if word == name else word for word in arguments]
        no_defect(call(*there) if command == "mqtts" else run(FakeDevice(), *there))


WRITING = [
    ("csr", "--slot", "0", "--subject", "CN=x", "--out", "PLACE"),
    ("csr", "--slot", "0", "--subject", "CN=x", "--out", "PLACE", "--force"),
    (*CERT, "--out", "PLACE"),
    (*CERT, "--out", "PLACE", "--force"),
    ("chip", "show", "--svg", "PLACE"),
    ("chip", "lock", "config", "--receipt", "PLACE", "--dry-run"),
    ("operator", "init", "--dir", "PLACE"),
    ("operator", "renew", "--operator-dir", "PLACE"),
    ("info", "--port", "wss://127.0.0.1:1", "--operator-dir", "PLACE"),
    ("info", "--port", "ws://127.0.0.1:1", "--ws-password-file", "PLACE"),
    ("info", "--port", "PLACE"),
    ("config", "set", "--from", "PLACE"),
    ("chip", "config", "check", "PLACE"),
    ("chip", "config", "set", "PLACE"),
    ("fs", "put", "PLACE"),
    ("flash", "PLACE", "--port", "/dev/ttyNONE9"),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_places_anywhere(run, call, places, command, place):
    arguments = [place if word == "PLACE" else word for word in command]
    no_defect(call(*arguments) if "--port" in arguments else run(FakeDevice(), *arguments))
