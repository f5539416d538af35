"""TLS, as a client and as a server, with a private key that is a chip slot."""

import binascii
import select

import tls

from atecc608.context import SSLContext, key_reference  # noqa: F401 - kept for scripts

from .terms import check_chip


class Context(SSLContext):
    """An SSLContext whose private key is that of `record` (a staged identity). `cas`: whom to trust (DER)."""

    _serial = None  # of the chip that is still to be compared

    def __init__(self, protocol, chip, record, cas):
        self._serial = record["chip"]
        sent = [record["certificate"]] + list(record.get("chain") or ())
        super().__init__(
            chip, record["slot"], [binascii.a2b_base64(one) for one in sent], cas, protocol, False
        )

    def check_chip(self):
        """StoreError if the identity's key is in another chip. Once it is known there is nothing more to ask.

        Nothing is signed before that; but a handshake leaves little stack, so it is better asked before.
        """
        if self._serial:
            check_chip(self._chip, self._serial)
            self._serial = None


class ClientContext(Context):
    """What umqtt takes for an SSLContext: the server is always verified, and the chip signs for the client.

    chip: ATECC608; record: a staged identity; timeout: seconds for any one read or write. `cipher` (name, version) is
    set by the handshake; `stage` tells how far a failed connection came: `tcp`, `tls` or `mqtt`.
    """

    def __init__(self, chip, record, timeout):
        super().__init__(
            tls.PROTOCOL_TLS_CLIENT, chip, record, [binascii.a2b_base64(ca) for ca in record["cas"]]
        )
        self._timeout = timeout
        self.stage = "tcp"
        self.cipher = None

    def wrap_socket(self, sock, server_hostname=None, **_):
        """The handshake. A chip's error and the store's arrive as themselves, any other as OSError or ValueError.

        On failure `sock` is still open, and still the caller's to close.
        """
        self.stage = "tls"
        self.check_chip()
        sock.settimeout(self._timeout)
        secured = super().wrap_socket(sock, server_hostname=server_hostname)
        self.cipher = secured.cipher()
        self.stage = "mqtt"
        return TLSSocket(secured, sock, self._timeout)


class TLSSocket:
    """A socket as umqtt uses it, whose blocking reads still end: umqtt's setblocking(True) would wait for ever.

    umqtt writes a packet in three to five pieces. They leave together, before anything is read and with flush(): each
    alone would be a TLS record, and but for the first wait until the other side acknowledges the one before (RFC 896),
    which takes it 40 ms and more (RFC 1122, 4.2.3.2).

    `heard` counts the reads that brought something: umqtt tells nobody about a PINGRESP. `head` is the first byte of
    the packet that is being read, whose flags umqtt keeps to itself as well. `ended` is set when the other side has
    closed. What umqtt reads at one go may be larger than the memory (MQTT allows 256 MB, AWS 128 KB): then it is read,
    thrown away, and `cut` is set.
    """

    READ_MAX = 16 * 1024
    HELD_MAX = 512

    def __init__(self, secured, plain, timeout):
        self._secured = secured
        self._plain = plain
        self._timeout = timeout
        self._poll = select.poll()
        self._poll.register(plain, select.POLLIN)
        self._held = b""
        self.heard = 0
        self.head = self._last = 0
        self.ended = False
        self.cut = False

    def write(self, data, size=None):
        piece = data if size is None else memoryview(data)[:size]
        if len(self._held) + len(piece) > self.HELD_MAX:
            self.flush()
            self._secured.write(piece)
        else:
            self._held += piece

    def flush(self):
        held = self._held
        self._held = b""
        if held:
            self._secured.write(held)

    def read(self, n):
        self.flush()
        if n > self.READ_MAX:
            return self._throw_away(n)
        data = self._secured.read(n)
        if data:
            self.heard += 1
            self._last = data[0]
        elif data is not None:
            self.ended = True
        return data

    def _throw_away(self, n):
        self.cut = True
        while n:
            data = self._secured.read(min(n, 1024))
            if not data:
                return data
            n -= len(data)
        return b""

    def setblocking(self, blocking):
        self.flush()
        if blocking:  # which umqtt does behind a packet's first byte
            self.head = self._last
        self._plain.settimeout(self._timeout if blocking else 0)

    def settimeout(self, timeout):
        self._plain.settimeout(self._timeout if timeout is None else timeout)

    def wait(self, ms):
        """Sleep until something arrives, `ms` at most; True if something did."""
        self.flush()
        return bool(self._poll.poll(ms))

    def close(self):
        try:
            self.flush()
        except OSError:
            pass  # the other side has gone first
        # This closes the plain socket as well. Closed a second time, its descriptor may be somebody else's by then.
        self._secured.close()
