"""identity.context on MicroPython: who closes what. A descriptor closed twice is another thread's by then."""

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
