"""A job of AWS IoT that renews the certificate: taken, done, and told of to the cloud; and the same without a job.

Whatever fails, the device is connected with the old identity again, and says why.
"""

import binascii
import json

import lazily
import threads
import uptime
from identity.terms import read_certificate
from job import complete
from link import clock
from link.errors import LinkError

from .exchange import ask
from .obtain import renew

_TOLD = "things/%s/rotated"
_TICK_MS = 100
_REASON_MAX = 1000  # AWS: 1024 characters, none of them a control character
_VERSION = 1  # of a job's document
_IN_PROGRESS = "IN_PROGRESS"
ANSWER_S = 30
VERDICT_MS = 120_000  # a function that many devices call at once has a queue


def by_itself(listener, device, due):
    """Renew the certificate if that is `due` and it ends soon; tell AWS until it has heard it. Never to be looked for
    again. device: the module of that name."""
    store, setting = device.store, device.settings.get
    if due and _ends_soon(store.current(), setting("aws.renew")):
        era = store.switch
        error = _renew(device, setting("aws.template"))
        _note(listener, store, error if store.switch == era else None)
    if store.untold is True or (store.untold and not due):
        _tell(store, device.link)
    return False


def _note(listener, store, error):
    """With what the renewal without a job has ended (an exception or None): kept for who asks, logged if it is new."""
    (before, era), listener.trouble = listener.trouble, (error, store.switch)
    if error and (era != store.switch or _words(before) != _words(error)):
        lazily.load("prints").tell("atecc: the certificate is not renewed: " + _words(error))


def by_job(listener, device, execution):
    """What there is to do of an execution, which is AWS's; whether to look for it again."""
    store = device.store
    job = execution["jobId"]
    if execution.get("status") == _IN_PROGRESS:  # else AWS wants it again
        if store.current().get("job") == job:
            return _report(listener, store, device.link, job, None)
        if listener.given_up[0] == job:
            return _report(listener, store, device.link, job, listener.given_up[1])
    if not _take(listener, device.link, store.name, execution):
        # It has another version meanwhile, if somebody here has called start-next; or it has ended.
        again = listener.refused != (job, execution["versionNumber"]) and listener.answer
        listener.refused = (job, execution["versionNumber"])
        return bool(again)
    document = execution["jobDocument"]
    era = store.switch
    error = _wrong(document) or _renew(device, document.get("template"), job)
    why = _words(error) if error and store.switch == era else None
    listener.given_up = (job, why)
    # Told when the device connects, and asks what is pending. If it never lost its connection it asks now.
    return why is not None


def _wrong(document):
    """Why what a job wants can't be done, as an exception; None if it can be tried."""
    if document.get("version", _VERSION) != _VERSION:
        return ValueError("the job's version is %s, this firmware knows %d" % (document["version"], _VERSION))
    if not isinstance(document.get("template", document.get("signer")), str):
        return ValueError("the job names neither a template nor a signer")
    return None


def _ends_soon(record, days):
    read = read_certificate(binascii.a2b_base64(record["certificate"]))
    return read.not_after - clock.now() < days * 86400


def _tell(store, link):
    """That there is a new certificate, for AWS to retire the ones before; by the answer it is known that it has heard.

    Not again, where the broker lets no such thing pass, or the one before has ended by itself.
    """
    topic = _TOLD % store.name
    before = store.get(store.idle)
    try:
        if not ("certificate" in before and _ends_soon(before, 0)):
            complete(ask(link, topic, {}, ANSWER_S))
    except LinkError as e:
        if e.kind != "topic" and not _is_dropped(link, topic):
            return  # when the device connects next
    store.told()


def _is_dropped(link, topic):
    """Whether the broker hangs up, again and again, on what has to do with it."""
    return any(one["topic"].startswith(topic) for one in link.status()["dropped"])


def _renew(device, template, job=None):
    """A new key and certificate, tried and committed; the exception with which that has failed, or None."""
    try:
        complete(renew(device, template, job=job))
    except Exception as e:
        return e
    return None


def _words(error):
    """In one line."""
    text = "".join(" " if c < " " or "\x7f" <= c <= "\x9f" else c for c in str(error) or repr(error))
    return " ".join(text.split())[:_REASON_MAX]


def _update(listener, link, thing, job, wanted):
    """UpdateJobExecution; whether AWS agrees. Its answers come by the listener's filter: with the job's ID in it, a
    topic may be longer than umqtt can subscribe to."""
    listener.answer = None
    listener.asked = "$aws/things/%s/jobs/%s/update" % (thing, job)
    link.publish(listener.asked, json.dumps(wanted), 1, False).wait()
    answer = link.wait_for(lambda: listener.answer, ANSWER_S).wait()
    return bool(answer) and answer.endswith("/accepted")


def _take(listener, link, thing, execution):
    """Say that it is begun, or gone on with; whether AWS agrees."""
    wanted = {"status": _IN_PROGRESS, "expectedVersion": execution["versionNumber"]}
    try:
        return _update(listener, link, thing, execution["jobId"], wanted)
    except LinkError:
        return False  # it is there still, when the device connects next


def _report(listener, store, link, job, why):
    """Tell the cloud, which looks at the connection by which this comes, and ends the job's part. If nobody does, the
    device ends it itself. Never to be looked for again."""
    said = {"jobId": job}
    if why:
        said["error"] = why
    listener.reported = job
    try:
        if _is_heard(listener, link, _TOLD % store.name, json.dumps(said)):
            if not why:
                store.told()
        else:
            details = (
                {"reason": why} if why else {"unconfirmed": "nobody at AWS has confirmed the new connection"}
            )
            status = "FAILED" if why else "SUCCEEDED"
            _update(listener, link, store.name, job, {"status": status, "statusDetails": details})
    except LinkError:
        pass  # the execution is still in progress when the device connects next
    return False


def _is_heard(listener, link, topic, message):
    """Whether what was told has ended the job's part; LinkError if it could not be."""
    job = listener.reported
    try:
        link.publish(topic, message, 1, False).wait()
    except LinkError:
        if _is_dropped(link, topic):
            return False
        raise
    until = uptime.ms() + VERDICT_MS
    while listener.reported == job and uptime.ms() < until:
        threads.pause(_TICK_MS)
    return listener.reported != job
