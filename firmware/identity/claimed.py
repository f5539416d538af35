"""TLS with a key that is no chip's: that of a claim, with which a device asks for a certificate of its own."""

from binascii import a2b_base64

import tls
from atecc608.context import verifying

from .context import ClientContext


class ClaimContext(ClientContext):
    """As ClientContext; `record` has `key` (base64 of PKCS#1, PKCS#8 or SEC1), and neither chip nor slot."""

    def __init__(self, record, timeout):
        self._context = verifying(tls.PROTOCOL_TLS_CLIENT, [a2b_base64(ca) for ca in record["cas"]])
        key = a2b_base64(record["key"])
        for certificate in [record["certificate"]] + list(record["chain"]):
            self._context.load_cert_chain(a2b_base64(certificate), key)
        self._timeout = timeout
        self._error = self.cipher = None
        self.signed = False
        self.stage = "tcp"
