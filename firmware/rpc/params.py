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


class Method:
    """A handler and its parameters: required ones as name=converter, optional ones as name=(converter, default)."""

    def __init__(self, handler, **params):
        self._handler = handler
        self._params = params

    def __call__(self, given):
        if not isinstance(given, dict):
            raise RpcError("argument", "params: an object")
        for name in given:
            if name not in self._params:
                raise RpcError(
                    "argument",
                    "%s: no such parameter (known: %s)" % (name, ", ".join(sorted(self._params)) or "none"),
                )
        values = {}
        for name, rule in self._params.items():
            convert, *default = rule if isinstance(rule, tuple) else (rule,)
            if name in given:
                values[name] = convert(name, given[name])
            elif default:
                values[name] = default[0]
            else:
                raise RpcError("argument", "%s: missing" % name)
        return self._handler(**values)
