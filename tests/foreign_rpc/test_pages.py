"""A page in a browser is no caller: whatever it can have a browser send, wherever to, and over TLS as well."""

import json
from typing import Any

import pytest
from foreign_rpc.frames import Closed, request, text
from foreign_rpc.house import House
from foreign_rpc.httpchannel import Answer, Http, read_answer
from foreign_rpc.mos import Mos
from foreign_rpc.rpcbench import HOST, PASSWORD, USER, Device
from foreign_rpc.websocket import MOS_ORIGIN, parse_head, upgrade_request

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
JSON = {"Content-Type": "application/json"}
PUT = text({"filename": "page.txt", "data": ""})
FRAME = text(request("FS.Put", {"filename": "page.txt", "data": ""}))
SEC = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
PAGES: dict[str, dict[str, str]] = {
    "another origin": {"Origin": "https://evil.example"},
    "no origin to tell": {"Origin": "null"},
    "an origin that begins well": {"Origin": MOS_ORIGIN + "x"},
    "the device's own origin": {"Origin": "http://127.0.0.1"},
    "two origins": {"origin": "https://evil.example", "Origin": MOS_ORIGIN},
    "Sec-Fetch": SEC,
    "Sec-Fetch of the same site": {"Sec-Fetch-Site": "same-origin"},
    "typed into the address bar": {"sec-fetch-site": "none", "sec-fetch-user": "?1"},
    "one that a browser will have": {"SEC-FETCH-STORAGE-ACCESS": "active"},
    "Sec-Fetch and Mongoose OS's origin": SEC | {"Origin": MOS_ORIGIN},
}
FOREIGN_HOSTS = [
    "evil.example", "evil.example:80", "evil.example.", "127.0.0.1.evil.example", "localhost.evil.example",
    "127.0.0.1.",
    "127.0.1", "1.2.3.4.5", "127.0.0.1:80:80", "127.0.0.1@evil.example", "evil.example/127.0.0.1", "[::1].evil.example",
    "[evil.example]", "", "wss-device.evil.example", ".local", "évil", "a b",
]  # fmt: skip
OWN_HOSTS = [
    "127.0.0.1",
    "192.168.1.20:8080",
    "[::1]",
    "[fe80::1]:80",
    "localhost",
    "LOCALHOST:80",
    "sensor-1",
]


@pytest.fixture(scope="module")
def house(house: House) -> House:
    """Open to everybody on ws://, and to operators on wss://; the handshakes are not what is tested here."""
    house.device.open_ws()
    return house


def send(
    port: int, method: str, path: str, headers: dict[str, str], body: bytes, tls: Any = None
) -> Answer | None:
    """The answer; None if the connection was just closed."""
    headers = {"Host": HOST} | headers | ({"Content-Length": str(len(body))} if body else {})
    head = "".join(f"{n}: {v}\r\n" for n, v in headers.items())
    with Http(HOST, port, tls=tls).connect(20) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        data = b""
        while more := connection.recv(65536):
            data += more
    head, end, body = data.partition(b"\r\n\r\n")
    return Answer(*parse_head(head), body) if end else None  # to HEAD a length, but no body


def nothing_was_done(device: Device) -> None:
    with device.serial() as mos:
        assert "page.txt" not in mos.ls()
        assert mos.config_get("sntp.server") == "pool.ntp.org"


def is_refused(answer: Answer | None) -> bool:
    return answer is None or (answer.status in (401, 403, 405, 415) and b"uptime" not in answer.body)


REQUESTS = [
    ("POST", "/rpc", JSON, FRAME),
    ("POST", "/rpc/FS.Put", JSON, PUT),
    ("POST", "/rpc/Sys.GetInfo", JSON, b""),
    ("GET", "/rpc/Sys.GetInfo", {}, b""),
    ("GET", "/rpc/FS.Put?filename=page.txt", {}, b""),
    ("HEAD", "/rpc/Sys.GetInfo", {}, b""),
    ("OPTIONS", "/rpc", {"Access-Control-Request-Method": "POST"}, b""),
    ("OPTIONS", "*", {}, b""),
    ("PUT", "/rpc/FS.Put", JSON, PUT),
    ("GET", "/", {}, b""),
]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_a_browser_says_of_itself(house: House, page: dict[str, str]) -> None:
    for method, path, headers, body in REQUESTS:
        answer = send(house.device.ws_port, method, path, headers | page, body)
        assert is_refused(answer), (method, path, answer)
        assert answer is None or "access-control" not in str(answer.headers).lower()
    nothing_was_done(house.device)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_name_that_leads_here_and_is_none_of_its_own(house: House, host: str) -> None:
    """DNS rebinding: for the browser it is the page's own server."""
    for method, path, headers, body in REQUESTS:
        answer = send(house.device.ws_port, method, path, headers | {"Host": host}, body)
        assert answer is None or answer.status in (400, 403), (method, path, answer)
    nothing_was_done(house.device)


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_an_address_and_a_name_without_a_dot_lead_here(house: House, host: str) -> None:
    answer = send(house.device.ws_port, "POST", "/rpc/Sys.GetInfo", JSON | {"Host": host}, b"{}")
    assert answer and answer.status == 200


@pytest.mark.parametrize("host", ["wss-device", "wss-device.local", "WSS-Device.local:80"])
def test_its_own_name_leads_here(house: House, host: str) -> None:
    answer = send(house.device.ws_port, "GET", "/rpc/Sys.GetInfo", {"Host": host}, b"")
    assert answer and answer.status == 200


@pytest.mark.parametrize(
    "page", [PAGES["another origin"], SEC, {"Host": "evil.example"}], ids=["origin", "sec", "host"]
)
def test_a_websocket_that_a_page_opens(house: House, page: dict[str, str]) -> None:
    lines = upgrade_request(HOST, KEY, None).decode().strip().split("\r\n")
    kept = [line for line in lines if not line.startswith("Host:") or "Host" not in page]
    head = "\r\n".join([*kept, *(f"{n}: {v}" for n, v in page.items()), "", ""])
    with house.device.http().connect() as connection:
        connection.sendall(head.encode())
        assert read_answer(connection).status == 403


CHANGES = [
    "FS.Put?filename=page.txt", "Config.Set?config=%7B%22sntp.server%22%3A%22evil%22%7D", "ATCA.GenKey?slot=0",
    "Sys.Reboot",
    "MQTT.Receive", "Wifi.Scan", "Identity.Discard", "Sys.SetTime?time=1900000000", "No.Such", "",
]  # fmt: skip


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW", "get", "post"]
)
def test_only_post_changes_anything(house: House, method: str) -> None:
    """Also for somebody who is no browser, and whatever it says of the body."""
    for path in CHANGES:
        answer = send(house.device.ws_port, method, f"/rpc/{path}", JSON, b"")
        assert answer and answer.status == 405, (path, answer)
    answer = send(house.device.ws_port, method, "/rpc", JSON, FRAME)
    assert answer and answer.status == 405
    nothing_was_done(house.device)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE"])
def test_no_other_method_even_reads(house: House, method: str) -> None:
    answer = send(house.device.ws_port, method, "/rpc/Sys.GetInfo", {}, b"")
    assert answer and answer.status == 405 and b"uptime" not in answer.body


def test_what_get_reads(house: House) -> None:
    """It is written down in asked.py, and none of it needs a permission."""
    from foreign_rpc.rpcbench import CONTRACT, contract

    (listed,) = [line for line in CONTRACT.read_text().splitlines() if line.startswith("- `GET` reads:")]
    reads = [word.strip("`.,") for word in listed.partition(":")[2].split()]
    assert {contract()[method].mark for method in reads} == {""}
    for method in contract():
        answer = send(house.device.ws_port, "GET", f"/rpc/{method}?nonsense=1", {}, b"")
        assert answer and answer.status == (500 if method in reads else 405), method


KINDS = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
    "text/json",
    "application/jsonx",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_is_no_frame(house: House, kind: str) -> None:
    """What a page may send without asking first (Fetch, "simple" requests)."""
    for path, body in (("/rpc", FRAME), ("/rpc/FS.Put", PUT), ("/rpc/Sys.GetInfo", b"")):
        headers = {"Content-Type": kind} if kind else {}
        answer = send(house.device.ws_port, "POST", path, headers, body)
        assert answer and answer.status == 415, answer
    nothing_was_done(house.device)


def test_json_may_name_its_charset(house: House) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = send(house.device.ws_port, "POST", "/rpc/Sys.GetInfo", headers, b"{}")
    assert answer and answer.status == 200


# Over TLS, with the operator's certificate: a browser has that too.


def over_tls(house: House, *what: Any) -> Answer | None:
    context = house.context(house.operators)
    context.check_hostname = False
    for _ in range(60):
        try:
            return send(house.device.wss_port, *what, tls=context)
        except (Closed, OSError):  # handshakes are few
            pass
    raise AssertionError("nobody gets in")


@pytest.mark.parametrize(
    "page", [PAGES["another origin"], SEC, {"Host": "evil.example"}], ids=["origin", "sec", "host"]
)
def test_a_page_that_uses_the_operators_certificate(house: House, page: dict[str, str]) -> None:
    for what in (("POST", "/rpc", JSON, FRAME), ("GET", "/rpc/Sys.GetInfo", {}, b"")):
        method, path, headers, body = what
        answer = over_tls(house, method, path, headers | page, body)
        assert is_refused(answer), answer
    nothing_was_done(house.device)


def test_get_over_tls(house: House) -> None:
    answer = over_tls(house, "GET", "/rpc/FS.Put?filename=page.txt", {}, b"")
    assert answer and answer.status == 405
    answer = over_tls(house, "GET", "/rpc/Sys.GetInfo", {"Host": "wss-device"}, b"")
    assert answer and json.loads(answer.body)["id"] == "wss-device"


# With a password.


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "POST"])
def test_without_the_password_nothing_is_told(guarded: Device, method: str) -> None:
    for path in ("/", "/rpc", "/rpc/Sys.GetInfo", "/rpc/No.Such"):
        answer = send(guarded.ws_port, method, path, {}, b"")
        assert answer and answer.status == 401 and not answer.body, (path, answer)


def test_a_page_gets_no_challenge(guarded: Device) -> None:
    """A browser would ask its user for the password, and then use it."""
    for page in (SEC, {"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        answer = send(guarded.ws_port, "GET", "/rpc/Sys.GetInfo", page, b"")
        assert answer and answer.status == 403 and "www-authenticate" not in answer.headers


def test_mongoose_oss_client_is_still_one(guarded: Device) -> None:
    with Mos(guarded.websocket(), USER, PASSWORD) as mos:
        assert mos.call("Sys.GetInfo")["uptime"] >= 0
    assert Mos(guarded.http(USER, PASSWORD)).call("Sys.GetInfo")["uptime"] >= 0
    answer = guarded.http(USER, PASSWORD).ask("POST", "/rpc/Sys.GetInfo", b"{}", Origin=MOS_ORIGIN)
    assert answer.status == 200
