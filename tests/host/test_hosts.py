"""Hosts and ports as people type them: what is just possible, and what just isn't."""

import pytest
from atecc.broker.address import parse_broker
from atecc.channels.address import parse_address
from atecc.errors import ArgumentError
from atecc.hosts import HostError, dns_name, is_ip


@pytest.mark.parametrize("port", [1, 443, 65535])
def test_a_port_that_can_be(port):
    assert parse_broker(f"broker.acme.ie:{port}") == ("broker.acme.ie", port)
    assert parse_address(f"wss://192.0.2.7:{port}").port == port


@pytest.mark.parametrize("port", ["0", "65536", "065535", "99999", "-1", "", "x", "²"])
def test_a_port_that_cant_be(port):
    with pytest.raises(ArgumentError, match="a number from 1 to 65535"):
        parse_broker(f"broker.acme.ie:{port}")


@pytest.mark.parametrize("port", ["65536", "x", "-1"])
def test_a_devices_port_that_cant_be(port):
    with pytest.raises(ArgumentError, match=r"That wss:// is no device's address"):
        parse_address(f"wss://192.0.2.7:{port}")


def test_without_a_port():
    assert parse_broker(" broker.acme.ie ") == ("broker.acme.ie", 8883)
    assert parse_broker("broker.acme.ie", 443) == ("broker.acme.ie", 443)


LABEL = "a" * 63
LONGEST = f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}"


@pytest.mark.parametrize(
    "name", [LABEL, LONGEST, f"{LONGEST}.", "a_b-c.ie", "A1", "192.0.2.7", "::1", "büro.ie"]
)
def test_a_name_that_can_be(name):
    assert dns_name(name) == name.removesuffix(".").encode("idna").decode()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "its host is empty"),
        ("a b", "no blanks"),
        ("a/b", "no blanks"),
        ("me@b", "a user"),
        ("a..b", "nothing stands between"),
        (f"{LABEL}a", "has 64 characters"),
        (f"{LONGEST}a", "at most 253"),
        ("-a", "letters, digits"),
        ("a-", "letters, digits"),
        ("ü" * 64, "IDNA"),
    ],
)
def test_a_name_that_cant_be(name, said):
    with pytest.raises(HostError, match=said):
        dns_name(name)


def test_which_ip_it_is():
    assert is_ip("192.0.2.7") and is_ip("192.0.2.7", 4) and not is_ip("192.0.2.7", 6)
    assert is_ip("::1", 6) and not is_ip("::1", 4) and not is_ip("b.ie")


@pytest.mark.parametrize("scheme", ["wss", "mqtts"])
@pytest.mark.parametrize("who", ["me:secret", "me", ":secret"])
def test_who_is_known_by_a_certificate_gives_no_password(scheme, who):
    with pytest.raises(ArgumentError, match="takes no user and password") as caught:
        parse_address(f"{scheme}://{who}@192.0.2.7/one")
    assert "secret" not in caught.value.message
