"""AWS fails at one call of `provision aws` after the other."""

import json

import pytest
from awsaccount import NAMES, in_order, used
from fakedevice import FakeDevice
from simcloud.faults import ApiError

OPERATIONS = [
    "DescribeEndpoint", "DescribeThing", "GetPolicy", "CreateThing", "CreatePolicy", "CreateCertificateFromCsr",
    "AttachPolicy", "AttachThingPrincipal", "UpdateCertificate", "UpdateThing", "ListThingPrincipalsV2",
    "DescribeCertificate", "DeleteCertificate", "DetachPolicy", "DetachThingPrincipal",
]  # fmt: skip


DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}


def test_an_answer_that_is_lost_costs_nothing(provision, account, tmp_path):
    """Done, but nobody said so: it is asked again, and there is still one of each."""
    (tmp_path / "p.json").write_text(json.dumps(DOCUMENT))
    for operation in OPERATIONS:
        board, account.thing = FakeDevice(), next(NAMES)
        account.before = set(account._all())
        policy = ["--policy", f"of-{account.thing}", "--policy-file", tmp_path / "p.json"]
        for more in ([], ["--renew"]):
            account.faults.lose(operation, 2)
            before = [used(board)] if board.active else []
            seen = provision(board, *more, *policy)
            assert seen.status == 0, (operation, seen.err)
            account.faults.clear()
            assert in_order(account, board, retired=before), operation


@pytest.mark.parametrize(
    "error",
    [
        ApiError(403, "AccessDeniedException", "no"),
        ApiError(503, "ServiceUnavailableException", "broken"),
    ],
)
def test_each_call_fails_in_turn(provision, account, error):
    """However it fails: the board works as before, or with the new certificate, and nothing is on no board."""
    for operation in OPERATIONS:
        board, account.thing = FakeDevice(), next(NAMES)
        account.before = set(account._all())
        assert provision(board).status == 0
        before = used(board)
        account.faults.add(operation, error, 50)
        seen = provision(board, "--renew")
        account.faults.clear()
        assert seen.status in (0, 7) and "Traceback" not in seen.err, (operation, seen.err)
        assert provision(board).status == 0
        now = used(board)
        assert in_order(account, board, retired=[before] if now != before else []), operation
