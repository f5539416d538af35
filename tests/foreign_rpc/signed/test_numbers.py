"""Requests are numbered, and what comes again is not run."""

import time

import pytest
from foreign_rpc.frames import Refused, Silence, request, text
from foreign_rpc.rpcbench import until
from foreign_rpc.signed.signing import Operator, SignedChannel, opened
from foreign_rpc.signed.street import NAME, SHORT_S, Street, ask, uptime


def test_another_computer_with_the_same_key_learns_the_next_number(street: Street) -> None:
    one = street.operator()
    other = SignedChannel(street.channel("other"), Operator(street.operators))
    other.operator.key, other.operator.certificate = one.operator.key, one.operator.certificate
    for _ in range(3):
        ask(one)
    with pytest.raises(Refused) as refused:
        ask(other, counter=1)
    assert (refused.value.code, refused.value.kind) == (409, "counter")
    assert refused.value.error["next"] == one.operator.counter + 1
    assert ask(other)["id"] == ask(one)["id"] == NAME
    assert one.operator.counter == other.operator.counter + 1


def test_numbers_are_of_a_key_and_go_on_after_a_restart(street: Street) -> None:
    one, two = street.operator(), street.operator()
    ask(one)
    one.operator.counter = before = 1000
    ask(one)
    ask(two)
    assert two.operator.counter < before
    street.device.bench.board.reset()
    uptime(two)
    with pytest.raises(Refused) as refused:
        ask(one, counter=before + 2)
    assert before + 2 < refused.value.error["next"] <= before + 1 + 65
    assert ask(one)["id"] == NAME


def test_more_keys_than_a_device_remembers(street: Street) -> None:
    """Of those that are forgotten no number comes twice either: all others begin above."""
    first = street.operator()
    ask(first)
    used = first.operator.counter
    for _ in range(17):
        ask(street.operator())
        street.rest()
    with pytest.raises(Refused) as refused:
        ask(first, counter=used)
    assert refused.value.error["next"] > used
    assert ask(first)["id"] == NAME


def test_a_replay_is_not_run(street: Street) -> None:
    operator = street.operator()
    ask(operator)  # for the numbers
    config = {"config": {"device.id": "one"}}
    plain = text(request("Config.Set", config, src=operator.channel.src))
    payload, digest = operator.operator.signed(NAME, plain)
    operator.channel.send(payload)
    assert "result" in opened(operator.channel.raw(), digest)[0]
    street.device.asks("Config.Set", {"config": {"device.id": "none"}})
    for _ in range(3):
        operator.channel.send(payload)
    with pytest.raises(Silence):  # it comes twice, as anything may with QoS 1
        operator.channel.raw(SHORT_S)
    assert street.device.asks("Config.Get", {"key": "device.id"}) == "none"
    assert ask(operator)["id"] == NAME


def test_a_retained_request_is_not_run_at_the_next_connection(street: Street) -> None:
    operator = street.operator()
    ask(operator)
    plain = text({"method": "Config.Set", "params": {"config": {"device.id": "one"}}})
    payload, _ = operator.operator.signed(NAME, plain)
    operator.channel.send(payload, retain=True)
    until(lambda: street.device.asks("Config.Get", {"key": "device.id"}) == "one", "it is run once")
    street.device.asks("Config.Set", {"config": {"device.id": "none"}})
    street.device.asks("MQTT.Connect")
    assert ask(operator)["id"] == NAME
    assert street.device.asks("Config.Get", {"key": "device.id"}) == "none"
    operator.channel.send(b"", retain=True)


def test_retained_requests_are_not_run_where_the_broker_is_believed(street: Street) -> None:
    """Not even there: one retained Sys.Reboot, and the device would never come up again."""
    channel = street.channel()
    street.configure(unsigned=True)
    try:
        assert ask(channel)["id"] == NAME
        before = uptime(channel)
        channel.send(text({"method": "Sys.Reboot", "params": {"delay_ms": 50}}), retain=True)
        until(lambda: uptime(channel) < before, "a request that is sent now is run")
        up = [uptime(channel) for _ in range(6) if not time.sleep(0.3)]
        assert up == sorted(up) and up[-1] > 0
    finally:
        channel.send(b"", retain=True)
        street.configure(unsigned=False)
