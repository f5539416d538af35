"""Identity: a new key and certificate in the idle identity, tried, then switched to."""

import binascii
import time

from identity.certificate import Certificate
from identity.store import NAMES
from link.mqtt import Connection
from rpc.errors import RpcError
from rpc.params import Method, binaries, binary, choice, encode, flag, integer, items, seconds, text

# AWS: a thing's name has 128 characters at most, and so has a client ID.
_NAME = text(128)
_CERTIFICATE_MAX = 4096


def methods(store, link, chip):
    def status():
        identities = {name: _summary(store.get(name)) for name in NAMES}
        idle = identities[store.idle]
        if idle["slot"] is None:
            idle["slot"] = store.free_slot()
        return {"active": store.active, "idle": store.idle, "identities": identities}

    def begin(**what):
        try:
            made = store.begin(**what)
        except ValueError as e:
            raise RpcError("argument", str(e))
        made["pubkey"] = encode(made["pubkey"])
        made["csr"] = encode(made["csr"])
        return made

    def stage(certificate, ca, chain, **where):
        name, parsed = store.stage(certificate, ca, chain, **where)
        return {"identity": name, "sha256": parsed.sha256}

    def try_it(timeout):
        record = store.candidate()
        # The broker cuts off the first of two sessions with one client ID.
        paused = link.state != "off" and link.client_id == record["client_id"]
        if paused:
            link.stop()
        try:
            started = time.ticks_ms()
            connection = Connection(chip, record, timeout=timeout)
            took = time.ticks_diff(time.ticks_ms(), started)
            tls = connection.tls
            connection.disconnect()
        finally:
            if paused:
                link.start(store.get(store.active))
        store.mark_tried()
        return {k: record[k] for k in ("endpoint", "port", "client_id")} | {"tls": tls, "ms": took}

    def commit(untried):
        active, previous = store.commit(untried)
        if link.state != "off":
            link.start(store.get(active))
        return {"active": active, "previous": previous}

    def get(identity):
        record = store.get(identity)
        if "certificate" not in record:
            raise RpcError("state", "identity %s has no certificate (it is %s)" % (identity, record["state"]))
        return {"certificate": record["certificate"], "chain": record["chain"], "ca": record["cas"]}

    return {
        "Identity.Status": Method(status),
        "Identity.Begin": Method(
            begin,
            subject=items,
            san=(items, ()),
            key_usage=(items, ()),
            key=(choice("new", "existing", "overwrite"), "new"),
            slot=(integer(0, 15), None),
            serial=(text(18), None),
        ),
        "Identity.Stage": Method(
            stage,
            certificate=binary(_CERTIFICATE_MAX),
            chain=(binaries(4, _CERTIFICATE_MAX), ()),
            ca=binaries(8, _CERTIFICATE_MAX),
            name=_NAME,
            client_id=_NAME,
            endpoint=text(253),
            port=integer(1, 65535),
        ),
        "Identity.Try": Method(try_it, timeout=(seconds(300), 30)),
        "Identity.Commit": Method(commit, untried=(flag, False)),
        "Identity.Discard": Method(lambda: {"identity": store.discard()}),
        "Identity.Get": Method(get, identity=choice(*NAMES)),
    }


def _summary(record):
    out = {"state": record["state"], "slot": record["slot"]}
    if "certificate" in record:
        for key in ("name", "client_id", "endpoint", "port"):
            out[key] = record[key]
        certificate = Certificate(binascii.a2b_base64(record["certificate"]))
        for key in ("subject", "issuer", "not_before", "not_after", "serial", "sha256"):
            out[key] = getattr(certificate, key)
    return out
