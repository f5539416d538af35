"""Certificates that are on no board any more: of runs that ended too early, and those that were replaced."""

from __future__ import annotations

import time
from collections.abc import Callable

from atecc.aws import certificates
from atecc.aws.certificates import ACTIVE, INACTIVE, Certificate
from atecc.aws.cloud import Cloud
from atecc.aws.journal import Entry

KEEP_PREVIOUS = 7 * 86400


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
