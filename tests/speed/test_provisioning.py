"""Where the time of `atecc provision aws` and `atecc info` goes: what can be counted stays small."""

import pytest
from speed.provisioning import Run, rows, users


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    with users() as new:
        user = new()
        return {command: user.types(command) for command in user.commands}


def test_info_asks_the_board_once(runs):
    [(_, _, methods)] = runs["atecc info"].board
    assert len(methods) == 8


def test_provisioning_asks_no_more_often_than_it_must(runs):
    """Each step's request stands between checks; only the first look is several at one go."""
    run = runs["atecc provision aws"]
    asked = [methods for _, _, methods in run.board]
    assert asked[0] == ["Sys.GetInfo", "ATCA.GetInfo", "Identity.Status"]
    assert [method for [method] in asked[1:]] == [
        "ATCA.KeyInfo", "Sys.SetTime", "Identity.Begin", "Identity.Stage", "Identity.Get", "Identity.Try",
        "Identity.Commit", "MQTT.Connect", "Access.Status",
    ]  # fmt: skip
    assert len(run.aws) == 12


def test_the_shares_are_the_whole(runs):
    for command, run in runs.items():
        assert sum(took for _, took in run.shares()) == pytest.approx(run.total)
        assert all(took > -0.01 for _, took in run.shares()), command
    table = list(rows(runs))
    assert [line[0] for line in table if not line[0].startswith("-")] == ["", *runs]
