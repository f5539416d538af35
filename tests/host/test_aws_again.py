"""`provision aws` once more: what is there already, whose it is, and what is left of a run that ended too early.

After each, three are compared: this computer's journal, the board's identities, and the account's certificates.
"""

import gc
import itertools
import json
import os
import time
from pathlib import Path

import boto3
import pytest
from atecc.aws import certificates, patience, registry
from atecc.aws.cloud import NO_REQUEST
from atecc.aws.cloud import Cloud as AwsCloud
from atecc.aws.journal import Journal
from atecc.errors import ChannelError
from atecc.provisioning.workflow import Provisioning
from botocore.retries.standard import ExponentialBackoff
from fakedevice import SERIAL, FakeDevice
from simcloud.faults import ApiError

NAMES = (f"thing-{number}" for number in itertools.count())


@pytest.fixture(autouse=True, scope="module")
def made_once(stand_in):
    """A client of boto3 takes longer to make than a whole provisioning; here all are alike."""
    with pytest.MonkeyPatch.context() as patch:
        real, made = boto3.Session.client, {}

        def once(self, service, *args, config=None, **more):
            key = (service, bool(config and config.retries["total_max_attempts"] == 1), str(more))
            if key not in made:
                made[key] = real(self, service, *args, config=config, **more)
                gc.freeze()  # for Cut.over
            return made[key]

        patch.setattr(boto3.Session, "client", once)
        yield


class Account:
    """One thing in the stand-in, as somebody sees it who looks in from beside."""

    def __init__(self, stand_in):
        self.faults = stand_in.faults
        self.stand_in = stand_in
        self.iot = boto3.Session().client("iot")
        self.thing = next(NAMES)
        self.before = set(self._all())

    def _all(self):
        registry = self.stand_in._registry
        with registry.lock:
            return {name: one.status for name, one in registry.certificates.items()}

    @property
    def certificates(self):
        """Of this test: status by ID."""
        return {name: status for name, status in self._all().items() if name not in self.before}

    @property
    def attributes(self):
        return self.iot.describe_thing(thingName=self.thing)["attributes"]

    def called(self, since=0):
        """What was done, operation by operation."""
        return [one.action for one in self.stand_in.decisions[since:] if one.allowed]


@pytest.fixture
def account(stand_in, monkeypatch):
    monkeypatch.setattr(Provisioning, "retry_pause", 0)
    monkeypatch.setattr(certificates, "pause", lambda attempt: None)
    monkeypatch.setattr(patience, "pause", lambda seconds: None)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0)
    for name, value in stand_in.environment().items():
        monkeypatch.setenv(name, value)
    yield Account(stand_in)
    stand_in.faults.clear()


@pytest.fixture
def provision(run, account):
    def provision(board, *more, thing=None):
        where = ["--endpoint", "broker.invalid:8883", "--no-broker-check"]
        return run(board, "provision", "aws", "--thing", thing or account.thing, *where, *more)

    return provision


def used(board):
    """The ID of the certificate that the board connects with."""
    return board.records[board.active]["sha256"] if board.active else None


def journal():
    return sorted(Path(os.environ["XDG_STATE_HOME"]).rglob("*.json"))


def in_order(account, board, retired=()):
    """Disk, device and cloud agree: the board's own certificate counts, the ones before are there, and no others."""
    wanted = {used(board): "ACTIVE"} if used(board) else {}
    assert account.certificates == wanted | dict.fromkeys(retired, "INACTIVE")
    assert journal() == []
    try:
        assert "provisioning" not in account.attributes
    except account.iot.exceptions.ResourceNotFoundException:
        assert not board.active
    return True


# Again


def test_the_thing_says_which_board_it_is_and_json_has_it_all(board, provision, account):
    data = provision(board, "--json").json
    assert account.attributes == {"chipSerial": SERIAL, "mac": "00AA", "board": "FAKE,0.1.0"}
    described = account.iot.describe_certificate(certificateId=used(board))["certificateDescription"]
    assert data["certificate_id"] == used(board) and data["certificate_arn"] == described["certificateArn"]
    assert (data["account"], data["region"]) == (account.stand_in.account, account.stand_in.region)
    assert (data["chip"]["serial"], data["mac"], data["changed"]) == (SERIAL, "00AA", True)
    assert data["not_after"] == int(described["validity"]["notAfter"].timestamp()) > data["not_before"]
    assert in_order(account, board)


def test_a_board_that_is_the_thing_already_is_left_alone(board, provision, account):
    provision(board)
    first, asked = used(board), len(account.stand_in.decisions)
    calls = list(board.calls)
    seen = provision(board, "--json")
    assert seen.status == 0 and seen.json["changed"] is False and seen.json["certificate_id"] == first
    assert f"The board is {account.thing} already" in provision(board).err
    assert used(board) == first and "Identity.Begin" not in board.calls[len(calls) :]
    assert not {name for name in account.called(asked) if not name.startswith(("Describe", "List"))}
    assert in_order(account, board)


def test_renewing(board, provision, account):
    provision(board)
    first = used(board)
    seen = provision(board, "--renew", "--json")
    assert seen.status == 0, seen.err
    assert used(board) != first and seen.json["retired"] == [first]
    assert in_order(account, board, retired=[first])
    second = used(board)
    assert provision(board, "--renew").status == 0
    assert used(board) not in (first, second)
    assert in_order(account, board, retired=[second]), (
        "the first one's key is gone, and so is its certificate"
    )


def test_renewing_and_keeping_nothing(board, provision, account):
    provision(board)
    assert provision(board, "--renew", "--keep-previous", "0").status == 0
    assert in_order(account, board)


def test_renewing_before_the_end(board, provision, account, monkeypatch):
    provision(board)
    first = used(board)
    assert provision(board, "--renew-before", "30d", "--json").json["changed"] is False
    held = account.iot.describe_certificate(certificateId=first)["certificateDescription"]["validity"]
    days = (held["notAfter"].timestamp() - time.time()) / 86400
    assert provision(board, "--renew-before", f"{days + 1:.0f}d", "--json").json["changed"] is True
    assert in_order(account, board, retired=[first])
    assert provision(board, "--renew-before", "soon").status == 2


def test_a_certificate_that_somebody_has_deactivated_is_not_replaced_unasked(board, provision, account):
    provision(board)
    account.iot.update_certificate(certificateId=used(board), newStatus="INACTIVE")
    seen = provision(board)
    assert seen.status == 5 and "is INACTIVE at AWS" in seen.err and "--renew" in seen.err
    assert provision(board, "--renew").status == 0


# Whose is it


def other_board():
    other = FakeDevice()
    other.config[12] ^= 0xFF
    return other


def test_another_boards_thing(board, provision, account):
    provision(board)
    first, other = used(board), other_board()
    seen = provision(other)
    assert seen.status == 5 and not other.keys, seen.err
    assert f"The thing {account.thing} is chip {SERIAL}" in seen.err and other.serial in seen.err
    seen = provision(other, "--take-over")
    assert seen.status == 0, seen.err
    assert in_order(account, other, retired=[first])
    assert account.attributes["chipSerial"] == other.serial


def test_a_board_that_is_somebody_else(board, provision, account):
    provision(board)
    first, new = used(board), next(NAMES)
    seen = provision(board, thing=new)
    assert seen.status == 5 and used(board) == first
    assert f"This board is {account.thing} already" in seen.err and f"it would become {new}" in seen.err
    assert provision(board, "--take-over", thing=new).status == 0
    assert account.certificates == {first: "INACTIVE", used(board): "ACTIVE"}


def test_a_board_whose_files_are_gone_is_still_itself(board, provision, account):
    provision(board)
    first, again = used(board), FakeDevice()
    assert provision(again).status == 0
    assert in_order(account, again, retired=[first])


# Type, groups, room


def test_type_and_groups(board, provision, account):
    account.iot.create_thing_group(thingGroupName="cellar")
    seen = provision(board, "--thing-type", "sensor", "--group", "cellar")
    assert seen.status == 0, seen.err
    thing = account.iot.describe_thing(thingName=account.thing)
    assert thing["thingTypeName"] == "sensor"
    assert thing["attributes"] == {"chipSerial": SERIAL, "mac": "00AA", "board": "FAKE", "firmware": "0.1.0"}
    assert account.thing in account.iot.list_things_in_thing_group(thingGroupName="cellar")["things"]


def test_a_group_that_is_not_there_is_told_before_there_is_a_key(board, provision):
    seen = provision(board, "--group", "attic")
    assert seen.status == 5 and "no thing group attic" in seen.err and not board.keys


@pytest.mark.parametrize("own", [1, 3])
def test_attributes_of_the_users_own_stay(board, provision, account, own):
    mine = {f"mine{n}": "x" for n in range(own)}
    account.iot.create_thing(thingName=account.thing, attributePayload={"attributes": mine})
    seen = provision(board)
    assert seen.status == 0 and "there is no room for" in seen.err, seen.err
    expected = {"chipSerial": SERIAL, "mac": "00AA"} if own == 1 else {}
    assert account.attributes == mine | expected


# Shown and not done


def test_a_dry_run_shows_each_call_and_makes_none(board, provision, account):
    asked = len(account.stand_in.decisions)
    seen = provision(board, "--dry-run", "--thing-type", "kind", "--json")
    assert seen.status == 0, seen.err
    calls = seen.json["calls"]
    told = [call["action"] for call in calls]
    assert not board.keys and account.certificates == {} and journal() == []
    assert not [name for name in account.called(asked) if not name.startswith(("Describe", "Get", "List"))]
    asked = len(account.stand_in.decisions)
    assert provision(board, "--thing-type", "kind").status == 0
    changed = [n for n in account.called(asked) if not n.startswith(("Describe", "Get", "List"))]
    assert told == changed
    calls = provision(board, "--dry-run", "--renew", "--json").json["calls"]
    assert {"certificateId": used(board), "newStatus": "INACTIVE"} in [call["parameters"] for call in calls]
    assert in_order(account, board)


# Two at one thing


def test_the_second_is_told_who_was_first(board, provision, account):
    claim = f"alice@elsewhere:77/{int(time.time())}/0a0b0c0d"
    account.iot.create_thing(
        thingName=account.thing, attributePayload={"attributes": {"provisioning": claim}}
    )
    seen = provision(board)
    assert seen.status == 5 and "alice@elsewhere is provisioning" in seen.err and not board.keys
    assert account.attributes == {"provisioning": claim}
    old = {"provisioning": f"alice@elsewhere:77/{int(time.time()) - 3600}/0a0b0c0d"}
    account.iot.update_thing(thingName=account.thing, attributePayload={"attributes": old, "merge": True})
    assert provision(board).status == 0
    assert in_order(account, board)


def test_of_two_that_begin_at_the_same_moment_one_is_second(board, provision, account, monkeypatch):
    account.iot.create_thing(thingName=account.thing)
    real = registry.look

    def look(cloud, name):
        """And right after that somebody else takes it."""
        found = real(cloud, name)
        monkeypatch.setattr(registry, "look", real)
        claim = {"provisioning": f"bob@elsewhere:1/{int(time.time())}/0a"}
        account.iot.update_thing(thingName=name, attributePayload={"attributes": claim, "merge": True})
        return found

    monkeypatch.setattr(registry, "look", look)
    seen = provision(board)
    assert seen.status == 5 and "bob@elsewhere is provisioning" in seen.err and not board.keys


# Cut off at every step


class Killed(BaseException):
    """SIGKILL: nothing of the process runs any more."""


class Cut:
    """Something happens before or after the nth thing that is changed: at AWS, on the board, or on this disk.

    `steps` are their names, as they come.
    """

    READING = ("describe", "get", "list")
    BOARD = ("Sys.SetTime", "Identity.", "MQTT.Connect")

    def __init__(self, monkeypatch, board):
        self.steps, self._at, self._after, self._what, self.dead = [], None, False, None, False
        real_call, real_request = AwsCloud._call, board.request
        real_note, real_close = Journal.note, Journal.close

        def call(cloud, operation, once=False, **params):
            reading = (
                operation.startswith(self.READING) or params.get("certificateSigningRequest") == NO_REQUEST
            )
            return self._step(not reading and operation, lambda: real_call(cloud, operation, once, **params))

        def request(frame, timeout):
            method = json.loads(frame)["method"]
            changes = method.startswith(self.BOARD) and method not in ("Identity.Status", "Identity.Get")
            return self._step(changes and method, lambda: real_request(frame, timeout))

        def note(journal, entry):
            return self._step("journal", lambda: real_note(journal, entry))

        def close(journal, finished):
            return self._step("close", lambda: real_close(journal, finished))

        monkeypatch.setattr(AwsCloud, "_call", call)
        monkeypatch.setattr(board, "request", request)
        monkeypatch.setattr(Journal, "note", note)
        monkeypatch.setattr(Journal, "close", close)

    def at(self, number, after, what):
        self.steps, self._at, self._after, self._what, self.dead = [], number, after, what, False

    def over(self):
        """The process has ended: what it held is let go, and another one may run."""
        self._at, self.dead = None, False
        gc.collect()

    def _step(self, name, do):
        if self.dead:
            raise Killed
        if not name:
            return do()
        self.steps.append(name)
        due = len(self.steps) - 1 == self._at
        if due and not self._after:
            self._happen()
        got = do()
        if due and self._after:
            self._happen()
        return got

    def _happen(self):
        self.dead = self._what is Killed
        raise self._what()


@pytest.fixture
def every_step(provision, account, monkeypatch):
    """Go through it as often as it has steps, each time cut off at another one; each time with another thing."""

    def every_step(what, check, renewing=False, after=(False, True)):
        for late in after:
            number, more = 0, True
            while more:
                with monkeypatch.context() as patch:
                    board, account.thing = FakeDevice(), next(NAMES)
                    account.before = set(account._all())
                    before = []
                    if renewing:
                        provision(board)
                        before = [used(board)]
                    cut = Cut(patch, board)
                    cut.at(number, late, what)
                    seen = provision(board, *(["--renew"] if renewing else []))
                    more = number < len(cut.steps)
                    step = cut.steps[number] if more else "none"
                    cut.over()
                    where = f"{'after' if late else 'before'} {number} {step}"
                    assert "Traceback" not in seen.err, where
                    try:
                        check(board, seen, before)
                    except AssertionError as error:
                        raise AssertionError(f"{where}: {error}\n{seen.err}") from error
                    number += 1
            assert number > 12, "it has that many steps at least"

    return every_step


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_step(every_step, provision, account, after):
    """The next run finds what is left, whatever that is."""

    def check(board, seen, before):
        again = provision(board)
        assert again.status == 0, again.err
        now = used(board)
        assert in_order(account, board, retired=[one for one in before if one != now])

    every_step(Killed, check, renewing=after, after=(after,))


@pytest.mark.parametrize("after", [False, True])
def test_ctrl_c_at_every_step(every_step, provision, account, after):
    """It cleans up behind itself; only what comes after the switch is left to the next run."""

    def check(board, seen, before):
        assert seen.status in (0, 130)
        switched = used(board) and used(board) not in before
        if not switched:
            assert account.certificates == dict.fromkeys(before, "ACTIVE")
        assert provision(board).status == 0
        assert in_order(account, board, retired=before if switched else [])

    every_step(KeyboardInterrupt, check, renewing=not after, after=(after,))


def test_the_cable_is_gone_at_every_step(every_step, provision, account):
    def check(board, seen, before):
        assert provision(board).status == 0
        assert in_order(account, board)

    def gone():
        return ChannelError("The board is gone")

    every_step(gone, check, after=(True,))


def killed(provision, account, monkeypatch, at, after=True):
    """A run for a new thing that was killed at a step; its board."""
    with monkeypatch.context() as patch:
        board, account.thing = FakeDevice(), next(NAMES)
        account.before = set(account._all())
        cut = Cut(patch, board)
        cut.at(at, after, Killed)
        provision(board)
        cut.over()
        return board, cut.steps[at]


def test_sweeping_without_the_board(provision, account, monkeypatch, run):
    for at in range(30):
        board, step = killed(provision, account, monkeypatch, at)
        swept = run(board, "aws", "sweep", "--json")
        assert swept.status == 0, swept.err
        if board.active:
            break
        # The last note before the switch says that it may have been.
        if swept.json["unsure"]:
            assert step == "journal" and provision(board).status == 0 and in_order(account, board)
        else:
            assert account.certificates == {} and journal() == [], step
    [unsure] = swept.json["unsure"]
    assert SERIAL in unsure and "provision aws" in unsure and step == "Identity.Commit"
    assert account.certificates == {used(board): "ACTIVE"}, "it may be in use, and it is"
    assert provision(board).status == 0 and in_order(account, board)


def test_a_sweep_that_only_shows(provision, account, monkeypatch, run):
    board, step = killed(provision, account, monkeypatch, 8)
    calls = run(board, "aws", "sweep", "--dry-run", "--json").json["calls"]
    assert "DeleteCertificate" in [call["action"] for call in calls], step
    assert len(account.certificates) == 1 and journal()


def test_what_was_replaced_is_kept_for_a_while(board, provision, account, run, monkeypatch):
    provision(board)
    first = used(board)
    provision(board, "--renew")
    sweep = ["aws", "sweep", "--thing", account.thing, "--json"]
    assert run(board, *sweep).json["deleted"] == []
    assert run(board, *sweep, "--keep-previous", "0").json["deleted"] == [first]
    assert in_order(account, board)


def test_listing_and_revoking(board, provision, account, run):
    provision(board)
    listed = run(board, "aws", "certificates", "--thing", account.thing, "--json").json["certificates"]
    [one] = listed
    assert (one["certificate_id"], one["status"], one["exclusive"]) == (used(board), "ACTIVE", True)
    assert used(board) in run(board, "aws", "certificates", "--thing", account.thing).out
    revoke = ["aws", "revoke", "--certificate", used(board)]
    assert run(board, *revoke).status == 5 and account.certificates
    assert run(board, *revoke, "--yes-revoke", "x").status == 5 and account.certificates
    seen = run(board, *revoke, "--yes-revoke", used(board))
    assert seen.status == 0 and f"lets {account.thing} connect" in seen.err and account.certificates == {}
    assert run(board, *revoke).status == 2


# Errors of AWS, one call after the other

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
