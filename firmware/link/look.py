"""A look at a broker before there is a key for it: TCP, and TLS as far as its certificate. Loaded when asked for."""

import socket

import tls
from atecc608.context import verifying

from .explain import explain, hung_up
from .errors import LinkError


def look(endpoint, port, cas, timeout):
    """Nothing if this device would accept the certificate of `endpoint`; else a LinkError as a connection would give.

    cas: whom to trust (DER). The device shows no certificate: a broker that wants one hangs up, and that comes after
    its own has been judged.
    """
    where = "%s:%d" % (endpoint, port)
    judged = []

    def judge(_certificate, depth):
        judged.append(depth)
        return 0

    try:
        context = verifying(tls.PROTOCOL_TLS_CLIENT, cas)
    except (OSError, ValueError) as e:
        raise LinkError("tls", "the TLS library can't use this CA: %s" % e, "tls")
    context.verify_callback = judge
    stage = "tcp"
    sock = socket.socket()
    try:
        sock.settimeout(timeout)
        sock.connect(socket.getaddrinfo(endpoint, port)[0][-1])
        stage = "tls"
        sock = context.wrap_socket(sock, server_hostname=endpoint)
    except (OSError, ValueError) as e:
        if not (judged and isinstance(e, OSError) and hung_up(e)):
            raise explain(e, where, stage)
    finally:
        sock.close()
