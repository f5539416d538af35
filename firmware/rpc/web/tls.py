"""The device as a TLS server: the active identity's key and certificate, and the operators' CAs for its callers."""

import binascii

from atecc608 import ATECCError
from identity.certificate import Certificate
from identity.context import ServerContext
from identity.terms import StoreError
from link import clock
from rpc.operators import is_operator


class NotReady(Exception):
    """Why there can be no TLS server; the text is for people."""


class DeviceTLS:
    """Contexts for the identities in `store`, whose keys are in `chip`, and the CAs that `access` trusts."""

    def __init__(self, chip, store, access):
        self._chip = chip
        self._store = store
        self._access = access

    def missing(self):
        """Why there can be no context yet, or None."""
        if not self._store.active:
            return "this device has no active identity, and so no certificate to show"
        if not self._access.operators:
            return "no operator's CA is trusted (Access.Trust)"
        if not _certificate(self._store.current()).may_serve:
            return "the device's certificate is for TLS clients only: its extended key usage lacks serverAuth"
        return None

    def context(self):
        """A ServerContext for what is active and trusted now, of which nothing is `missing`; or NotReady."""
        operators, record = self._access.operators, self._store.current()
        clock.ensure()  # callers' certificates are not valid in the year 2000
        try:
            context = ServerContext(
                self._chip, record, [ca.der for ca in operators], self._admits, self._access.operator
            )
            context.check_chip()
        except (OSError, ValueError) as e:
            raise NotReady("the TLS library can't use this identity: %s" % e)
        except StoreError as e:
            raise NotReady(str(e))
        except ATECCError:
            pass  # a chip that is silent now may answer later, and is looked at then
        return context

    def _admits(self, der):
        # Asked for anew: certificates are large, and the context lives long.
        return is_operator(der, self._access.operators)


def _certificate(record):
    return Certificate(binascii.a2b_base64(record["certificate"]))
