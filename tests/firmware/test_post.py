"""link.mail and link.subscriptions on MicroPython: rooms that are never more than full, and what is given up."""

MAIL = """
from link.mail import Mail, Requests
mail, requests = Mail(), Requests()
def taken():
    out = []
    while True:
        message = mail.take(None)
        if message is None:
            return out
        out.append(int(message[1]))
"""


def test_without_anybody_who_asks_the_oldest_mail_goes(micropython):
    run = MAIL + "gone = []\nfor n in range(40): gone += mail.add('t%d' % n, b'%d' % n)\n"
    assert micropython.value("[mail.holds_up, mail.lost, gone, taken()]", run) == [
        False, 24, [f"t{n}" for n in range(24)], list(range(24, 40)),
    ]  # fmt: skip


def test_while_somebody_asks_the_broker_keeps_what_there_is_no_room_for(micropython):
    run = MAIL + "mail.asked_for()\nfor n in range(16): mail.add('t', b'%d' % n)\n"
    assert micropython.value("[mail.holds_up, mail.lost]", run) == [True, 0]
    late = run + "mail.tick(29999)\nbefore = mail.holds_up\nmail.tick(1)\n"
    assert micropython.value("[before, mail.holds_up]", late) == [True, False]
    assert micropython.value("[mail.take(None) is None, mail.holds_up]", run) == [False, False]


def test_what_is_read_while_the_device_publishes_has_an_end_too(micropython):
    run = MAIL + "mail.asked_for()\nfor n in range(1000): mail.add('t', b'%d' % n)\n"
    lost, kept = micropython.value("[mail.lost, taken()]", run)
    assert 16 < len(kept) < 260 and kept == list(range(lost, 1000))
    large = MAIL + "mail.asked_for()\nfor n in range(9): mail.add('t', b'%d' % n + b' ' * 6000)\n"
    assert micropython.value("taken()", large)[-1] == 8
    assert micropython.value("len(mail._kept)", large) <= 4


def test_requests_have_a_room_of_their_own(micropython):
    run = MAIL + (
        "for n in range(40): mail.add('t', b'%d' % n)\n"
        "for n in range(8): requests.add('r', b'%d' % n)\n"
        "full = requests.is_full()\nseen = []\n"
        "requests.hand_on(lambda topic, message: seen.append(int(message)) or len(seen) < 4)\n"
    )
    # The one that was not taken is offered again.
    again = run + "requests.hand_on(lambda topic, message: seen.append(int(message)) or True)\n"
    assert micropython.value("[full, requests.is_full(), seen]", again) == [
        True,
        False,
        [0, 1, 2, 3, 3, 4, 5, 6, 7],
    ]


SUBSCRIPTIONS = """
from link.mqtt import LinkError
from link.subscriptions import Subscriptions, Suspicions
subscriptions, suspicions = Subscriptions(), Suspicions()
MINUTE = 60000
"""


def test_a_topic_that_nobody_waits_for_is_overdue(micropython):
    run = SUBSCRIPTIONS + (
        "for topic in ('a', 'b/#', 'c'): subscriptions.add(topic, 1)\n"
        "subscriptions.tick(14 * MINUTE)\nearly = subscriptions.overdue()\n"
        "subscriptions.asked_for('b/x')\nsubscriptions.add('c', 0)\n"
        "subscriptions.tick(2 * MINUTE)\n"
    )
    assert micropython.value("[early, subscriptions.overdue(), subscriptions.items()]", run) == [
        [], ["a"], [["a", 1], ["b/#", 1], ["c", 0]],
    ]  # fmt: skip
    anything = run + "subscriptions.asked_for(None)\n"
    assert micropython.value("subscriptions.overdue()", anything) == []


def test_what_is_dropped_is_told_until_it_is_wanted_again(micropython):
    run = SUBSCRIPTIONS + (
        "for n in range(20):\n    subscriptions.add('t%d' % n, 1)\n    subscriptions.drop('t%d' % n, 'why')\n"
        "few = len(subscriptions.notes)\nsubscriptions.add('t19', 1)\n"
    )
    assert micropython.value("[few, len(subscriptions.notes), subscriptions.items()]", run) == [
        8,
        7,
        [["t19", 1]],
    ]


def test_a_session_of_before_the_start_is_unsubscribed_topic_by_topic(micropython):
    run = SUBSCRIPTIONS + (
        "subscriptions.add('ours/#', 1)\n"
        "for topic in ('ours/x', 'stray'): subscriptions.stray(topic)\n"
        "first = subscriptions.overdue()\nsubscriptions.drop('stray', 'why')\nsubscriptions.stray('stray')\n"
    )
    assert micropython.value("[first, subscriptions.overdue()]", run) == [["stray"], []]


HANG_UP = """
def hang_up():
    raise LinkError("closed", "without a word", "mqtt")
def attempt(what, topic, operation=hang_up):
    try:
        suspicions.run(what, topic, operation)
        suspicions.answered()
        return "done"
    except LinkError as e:
        if e.kind == "state":
            return "not tried"
        suspicions.ended(e)
        return e.kind
"""


def test_what_a_broker_hangs_up_on_is_not_tried_for_ever(micropython):
    run = SUBSCRIPTIONS + HANG_UP
    tries = "[attempt('publish to', 'a') for _ in range(6)]"
    assert micropython.value(tries, run) == ["closed"] * 3 + ["not tried"] * 3
    others = (
        f"[{tries}, attempt('publish to', 'b'), attempt('subscribe to', 'a'), suspicions.notes[0]['topic']]"
    )
    assert micropython.value(others, run)[1:] == ["closed", "closed", "a"]
    later = f"[{tries}, suspicions.tick(10 * MINUTE), suspicions.notes, attempt('publish to', 'a')]"
    assert micropython.value(later, run)[2:] == [[], "closed"]


def test_one_success_in_between_forgives(micropython):
    run = SUBSCRIPTIONS + HANG_UP + "nothing = lambda: None\n"
    tries = "[attempt('publish to', 'a', nothing if n == 2 else hang_up) for n in range(6)]"
    assert micropython.value(tries, run) == ["closed", "closed", "done", "closed", "closed", "closed"]


def test_a_network_that_fails_is_nobodys_fault(micropython):
    run = (
        SUBSCRIPTIONS
        + HANG_UP
        + (
            "def lost():\n    raise LinkError('timeout', 'no answer', 'mqtt')\n"
            "def unreachable():\n    raise LinkError('network', 'no route', 'tcp')\n"
        )
    )
    tries = "[attempt('publish to', 'a', (lost, unreachable)[n % 2]) for n in range(8)]"
    assert micropython.value(tries, run) == ["timeout", "network"] * 4


def test_what_is_not_acknowledged_is_suspected_until_the_broker_says_something(micropython):
    """QoS 0: the broker hangs up a moment later."""
    setup = SUBSCRIPTIONS + "nothing = lambda: None\nend = LinkError('closed', 'without a word', 'mqtt')\n"
    blamed = "for _ in range(3):\n    suspicions.run('publish to', 'a', nothing)\n    suspicions.ended(end)\n"
    assert micropython.value("suspicions.notes[0]['topic']", setup + blamed) == "a"
    heard = blamed.replace("    suspicions.ended", "    suspicions.answered()\n    suspicions.ended")
    assert micropython.value("suspicions.notes", setup + heard) == []
