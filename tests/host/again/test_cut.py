"""`provision aws` that is cut off at every step: what the next run, or a sweep, makes of what is left."""

import gc
import json

import pytest
from atecc.aws.cloud import NO_REQUEST, Cloud
from atecc.aws.journal import Journal
from atecc.errors import ChannelError
from awsaccount import NAMES, in_order, journal, used
from fakedevice import SERIAL, FakeDevice


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
        real_call, real_request = Cloud._call, board.request
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

        monkeypatch.setattr(Cloud, "_call", call)
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
