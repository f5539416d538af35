"""`provision aws` for a board that is the thing already, while somebody's run stands on the thing."""

import time

import pytest
from atecc.aws.registry import CLAIM


def claimed(account, age):
    claim = f"bob@elsewhere:7/{int(time.time() - age)}/ab"
    payload = {"attributes": {CLAIM: claim, "board": ""}, "merge": True}  # three are all that it may have
    account.iot.update_thing(thingName=account.thing, attributePayload=payload)
    return claim


@pytest.mark.parametrize(("age", "status"), [(10, 5), (3600, 0)])
def test_a_run_that_goes_on_is_left_alone_and_one_that_came_to_nothing_is_cleared(
    board, provision, account, age, status
):
    provision(board)
    claim = claimed(account, age)
    seen = provision(board)
    assert seen.status == status and ("bob@elsewhere is provisioning" in seen.err) is bool(status)
    assert account.attributes.get(CLAIM) == (claim if status else None)
