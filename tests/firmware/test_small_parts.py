"""Small parts of the firmware by themselves on MicroPython: a bus with nobody true on it, dates, purposes, ports."""

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Oid

KEY = ec.generate_private_key(ec.SECP256R1())
SELF = x509.Name.from_rfc4514_string("CN=thing")
MARK = x509.ObjectIdentifier("2.25.274449194123620572914822031769018701066")


# The bus: an I2C that notes what is done on it, and answers `answer`.

BUS = """
from atecc608 import bus as module
from atecc608 import packet
from atecc608.errors import ATECCError
real, waits = module.time, []
class Time:
    def __getattr__(self, name): return getattr(real, name)
    def sleep_ms(self, ms): waits.append(ms)
    def sleep_us(self, us): pass
class I2C:
    wakes = reads = resets = sleeps = 0
    def writeto(self, address, data):
        if address == 0:
            self.wakes += 1
        elif data == b"\\x00":
            self.resets += 1
        elif data == b"\\x01":
            self.sleeps += 1
    def readfrom(self, address, n):
        self.reads += 1
        if answer is None:
            raise OSError(19)
        return answer
    def readfrom_into(self, address, buffer):
        self.reads += 1
        buffer[:] = answers.pop(0)
i2c = I2C()
chip = module.Bus(lambda freq: i2c, address=0x60)
module.time = Time()
def failing(call, *args):
    try:
        got = call(*args)
        return got and bytes(got).hex()
    except ATECCError as e:
        return type(e).__name__
    finally:
        module.time = real
"""


def test_who_answers_nonsense_is_woken_three_times_in_each_wait(micropython):
    seen = "[failing(chip.wake), i2c.wakes, i2c.sleeps, waits]"
    setup = BUS + "answer = b'abcd'\n"
    assert micropython.value(seen, setup) == ["BusError", 12, 12, [0, 20, 200, 700]]
    assert micropython.value(seen, setup + "chip.hurry = True\n") == ["BusError", 3, 3, [0]]


def test_who_does_not_answer_is_woken_once_in_each_wait(micropython):
    seen = "[failing(chip.wake), i2c.wakes, waits]"
    setup = BUS + "answer = None\n"
    assert micropython.value(seen, setup) == ["NoChip", 4, [0, 20, 200, 700]]
    assert micropython.value(seen, setup + "chip.hurry = True\n") == ["NoChip", 1, [0]]


@pytest.mark.parametrize(
    ("garbled", "seen"),  # [what comes of it, reads, resets, damaged]
    [(0, ["00", 1, 0, 0]), (2, ["00", 3, 2, 2]), (3, ["BusError", 3, 2, 3])],
)
def test_a_garbled_answer_is_looked_at_three_times(micropython, garbled, seen):
    setup = BUS + "answers = [b'\\x04\\x00\\x00\\x00'] * given + [bytes.fromhex('04000340')] * 9\n"
    made = "[failing(chip.receive, 1, 0, 100), i2c.reads, i2c.resets, chip.damaged]"
    assert micropython.value(made, setup, garbled) == seen


def test_which_addresses_can_be(micropython):
    addresses = [0x07, 0x08, 0x60, 0xC0, 0x6A, 0x77, 0x78, 0x79, 0xEE, 0xEF, 0xF0]
    setup = """
from atecc608.bus import seven_bit
def tried(address):
    try:
        return seven_bit(address)
    except ValueError:
        return None
"""
    told = [None, 0x08, 0x60, 0x60, 0x35, 0x77, 0x3C, None, 0x77, None, None]
    assert micropython.value("[tried(a) for a in given]", setup, addresses) == told


# Dates


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (0x17, "260101000000"),  # no Z
        (0x17, "2601010000Z"),  # no seconds
        (0x17, "260101000000+0100"),
        (0x17, "20260101000000Z"),  # the other one's form
        (0x18, "260101000000Z"),
        (0x18, "20260101000000.5Z"),
        (0x18, "2026010100000 Z"),
        (0x17, ""),
    ],
)
def test_a_date_of_no_known_form(micropython, tag, text):
    told = micropython.error(
        "unix_time(given[0], given[1].encode())", "from identity.certificate import unix_time", [tag, text]
    )
    assert "no form that RFC 5280 allows" in told


@pytest.mark.parametrize(
    ("tag", "text", "when"),
    [
        (0x17, "491231235959Z", dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
        (0x17, "500101000000Z", dt.datetime(1950, 1, 1, tzinfo=dt.UTC)),
        (0x18, "20240301000000Z", dt.datetime(2024, 3, 1, tzinfo=dt.UTC)),
        (0x18, "21000228123456Z", dt.datetime(2100, 2, 28, 12, 34, 56, tzinfo=dt.UTC)),
    ],
)
def test_a_date_of_a_known_form(micropython, tag, text, when):
    setup = "from identity.certificate import unix_time"
    value = micropython.value("unix_time(given[0], given[1].encode())", setup, [tag, text])
    assert value == int(when.timestamp())


def test_what_is_no_date_at_all(micropython):
    setup = "from identity import certificate, der\nreader = der.Reader(der.octet_string(b'260101000000Z'))"
    assert "holds no dates" in micropython.error("certificate._time(reader)", setup)


# What a certificate is for


@pytest.mark.parametrize(
    ("purposes", "seen"),  # [may_serve, only_client, marked]
    [
        (None, [True, False, False]),
        ([Oid.SERVER_AUTH], [True, False, False]),
        ([Oid.CLIENT_AUTH], [False, True, False]),
        ([Oid.CLIENT_AUTH, Oid.SERVER_AUTH], [True, False, False]),
        ([Oid.CLIENT_AUTH, Oid.ANY_EXTENDED_KEY_USAGE], [True, False, False]),
        ([Oid.CLIENT_AUTH, MARK], [False, True, True]),
        ([MARK], [False, False, True]),
        ([Oid.CODE_SIGNING], [False, False, False]),
    ],
)
@pytest.mark.parametrize("critical", [False, True])
def test_what_a_certificate_is_for(micropython, purposes, seen, critical):
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(SELF, SELF, KEY.public_key(), 1, start, start + dt.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
    data = builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    setup = "from identity.certificate import Certificate\nc = Certificate(bytes.fromhex(given))"
    assert micropython.value("[c.may_serve, c.only_client, c.marked]", setup, data.hex()) == seen


@pytest.mark.parametrize(("length", "found"), [(127, True), (128, False)])
def test_how_long_a_name_may_be_that_is_looked_for(micropython, length, found):
    """In DER a name of 128 characters has another form, which is not looked for: never one that is none."""
    setup = (
        "from identity.certificate import Certificate\n"
        "name = 'a' * given\nc = object.__new__(Certificate)\nc.der = bytes((0x82, given & 0x7F)) + name.encode()"
    )
    assert micropython.value("c.is_for(name)", setup, length) is found


# A broker's port


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [("b", ["b", 8883]), ("b:1", ["b", 1]), ("b:65535", ["b", 65535])],
)
def test_a_port_that_can_be(micropython, text, endpoint):
    setup = "from identity import adopt"
    assert micropython.value("adopt._endpoint(given)", setup, text) == endpoint


@pytest.mark.parametrize("text", ["b:0", "b:65536", "b:", "b:x", ":8883", ""])
def test_a_port_that_cant_be(micropython, text):
    assert "host:port" in micropython.error("adopt._endpoint(given)", "from identity import adopt", text)


# AES


def test_aes_goes_in_the_direction_that_was_asked_for(micropython):
    setup = """
from rpc.services.atecc import ATCA
class Chip:
    def AES(self, slot, block, data, decrypt):
        return bytes((slot, block, decrypt)) + data
aes = ATCA(Chip(), None, None).aes
"""
    seen = micropython.value("[aes(9, b'x', 2, mode)['data'] for mode in (0, 1)]", setup)
    assert [base64.b64decode(one) for one in seen] == [b"\x09\x02\x00x", b"\x09\x02\x01x"]


# When a signed request was made, and whether its certificate is valid then


SIGNED = """
from rpc import verify
from rpc.errors import RpcError
class Clock:
    def __getattr__(self, name): return getattr(real, name)
    def now(self): return 100000
real, verify.clock = verify.clock, Clock()
operators = object.__new__(verify.Operators)
operators._sure = lambda: given[0]
class Certificate:
    subject = "x"
def tried(call, *args):
    try:
        call(*args)
    except RpcError as e:
        return e.kind
def dates(since, until):
    made = Certificate()
    made.not_before, made.not_after = since, until
    return tried(operators._check_dates, made)
limit = 5 * 60
seen = [tried(operators._check_time, 100000 + x) for x in (-limit - 1, -limit, 0, limit, limit + 1)]
seen += [dates(*one) for one in ((0, 99999), (0, 100000), (100000, 200000), (100001, 200000))]
verify.clock = real
"""


@pytest.mark.parametrize(
    ("sure", "seen"),
    [
        (True, ["clock", None, None, None, "clock", "refused", None, None, "refused"]),
        (False, [None, None, None, None, None, "refused", None, None, None]),
    ],
)
def test_a_request_is_of_now_where_the_clock_is_sure(micropython, sure, seen):
    """A clock that nobody has set shows a time that has passed: what is over by it is over."""
    assert micropython.value("seen", SIGNED, [sure]) == seen


# What a method of the chip takes


@pytest.mark.parametrize(
    ("method", "name", "low", "high"),
    [
        ("ATCA.AES", "mode", 0, 1),
        ("ATCA.AES", "block", 0, 3),
        ("ATCA.AES", "slot", 0, 15),
        ("ATCA.SetKey", "block", 0, 12),
        ("ATCA.SetKey", "wkslot", 0, 15),
        ("ATCA.LockZone", "zone", 0, 1),
        ("ATCA.LockZone", "crc", 0, 0xFFFF),
    ],
)
def test_the_least_and_the_most_of_a_number(micropython, method, name, low, high):
    setup = """
from rpc.errors import RpcError
from rpc.services.atecc import ATCA
method, name, low, high = given
rule = ATCA(None, None, None).methods()[method]._params[name]
convert = rule[0] if isinstance(rule, tuple) else rule
def takes(value):
    try:
        return convert(name, value) == value
    except RpcError:
        return False
"""
    seen = "[takes(value) for value in (low - 1, low, high, high + 1)]"
    assert micropython.value(seen, setup, [method, name, low, high]) == [False, True, True, False]
