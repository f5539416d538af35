"""The board's network: few sockets, and none of them outlives a reset."""

import errno
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from repl import Repl
from simboard import Board
from simboard.tcpport import LOOPBACK, PortTaken, TcpPort

MOST_SOCKETS = 10
PATIENCE_S = 20

LISTEN = """
import socket
def address(port, host='0.0.0.0'):
    return socket.getaddrinfo(host, port)[0][-1]
def listen(port, backlog=2):
    server = socket.socket()
    server.bind(address(port))
    server.listen(backlog)
    return server
"""


@pytest.fixture
def port() -> Iterator[int]:
    with TcpPort() as held:
        yield held.number


@pytest.fixture
def board() -> Iterator[Board]:
    """One of its own: what a test opens on it must not reach another test."""
    with Board(chip=False) as board:
        yield board


def connect(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), PATIENCE_S)


RESETS: dict[str, Callable[[Board, Repl], None]] = {
    "soft": lambda board, repl: repl.soft_reset(),
    "hard": lambda board, repl: repl.hard_reset(),
    "button": lambda board, repl: board.reset(),
    "plug": lambda board, repl: board.power_cycle(),
}


@pytest.mark.parametrize("reset", RESETS.values(), ids=RESETS)
def test_sockets_die_with_a_reset(board: Board, port: int, reset: Callable[[Board, Repl], None]) -> None:
    with Repl(board.port) as repl:
        repl.run_in_main(LISTEN + f"server = listen({port})")
        with connect(port) as accepted, connect(port) as waiting:
            repl.run_in_main("peer, _ = server.accept()\npeer.send(b'hello')")
            assert accepted.recv(10) == b"hello"
            reset(board, repl)
            assert accepted.recv(10) == b"", "the connection has ended"
            with pytest.raises(ConnectionResetError):
                waiting.recv(10)
    with pytest.raises(ConnectionRefusedError):
        connect(port)


@pytest.mark.parametrize("reset", RESETS.values(), ids=RESETS)
def test_port_is_free_after_a_reset(board: Board, port: int, reset: Callable[[Board, Repl], None]) -> None:
    for word in (b"once", b"again"):
        with Repl(board.port) as repl:
            repl.run_in_main(LISTEN + f"server = listen({port})")
            with connect(port) as peer:
                repl.run_in_main(f"peer, _ = server.accept()\npeer.send({word!r})")
                assert peer.recv(10) == word
                reset(board, repl)
                assert peer.recv(10) == b""


def test_a_port_that_somebody_listens_on_is_taken(board: Board, port: int) -> None:
    with Repl(board.port) as repl:
        repl.run_in_main(LISTEN + f"server = listen({port})")
        assert repl.error(f"listen({port})", LISTEN) == f"OSError({errno.EADDRINUSE},)"
    with pytest.raises(PortTaken, match=f"port {port} can't be had"):
        TcpPort(port)


def test_nobody_elsewhere_reaches_the_board(board: Board, port: int) -> None:
    """127.0.0.2 is this machine as well, and what listens on any address listens there too."""
    with Repl(board.port) as repl:
        repl.run_in_main(LISTEN + f"server = listen({port})")
        connect(port).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), PATIENCE_S)


def test_as_many_sockets_as_lwip_has(board: Board) -> None:
    too_many = f"OSError({errno.ENFILE},)"
    with Repl(board.port) as repl:
        repl.run_in_main(f"import socket; many = [socket.socket() for _ in range({MOST_SOCKETS})]")
        assert repl.error("socket.socket()", "import socket") == too_many
        repl.run_in_main("many.pop().close()")
        assert repl.error("socket.socket()", "import socket") == "no error"
        assert repl.error("socket.socket()", "import socket") == too_many


def test_a_connection_without_a_socket_is_dropped(board: Board, port: int) -> None:
    with Repl(board.port) as repl:
        repl.run_in_main(LISTEN + f"server = listen({port})")
        repl.run_in_main(f"others = [socket.socket() for _ in range({MOST_SOCKETS - 2})]")
        with connect(port) as first, connect(port) as second:
            repl.run_in_main("peer, _ = server.accept()\npeer.send(b'first')")
            assert first.recv(10) == b"first"
            told = repl.run_in_main("try:\n    server.accept()\nexcept OSError as e:\n    print(e.errno)")
            assert int(told) == errno.ENFILE
            assert second.recv(10) == b""


def test_as_many_wait_as_were_asked_for(board: Board, port: int) -> None:
    with Repl(board.port) as repl:
        repl.run_in_main(LISTEN + f"server = listen({port}, 2)")
        with connect(port), connect(port):
            with socket.socket() as third, pytest.raises(TimeoutError):
                third.settimeout(0.3)  # on loopback a connection takes no time
                third.connect((LOOPBACK, port))
            repl.run_in_main("server.accept()")
            connect(port).close()


def test_a_timeout_counts_on_while_another_thread_collects_garbage(board: Board) -> None:
    code = """
import _thread, gc, select
done = []
def collect():
    while not done:
        gc.collect()
        select.poll().poll(50)
_thread.start_new_thread(collect, ())
s = socket.socket()
s.connect(address(given, '127.0.0.1'))
s.settimeout(0.5)
told = []
for read in (s.read, s.recv):
    try:
        read(1)
    except OSError as e:
        told.append(e.errno)
done.append(True)
"""
    with socket.create_server((LOOPBACK, 0)) as silent, Repl(board.port) as repl:
        start = time.monotonic()
        told = repl.value("told", LISTEN + code, silent.getsockname()[1])
    assert told == [errno.ETIMEDOUT, errno.ETIMEDOUT]
    assert time.monotonic() - start < PATIENCE_S
