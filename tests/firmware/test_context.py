"""identity.context on MicroPython: who closes what. A descriptor closed twice is another thread's by then."""

import pytest

SOCKETS = """
import io
from identity.context import ClientContext, TLSSocket
class Plain(io.IOBase):
    closed = 0
    def ioctl(self, request, argument):
        return 0
    def settimeout(self, timeout):
        pass
    def close(self):
        self.closed += 1
class Secured:
    def __init__(self, plain):
        self.plain = plain
        self.write = self.read = None
    def cipher(self):
        return ("a cipher", "TLSv1.2")
    def close(self):
        self.plain.close()
class Context:
    def __init__(self, error=None):
        self.error = error
    def wrap_socket(self, sock, server_hostname=None):
        if self.error:
            raise self.error
        return Secured(sock)
class Wrapped(ClientContext):
    def __init__(self, context):
        self._context = context
        self._timeout = 1
plain = Plain()
"""


def test_closing_closes_the_plain_socket_once(micropython):
    code = SOCKETS + "Wrapped(Context()).wrap_socket(plain).close()\n"
    assert micropython.value("plain.closed", code) == 1


def test_a_failed_handshake_leaves_the_socket_to_its_owner(micropython):
    code = SOCKETS + "try:\n    Wrapped(Context(OSError(5))).wrap_socket(plain)\nexcept OSError:\n    pass\n"
    assert micropython.value("plain.closed", code) == 0


def test_the_handshake_is_remembered(micropython):
    code = SOCKETS + "c = Wrapped(Context())\nc.wrap_socket(plain)\n"
    assert micropython.value("[c.cipher, c.stage]", code) == [["a cipher", "TLSv1.2"], "mqtt"]


PIECES = (
    SOCKETS
    + """
class Recorder(Secured):
    def __init__(self, plain):
        super().__init__(plain)
        self.sent = []
        self.broken = False
        self.write = self._write
        self.read = self._read
    def _write(self, data):
        if self.broken:
            raise OSError(32)
        self.sent.append(bytes(data))
    def _read(self, n):
        self.sent.append("read")
        return b"x"
recorder = Recorder(plain)
sock = TLSSocket(recorder, plain, 1)
sock.write(b"ab")
sock.write(bytearray(b"cdef"), 2)
sock.write(b"")
"""
)
SENT = "[part if isinstance(part, str) else part.decode() for part in recorder.sent]"


@pytest.mark.parametrize("then", ["sock.flush()", "sock.setblocking(False)", "sock.close()", "sock.wait(0)"])
def test_the_pieces_of_a_packet_leave_together(micropython, then):
    assert micropython.value(SENT, f"{PIECES}{then}\nsock.flush()\n") == ["abcd"]


def test_they_leave_before_an_answer_is_waited_for(micropython):
    assert micropython.value(SENT, f"{PIECES}sock.read(1)\nsock.read(1)\n") == ["abcd", "read", "read"]


def test_a_large_piece_is_not_copied(micropython):
    code = f"{PIECES}sock.write(b'x' * 600)\nsock.write(b'end')\nsock.flush()\n"
    assert micropython.value("[len(part) for part in recorder.sent]", code) == [4, 600, 3]


def test_a_connection_that_breaks_says_so_once(micropython):
    """What could not be sent is not sent to whoever has the connection next."""
    code = "recorder.broken = True\ntry:\n    sock.flush()\nexcept OSError as e:\n    said = e.errno\nsock.close()\n"
    assert micropython.value("[said, plain.closed]", PIECES + code) == [32, 1]


def test_goodbye_to_one_who_has_gone_is_no_error(micropython):
    assert micropython.value("plain.closed", f"{PIECES}recorder.broken = True\nsock.close()\n") == 1
