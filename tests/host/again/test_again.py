"""`provision aws` once more: what is there already, and whose it is.

After each, three are compared: this computer's journal, the board's identities, and the account's certificates.
"""

import time

import pytest
from atecc.aws import registry
from awsaccount import NAMES, in_order, journal, used
from fakedevice import SERIAL, FakeDevice

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


def test_a_dry_run_says_of_nothing_that_it_was_done(board, provision, account):
    new = provision(board, "--dry-run").err
    assert "✓ AWS IoT" in new and "✓ thing" not in new and "✓ policy" not in new
    assert provision(board).status == 0
    renewed = provision(board, "--dry-run", "--renew").err
    assert "deactivated" not in renewed and "✓ thing" not in renewed


def test_a_dry_run_on_a_board_that_is_the_thing_already_changes_no_setting(board, provision):
    assert provision(board).status == 0
    asked = len(board.calls)
    assert provision(board, "--dry-run", "--mqtt-rpc").status == 0
    assert "Config.Set" not in board.calls[asked:]


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
