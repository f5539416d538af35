"""`atecc rpc`: what of the device's methods anybody may call by hand."""

import pytest


def test_rpc_call(board, run):
    seen = run(board, "rpc", "call", "ATCA.KeyInfo", '{"slot": 0}')
    assert seen.status == 0 and seen.json["slot"] == 0
    assert run(board, "rpc", "call", "ATCA.KeyInfo", "-", typed='{"slot": 1}').json["slot"] == 1
    assert "ATCA.GetInfo" in run(board, "rpc", "list").out.splitlines()
    assert "ATCA.GetInfo" in run(board, "rpc", "list", "--json").json


@pytest.mark.parametrize("params", ["{", "[]", "7", "slot=0"])
def test_rpc_call_with_what_is_no_object(board, run, params):
    seen = run(board, "rpc", "call", "ATCA.KeyInfo", params)
    assert seen.status == 2 and '{"slot": 0}' in seen.err and board.calls == []


def test_rpc_call_does_not_lock(blank, run):
    for method, params in (("ATCA.LockZone", '{"zone": 0}'), ("ATCA.LockSlot", '{"slot": 0}')):
        seen = run(blank, "rpc", "call", method, params)
        assert seen.status == 5 and "atecc chip lock" in seen.err and blank.calls == []


def test_a_key_is_not_for_the_command_line(board, run):
    seen = run(board, "rpc", "call", "ATCA.SetKey", '{"slot": 2, "key": "c2VjcmV0"}')
    assert seen.status == 5 and "atecc key import" in seen.err and board.calls == []
    assert "c2VjcmV0" not in seen.err + seen.out
