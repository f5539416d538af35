"""What a method takes: each parameter's name, and a converter that returns the value or says what is wrong with it."""

import binascii

from .errors import RpcError


def integer(low, high):
    def convert(name, value):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise RpcError("argument", "%s: a whole number from %d to %d" % (name, low, high))
        return value

    return convert


def seconds(high):
    def convert(name, value):
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= high:
            raise RpcError("argument", "%s: seconds, from 0 to %d" % (name, high))
        return value

    return convert


def text(longest, shortest=1):
    def convert(name, value):
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            raise RpcError("argument", "%s: a string of %d to %d characters" % (name, shortest, longest))
        return value

    return convert


def checked(check):
    """A text for which `check(value)` raises no ValueError."""

    def convert(name, value):
        try:
            check(value)
        except ValueError as e:
            raise RpcError("argument", "%s: %s" % (name, e))
        return value

    return convert


def choice(*words):
    def convert(name, value):
        if value not in words:
            raise RpcError("argument", "%s: one of %s" % (name, ", ".join(words)))
        return value

    return convert


def flag(name, value):
    if not isinstance(value, bool):
        raise RpcError("argument", "%s: true or false" % name)
    return value


def items(name, value):
    if not isinstance(value, list) or len(value) > 32:
        raise RpcError("argument", "%s: a list of at most 32" % name)
    return value


def binary(longest, exactly=False):
    """base64 of `longest` bytes at most."""

    def convert(name, value):
        try:
            data = binascii.a2b_base64(value)
        except (ValueError, TypeError):
            raise RpcError("argument", "%s: base64" % name)
        if not data or len(data) > longest or (exactly and len(data) != longest):
            raise RpcError(
                "argument", "%s: base64 of %s%d bytes" % (name, "" if exactly else "at most ", longest)
            )
        return data

    return convert


def binaries(most, longest):
    """A list of base64 strings."""
    one = binary(longest)

    def convert(name, value):
        if not isinstance(value, list) or len(value) > most:
            raise RpcError("argument", "%s: a list of at most %d" % (name, most))
        return [one(name, v) for v in value]

    return convert


def encode(data):
    return binascii.b2a_base64(data, newline=False).decode()


ANY = ""
USB = "U"
BENCH = "B"
WITHDRAW = "W"
CALLER = object()


class Method:
    """A handler and its parameters: required ones as name=converter, optional ones as name=(converter, default).

    access: who may call it (README.md): ANY admitted caller, over USB only, with the bench permission, or with the
    right to WITHDRAW, which the handler judges. A parameter given as CALLER is no parameter: the handler gets the
    Caller in it.
    """

    def __init__(self, handler, access=ANY, **params):
        self._handler = handler
        self._access = access
        self._params = params

    def describe(self):
        """For RPC.Describe: {access, params}."""
        rows = [(name, rule) for name, rule in self._params.items() if rule is not CALLER]
        return {"access": self._access, "params": [_row(name, rule) for name, rule in sorted(rows)]}

    def __call__(self, given, caller, bench):
        self._check_access(caller, bench)
        if not isinstance(given, dict):
            raise RpcError("argument", "params: an object")
        for name in given:
            if self._params.get(name, CALLER) is CALLER:
                known = ", ".join(sorted(n for n in self._params if self._params[n] is not CALLER))
                raise RpcError("argument", "%s: no such parameter (known: %s)" % (name[:64], known or "none"))
        values = {name: self._value(name, rule, given, caller) for name, rule in self._params.items()}
        given.clear()  # certificates as base64 are large, and nobody needs them any more
        return self._handler(**values)

    def _check_access(self, caller, bench):
        if caller.owner or self._access in (ANY, WITHDRAW):
            return
        if self._access == USB:
            raise RpcError("refused", "only the owner may do this, over USB")
        if not bench():
            raise RpcError("refused", "this needs the bench permission, which the owner grants over USB")

    @staticmethod
    def _value(name, rule, given, caller):
        if rule is CALLER:
            return caller
        convert, *default = rule if isinstance(rule, tuple) else (rule,)
        if name in given:
            return convert(name, given[name])
        if not default:
            raise RpcError("argument", "%s: missing" % name)
        return default[0]


def _row(name, rule):
    """A parameter described; its converter says in an error what it wants."""
    required = not isinstance(rule, tuple)
    try:
        (rule if required else rule[0])(name, _NOTHING)
    except RpcError as e:
        wants = str(e)
    return {"name": name, "required": required, "type": wants[len(name) + 2 :]}


class _Nothing:
    pass


_NOTHING = _Nothing()


def empty_or(convert):
    """`convert`, or nothing at all: an empty string gives b""."""

    def either(name, value):
        return b"" if value == "" else convert(name, value)

    return either


def readable(data):
    """Bytes as text: what is no UTF-8 is shown as replacement characters, not refused."""
    try:
        return data.decode()
    except UnicodeError:
        return "".join(chr(byte) if byte < 128 else "\ufffd" for byte in data)
