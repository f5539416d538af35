"""Each server set-up is tried by the board itself (on SIM), and judged by the host: they must agree, row by row."""

import base64
import time

import pytest
from atecc.broker.judge import judge
from atecc.broker.probe import probe
from repl import Repl
from rows import ROWS
from servers import HOST, Server, tls
from simboard import Board

BOARD = """
import binascii, socket
import tls
from atecc608.context import verifying
from link import clock
clock.set_time(given["now"])
def attempt(row):
    plain = socket.socket()
    plain.settimeout(5)
    try:
        context = verifying(tls.PROTOCOL_TLS_CLIENT, [binascii.a2b_base64(ca) for ca in row["cas"]])
        plain.connect(socket.getaddrinfo("127.0.0.1", row["port"])[0][-1])
        context.wrap_socket(plain, server_hostname=row["host"]).close()
    except (OSError, ValueError) as e:
        plain.close()
        return repr(e)
    return None
"""


def b64(der):
    return base64.b64encode(der).decode()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A server for each row."""
    folder = tmp_path_factory.mktemp("servers")
    made = {
        name: Server(row.serve or tls(folder, row.chain, row.key, **row.options))
        for name, row in ROWS.items()
    }
    yield made
    for server in made.values():
        server.close()


@pytest.fixture(scope="module")
def tried(running):
    """What the board says of each: None, or its exception."""
    rows = [
        {"port": running[name].port, "host": row.host, "cas": [b64(ca) for ca in row.cas]}
        for name, row in ROWS.items()
    ]
    given = {"now": int(time.time())}
    out = {}
    with Board(chip=False) as board, Repl(board.port) as repl:
        for name, row in zip(ROWS, rows, strict=True):
            out[name] = repl.value("attempt(given['row'])", BOARD, given | {"row": row})
    return out


@pytest.fixture(scope="module")
def judged(running):
    """The host's verdict on each."""
    out = {}
    for name, row in ROWS.items():
        sight = probe(row.host, running[name].port, address=HOST)
        out[name] = judge(sight, row.cas)
    return out


def _hung_up(error):
    return "FATAL_ALERT" in error or error in ("OSError(32,)", "OSError(104,)")


@pytest.mark.parametrize("name", ROWS)
def test_board_and_host_agree(name, tried, judged):
    row, verdict = ROWS[name], judged[name]
    # A server that wants a certificate of the device hangs up, for it shows none: that comes after its own.
    refused = tried[name] is not None and not (row.options.get("client_ca") and _hung_up(tried[name]))
    said = f"board: {tried[name]}; host: {verdict}"
    if row.accepted is None:
        assert verdict.flaw is not None and verdict.flaw.of_some, said
    else:
        assert (not refused, verdict.accepted) == (row.accepted, row.accepted), said
    if verdict.flaw:
        assert row.says in f"{verdict.flaw.message} {verdict.flaw.hint}", said
