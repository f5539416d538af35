"""link.topics on MicroPython: what no broker takes never becomes a topic, and all else may."""

import pytest

SETUP = """
from link import topics
def takes(check, text):
    try:
        check(text)
        return True
    except ValueError:
        return False
"""
# The edges of what MQTT 3.1.1, 1.5.3, lets a broker hang up on: mosquitto does.
FORBIDDEN = [
    0,
    1,
    0x1F,
    0x7F,
    0x80,
    0x9F,
    0xD800,
    0xDBFF,
    0xDC00,
    0xDFFF,
    0xFDD0,
    0xFDEF,
    0xFFFE,
    0xFFFF,
    0x1FFFE,
    0x10FFFF,
]
ALLOWED = [0x20, 0x7E, 0xA0, 0xFF, 0x100, 0xD7FF, 0xE000, 0xFDCF, 0xFDF0, 0xFFFD, 0x10000, 0x1F600, 0x10FFFD]


@pytest.mark.parametrize("check", ["check_name", "check_topic", "check_filter"])
def test_characters(micropython, check):
    """In front, in the middle and at the end."""
    takes = f"[all(takes(topics.{check}, t) for t in (chr(c) + 'a', 'a' + chr(c) + 'a', 'a' + chr(c))) for c in given]"
    assert micropython.value(takes, SETUP, given=ALLOWED) == [True] * len(ALLOWED)
    never = f"[any(takes(topics.{check}, t) for t in (chr(c) + 'a', 'a' + chr(c) + 'a', 'a' + chr(c))) for c in given]"
    assert micropython.value(never, SETUP, given=FORBIDDEN) == [False] * len(FORBIDDEN)


def test_what_python_would_not_call_a_text(micropython):
    """MicroPython takes bytes for UTF-8 that are longer than they need be."""
    for odd in (b"a\xc1\x81", b"a\xc0\xaf", b"a\xe0\x80\xaf", b"a\xf4\x90\x80\x80"):
        told = micropython.run(
            SETUP
            + "try:\n    text = str(bytes.fromhex(given), 'utf-8')\nexcept UnicodeError:\n    text = None\n"
            "print([takes(c, text) for c in (topics.check_name, topics.check_topic, topics.check_filter)])",
            odd.hex(),
        )
        assert told.strip() == "[False, False, False]", odd
    for odd in ("1", "None", "b'a'", "['a']", "''"):
        told = f"[takes(c, {odd}) for c in (topics.check_name, topics.check_topic, topics.check_filter)]"
        assert micropython.value(told, SETUP) == [False] * 3


@pytest.mark.parametrize(
    ("text", "name", "topic", "pattern"),
    [
        ("sensor-1", True, True, True),
        ("a b", True, True, True),
        ("ü" * 64, True, True, True),
        ("ü" * 65, False, True, True),
        ("x" * 128, True, True, True),
        ("x" * 129, False, True, True),
        ("x" * 256, False, True, True),
        ("x" * 257, False, False, False),
        ("a/b", False, True, True),
        ("/", False, True, True),
        ("$aws/things/x", False, True, True),
        ("$x", False, True, True),
        ("a+b", False, False, False),
        ("a/+/b", False, False, True),
        ("+", False, False, True),
        ("#", False, False, True),
        ("a/#", False, False, True),
        ("a/#/b", False, False, False),
        ("a#", False, False, False),
        ("a/b+", False, False, False),
        ("+/#", False, False, True),
    ],
)
def test_which_text_can_be_what(micropython, text, name, topic, pattern):
    told = "[takes(c, given) for c in (topics.check_name, topics.check_topic, topics.check_filter)]"
    assert micropython.value(told, SETUP, given=text) == [name, topic, pattern]


@pytest.mark.parametrize(
    ("pattern", "topic", "matches"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", "a/b", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "b", False),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("+", "a", True),
        ("+", "a/b", False),
        ("+", "/a", False),
        ("/+", "/a", True),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/d", False),
        ("a/+", "a/", True),
    ],
)
def test_filters(micropython, pattern, topic, matches):
    """The examples of MQTT 3.1.1, 4.7.1, among others."""
    assert micropython.value("topics.matches(*given)", SETUP, given=[pattern, topic]) is matches


def test_the_host_takes_the_same_names(micropython):
    from atecc.errors import ArgumentError
    from atecc.topics import check_name

    texts = [chr(c) + "a" for c in ALLOWED + FORBIDDEN if not 0xD800 <= c <= 0xDFFF]
    texts += ["", "a/b", "a+", "#", "$a", "a$", "x" * 128, "x" * 129, "ü" * 64, "ü" * 65, " "]
    given = [text.encode().hex() for text in texts]  # MicroPython's JSON knows nothing beyond U+FFFF
    told = micropython.value(
        "[takes(topics.check_name, str(bytes.fromhex(t), 'utf-8')) for t in given]", SETUP, given
    )
    for text, taken in zip(texts, told, strict=True):
        try:
            assert (check_name(text, "a name") == text) is taken, text
        except ArgumentError:
            assert not taken, text
