"""Handshakes that the chip signs, one after the other."""

import pytest
from bench import DRIVER
from handshake import HANDSHAKE_WITH, context_for, tls_server
from simcloud import pki

SIGN = 0x41


@pytest.fixture(scope="module")
def authority():
    return pki.Authority.root(pki.name(common_name="a CA"))


# A socket whose first words make the collector look, which has not looked since the connection before was closed.
COLLECTING = """
import gc, io
class Collecting(io.IOBase):
    def __init__(self, plain):
        self._plain = plain
        self.readinto = plain.readinto
        self.settimeout = plain.settimeout
        self.close = plain.close
    def write(self, data):
        gc.collect()
        return self._plain.write(data)
    def ioctl(self, request, argument):
        return 0
def connected(port):
    s = socket.socket()
    s.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    return s
gc.disable()
"""


def test_the_chip_signs_although_an_old_connection_is_thrown_away_meanwhile(bench, authority):
    """When a closed TLS socket is collected in the middle of a handshake, MicroPython forgets who is to sign."""
    b = bench(preset="tls", locked=True)
    b.repl.run_in_main(DRIVER + HANDSHAKE_WITH + "key = chip.GenKey(0)")
    b.repl.run_in_main(context_for(b.repl, authority, 0) + COLLECTING)
    with tls_server(authority) as port:
        b.repl.run_in_main(f"handshake(context, {port})")
        b.repl.run_in_main(f"context.wrap_socket(Collecting(connected({port})), 'localhost').close()")
    assert b.chip.commands.count(SIGN) == 2
