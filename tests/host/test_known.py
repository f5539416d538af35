"""devices.json, and who writes it at the same time."""

import fcntl

import pytest
from atecc.channels.address import parse_address
from atecc.errors import RefusedError
from atecc.operators.known import KnownDevices, locked
from atecc.operators.operator import Names, Operator
from atecc.provisioning import trust
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
POINT = KEY.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


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


@pytest.mark.parametrize(
    ("address", "signs", "learns"),
    [
        (None, True, True),
        (None, False, False),
        (parse_address("wss://192.0.2.7"), False, True),
        (parse_address("mqtts://broker.acme.ie/one"), False, True),
    ],
)
def test_on_the_cable_a_key_that_is_shown_has_to_be_proven(tmp_path, monkeypatch, address, signs, learns):
    """Elsewhere the way to the device has proven it."""
    operator = Operator(tmp_path)
    operator.make(Names("alice"))
    operator.devices.learn("one", ["aa" * 32])
    monkeypatch.setattr(trust, "_look", lambda device: trust.Shown("one", {"aa" * 32: 0}, {}))
    monkeypatch.setattr(trust, "_signs", lambda device, slot: signs)
    learn = trust.learner(operator, address, object())
    if learns:
        learn("one", POINT)
    else:
        with pytest.raises(RefusedError, match="known here already"):
            learn("one", POINT)
    assert len(operator.devices.keys_of("one")) == 1 + learns
