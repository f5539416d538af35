"""Identity: a new key and certificate in the idle identity, tried, then switched to."""

import binascii

import lazily
from atecc608 import ATECCError
from identity.certificate import Certificate
from identity.store import NAMES
from identity.terms import StoreError
from rpc.caller import asker
from rpc.described import describe
from rpc.errors import RpcError
from link.topics import check_name
from rpc.params import (
    CALLER,
    USB,
    Method,
    binaries,
    binary,
    checked,
    choice,
    encode,
    flag,
    integer,
    items,
    seconds,
    text,
)

_NAME = checked(check_name)
_TOKEN = text(64)


def _texts(name, value):
    if not isinstance(value, dict) or len(value) > 16 or not all(isinstance(v, str) for v in value.values()):
        raise RpcError("argument", "%s: an object of at most 16 texts" % name)
    return value


_CERTIFICATE_MAX = 4096


class Identity:
    """The service for `device` (the module of that name); bench() tells whether the bench permission is on."""

    def __init__(self, device, bench):
        self._device = device
        self._store = device.store
        self._link = device.link
        self._bench = bench

    def methods(self):
        return {
            "Identity.Status": Method(self.status, caller=CALLER),
            "Identity.Begin": Method(
                self.begin,
                subject=items,
                san=(items, ()),
                key_usage=(items, ()),
                key=(choice("new", "existing", "overwrite"), "new"),
                slot=(integer(0, 15), None),
                serial=(text(18), None),
                caller=CALLER,
            ),
            "Identity.Request": Method(
                self.request,
                slot=integer(0, 15),
                subject=items,
                san=(items, ()),
                key_usage=(items, ()),
                caller=CALLER,
            ),
            "Identity.Stage": Method(
                self.stage,
                token=_TOKEN,
                certificate=binary(_CERTIFICATE_MAX),
                chain=(binaries(4, _CERTIFICATE_MAX), ()),
                ca=binaries(8, _CERTIFICATE_MAX),
                name=_NAME,
                client_id=_NAME,
                endpoint=text(253),
                port=integer(1, 65535),
                username=(text(128), None),
                password=(text(128, 0), None),
            ),
            "Identity.Try": Method(self.try_it, token=_TOKEN, timeout=(seconds(300), 30)),
            "Identity.Commit": Method(self.commit, token=_TOKEN, untried=(flag, False), caller=CALLER),
            "Identity.Discard": Method(self.discard, token=(_TOKEN, None), caller=CALLER),
            "Identity.Claim": Method(
                self.claim,
                USB,
                template=(text(36), None),
                parameters=(_texts, None),
                certificate=(binary(_CERTIFICATE_MAX), None),
                chain=(binaries(4, _CERTIFICATE_MAX), ()),
                key=(binary(_CERTIFICATE_MAX), None),
                slot=(integer(0, 15), None),
                ca=(binaries(8, _CERTIFICATE_MAX), ()),
                endpoint=(text(253), None),
                port=(integer(1, 65535), 8883),
                until=(integer(0, 0xFFFFFFFF), None),
            ),
            "Identity.Get": Method(self.get, identity=choice(*NAMES)),
        }

    def status(self, caller):
        store = self._store
        identities = {name: _summary(store.get(name)) for name in NAMES}
        idle = identities[store.idle]
        if idle["slot"] is None:
            idle["slot"] = store.free_slot()
        begun = store.begun()
        if begun:
            if not caller.owner:
                del begun["token"]
            idle["begun"] = begun
        return {
            "active": store.active,
            "idle": store.idle,
            "identities": identities,
            "other_chip": self._other_chip(),
            "not_adopted": store.not_adopted and describe(store.not_adopted),
            "claim": self._claim_status(),
            "renewal": self._renewal_status(),
        }

    def _claim_status(self):
        """What became of the claim that this device was given last, if it was since the start."""
        if not self._device.claims:
            return None
        claim = self._device.claims[0]
        error = claim.error and describe(claim.error)
        return {"under_way": claim.under_way, "attempts": claim.attempts, "last_error": error}

    def _renewal_status(self):
        """What renews the certificate without a host, if anything does, and why it has not."""
        setting = self._device.settings.get
        days, jobs, untold = setting("aws.renew"), setting("aws.jobs"), bool(self._store.untold)
        if not (days or jobs or untold):
            return None
        listeners = self._device.renewal if days else ()
        errors = [error for error, era in [one.trouble for one in listeners] if era == self._store.switch]
        error = errors[0] if errors else None
        return {"days": days, "jobs": jobs, "untold": untold, "last_error": error and describe(error)}

    def _other_chip(self):
        """What is to be said of it if the active identity belongs to another chip."""
        try:
            self._store.check_chip()
        except StoreError as e:
            return str(e)
        except ATECCError:
            pass  # there is none that could be another one
        return None

    def request(self, slot, caller, **what):
        who = asker(caller, self._bench)
        public_key, request = _worded(self._store.request, slot=slot, asker=who, **what)
        return {"slot": slot, "pubkey": encode(public_key), "csr": encode(request)}

    def begin(self, caller, **what):
        made = _worded(self._store.begin, asker=asker(caller, self._bench), **what)
        made["pubkey"] = encode(made["pubkey"])
        made["csr"] = encode(made["csr"])
        return made

    def stage(self, token, certificate, ca, chain, **where):
        name, parsed = self._store.stage(token, certificate, ca, chain, **where)
        return {"identity": name, "sha256": parsed.sha256}

    def try_it(self, token, timeout):
        """A generator: job.py."""
        trial = lazily.load("renewal.trial")
        return (yield from trial.try_staged(self._store, self._link, token, timeout))

    def commit(self, token, untried, caller):
        active, previous = self._store.commit(token, untried, asker(caller, self._bench))
        if self._link.state != "off":
            self._link.start()
        self._device.web.refresh()
        return {"active": active, "previous": previous}

    def discard(self, token, caller):
        return {"identity": self._store.discard(token, asker(caller, self._bench))}

    def claim(self, template, certificate, key, slot, endpoint, chain, ca, **more):
        """Keep a claim, and have it used; without a template the one that is kept is forgotten."""
        claims = lazily.load("renewal.claim")
        if template is None:
            claims.forget()
            return
        for name, value in (("certificate", certificate), ("endpoint", endpoint)):
            if value is None:
                raise RpcError("argument", "%s: missing" % name)
        if (key is None) == (slot is None):
            raise RpcError("argument", "key: either it, or the slot where the chip has it")
        kept = {
            "template": template,
            "certificate": encode(certificate),
            "chain": [encode(one) for one in chain],
            "cas": [encode(one) for one in ca],
            "endpoint": endpoint,
            "port": more["port"],
            "until": more["until"],
            "parameters": more["parameters"] or {},
            "era": self._store.switch,
        }
        claims.keep(kept | ({"slot": slot} if key is None else {"key": encode(key)}))
        self._device.use_claim()

    def get(self, identity):
        record = self._store.get(identity)
        if "certificate" not in record:
            raise RpcError("state", "identity %s has no certificate (it is %s)" % (identity, record["state"]))
        return {"certificate": record["certificate"], "chain": record["chain"], "ca": record["cas"]}


def _worded(operation, **what):
    """Run it; what is wrong with the words of a request is the caller's fault."""
    try:
        return operation(**what)
    except ValueError as e:
        raise RpcError("argument", str(e))


def _summary(record):
    out = {"state": record["state"], "slot": record["slot"]}
    if "certificate" in record:
        for key in ("name", "client_id", "endpoint", "port", "chip"):
            out[key] = record[key]
        certificate = Certificate(binascii.a2b_base64(record["certificate"]))
        for key in ("subject", "issuer", "not_before", "not_after", "serial", "sha256"):
            out[key] = getattr(certificate, key)
    return out
