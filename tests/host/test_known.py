"""devices.json, and who writes it at the same time."""

import fcntl

import pytest
from atecc.operators.known import KnownDevices, locked


def is_free(lock):
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_while_a_device_is_learned_nobody_else_changes_the_file(tmp_path):
    """What is known is read after the others have written: else what they have learned is lost."""
    path, free = tmp_path / "devices.json", []
    known = KnownDevices(path)

    def keys():
        free.append(is_free(path.with_suffix(".lock")))
        yield "aa" * 32

    known.learn("one", keys())
    assert free == [False] and is_free(path.with_suffix(".lock"))
    assert known.keys_of("one") == ["aa" * 32]


def test_a_lock_is_let_go_of_when_what_it_was_for_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock"):
        assert not is_free(tmp_path / "lock")
        raise ZeroDivisionError
    assert is_free(tmp_path / "lock")


def test_an_address_that_is_known_already_is_not_written_again(tmp_path):
    path = tmp_path / "devices.json"
    known = KnownDevices(path)
    known.reached("one", "wss://192.0.2.7:443")
    written = path.stat().st_ino
    known.reached("one", "wss://192.0.2.7:443")
    assert path.stat().st_ino == written
    known.reached("one", "wss://192.0.2.8:443")
    assert known.address_of("one") == "wss://192.0.2.8:443"
