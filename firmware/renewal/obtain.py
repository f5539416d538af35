"""A certificate from AWS IoT over MQTT, for a new key in the idle slot: fleet provisioning, and renewal by it.

AWS's two requests, create-from-csr and a template's provision, over any link; or one, to a signer of the owner's.
Until the commit the active identity is what it was; whatever goes wrong, the pending one is discarded, and the
exception says why.
"""

from binascii import a2b_base64, b2a_base64

import lazily
from atecc608.pem import certificates
from identity.terms import Asker, StoreError
from link.errors import LinkError
from link.topics import check_name

from .exchange import ask

_CREATE = "$aws/certificates/create-from-csr/json"
_SIGN = "things/%s/sign"
_REGISTER = "$aws/provisioning-templates/%s/provision/json"
_CN_MAX = 64  # RFC 5280, ub-common-name
_CHAIN_MAX = 4
# What of the active identity goes over to the one that renews it.
_KEPT = ("name", "client_id", "endpoint", "port", "username", "password")


def renew(device, template, parameters=None, timeout=30, job=None):
    """Have the active identity's successor issued over its own link, tried, and committed. A generator (job.py).

    device: the module of that name; template: of AWS's, whose hook lets a thing renew its own certificate (by the
    parameter ThingName, which `parameters` adds to), or None: the signer that the job is for; job: the ID of AWS's, by
    which the new identity is known again. It is noted that AWS has to be told (Store.untold).
    What try_staged says, and `identity`, `certificate` (its SHA-256, which is AWS's certificate ID) and `configuration`
    (the template's DeviceConfiguration).
    """
    record = device.store.current()
    if not record:
        raise StoreError("state", "there is no active identity to renew")
    if not (template or job):
        raise StoreError("state", "no template renews it: aws.template is empty")
    order = {
        "template": template,
        "parameters": {"ThingName": record["name"]} | (parameters or {}),
        "where": {key: record[key] for key in _KEPT if key in record},
        "cas": record["cas"],
    }
    order["where"]["untold"] = True
    if job:
        order["where"]["job"] = job
    return (yield from obtain(device, device.link, order, Asker("renewal"), timeout))


def obtain(device, link, order, asker, timeout=30, begin=None):
    """As `renew`, over `link`: for a device that has a claim, that is made with the claim, and stopped before the try.

    order: template, parameters (texts, for it), where (endpoint, port; name and client_id, unless the template gives
    the thing its name), cas (whom to trust: base64 of DER); asker: who wants it (identity.terms); begin: more for
    Store.begin (key, slot, serial).
    """
    store, where = device.store, order["where"]
    name = where.get("name") or order["parameters"]["SerialNumber"]
    begun = store.begin([[["CN", name[:_CN_MAX]]]], asker=asker, **(begin or {}))
    token = begun["token"]
    try:
        answer = yield from _registered(link, order, begun["csr"], timeout)
        found = certificates(_text(answer, "certificatePem").encode())
        where = _named(where, answer)
        cas = [a2b_base64(ca) for ca in order["cas"]]
        name, certificate = store.stage(token, found[0], cas, found[1 : _CHAIN_MAX + 1], **where)
        if link is not device.link:
            link.stop()
        trial = lazily.load("renewal.trial")
        said = yield from trial.try_staged(
            store, device.link, token, timeout, 3, lambda: store.commit(token, asker=asker)
        )
    except BaseException:
        _discard(store, token)
        raise
    if device.link.state != "off" and device.link.status()["client_id"] != where["client_id"]:
        device.link.start()
    device.web.refresh()
    configuration = answer.get("deviceConfiguration")
    return said | {"identity": name, "certificate": certificate.sha256, "configuration": configuration}


def _named(where, answer):
    """`where`, with the thing's name."""
    if "thingName" not in answer and "name" in where:
        return where  # a template that registers no thing
    thing = _text(answer, "thingName")
    if where.get("name", thing) != thing:
        raise LinkError("mqtt", "AWS has registered %s, not %s" % (thing, where["name"]))
    try:
        check_name(thing)
    except ValueError as e:
        raise LinkError("mqtt", "AWS's name for this device: %s" % e)
    return {"name": thing, "client_id": thing} | where


def _registered(link, order, csr, timeout):
    """The answers to all requests, in one dict."""
    if order["template"] is None:
        asked = {"certificateSigningRequest": _pem(csr), "jobId": order["where"]["job"]}
        return (yield from ask(link, _SIGN % order["where"]["name"], asked, timeout))
    issued = yield from ask(link, _CREATE, {"certificateSigningRequest": _pem(csr)}, timeout)
    request = {
        "certificateOwnershipToken": _text(issued, "certificateOwnershipToken"),
        "parameters": order["parameters"],
    }
    return issued | (yield from ask(link, _REGISTER % order["template"], request, timeout))


def _text(answer, name):
    value = answer.get(name)
    if not isinstance(value, str):
        raise LinkError("mqtt", "AWS's answer has no %s" % name)
    return value


def _pem(csr):
    lines = b2a_base64(csr, newline=False).decode()
    body = "\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
    return "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n" % body


def _discard(store, token):
    try:
        store.discard(token)
    except StoreError:
        pass  # it was committed, or somebody else has begun since
