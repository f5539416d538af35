"""The password's digest, in frames and over HTTP: what proves it, and all that doesn't."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from foreign_rpc import digest
from foreign_rpc.frames import BadReply, Closed, Refused, check, request, text
from foreign_rpc.httpchannel import Answer, read_answer, request_bytes
from foreign_rpc.mos import Mos
from foreign_rpc.rpcbench import PASSWORD, USER, Device, alive, until
from foreign_rpc.websocket import Rejected, WebSocket

WRONG_ANSWERS = 30  # each costs half a second, which is why several connections share them
GUESSERS = 2
EVIL = "https://evil.example"


# --- in frames


def challenge(websocket: WebSocket, asked: dict[str, Any]) -> dict[str, Any]:
    """What the device wants to be answered."""
    with pytest.raises(Refused) as refused:
        check(websocket.exchange(asked), asked)
    assert (refused.value.code, refused.value.kind) == (401, "auth")
    told = json.loads(refused.value.message)
    assert isinstance(told["nonce"], int)
    assert told | {"nonce": 0} == {
        "auth_type": "digest",
        "nonce": 0,
        "nc": 1,
        "realm": "RPC",
        "algorithm": "SHA-256",
    }
    return told


def is_refused(websocket: WebSocket, asked: dict[str, Any], auth: Any) -> bool:
    """Answered with 401 (or 400 for something without form), and not served."""
    try:
        check(websocket.exchange(asked | {"auth": auth}), asked)
    except Refused as refused:
        assert refused.code in (401, 400), refused.error
        return True
    return False


def test_the_right_password(guarded: Device) -> None:
    with guarded.ws(USER, PASSWORD) as mos:
        for _ in range(3):
            alive(mos)
        assert len(mos.atca_get_config()) == 128


def test_every_nonce_is_another(guarded: Device) -> None:
    with guarded.websocket() as websocket:
        nonces = [challenge(websocket, request("Sys.GetInfo"))["nonce"] for _ in range(20)]
    assert len(set(nonces)) == len(nonces)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (USER, "wrong"),
        (USER, ""),
        ("root", PASSWORD),
        ("", PASSWORD),
        (USER, PASSWORD + "\0"),
        ("a:b", "c:d"),
    ],
)
def test_a_wrong_user_or_password(guarded: Device, user: str, password: str) -> None:
    with guarded.websocket() as websocket:
        asked = request("Sys.GetInfo")
        assert is_refused(websocket, asked, digest.in_frame(challenge(websocket, asked), user, password))


def test_an_answer_is_good_once(guarded: Device) -> None:
    with guarded.websocket() as websocket:
        asked = request("Sys.GetInfo")
        auth = digest.in_frame(challenge(websocket, asked), USER, PASSWORD)
        check(websocket.exchange(asked | {"auth": auth}), asked)
        assert is_refused(websocket, asked, auth)
        assert is_refused(websocket, request("FS.List"), auth)


def test_an_answer_seen_on_one_connection_is_not_good_on_another_as_well(guarded: Device) -> None:
    with guarded.websocket() as one, guarded.websocket() as other:
        asked = request("Sys.GetInfo")
        auth = digest.in_frame(challenge(one, asked), USER, PASSWORD)
        assert [is_refused(other, asked, auth), is_refused(one, asked, auth)].count(False) <= 1
        assert is_refused(one, asked, auth)
        assert is_refused(other, asked, auth)


def test_a_nonce_of_ones_own(guarded: Device) -> None:
    with guarded.websocket() as websocket:
        asked = request("Sys.GetInfo")
        told = challenge(websocket, asked)
        for nonce in (told["nonce"] + 1, 0, -1, 1_900_000_000, 10**30):
            assert is_refused(websocket, asked, digest.in_frame(told | {"nonce": nonce}, USER, PASSWORD))


def md5(told: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
    ha1 = digest.h(f"{USER}:RPC:{PASSWORD}", "md5")
    ha2 = digest.h("dummy_method:dummy_uri", "md5")
    return {
        "algorithm": "MD5",
        "response": digest.h(f"{ha1}:{told['nonce']}:1:{digest.CNONCE}:auth:{ha2}", "md5"),
    }


CHANGES: dict[str, Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]] = {
    "MD5": md5,
    "MD5 in name only": lambda told, auth: {"algorithm": "MD5"},
    "another realm": lambda told, auth: {"realm": "other"},
    "an empty response": lambda told, auth: {"response": ""},
    "upper case": lambda told, auth: {"response": auth["response"].upper() + " "},
    "half a response": lambda told, auth: {"response": auth["response"][:32]},
    "a longer response": lambda told, auth: {"response": auth["response"] + "00"},
    "a response that is a list": lambda told, auth: {"response": [auth["response"]]},
    "a response that isn't ASCII": lambda told, auth: {"response": "é" * 64},
    "a user that is an object": lambda told, auth: {"username": {}},
    "a nonce that is null": lambda told, auth: {"nonce": None},
    "a nonce that is a list": lambda told, auth: {"nonce": [told["nonce"]]},
    "a cnonce that is a list": lambda told, auth: {"cnonce": []},
    "the HA1 as the response": lambda told, auth: {"response": digest.ha1(USER, PASSWORD)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_answer_that_is_not_quite_right(guarded: Device, change: Callable[..., dict[str, Any]]) -> None:
    with guarded.websocket() as websocket:
        asked = request("Sys.GetInfo")
        told = challenge(websocket, asked)
        auth = digest.in_frame(told, USER, PASSWORD)
        assert is_refused(websocket, asked, auth | change(told, auth))


@pytest.mark.parametrize("missing", ["realm", "username", "nonce", "cnonce", "response"])
def test_a_missing_field(guarded: Device, missing: str) -> None:
    with guarded.websocket() as websocket:
        asked = request("Sys.GetInfo")
        auth = digest.in_frame(challenge(websocket, asked), USER, PASSWORD)
        del auth[missing]
        assert is_refused(websocket, asked, auth)


@pytest.mark.parametrize("auth", [None, True, 5, "Digest", [], {}, {"username": USER, "password": PASSWORD}])
def test_an_answer_without_form(guarded: Device, auth: Any) -> None:
    with guarded.websocket() as websocket:
        assert is_refused(websocket, request("Sys.GetInfo"), auth)


def test_many_wrong_answers(guarded: Device) -> None:
    """Not one is served, and whoever has the password still is."""

    def guess(guesser: int) -> int:
        with guarded.websocket() as websocket:
            for turn in range(WRONG_ANSWERS // GUESSERS):
                asked = request("Sys.GetInfo")
                auth = digest.in_frame(challenge(websocket, asked), USER, f"guess {guesser} {turn}")
                assert is_refused(websocket, asked, auth)
        return turn + 1

    with ThreadPoolExecutor(GUESSERS) as pool:
        assert sum(pool.map(guess, range(GUESSERS))) == WRONG_ANSWERS
    with guarded.ws(USER, PASSWORD) as mos:
        alive(mos)


def test_a_request_without_id_is_neither_answered_nor_carried_out(guarded: Device) -> None:
    with guarded.websocket() as websocket:
        websocket.send(text({"method": "FS.Put", "params": {"filename": "unasked.txt", "data": ""}}))
        challenge(websocket, request("Sys.GetInfo"))
    with guarded.ws(USER, PASSWORD) as mos:
        assert "unasked.txt" not in mos.ls()


# --- over HTTP


def http_challenge(answer: Answer) -> dict[str, str]:
    assert answer.status == 401, answer
    told = digest.http_challenge(answer.headers["www-authenticate"])
    assert (told["realm"], told["qop"], told["algorithm"]) == ("RPC", "auth", "SHA-256")
    return told


def test_the_right_password_over_http(guarded: Device) -> None:
    http = guarded.http(USER, PASSWORD)
    assert Mos(http).call("Sys.GetInfo")["uptime"] >= 0
    assert http.ask("POST", "/rpc/Sys.GetInfo", b"{}").status == 200
    assert http.ask("GET", "/rpc/RPC.Describe?name=FS.List").status == 200


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("root", PASSWORD), (USER, "")])
def test_a_wrong_user_or_password_over_http(guarded: Device, user: str, password: str) -> None:
    with pytest.raises(BadReply, match="HTTP 401"):
        Mos(guarded.http(user, password)).call("Sys.GetInfo")


def test_an_answer_is_good_once_over_http(guarded: Device) -> None:
    http, body = guarded.http(), text(request("Sys.GetInfo"))
    told = http_challenge(http.ask_once("POST", "/rpc", body))
    header = digest.authorization(told, USER, PASSWORD, "POST", "/rpc")
    assert http.ask_once("POST", "/rpc", body, Authorization=header).status == 200
    assert http.ask_once("POST", "/rpc", body, Authorization=header).status == 401


HEADER_CHANGES: dict[str, dict[str, str]] = {
    "MD5": {"algorithm": "MD5"},
    "another realm": {"realm": '"other"'},
    "another path": {"uri": '"/rpc/FS.List"'},
    "another count": {"nc": "00000002"},
    "an unknown qop": {"qop": "auth-int"},
    "no user": {"username": ""},
    "no nonce": {"nonce": ""},
    "no cnonce": {"cnonce": ""},
    "no response": {"response": ""},
    "an empty response": {"response": '""'},
    "a nonce of one's own": {"nonce": '"1900000000"'},
    "a nonce that is no number": {"nonce": '"x"'},
    "a response that isn't ASCII": {"response": '"\xe9"'},
}


@pytest.mark.parametrize("change", HEADER_CHANGES.values(), ids=HEADER_CHANGES)
def test_a_header_that_is_not_quite_right(guarded: Device, change: dict[str, str]) -> None:
    http, body = guarded.http(), text(request("Sys.GetInfo"))
    told = http_challenge(http.ask_once("POST", "/rpc", body))
    header = digest.authorization(told, USER, PASSWORD, "POST", "/rpc", **change)
    assert http.ask_once("POST", "/rpc", body, Authorization=header).status in (400, 401)


def test_md5_over_http(guarded: Device) -> None:
    http, body = guarded.http(), text(request("Sys.GetInfo"))
    told = http_challenge(http.ask_once("POST", "/rpc", body))

    def h(told: str) -> str:
        return hashlib.md5(told.encode()).hexdigest()

    proof = h(f"{h(f'{USER}:RPC:{PASSWORD}')}:{told['nonce']}:00000001:0000abcd:auth:{h('POST:/rpc')}")
    header = digest.authorization(
        told, USER, PASSWORD, "POST", "/rpc", algorithm="MD5", cnonce='"0000abcd"', response=f'"{proof}"'
    )
    assert http.ask_once("POST", "/rpc", body, Authorization=header).status == 401


def test_an_answer_for_one_method_is_not_good_for_another(guarded: Device) -> None:
    http = guarded.http()
    told = http_challenge(http.ask_once("POST", "/rpc/FS.List", b"{}"))
    header = digest.authorization(told, USER, PASSWORD, "POST", "/rpc/FS.List")
    body = b'{"filename":"stolen.txt","data":""}'
    assert http.ask_once("POST", "/rpc/FS.Put", body, Authorization=header).status in (400, 401)
    with guarded.ws(USER, PASSWORD) as mos:
        assert "stolen.txt" not in mos.ls()


@pytest.mark.parametrize(
    "header",
    ["", "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==", "Digest", "Digest =", 'Digest username="', "Bearer x", "é"],
)
def test_a_header_without_form(guarded: Device, header: str) -> None:
    answer = guarded.http().ask_once("POST", "/rpc", text(request("Sys.GetInfo")), Authorization=header)
    assert answer.status in (400, 401)


# --- no password, and no bench permission


def test_without_password_and_permission_nobody_is_served(board: Callable[..., Device]) -> None:
    """Who is connected when the permission ends gets 401 from then on; whoever comes later finds nobody."""
    device = board(preset="tls", locked=True)
    device.open_ws()
    with device.websocket() as websocket, device.http().connect() as http:
        asked = request("Sys.GetInfo")
        check(websocket.exchange(asked), asked)
        device.asks("Access.Bench", {"on": False})
        for method in ("Sys.GetInfo", "RPC.List", "No.Such", "Access.Bench"):
            challenge(websocket, asked | {"method": method})
        fake = {"realm": "RPC", "nonce": 1, "algorithm": "SHA-256"}
        for secret in ("", PASSWORD):
            assert is_refused(websocket, asked, digest.in_frame(fake, USER, secret))
        http.sendall(request_bytes("POST", "/rpc", "device", text(asked)))
        assert read_answer(http).status == 401
        until(lambda: not listens(device), "no new connection is taken")
        assert device.asks("Access.Status")["ws"]["why"]


def listens(device: Device) -> bool:
    try:
        device.http().connect().close()
    except ConnectionRefusedError:
        return False
    return True


# --- a page in a browser


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://127.0.0.1", "https://api.cesanta.com.evil.example/"]
)
def test_a_browser_is_no_caller_on_an_open_bench(shared: Device, origin: str) -> None:
    answer = shared.http().ask("POST", "/rpc/FS.Put", b'{"filename":"page.txt"}', Origin=origin)
    assert answer.status in (401, 403)
    assert shared.http().ask("GET", "/rpc/FS.Put?filename=page.txt", Origin=origin).status in (401, 403)
    asked = request("FS.Put", {"filename": "page.txt"})
    try:
        with shared.websocket(origin=origin) as websocket, pytest.raises(Refused) as refused:
            check(websocket.exchange(asked), asked)
        assert refused.value.code in (401, 403)
    except (Rejected, Closed):
        pass  # as good
    with shared.ws() as mos:
        assert "page.txt" not in mos.ls()


def test_a_client_without_origin_is_one(shared: Device) -> None:
    with Mos(shared.websocket(origin=None, protocol=None)) as mos:
        alive(mos)
    assert shared.http().ask("POST", "/rpc/Sys.GetInfo", b"{}").status == 200
