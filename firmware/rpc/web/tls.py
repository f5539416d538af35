"""The device as a TLS server: the active identity's key and certificate, and the operators' CAs for its callers."""

from atecc608 import ATECCError
from identity.server import ServerContext
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

    def context(self):
        """A ServerContext for what is active and trusted now (which there is: Doors has seen to that); or NotReady."""
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
