"""What all that has to do with identities agrees on: its errors, who asks, that a key is in its own chip."""

import lazily


class StoreError(Exception):
    """`kind` is one of `state`, `slot`, `key-in-use`, `refused`, `busy`, `certificate`, `other-chip`."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Asker:
    """Who wants something: the owner at the cable, or somebody from afar who is known as `name`.

    bench: whether the owner's bench permission is on. ca: of a caller with a certificate, what stands for its CA: each
    CA gives what names it likes.
    """

    def __init__(self, name="nobody", owner=False, bench=False, ca=None):
        self.name = name
        self.ca = ca
        self.owner = owner
        self.bench = bench
        self.trusted = owner or bench


NOBODY = Asker()
OWNER = Asker("usb", owner=True)


def read_certificate(der):
    """A Certificate (certificate.py), whose module is there for as long as one of its certificates is."""
    return lazily.load("identity.certificate").Certificate(der)


def check_chip(chip, wanted):
    """StoreError if an identity that belongs to the chip with the serial number `wanted` (hex) meets another one."""
    found = chip.serial().hex()
    if found != wanted:
        raise StoreError(
            "other-chip",
            "this identity belongs to chip %s, on the board is another chip, %s" % (wanted, found),
        )
