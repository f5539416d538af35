"""What a setting may be. Each check is a ValueError that names the key and says what is wanted."""

from link.topics import check_name


def flag(key, value):
    if not isinstance(value, bool):
        raise ValueError("%s: true or false" % key)


def off(key, value):
    if value is not False:
        raise ValueError("%s: false: this device makes no network of its own" % key)


def whole(key, value, low, high):
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError("%s: a whole number from %d to %d" % (key, low, high))


def text(key, value, longest, shortest=0):
    """A text of so many bytes, or an empty one, that ends where it seems to end."""
    size = len(value.encode()) if isinstance(value, str) else -1
    if not (size == 0 or shortest <= size <= longest) or any(c < " " or c == "\x7f" for c in value):
        least = "%d to " % shortest if shortest else "at most "
        raise ValueError("%s: a text of %s%d bytes, without control characters" % (key, least, longest))


def name(key, value):
    """A text that can stand between two slashes of an MQTT topic, or an empty one."""
    try:
        if value != "":
            check_name(value)
    except ValueError as e:
        raise ValueError("%s: %s" % (key, e))


def own(key, value, default):
    """One of the application's: of the type of its default, if that is known."""
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError("%s: true or false, a number, or a text" % key)
    if default is not None and not _alike(value, default):
        raise ValueError("%s: its value is one like %r" % (key, default))
    if isinstance(value, str):
        text(key, value, 256)
    if len(key) > 64 or not all(
        "a" <= c <= "z" or "A" <= c <= "Z" or "0" <= c <= "9" or c in "._-" for c in key
    ):
        raise ValueError("%s: at most 64 letters, digits, points and hyphens" % key[:64])


def _alike(value, default):
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)
