"""Certificates that are on no board any more: of runs that ended too early, and those that were replaced."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from atecc.aws import certificates, registry
from atecc.aws.certificates import ACTIVE, INACTIVE, Certificate
from atecc.aws.cloud import Cloud
from atecc.aws.fleet import Fleet, find_template
from atecc.aws.journal import SWITCHING, Entry, Journal, unfinished
from atecc.errors import AwsError, RefusedError

KEEP_PREVIOUS = 7 * 86400
# A device with a claim that hears no answer asks again within minutes.
ASKS_AGAIN = 3600.0


def days(seconds: float) -> str:
    return f"{seconds / 86400:g} days"


def take_away(cloud: Cloud, left: Entry) -> list[Certificate]:
    """What a run had issued before it ended."""
    found = certificates.with_key(cloud, left.key, left.began) if left.key else []
    for one in found:
        certificates.withdraw(cloud, one.id, one.arn)
    return found


def retire(cloud: Cloud, one: Certificate, keep: float, rollback: bool, say: Callable[[str], None]) -> bool:
    """A certificate that was replaced: deactivated, and deleted after `keep` seconds; whether it is deactivated now.

    `rollback`: the board may go back to it. What this tool has not attached is deactivated only.
    """
    late = one.status != ACTIVE and one.modified + keep < time.time()
    if one.exclusive and (late or keep == 0 or not rollback):
        certificates.withdraw(cloud, one.id, one.arn)
        say(f"The certificate {one.short}, which is on no board any more, is deleted.")
        return False
    if one.status != ACTIVE:
        return False
    certificates.set_status(cloud, one.id, INACTIVE)
    later = (
        f"; it is deleted after {days(keep)}, by the next run or `atecc aws sweep`" if one.exclusive else ""
    )
    say(f"The certificate before, {one.short}, is deactivated{later}.")
    return True


# Without a board


@dataclass
class Swept:
    """IDs of what was deleted or deactivated, and sentences about what can't be judged from here."""

    deleted: list[str] = field(default_factory=list)
    deactivated: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)


def sweep(cloud: Cloud, things: list[str], keep: float, say: Callable[[str], None]) -> Swept:
    """What runs of this computer have left, and of these things what was replaced more than `keep` seconds ago."""
    swept = Swept()
    for entry in unfinished():
        if entry.region == cloud.region and (not things or entry.thing in things):
            _sweep_entry(cloud, entry, swept, say)
    for thing in things:
        _sweep_thing(cloud, thing, keep, swept, say)
    return swept


def _sweep_thing(cloud: Cloud, thing: str, keep: float, swept: Swept, say: Callable[[str], None]) -> None:
    found = certificates.of_thing(cloud, thing)
    lost = _never_heard_of(cloud, found)
    for one in found:
        old = one.status != ACTIVE and one.modified + keep < time.time()
        if one in lost and one.status == ACTIVE:
            if keep == 0:
                _delete(cloud, one, swept, say)
            else:
                _deactivate(cloud, one, keep, swept, say)
        elif old and (one.exclusive or one in lost):
            _delete(cloud, one, swept, say)
    active = [one for one in found if one.status == ACTIVE and one not in lost]
    if len(active) > 1:
        swept.unsure.append(
            f"{thing} has {len(active)} active certificates, {' and '.join(one.short for one in active)}, and AWS does "
            "not tell which its device uses: `atecc identity status` does, and `atecc aws revoke` takes away another."
        )


def _never_heard_of(cloud: Cloud, found: list[Certificate]) -> list[Certificate]:
    """Those that a device asked for with a claim, and whose answer was lost: it asked again, for the same key.

    It does so until it has a certificate, so it is the last, if any, that it uses. Where anything else may be the
    reason why a key has several, nothing is judged.
    """
    lost = []
    by_key: dict[str, list[Certificate]] = {}
    for one in sorted(found, key=lambda one: one.created):
        by_key.setdefault(one.key, []).append(one)
    for same in by_key.values():
        if len(same) == 1 or same[-1].status != ACTIVE or not all(_is_of_fleet(cloud, one) for one in same):
            continue
        pairs = itertools.pairwise(same)
        lost += [one for one, after in pairs if 0 < after.created - one.created < ASKS_AGAIN]
    return lost


def _is_of_fleet(cloud: Cloud, one: Certificate) -> bool:
    """Whether a template of this tool's, which is still there, has registered it, for one thing. What these credentials
    may not look at is not known."""
    ending = Fleet("").renewal_policy
    try:
        policies = cloud.pages("list_attached_policies", "policies", target=one.arn)
        names = [str(policy["policyName"]) for policy in policies]
        templates = [name.removesuffix(ending) for name in names if name.endswith(ending)]
        bodies = [(Fleet(name).body, find_template(cloud, name)) for name in templates]
        ours = any(there and json.loads(there["templateBody"]) == body for body, there in bodies)
        return ours and len(certificates.things_of(cloud, one.arn)) == 1
    except AwsError as error:
        if error.kind != "aws-denied":
            raise
        return False


def _sweep_entry(cloud: Cloud, entry: Entry, swept: Swept, say: Callable[[str], None]) -> None:
    thing = registry.look(cloud, entry.thing)
    if thing.arn and certificates.account_of(thing.arn) != entry.account:
        return  # another account's
    try:
        journal = Journal(entry.account, entry.region, entry.thing).open()
    except RefusedError as error:
        swept.unsure.append(error.message)
        return
    if entry.step == SWITCHING:
        swept.unsure.append(
            f"Whether chip {entry.chip} has become {entry.thing} with certificate {entry.certificate[:8]}… only its "
            f"board knows: plug it in, and run `atecc provision aws --thing {entry.thing}`."
        )
        journal.close(finished=False)
        return
    try:
        for one in certificates.with_key(cloud, entry.key, entry.began) if entry.key else []:
            _delete(cloud, one, swept, say)
        if registry.CLAIM in thing.attributes:
            registry.check_free(thing, registry.Claim.mine())
            registry.clear_claim(cloud, thing.name)
    except (AwsError, RefusedError):
        journal.close(finished=False)
        raise
    journal.close(finished=not cloud.rehearsing)


def _deactivate(
    cloud: Cloud, one: Certificate, keep: float, swept: Swept, say: Callable[[str], None]
) -> None:
    certificates.set_status(cloud, one.id, INACTIVE)
    swept.deactivated.append(one.id)
    if not cloud.rehearsing:
        say(
            f"The certificate {one.short} is deactivated: it never came to the device, which asked again for the same "
            f"key. A sweep after {days(keep)} deletes it."
        )


def _delete(cloud: Cloud, one: Certificate, swept: Swept, say: Callable[[str], None]) -> None:
    certificates.withdraw(cloud, one.id, one.arn)
    swept.deleted.append(one.id)
    if not cloud.rehearsing:
        say(f"The certificate {one.short} ({one.status}), which is on no board, is deleted.")
