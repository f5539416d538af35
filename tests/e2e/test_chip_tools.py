"""Configuration, keys and certificates by hand, and chips that come from a factory: on a simulated board."""

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from factoryroot import factory_root
from openssl import make_ca, sh
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, name, server_certificate

WRITE_KEY = bytes(range(32)).hex()


def serial_of(user):
    return user.succeeds("--json", "info").json["chip"]["serial"]


# The configuration.


def test_from_a_file_to_a_locked_chip(someone, tmp_path):
    user = someone(preset="blank")
    mine = tmp_path / "mine.yaml"
    mine.write_text(user.succeeds("chip", "config", "get", "--preset", "tls").out)
    assert "device key" in user.succeeds("chip", "config", "check", mine).out
    assert user.succeeds("chip", "config", "diff", mine).out
    user.succeeds("chip", "config", "set", mine, "--yes")
    assert user.types("chip", "config", "diff", mine, "--exit-code").status == 0
    receipt = tmp_path / "receipt.json"
    serial = serial_of(user)
    user.succeeds("chip", "lock", "config", "--holds", mine, "--yes-lock", serial, "--receipt", receipt)
    assert serial in receipt.read_text()
    user.succeeds("chip", "lock", "data", "--yes-lock", serial)
    user.succeeds("chip", "lock", "slot", "9", "--yes-lock", serial)
    slots = user.succeeds("--json", "chip", "show").json["slots"]
    assert len(slots) == 16
    assert user.bench.value("[chip.config().slot(n).locked for n in (8, 9)]") == [False, True]


def test_a_rehearsal_leaves_the_real_chip_alone_when_it_fails_and_goes_on_when_it_succeeds(someone):
    user = someone(preset="blank")
    before = bytes(user.bench.chip.image.config)
    said = user.types("chip", "config", "set", "--yes", "--rehearse", "--simulator", "/nowhere")
    assert said.status != 0
    assert bytes(user.bench.chip.image.config) == before
    said = user.succeeds("chip", "config", "set", "--yes", "--rehearse")
    assert "simulated" in said.err
    assert bytes(user.bench.chip.image.config) != before
    assert not user.succeeds("--json", "info").json["chip"]["config_locked"]


def test_what_would_ruin_the_chip_is_neither_written_nor_locked(someone, tmp_path):
    user = someone(preset="tls")
    before = bytes(user.bench.chip.image.config)
    useless = bytearray(before)
    for slot in range(16):
        useless[20 + 2 * slot] &= 0xF0  # no slot may sign
    file = tmp_path / "useless.hex"
    file.write_text(useless.hex())
    user.fails(5, "chip", "config", "check", file)
    user.fails(5, "chip", "config", "set", file, "--yes")
    assert bytes(user.bench.chip.image.config) == before
    user.succeeds("chip", "config", "set", file, "--yes", "--even-if-useless")
    user.fails(5, "chip", "lock", "config", "--yes-lock", serial_of(user))
    assert not user.succeeds("--json", "info").json["chip"]["config_locked"]


def test_a_picture_of_the_chip(user, tmp_path):
    picture = tmp_path / "chip.svg"
    user.succeeds("chip", "show", "--svg", picture)
    assert picture.read_text().startswith("<svg")
    assert user.types("chip", "show", "--svg", picture).status != 0  # never overwritten


# Keys, requests, certificates.


def test_a_key_a_request_and_a_certificate(user, tmp_path):
    make_ca(tmp_path)
    public = user.succeeds("key", "generate", "1").out
    assert user.succeeds("key", "public", "1").out == public
    csr = user.succeeds("csr", "--slot", "1", "--subject", "/C=IE/CN=by hand", "--san", "DNS:x.example").out
    ca = ("--ca-cert", tmp_path / "ca.crt", "--ca-key", tmp_path / "ca.key", "--days", "5")
    (tmp_path / "made.pem").write_text(
        user.succeeds("cert", *ca, "--csr", "-", "--san", "DNS:x.example", keys=csr).out
    )
    sh("openssl verify -CAfile ca.crt made.pem", tmp_path)
    made = x509.load_pem_x509_certificate((tmp_path / "made.pem").read_bytes())
    assert made.public_key() == load_pem_public_key(public.encode())
    assert user.bench.chip.keys_made == 1


def test_a_key_that_is_there_is_not_replaced_by_a_slip(user):
    public = user.succeeds("key", "generate", "1").out
    said = user.fails(5, "key", "generate", "1")
    assert "--yes-overwrite" in said or "--confirm" in said
    assert user.fails(5, "key", "generate", "1", "--yes-overwrite", "0123456789abcdefee")
    assert user.succeeds("key", "public", "1").out == public
    assert user.succeeds("key", "generate", "1", "--yes-overwrite", serial_of(user)).out != public


@pytest.mark.parametrize(
    "scalar",
    [5, ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value],
    ids=["short", "any"],
)
@pytest.mark.parametrize("locked", [False, True], ids=["plain", "sealed"])
def test_a_key_made_by_openssl_is_imported(someone, tmp_path, scalar, locked):
    """In the clear before the data lock, sealed after it; a key of mostly zero bytes included."""
    user = someone(preset="mos")
    write_secret = f"sealed.write(chip, 4, 0, bytes.fromhex('{WRITE_KEY}'))\n"
    lock_data = write_secret + "chip.Lock(ZONE_DATA)\n" if locked else ""
    user.bench.value("1", "from atecc608 import sealed\nchip.Lock(ZONE_CONFIG)\n" + lock_data)
    user.bench.close()
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    (tmp_path / "raw.der").write_bytes(sec1(key))
    sh("openssl ec -inform DER -in raw.der -out key.pem", tmp_path)
    (tmp_path / "write.hex").write_text(WRITE_KEY)
    sealed = ("--write-key", tmp_path / "write.hex") if locked else ()
    said = user.succeeds("key", "import", "0", "--key", tmp_path / "key.pem", *sealed)
    assert load_pem_public_key(said.out.encode()) == key.public_key()
    assert "identity" in said.err  # what an imported key means
    assert WRITE_KEY not in said.out + said.err
    assert load_pem_public_key(user.succeeds("key", "public", "0").out.encode()) == key.public_key()


def sec1(key):
    """RFC 5915, as openssl writes it."""
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


# From the factory.


@pytest.fixture
def root(tmp_path):
    """The certificate of the simulated factory's root CA."""
    return factory_root(tmp_path)


@pytest.mark.parametrize(("preset", "product"), [("tngtls", "Trust&GO"), ("trustflex", "TrustFLEX")])
def test_a_chip_from_the_factory_is_named_and_its_certificates_rebuilt(
    someone, tmp_path, preset, product, root
):
    user = someone(preset=preset, locked=True)
    assert product in user.succeeds("info").out
    folder = tmp_path / "certs"
    folder.mkdir()
    user.succeeds("cert", "factory", "--out-dir", folder, "--root", root)
    device, signer = sorted(folder.iterdir())
    certificate = x509.load_pem_x509_certificate(device.read_bytes())
    issuer = x509.load_pem_x509_certificate(signer.read_bytes())
    certificate.verify_directly_issued_by(issuer)
    point = certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert user.bench.value("chip.PublicKey(0).hex()") == point[1:].hex()


def test_the_factory_certificate_is_an_identity_as_it_is(someone, tmp_path, root):
    user = someone(preset="tngtls", locked=True)
    user.succeeds("cert", "factory", "--out-dir", tmp_path, "--root", root)
    (signer,) = tmp_path.glob("*.signer.pem")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(root.read_bytes() + signer.read_bytes())
    server_root = Authority.root(name(common_name="Broker's root"))
    server_ca = tmp_path / "server-ca.crt"
    server_ca.write_bytes(server_root.certificate.public_bytes(Encoding.PEM))
    host = free_address()
    with Broker(tmp_path, server_certificate(tmp_path, server_root, host), trusted, address=host):
        where = ("--broker", f"{host}:8883", "--server-ca", server_ca, "--root", root, "--name", "as-it-is")
        user.succeeds("provision", "factory", *where)
        said = user.succeeds("--json", "mqtt", "publish", "t", "signed at the factory", "--round-trip").json
    assert said["received"] == "signed at the factory"
    assert user.bench.chip.keys_made == 0


def test_json_stays_json_for_every_command(user):
    for command in ("info", "chip show", "chip config check", "identity status", "mqtt status"):
        json.loads(user.types("--json", *command.split()).out)
