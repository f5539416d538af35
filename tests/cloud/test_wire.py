"""The questions of the plugin, without the plugin."""

import socket

import pytest
from simcloud.journal import Journal
from simcloud.judge import Packet
from simcloud.services import Outgoing
from simcloud.wire import Wire


class Recorder:
    """A judge that allows what it's told to, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.allows = True

    def connect(self, *asked):
        self.asked.append(asked)
        return self.allows

    packet = connect

    def meet(self, *asked):
        self.met = asked

    def message(self, *asked):
        self.asked.append(asked)

    unsubscribed = message

    def outgoing(self):
        return [(Outgoing("", "t", "{}"), 1)]

    def gone(self, handle, reason):
        self.asked.append((handle, reason))

    def overdue(self):
        return ["one", "zwölf"]


@pytest.fixture
def judge():
    return Recorder()


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def ask(judge, journal):
    wire = Wire(judge, journal)
    plugin = socket.socket(fileno=socket.dup(wire.plugin_end))

    def question(*fields):
        plugin.send("\0".join(fields).encode())
        return plugin.recv(1000)

    yield question
    wire.close()
    plugin.close()


@pytest.mark.parametrize(("allows", "answer"), [(True, b"y"), (False, b"n")])
def test_questions_and_answers(ask, judge, allows, answer):
    judge.allows = allows
    assert ask("connect", "0x1", "ab" * 32, "client", "1", "3000") == answer
    assert ask("publish", "0x1", "1", "1", "17", "a/b") == answer
    assert judge.met == ("ab" * 32, b"0\0")
    assert judge.asked == [
        ("0x1", "ab" * 32, "client", True),
        ("0x1", Packet("publish", "a/b", qos=1, retain=True, size=17)),
    ]


def test_a_session_that_is_gone(ask, judge):
    for reason in ("0", "19", "7"):
        assert ask("gone", "0x1", reason) == b"y"
    assert judge.asked == [
        ("0x1", "CLIENT_INITIATED_DISCONNECT"), ("0x1", "MQTT_KEEP_ALIVE_TIMEOUT"), ("0x1", "CONNECTION_LOST")
    ]  # fmt: skip


def test_a_tick_is_answered_with_whom_to_cut_off_and_what_to_say(ask):
    assert ask("tick") == b"y\0cut\0one\0cut\0zw\xc3\xb6lf\0publish\0\x001\0t\0{}"


def test_a_message_may_hold_anything(ask, judge):
    assert ask("message", "0x1", "$aws/x", "a\0b") == b"y"
    assert ask("unsubscribe", "0x1", "0", "0", "0", "$aws/x") == b"y"
    assert judge.asked == [("0x1", "$aws/x", b"a\0b"), ("0x1", "$aws/x")]


@pytest.mark.parametrize("question", [["nonsense"], ["connect"], ["publish", "0x1", "x", "1", "1", "a"]])
def test_what_is_not_understood_is_refused_and_written_down(ask, journal, question):
    assert ask(*question) == b"n"
    assert "the stand-in failed" in journal.decisions[-1].reason
    assert ask("gone", "0x1", "0") == b"y"
