"""`atecc websocket`: ws:// for everybody, or with a password that nobody else reads."""

import pytest
from rpcserver import sha256


def test_websocket_on_sends_a_hash_and_no_password(networked, run, tmp_path):
    (tmp_path / "password").write_text("open sesame\n")
    options = ["--http-port", "8080", "--username", "alice", "--password-file", tmp_path / "password"]
    seen = run(networked, "websocket", "on", *options)
    assert seen.status == 0 and "can read and change" in seen.err and "user alice" in seen.out
    assert networked.ha1 == sha256("alice:RPC:open sesame") and networked.ws["port"] == 8080
    assert "open sesame" not in seen.out + seen.err
    assert run(networked, "websocket", "off").status == 0 and not networked.ws["enabled"]


def test_websocket_asks_for_the_password(networked, run):
    assert run(networked, "websocket", "on", typed="open sesame\n").status == 0
    assert networked.ha1 == sha256("admin:RPC:open sesame")


def test_websocket_without_a_password(networked, run):
    assert run(networked, "websocket", "on", "--no-password").status == 0 and networked.ha1 is None
    seen = run(networked, "websocket", "on")
    assert seen.status == 6 and "--password-file" in seen.err


@pytest.mark.parametrize("name", ["a:b", ""])
def test_websocket_users_that_make_no_sense(networked, run, name):
    assert run(networked, "websocket", "on", "--username", name).status == 2 and networked.calls == []


@pytest.mark.parametrize("content", [b"", b"two\nlines\n", b"\xff\xfe"])
def test_password_files_that_make_no_sense(networked, run, tmp_path, content):
    (tmp_path / "password").write_bytes(content)
    seen = run(networked, "websocket", "on", "--password-file", tmp_path / "password")
    assert seen.status == 6 and networked.calls == []
