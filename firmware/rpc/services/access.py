"""Access: who may reach this device, as the owner at the USB cable decides it."""

import binascii

from rpc.errors import RpcError
from rpc.params import CALLER, USB, WITHDRAW, Method, binary, flag, integer, text

_CERTIFICATE_MAX = 4096
_PERMITTED_MAX_S = 31 * 86400


def _ha1(name, value):
    try:
        if len(binascii.unhexlify(value)) == 32:
            return value.lower()
    except (ValueError, TypeError):
        pass
    raise RpcError("argument", "%s: the SHA-256 of username:RPC:password in hex" % name)


class Access:
    """The service for `access` (rpc.access); `listeners()` tells of each way in whether it is open, or why not.

    refuse(ca) raises if the owner must not trust this CA (Certificate).
    """

    def __init__(self, access, listeners, refuse):
        self._access = access
        self._listeners = listeners
        self._refuse = refuse

    def methods(self):
        return {
            "Access.Status": Method(self.status),
            "Access.Trust": Method(self.trust, USB, ca=binary(_CERTIFICATE_MAX), withdraw=(flag, None)),
            "Access.Forget": Method(self.forget, WITHDRAW, sha256=text(64, 64), caller=CALLER),
            "Access.Bench": Method(
                self.permit, USB, on=flag, seconds=(integer(1, _PERMITTED_MAX_S), 3600), keep=(flag, False)
            ),
            "Access.WebSocket": Method(
                self.web_socket,
                USB,
                enable=flag,
                port=(integer(1, 65535), 80),
                username=(text(64), None),
                ha1=(_ha1, None),
            ),
        }

    def status(self):
        access = self._access
        bench = {"on": access.bench, "left": access.left or None, "kept": access.bench_kept}
        listeners = self._listeners()
        plain = access.plain
        ws = {"enabled": plain["enable"], "port": plain["port"], "username": plain["username"]}
        operators = [self._summary(ca) for ca in access.operators]
        ways = {"wss": listeners["wss"], "ws": ws | listeners["ws"], "mqtt": listeners["mqtt"]}
        return {"bench": bench, "operators": operators} | ways

    def trust(self, ca, withdraw):
        return self._summary(self._access.trust(ca, self._refuse, withdraw))

    def forget(self, sha256, caller):
        if caller.owner:
            self._access.forget(sha256)
        else:
            self._access.withdraw(caller, sha256)

    def permit(self, on, seconds, keep):
        self._access.permit(on, seconds, keep)
        return self.status()

    def web_socket(self, enable, port, username, ha1):
        self._access.set_plain(enable, port, username, ha1)
        return self.status()

    def _summary(self, ca):
        out = {"subject": ca.subject, "sha256": ca.sha256, "not_after": ca.not_after}
        return out | {"withdraw": self._access.may_withdraw(ca.sha256)}
