"""`atecc mqtt` and `atecc identity`."""


def test_mqtt_status_and_connect(board, run):
    board.identity()
    assert "off" in run(board, "mqtt", "status").out
    assert "TLSv1.2" in run(board, "mqtt", "connect").out
    assert run(board, "mqtt", "disconnect", "--json").json["state"] == "off"


def test_publish_and_round_trip(online, run):
    assert run(online, "mqtt", "publish", "t", "hello").status == 0
    data = run(online, "mqtt", "publish", "t", "hello", "--round-trip", "--json").json
    assert (data["topic"], data["sent"], data["received"]) == ("t", "hello", "hello")


def test_publish_from_standard_input(online, run):
    assert (
        run(online, "mqtt", "publish", "t", "-", "--round-trip", "--json", typed="piped").json["received"]
        == "piped"
    )


def test_publish_and_wait_for_an_answer(online, run):
    online.inbox.append({"topic": "answers", "message": "42"})
    seen = run(online, "mqtt", "publish", "t", "question", "--wait", "answers")
    assert seen.out == "42\n" and "Published on t" in seen.err


def test_a_round_trip_that_does_not_come_back(online, run):
    online.MQTT_Receive = lambda **_: None
    seen = run(online, "mqtt", "publish", "t", "x", "--round-trip")
    assert seen.status == 8 and "Nothing came on t within 30 s" in seen.err


def test_subscribe(online, run):
    online.inbox += [{"topic": "t", "message": "one"}, {"topic": "t", "message": "two"}]
    assert run(online, "mqtt", "subscribe", "t", "--count", "2").out == "t: one\nt: two\n"


def test_subscribe_ends_when_its_time_is_over(online, run):
    online.inbox.append({"topic": "t", "message": "one"})
    for more, status in (([], 0), (["--count", 2], 8), ([], 8)):
        seen = run(online, "mqtt", "subscribe", "t", "--timeout", 1, *more)
        assert seen.status == status
        if not more:
            online.inbox.clear()
    assert "No messages came on t within 1 s" in seen.err


def test_identity_status_and_discard(online, run):
    assert "identity a" in run(online, "identity", "status").out.lower()
    assert run(online, "identity", "discard").status == 5
    online.Identity_Begin([[["CN", "x"]]])
    assert "begun 7 s ago (usb), and not finished" in run(online, "identity", "status").out
    assert "Identity b is forgotten" in run(online, "identity", "discard").out
