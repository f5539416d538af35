"""The device as a TLS server: the active identity's key and certificate, and the operators' CAs for its callers."""

import binascii

from identity.certificate import Certificate
from identity.context import ServerContext
from link import clock


class NotReady(Exception):
    """Why there can be no TLS server yet; the text is for people."""


class DeviceTLS:
    """Contexts for the identities in `store`, whose keys are in `chip`, and the CAs that `access` trusts."""

    def __init__(self, chip, store, access):
        self._chip = chip
        self._store = store
        self._access = access

    def context(self):
        """A ServerContext for what is active and trusted now; NotReady says what is missing."""
        operators = self._access.operators
        if not self._store.active:
            raise NotReady("this device has no active identity, and so no certificate to show")
        if not operators:
            raise NotReady("no operator's CA is trusted (Access.Trust)")
        record = self._store.current()
        certificate = Certificate(binascii.a2b_base64(record["certificate"]))
        if not certificate.may_serve:
            raise NotReady(
                "the device's certificate is for TLS clients only: its extended key usage lacks serverAuth"
            )
        # Callers' certificates are not valid in the year 2000.
        clock.ensure(max([certificate.not_before] + [ca.not_before for ca in operators]))
        try:
            return ServerContext(self._chip, record, [ca.der for ca in operators])
        except (OSError, ValueError) as e:
            raise NotReady("the TLS library can't use this identity: %s" % e)
