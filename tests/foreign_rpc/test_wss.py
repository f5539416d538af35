"""Mutual TLS: who gets in, who doesn't, and what a crowd of those who don't costs the device."""

import socket
import ssl
import threading
import time
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from foreign_rpc.frames import Closed, Refused
from foreign_rpc.house import MARK, PATIENCE_S, House
from foreign_rpc.httpchannel import Http
from foreign_rpc.mos import b64
from foreign_rpc.rpcbench import HOST, alive, der, until
from simcloud.pki import Authority, name

HANDSHAKES_AT_ONCE, HANDSHAKES_A_SECOND = 5, 1
FLOOD_S = 2.0
FLOODERS = 8
SERVED_WITHIN_S = 5.0
DEVICE = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), False)
ANYTHING = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False)
SERVER_AUTH = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, MARK]), False)
NOTHING: tuple = ()
Callers = Callable[..., ssl.SSLContext]


def test_an_operator_gets_in(house: House) -> None:
    with house.connect_in_the_end(house.context(house.operators)) as mos:
        assert mos.call("Sys.GetInfo")["uptime"] >= 0
        assert mos.channel.socket.version() == "TLSv1.2"
        with pytest.raises(Refused) as refused:
            mos.call("Access.Bench", {"on": True})
        assert refused.value.kind == "refused"


def test_https_too(house: House) -> None:
    context = house.context(house.operators)
    context.check_hostname = False  # the certificate has a name, the address is an IP address
    http = Http(HOST, house.device.wss_port, tls=context)

    def attempt() -> bool:
        try:
            return http.ask("POST", "/rpc/Sys.GetInfo", b"{}").status == 200
        except (Closed, OSError):
            time.sleep(0.2)
            return False

    until(attempt, "HTTPS is answered", PATIENCE_S)


def strangers(house: House) -> dict[str, ssl.SSLContext]:
    """Those who must not get in."""
    other = Authority.root(name(common_name="Operators CA"))
    return {
        "no certificate": house.context(),
        "another CA of the same name": house.context(other),
        "the device's own CA": house.context(house.device_ca),
        "expired": house.context(house.operators, (-10, -1)),
        "not valid yet": house.context(house.operators, (1, 10)),
        "for servers only": house.context(house.operators, (-1, 10), SERVER_AUTH),
        "another device of the same CA": house.context(house.operators, (-1, 10), DEVICE),
        "for anything": house.context(house.operators, (-1, 10), ANYTHING),
        "for no purpose in particular": house.context(house.operators, (-1, 10), NOTHING),
    }


STRANGERS = [
    "no certificate",
    "another CA of the same name",
    "the device's own CA",
    "expired",
    "not valid yet",
    "for servers only",
    "another device of the same CA",
    "for anything",
    "for no purpose in particular",
]


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_does_not(house: House, who: str) -> None:
    with pytest.raises((Closed, OSError)):
        house.connect(strangers(house)[who])


def test_who_is_turned_away_leaves_no_socket_behind(house: House) -> None:
    house.connect_in_the_end(house.context(house.operators)).channel.close()
    before = house.sockets
    callers = strangers(house)
    for who in ("no certificate", "expired", "for anything"):
        with pytest.raises((Closed, OSError)):
            house.connect(callers[who])
        until(lambda: house.sockets <= before, f"all is closed after {who}")


def test_what_is_no_tls_does_not_get_in_and_costs_no_signature(house: House) -> None:
    before = house.signatures
    for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", bytes(500)):
        with socket.create_connection((HOST, house.device.wss_port), PATIENCE_S) as connection:
            connection.sendall(said)
    with house.device.owner() as owner:
        alive(owner)
    assert house.signatures == before


class Flood(threading.Thread):
    """One of those who shake hands without a certificate, again and again."""

    def __init__(self, house: House, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._house, self._stop_it = house, stop
        self._context = house.context()
        self.tries = 0

    def run(self) -> None:
        while not self._stop_it.is_set():
            self.tries += 1
            try:
                with socket.create_connection((HOST, self._house.device.wss_port), 1) as connection:
                    self._context.wrap_socket(connection, server_hostname="wss-device").close()
            except OSError:
                time.sleep(0.01)


def test_a_flood_of_handshakes_keeps_nobody_else_from_being_served(house: House) -> None:
    with house.connect_in_the_end(house.context(house.operators)) as operator, house.device.serial() as owner:
        before, began = house.signatures, house.device.chip.clock.now()
        stop = threading.Event()
        flood = [Flood(house, stop) for _ in range(FLOODERS)]
        for each in flood:
            each.start()
        slowest = 0.0
        ends = time.monotonic() + FLOOD_S
        try:
            while time.monotonic() < ends:
                for caller in (operator, owner):
                    asked = time.monotonic()
                    alive(caller)
                    slowest = max(slowest, time.monotonic() - asked)
        finally:
            stop.set()
            for each in flood:
                each.join(PATIENCE_S)
        signatures = house.signatures - before
        seconds = (house.device.chip.clock.now() - began) / 1e6
        assert sum(each.tries for each in flood) > FLOODERS, "this was no flood"
        assert slowest < SERVED_WITHIN_S
        assert signatures <= HANDSHAKES_AT_ONCE + HANDSHAKES_A_SECOND * (seconds + 1), (signatures, seconds)
    with house.connect_in_the_end(house.context(house.operators)) as mos:
        alive(mos)


def test_a_forgotten_ca_is_no_longer_trusted(house: House) -> None:
    with house.device.owner() as owner:
        (operator,) = owner.call("Access.Status")["operators"]
        owner.call("Access.Forget", {"sha256": operator["sha256"]})
        assert owner.call("Access.Status")["operators"] == []
        try:
            with pytest.raises((Closed, OSError)):
                house.connect(house.context(house.operators))
        finally:
            owner.call("Access.Trust", {"ca": b64(der(house.operators.certificate))})
            until(lambda: owner.call("Access.Status")["wss"]["listening"], "wss:// listens again")
