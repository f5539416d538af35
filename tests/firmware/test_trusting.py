"""rpc.access on MicroPython, without a network: what it keeps, what it refuses, and that it tells of each change."""

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
SETUP = """
import binascii, os
from rpc.access import Access
from rpc.caller import Caller
from rpc.errors import RpcError
for side in ("/a.0", "/a.1"):
    try:
        os.remove(side)
    except OSError:
        pass
access = Access("/a")
told = []
access.changed = lambda: told.append(1)
cas = [binascii.a2b_base64(ca) for ca in given or ()]
def sha256(ca):
    import hashlib
    return hashlib.sha256(ca).digest().hex()
def bench():
    return [access.bench, access.bench_kept, access.left]
def refused(call, *args):
    try:
        call(*args)
    except RpcError as e:
        return e.kind
def subjects():
    return [ca.subject for ca in access.operators]
"""


def make_ca(name: str) -> str:
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string(f"CN={name}")
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, NOW, NOW + dt.timedelta(days=9))
    made = builder.sign(key, hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


@pytest.fixture(scope="module")
def cas() -> list[str]:
    return [make_ca(f"ca {number}") for number in range(5)]


@pytest.mark.parametrize(
    ("given", "is_so"),
    [
        ((True, 60, False), [True, False, 60]),
        ((True, 60, True), [True, True, 0]),
        ((False, 60, False), [False, False, 0]),
        ((False, 60, True), [False, False, 0]),
    ],
)
def test_a_permission_has_a_time_or_is_kept(micropython, given, is_so):
    setup = SETUP + f"access.permit{given}\nnow = bench()\naccess = Access('/a')\n"
    assert micropython.value("[now, bench(), len(told)]", setup) == [is_so, [is_so[1], is_so[1], 0], 1]


def test_one_permission_replaces_the_other(micropython):
    setup = SETUP + "access.permit(True, 60, True)\naccess.permit(True, 60, False)\n"
    assert micropython.value("[bench(), len(told)]", setup) == [[True, False, 60], 2]
    setup = SETUP + "access.permit(True, 60, False)\naccess.permit(True, 9, True)\n"
    assert micropython.value("[bench(), len(told)]", setup) == [[True, True, 0], 2]


@pytest.mark.parametrize(
    "change",
    [
        "access.trust(cas[1])",
        "access.forget(sha256(cas[0]))",
        "access.set_plain(True, 8080, 'u', 'ab')",
        "access.permit(True, 60, True)",
        "access.permit(True, 60, False)",
        "access.permit(False, 60, False)",
    ],
)
def test_each_change_is_told(micropython, cas, change):
    setup = SETUP + "access.trust(cas[0])\nbefore = len(told)\n" + change + "\n"
    assert micropython.value("[before, len(told)]", setup, cas) == [1, 2]


def test_what_was_refused_is_not_told(micropython, cas):
    setup = SETUP + (
        "def never(ca): raise RpcError('refused', ca.subject)\n"
        "kinds = [refused(access.trust, cas[0], never), refused(access.trust, b'0'), refused(access.forget, 'ab')]\n"
        "kinds += [refused(access.set_plain, True, 80, *one) for one in (('u', None), (None, 'ab'))]\n"
    )
    kinds = ["refused", "certificate", "argument", "argument", "argument"]
    assert micropython.value("[kinds, subjects(), len(told)]", setup, cas) == [kinds, [], 0]


def test_four_cas_and_no_fifth(micropython, cas):
    setup = SETUP + "for ca in cas[:4]: access.trust(ca)\nkind = refused(access.trust, cas[4])\n"
    four = [f"CN=ca {number}" for number in range(4)]
    assert micropython.value("[kind, subjects(), len(told)]", setup, cas) == ["state", four, 4]
    again = setup + "access.trust(cas[0])\naccess.forget(sha256(cas[2]))\naccess.trust(cas[4])\n"
    assert micropython.value("subjects()", again, cas) == ["CN=ca 1", "CN=ca 3", "CN=ca 0", "CN=ca 4"]


def test_a_ca_is_the_same_one_however_it_came_to_be_written_down(micropython, cas):
    """Forgetting another one writes it down anew."""
    setup = (
        SETUP + "for ca in cas[:2]: access.trust(ca)\naccess.forget(sha256(cas[1]))\naccess.trust(cas[0])\n"
    )
    assert micropython.value("subjects()", setup, cas) == ["CN=ca 0"]


def test_a_ca_vouches_for_the_time(micropython, cas):
    """Nobody trusts what is not valid yet: a clock that is behind its date is wrong."""
    setup = SETUP + (
        "from link import clock\nreal, seen = clock.vouch, []\nclock.vouch = seen.append\n"
        "access.trust(cas[0])\nclock.vouch = real\n"
    )
    assert micropython.value("seen", setup, cas) == [int(NOW.timestamp())]


def test_a_caller_holds_to_the_last_second_of_what_let_him_in(micropython, cas):
    setup = SETUP + (
        "from link import clock\naccess.trust(cas[0])\ncaller = Caller('wss', by=sha256(cas[0]))\n"
        "now, seen = clock.now, []\nclock.now = lambda: 1000\n"
        "for caller.ends in (999, 1000, 1001): seen.append(access.holds(caller))\n"
        "caller.by = 'ab'\nseen.append(access.holds(caller))\nclock.now = now\n"
    )
    assert micropython.value("seen", setup, cas) == [False, True, True, False]


def test_a_caller_with_a_password_holds_while_it_is_the_password(micropython):
    setup = SETUP + (
        "seen = []\ncaller, anybody = Caller('ws', by='ab'), access.plain_caller()\n"
        "def look(): seen.append([access.is_open, bool(access.holds(caller)), bool(access.holds(anybody))])\n"
        "access.set_plain(True, 80, 'u', 'ab')\nlook()\nsame = access.plain_caller().by\n"
        "access.set_plain(True, 80, 'u', 'cd')\nlook()\n"
        "access.set_plain(True, 80, None, None)\nlook()\naccess.permit(True, 60, False)\nlook()\n"
        "access.set_plain(False, 80, None, None)\nlook()\naccess.set_plain(False, 80, 'u', 'ab')\nlook()\n"
    )
    nobody = [False, False, False]
    seen = [[False, True, False], nobody, nobody, [True, False, True], nobody, nobody]
    assert micropython.value("[same, [[bool(x) for x in one] for one in seen]]", setup) == ["ab", seen]
