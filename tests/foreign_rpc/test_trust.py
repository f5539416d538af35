"""Trust that is withdrawn, or expires: the connections that came by it end, whatever they are doing, and no others."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import benches
from foreign_rpc import digest
from foreign_rpc.frames import Closed, Refused, Silence, request, text
from foreign_rpc.house import House, listening
from foreign_rpc.httpchannel import read_answer, request_bytes
from foreign_rpc.mos import Mos, b64
from foreign_rpc.rpcbench import PASSWORD, USER, Device, alive, der, until
from foreign_rpc.websocket import TEXT, WebSocket, frame_bytes
from repl import Repl
from simcloud.pki import Authority, name

SOON_S = 3.0
DAY = 86400


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with listening(tmp_path_factory.mktemp("callers")) as house:
        yield house


def ends(websocket: WebSocket, within: float = SOON_S) -> None:
    """The other side closes it, without having been asked anything more."""
    websocket.socket.settimeout(within)
    try:
        while websocket.socket.recv(4096):
            pass
    except TimeoutError:
        raise AssertionError(f"still open {within} s later") from None
    except OSError:
        pass


def is_refused(mos: Mos, method: str = "FS.Put", **params: Any) -> None:
    """Refused, or the connection is no more."""
    try:
        mos.call(method, params or {"filename": "after.txt", "data": ""})
    except Refused as refused:
        assert refused.code in (401, 403), refused.error
    except (Closed, Silence, OSError):
        pass
    else:
        raise AssertionError("served")


def nothing_was_done(device: Device) -> None:
    with device.serial() as mos:
        assert "after.txt" not in mos.ls()


def fingerprint(house: House, index: int = 0) -> str:
    return str(house.device.asks("Access.Status")["operators"][index]["sha256"])


# An operator's CA.


def test_a_forgotten_cas_connection_ends_at_once(house: House) -> None:
    with house.connect_in_the_end(house.context(house.operators)) as mos:
        alive(mos)
        house.device.asks("Access.Forget", {"sha256": fingerprint(house)})
        is_refused(mos)
    nothing_was_done(house.device)


def test_a_forgotten_cas_silent_connection_ends_too(house: House) -> None:
    with house.connect_in_the_end(house.context(house.operators)) as mos:
        alive(mos)
        house.device.asks("Access.Forget", {"sha256": fingerprint(house)})
        ends(mos.channel)


def test_frames_that_were_sent_before_are_not_run_after(house: House) -> None:
    """A heap of them is on its way when the CA is forgotten."""
    with house.connect_in_the_end(house.context(house.operators)) as mos:
        alive(mos)
        sha = fingerprint(house)
        asked = [request("FS.Put", {"filename": f"{i}.txt", "data": ""}) for i in range(300)]
        mos.channel.send_bytes(b"".join(frame_bytes(TEXT, text(each)) for each in asked))
        house.device.asks("Access.Forget", {"sha256": sha})
        with house.device.serial() as owner:
            done = len(owner.ls())
            time.sleep(1)
            assert len(owner.ls()) - done <= 1


def test_another_cas_operator_goes_on(house: House) -> None:
    other = Authority.root(name(common_name="Other operators"))
    house.device.asks("Access.Trust", {"ca": b64(der(other.certificate))})
    until(lambda: house.device.asks("Access.Status")["wss"]["listening"], "it listens")
    with house.connect_in_the_end(house.context(other)) as mos:
        alive(mos)
        house.device.asks("Access.Forget", {"sha256": fingerprint(house)})
        time.sleep(1.5)
        mos.call("FS.Put", {"filename": "other.txt", "data": ""})
        assert "other.txt" in mos.ls()


def test_an_operator_withdraws_another_from_afar_if_he_may(house: House) -> None:
    """Over TLS: what a caller may is that of the CA which has issued his certificate, whatever name it has."""
    other = Authority.root(name(common_name="Operators CA"))
    house.device.asks("Access.Trust", {"ca": b64(der(other.certificate))})
    until(lambda: house.device.asks("Access.Status")["wss"]["listening"], "it listens")
    mine, theirs = fingerprint(house, 0), fingerprint(house, 1)
    with house.connect_in_the_end(house.context(other)) as stolen:
        alive(stolen)
        is_refused(stolen, "Access.Forget", sha256=mine)
        with house.connect_in_the_end(house.context(house.operators)) as mos:
            is_refused(mos, "Access.Forget", sha256=theirs)
            house.device.asks("Access.Trust", {"ca": b64(der(house.operators.certificate)), "withdraw": True})
    until(lambda: house.device.asks("Access.Status")["wss"]["listening"], "it listens")
    with house.connect_in_the_end(house.context(other)) as stolen:
        is_refused(stolen, "Access.Forget", sha256=mine)
        with house.connect_in_the_end(house.context(house.operators)) as mos:
            is_refused(mos, "Access.Forget", sha256=mine)
            mos.call("Access.Forget", {"sha256": theirs})
        is_refused(stolen)
    assert [ca["sha256"] for ca in house.device.asks("Access.Status")["operators"]] == [mine]
    nothing_was_done(house.device)


@pytest.mark.parametrize("days", [(-1, 10)])
def test_a_certificate_that_expires_ends_its_connection(house: House, days: tuple[int, int]) -> None:
    with house.connect_in_the_end(house.context(house.operators, days)) as mos:
        alive(mos)
        now = int(time.time())
        house.device.asks("Sys.SetTime", {"time": now + (days[1] - 1) * DAY})
        alive(mos)
        house.device.asks("Sys.SetTime", {"time": now + (days[1] + 1) * DAY})
        is_refused(mos)
    with pytest.raises((Closed, OSError)):
        house.connect(house.context(house.operators, days))
    nothing_was_done(house.device)


def test_a_certificate_that_expires_in_silence(house: House) -> None:
    """Time passes by itself, and nobody asks anything: in virtual time, by the device's own clock."""
    with house.connect_in_the_end(house.context(house.operators, (-1, 2))) as mos:
        alive(mos)
        house.device.asks("Sys.SetTime", {"time": int(time.time()) + DAY})
        alive(mos)

        with Repl(house.device.port) as repl:
            repl.run(f"import time; time.sleep({DAY + 60})")
        ends(mos.channel)


@pytest.mark.parametrize("days", [0.042, 7, 13, 26])
def test_whoever_is_trusted_gets_in_however_long_it_has_been(house: House, days: float) -> None:
    """Nothing that the device remembers of strangers keeps an operator out for days."""
    for _ in range(7):
        with pytest.raises((Closed, OSError)):
            house.connect(house.context())

    with Repl(house.device.port) as repl:
        repl.run(f"import time\nfor _ in range({int(days * 24)}): time.sleep(3600)")
    with house.connect(house.context(house.operators, (-1, 60))) as mos:
        alive(mos)


# A password.


@pytest.fixture
def guarded() -> Iterator[Device]:
    with benches() as make:
        device = Device(make(preset="tls", locked=True))
        device.open_ws(bench=False, password=PASSWORD)
        yield device


def set_plain(device: Device, enable: bool = True, password: str | None = PASSWORD) -> None:
    secret = {"username": USER, "ha1": digest.ha1(USER, password)} if password else {}
    device.asks("Access.WebSocket", {"enable": enable, "port": device.ws_port, **secret})


def test_plain_websocket_that_is_switched_off(guarded: Device) -> None:
    with guarded.ws(USER, PASSWORD) as mos, guarded.ws(USER, PASSWORD) as silent:
        alive(mos)
        alive(silent)
        set_plain(guarded, enable=False)
        is_refused(mos)
        ends(silent.channel)
    nothing_was_done(guarded)


def test_an_upload_that_ends_after_it_was_switched_off(guarded: Device) -> None:
    """Over HTTP the password was right when the head came; the body comes later."""
    http, body = guarded.http(), text({"filename": "after.txt", "data": "A" * 4000})
    told = digest.http_challenge(http.ask_once("POST", "/rpc/FS.Put", body).headers["www-authenticate"])
    header = digest.authorization(told, USER, PASSWORD, "POST", "/rpc/FS.Put")
    data = request_bytes("POST", "/rpc/FS.Put", f"127.0.0.1:{guarded.ws_port}", body, Authorization=header)
    with http.connect() as connection:
        connection.sendall(data[:-100])
        time.sleep(0.3)
        set_plain(guarded, enable=False)
        try:
            connection.sendall(data[-100:])
            assert read_answer(connection).status == 403
        except (Closed, OSError):
            pass
    nothing_was_done(guarded)


def test_a_password_that_was_changed(guarded: Device) -> None:
    with guarded.ws(USER, PASSWORD) as mos, guarded.ws(USER, "another") as other:
        alive(mos)
        set_plain(guarded, password="another")
        is_refused(mos)
        alive(other)
    nothing_was_done(guarded)


def test_a_silent_one_with_the_old_password_is_sent_away(guarded: Device) -> None:
    with guarded.ws(USER, PASSWORD) as mos:
        alive(mos)
        set_plain(guarded, password="another")
        ends(mos.channel, 15)


# The bench permission.


@pytest.fixture
def opened(board: Callable[..., Device]) -> Device:
    device = board(preset="mos")
    device.open_ws()
    return device


@pytest.mark.parametrize(
    "withdraw",
    [
        lambda device: device.asks("Access.Bench", {"on": False}),
        lambda device: device.asks("Access.WebSocket", {"enable": False, "port": device.ws_port}),
        set_plain,
    ],
    ids=["no bench", "no WebSocket", "a password"],
)
def test_an_open_bench_that_is_closed(opened: Device, withdraw: Callable[[Device], Any]) -> None:
    with opened.ws() as mos, opened.ws() as silent:
        alive(mos)
        alive(silent)
        withdraw(opened)
        is_refused(mos, "ATCA.LockZone", zone=0)
        is_refused(mos)
        ends(silent.channel, 15)
    nothing_was_done(opened)
    assert opened.asks("ATCA.GetInfo")["config_locked"] is False


def test_an_open_bench_whose_time_is_over(opened: Device) -> None:
    """Nobody tells the device: it notices by itself, and stops listening."""
    opened.asks("Access.Bench", {"on": True, "seconds": 3600})
    with opened.ws() as mos, opened.ws() as silent:
        alive(mos)
        alive(silent)

        with Repl(opened.port) as repl:
            repl.run("import time; time.sleep(3601)")
        is_refused(mos, "ATCA.LockZone", zone=0)
        ends(silent.channel, 15)

    def is_shut() -> bool:
        try:
            opened.http().connect().close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass  # it was shut at that very moment
        return False

    until(is_shut, "no new connection is taken", SOON_S)
    status = opened.asks("Access.Status")
    assert not status["ws"]["listening"] and "permission is off" in status["ws"]["why"]


def test_who_has_no_more_trust_may_show_another(opened: Device) -> None:
    """On the same connection: with a password that was set meanwhile."""
    with opened.ws(USER, PASSWORD) as mos:
        alive(mos)
        set_plain(opened)
        opened.asks("Access.Bench", {"on": False})
        alive(mos)
        assert json.dumps(mos.ls())
