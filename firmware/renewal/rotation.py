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
ANSWER_S = 30
VERDICT_MS = 120_000  # a function that many devices call at once has a queue


def by_itself(listener, device, due):
    """Renew the certificate if that is `due` and it ends soon; tell AWS until it has heard it. Never to be looked for
    again. device: the module of that name."""
    store, setting = device.store, device.settings.get
    if due and _ends_soon(store.current(), setting("aws.renew")):
        _note(listener, store, _renew(device, setting("aws.template")))
    if store.untold:
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
    if store.current().get("job") == job:
        return _report(listener, device.link, store.name, job, None)
    if listener.given_up[0] == job:
        return _report(listener, device.link, store.name, job, listener.given_up[1])
    if not _take(listener, device.link, store.name, execution):
        # It has another version meanwhile, if somebody here has called start-next; or it has ended.
        again = listener.refused != (job, execution["versionNumber"]) and listener.answer
        listener.refused = (job, execution["versionNumber"])
        return bool(again)
    document = execution["jobDocument"]
    error = _renew(device, document.get("template"), job)
    why = error and _words(error)
    listener.given_up = (job, why)
    # Told when the device connects, and asks what is next. If it never lost its connection it asks now.
    return why is not None


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
        if e.kind != "topic" and not any(one["topic"].startswith(topic) for one in link.status()["dropped"]):
            return  # when the device connects next
    store.told()


def _renew(device, template, job=None):
    """A new key and certificate, tried and committed; the exception with which that has failed, or None."""
    try:
        complete(renew(device, template, job=job))
    except Exception as e:
        return e
    return None


def _words(error):
    """In one line."""
    return " ".join((str(error) or repr(error)).split())[:_REASON_MAX]


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
    wanted = {"status": "IN_PROGRESS", "expectedVersion": execution["versionNumber"]}
    try:
        return _update(listener, link, thing, execution["jobId"], wanted)
    except LinkError:
        return False  # it is there still, when the device connects next


def _report(listener, link, thing, job, why):
    """Tell the cloud, which looks at the connection by which this comes, and ends the job's part. If nobody does, the
    device ends it itself. Never to be looked for again."""
    said = {"jobId": job}
    if why:
        said["error"] = why
    listener.reported = job
    try:
        link.publish(_TOLD % thing, json.dumps(said), 1, False).wait()
        until = uptime.ms() + VERDICT_MS
        while listener.reported == job and uptime.ms() < until:
            threads.pause(_TICK_MS)
        if listener.reported == job:
            details = (
                {"reason": why} if why else {"unconfirmed": "nobody at AWS has looked at the new connection"}
            )
            status = "FAILED" if why else "SUCCEEDED"
            _update(listener, link, thing, job, {"status": status, "statusDetails": details})
    except LinkError:
        pass  # the execution is still in progress when the device connects next
    return False
