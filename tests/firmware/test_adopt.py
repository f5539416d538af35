"""identity.adopt on MicroPython, on a simulated chip: what Mongoose OS's client has set up becomes an identity."""

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from powercut import CUT

CA_KEY = ec.generate_private_key(ec.SECP256R1())
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)

# given: {files: {name: base64}, config: {key: value}}
SETUP = """
import binascii
from identity.store import Store
from identity.adopt import adopt
from identity.terms import OWNER
store = Store(chip, "/identities", (0, 1))
def read(name):
    if name not in given["files"]:
        raise OSError(2)
    return binascii.a2b_base64(given["files"][name])
def start():
    global store
    store = Store(chip, "/identities", (0, 1))
    adopt(store, lambda key: given["config"].get(key, ""), read)
    error = store.not_adopted
    return error and [error.kind, str(error)]
"""
CONFIG = {
    "mqtt.server": "broker.example:8884", "mqtt.ssl_key": "ATCA:0", "mqtt.ssl_cert": "crt.pem",
    "mqtt.ssl_ca_cert": "ca.pem", "aws.thing_name": "thing-1", "device.id": "device-1",
}  # fmt: skip


def issue(public_key, subject):
    builder = x509.CertificateBuilder(
        x509.Name.from_rfc4514_string("CN=Test CA"), x509.Name.from_rfc4514_string("CN=" + subject), public_key,
        x509.random_serial_number(), NOW, NOW + dt.timedelta(days=30),
    )  # fmt: skip
    return builder.sign(CA_KEY, hashes.SHA256())


def pem(*certificates):
    return b"".join(
        b"Certificate:\n  Data: -\n" + c.public_bytes(serialization.Encoding.PEM) for c in certificates
    )


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def b64(data):
    return base64.b64encode(data).decode()


CA = issue(CA_KEY.public_key(), "Test CA")
OTHER_CA = issue(ec.generate_private_key(ec.SECP256R1()).public_key(), "Other CA")


def key_in(b, slot=0):
    """A new key in the slot, as ATCA.GenKey makes it."""
    point = bytes.fromhex("04" + b.value("chip.GenKey(given).hex()", given=slot))
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def left_by_mos(certificate, ca=None, **config):
    config = CONFIG | {key.replace("__", "."): value for key, value in config.items()}
    files = {"crt.pem": certificate, "ca.pem": pem(CA) if ca is None else ca}
    return {"config": config, "files": {name: b64(data) for name, data in files.items()}}


@pytest.fixture
def locked(bench):
    return bench(preset="tls", locked=True)


def adopted(b, given):
    """The active identity's record after a start, which must have gone well."""
    assert b.value("start()", SETUP, given) is None
    return b.value("store.get(store.active)", SETUP, given)


def test_it_becomes_the_active_identity(locked):
    certificate = issue(key_in(locked), "thing-1")
    record = adopted(locked, left_by_mos(pem(certificate)))
    assert record["state"] == "active"
    assert (record["endpoint"], record["port"], record["slot"]) == ("broker.example", 8884, 0)
    assert (record["name"], record["client_id"]) == ("thing-1", "device-1")
    assert (record["certificate"], record["cas"], record["chain"]) == (
        b64(der(certificate)),
        [b64(der(CA))],
        [],
    )


def test_a_certificate_in_der_and_several_cas(locked):
    certificate = issue(key_in(locked), "thing-1")
    record = adopted(locked, left_by_mos(der(certificate), ca=pem(CA, OTHER_CA)))
    assert record["certificate"] == b64(der(certificate))
    assert record["cas"] == [b64(der(CA)), b64(der(OTHER_CA))]


def test_a_chain_goes_with_the_certificate(locked):
    certificate = issue(key_in(locked), "thing-1")
    assert adopted(locked, left_by_mos(pem(certificate, OTHER_CA)))["chain"] == [b64(der(OTHER_CA))]


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"aws__thing_name": ""}, ("device-1", "device-1")),
        ({"device__id": ""}, ("thing-1", "thing-1")),
    ],
)
def test_one_name_is_enough(locked, config, names):
    record = adopted(locked, left_by_mos(pem(issue(key_in(locked), "x")), **config))
    assert (record["name"], record["client_id"]) == names


def test_the_port_is_8883_unless_said(locked):
    given = left_by_mos(pem(issue(key_in(locked), "x")), mqtt__server="broker.example")
    assert adopted(locked, given)["port"] == 8883


@pytest.mark.parametrize("key", ["mqtt.server", "mqtt.ssl_key", "mqtt.ssl_cert", "mqtt.ssl_ca_cert"])
def test_nothing_happens_unless_all_is_named(locked, key):
    given = left_by_mos(pem(issue(key_in(locked), "x")))
    given["config"][key] = ""
    assert locked.value("[start(), store.active]", SETUP, given) == [None, None]


def test_it_is_adopted_once(locked):
    given = left_by_mos(pem(issue(key_in(locked), "x")))
    assert locked.value("[start(), start(), store.active, store._switched['count']]", SETUP, given) == [
        None, None, "a", 1,
    ]  # fmt: skip


def test_what_was_superseded_does_not_come_back(locked):
    """Two rotations later no identity has the certificate any more, but the configuration still names it."""
    given = left_by_mos(pem(issue(key_in(locked), "x")))
    adopted(locked, given)
    serial = locked.value("chip.serial().hex()")
    begin = f"store.begin([], key='overwrite', serial={serial!r}, asker=OWNER)"
    for _ in range(2):
        csr = locked.value(f"{begin}['csr'].hex()", SETUP, given)
        new = issue(x509.load_der_x509_csr(bytes.fromhex(csr)).public_key(), "new")
        where = "name='n', client_id='n', endpoint='e', port=1"
        step = (
            "token = store.begun()['token']\n"
            f"store.stage(token, binascii.a2b_base64(given), [binascii.a2b_base64(given)], {where})\n"
            "store.commit(token, True, OWNER)\n"
        )
        locked.value("0", SETUP + step, b64(der(new)))
    before = locked.value("store.get(store.active)", SETUP, given)
    assert adopted(locked, given) == before


def test_a_newer_one_takes_over_and_the_old_one_stays_as_the_previous(locked):
    adopted(locked, left_by_mos(pem(issue(key_in(locked), "x"))))
    given = left_by_mos(pem(issue(key_in(locked, 1), "y")), mqtt__ssl_key="ATCA:1")
    assert adopted(locked, given)["slot"] == 1
    assert locked.value("store.get('a')['state']", SETUP, given) == "previous"


def test_an_identity_on_its_way_is_not_pushed_aside(locked):
    given = left_by_mos(pem(issue(key_in(locked), "x")))
    assert locked.value("store.begin([], slot=1)['identity']", SETUP, given) == "a"
    kind, message = locked.value("start()", SETUP, given)
    assert (kind, "commit or discard it" in message) == ("state", True)
    assert locked.value("store.get('a')['state']", SETUP, given) == "pending"


BAD_CONFIG = [
    ({"mqtt__server": ":8883"}, "mqtt.server: "),
    ({"mqtt__server": "host:"}, "mqtt.server: "),
    ({"mqtt__server": "host:70000"}, "mqtt.server: "),
    ({"mqtt__ssl_key": "key.pem"}, "mqtt.ssl_key: "),
    ({"mqtt__ssl_key": "ATCA:16"}, "mqtt.ssl_key: "),
    ({"mqtt__ssl_key": "ATCA:"}, "mqtt.ssl_key: "),
    ({"mqtt__ssl_cert": "none.pem"}, "mqtt.ssl_cert: the file none.pem can't be read"),
    ({"mqtt__ssl_ca_cert": "none.pem"}, "mqtt.ssl_ca_cert: the file none.pem can't be read"),
    ({"aws__thing_name": "", "device__id": ""}, "aws.thing_name, device.id: "),
    ({"mqtt__ssl_key": "ATCA:1"}, "slot 1 holds no key"),
    ({"mqtt__ssl_key": "ATCA:8"}, "slot 8 holds no key"),
]


@pytest.mark.parametrize(("config", "text"), BAD_CONFIG)
def test_what_is_wrong_is_said_and_nothing_changes(locked, config, text):
    given = left_by_mos(pem(issue(key_in(locked), "x")), **config)
    assert locked.value("start()", SETUP, given)[1].startswith(text)
    assert locked.value("[store.active, store.get('a')['state']]", SETUP, given) == [None, "empty"]


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda good: b"", "there is no certificate in it"),
        (lambda good: b"just text", "there is no certificate in it"),
        (lambda good: good[:100], "has no end"),
        (lambda good: good.replace(b"CERTIFICATE", b"PUBLIC KEY"), "there is no certificate in it"),
        (lambda good: b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "not a certificate"),
        (lambda good: b"\x30\x03\x02\x01\x01", "not a certificate"),
    ],
)
@pytest.mark.parametrize("file", ["crt.pem", "ca.pem"])
def test_files_that_hold_no_certificate(locked, file, spoil, text):
    certificate = pem(issue(key_in(locked), "x"))
    given = left_by_mos(certificate)
    given["files"][file] = b64(spoil(certificate))
    assert text in locked.value("start()", SETUP, given)[1]
    assert locked.value("store.active", SETUP, given) is None


def test_a_certificate_for_another_key(locked):
    key_in(locked)
    given = left_by_mos(pem(issue(ec.generate_private_key(ec.SECP256R1()).public_key(), "somebody")))
    assert "is for another key than the one in slot 0" in locked.value("start()", SETUP, given)[1]


def test_without_a_chip_the_start_goes_on(micropython):
    given = left_by_mos(pem(CA))
    code = (
        "import board, machine\nfrom atecc608 import *\n"
        "chip = ATECC608(lambda f: machine.I2C(board.I2C, scl=machine.Pin(board.SCL), sda=machine.Pin(board.SDA),"
        " freq=f), board.I2C_HZ)\n" + SETUP.replace("[error.kind, str(error)]", "type(error).__name__")
    )
    assert micropython.value("start()", code, given) == "NoChip"


POWER_CUTS = """
import os
found = []
n = 0
cut = True
while cut:
    for name in os.listdir("/identities"):
        os.remove("/identities/" + name)
    cut = cut_after(n, start)
    found.append([start(), store.active, store.get("a")["slot"]])
    n += 61
"""


def test_power_may_fail_anywhere(locked):
    """Cut off after every few bytes that it writes, it is complete after the next start."""
    given = left_by_mos(pem(issue(key_in(locked), "x")))
    found = locked.value("found", SETUP + CUT + POWER_CUTS, given)
    assert len(found) > 15
    assert all(each == [None, "a", 0] for each in found)
