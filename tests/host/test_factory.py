"""The certificates of Trust&GO and TrustFLEX chips: of a real chip, and of simulated ones that others issued."""

import base64

import pytest
from atecc.errors import CertificateError
from atecc.x509.compressed import Compressed
from atecc.x509.factory import ROOT_NAME, ROOT_POINT, FactorySlots, rebuild
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from factoryroot import factory_root
from fakedevice import FakeDevice
from simchip.presets import fresh_image
from simchip.rng import SeededRandom

# A real TrustFLEX chip, as its slots are quoted in the tests of Microchip's own pytrustplatform
# (test_cli_certificates.py). Its signer is signed by Microchip's root, whose key nobody here has:
# that the bytes rebuilt here verify with it is the proof that they are the bytes that were issued.
REAL = FactorySlots(
    serial="01233baedaaeaa5501",
    device_point=bytes.fromhex(
        "0991cf36f4e15a6e52fc29779d2593285d32c161987ed82cdfe814a7aef5200e"
        "fec01c4efa582297efecdf8f6150396113e224a1d4738dd55f96f3409a3c1ee8"
    ),
    device=bytes.fromhex(
        "5cb63359113027ab981ec780e2da9f9d51fd4fbcba1c223938a3977abdf6e741"
        "2c2e7cfc407524da2bc1db1adae80164a8717386b59593a35257f75dcdb16f2a"
        "a326dc2c2030a000"
    ),
    signer_point=bytes.fromhex(
        "000000009972887c3660fb10873cfe81d037aec66ee2de3792561b62be537aaeef0e1d72"
        "00000000a3869f549a231369fcc1c32ccf958a260c66cecbf1316e00c78e7f536cc4af14"
    ),
    signer=bytes.fromhex(
        "394adfaa865449769bdbec6198d184a2fd37cfd09434710eec93b38adb6252e2"
        "95923729c412e2abe955a738936995c81442a8d8ee8bf355f049a1fb0732a285"
        "963a9f2c2010a000"
    ),
)


def changed(slots, **more):
    return FactorySlots(**(vars(slots) | more))


def flipped(data, position, bit=1):
    return data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :]


class TestARealChip:
    def test_down_from_microchips_root(self):
        chain = rebuild(REAL)
        assert chain.genuine and chain.root == ROOT_POINT
        assert chain.device.subject.rfc4514_string() == "CN=sn01233BAEDAAEAA5501,O=Microchip Technology Inc"
        assert chain.device.issuer == chain.signer.subject
        assert chain.signer.subject.rfc4514_string().startswith("CN=Crypto Authentication Signer 2C20,")
        assert chain.signer.issuer.rfc4514_string() == f"CN={ROOT_NAME},O=Microchip Technology Inc"
        assert str(chain.device.not_valid_before_utc) == "2020-06-09 22:00:00+00:00"
        assert str(chain.device.not_valid_after_utc) == "2048-06-09 22:00:00+00:00"
        chain.device.verify_directly_issued_by(chain.signer)

    def test_its_date_of_expiry_is_written_as_microchip_does(self):
        assert b"\x18\x0f20480609220000Z" in rebuild(REAL).device.tbs_certificate_bytes

    def test_a_mac_address_is_tried_and_not_needed(self):
        assert rebuild(changed(REAL, mac_address=b"0004A3BD5C6F".ljust(36, b"\0"))) == rebuild(REAL)

    @pytest.mark.parametrize(
        "one",
        [
            {"serial": "01233baedaaeaa5502"},
            {"device": flipped(REAL.device, 10)},
            {"device": flipped(REAL.device, 66, 0x20)},
            {"device": flipped(REAL.device, 68)},
            {"signer_point": REAL.signer_point[:36] * 2},
        ],
    )
    def test_anything_that_was_changed_is_no_certificate(self, one):
        with pytest.raises(CertificateError):
            rebuild(changed(REAL, **one))

    @pytest.mark.parametrize("position", [10, 66, 68])
    def test_a_changed_signer_is_not_genuine(self, position):
        chain = rebuild(changed(REAL, signer=flipped(REAL.signer, position)))
        assert chain.root is None and not chain.genuine


class TestCompressed:
    def test_no_expiry(self):
        data = REAL.device[:66] + bytes([REAL.device[66] & 0xE0]) + REAL.device[67:]
        assert Compressed.decode(data).not_after.year == 9999

    def test_years_that_only_format_1_can_say(self):
        data = REAL.device[:70] + bytes([0xA1, 0b01_01_0000])
        decoded = Compressed.decode(data)
        assert (decoded.not_before.year, decoded.not_after.year) == (2020 + 32, 2020 + 32 + 28 + 32)

    def test_a_serial_number_is_positive_and_of_full_length(self):
        number = Compressed.decode(REAL.device).serial_number(REAL.device_point)
        assert number.bit_length() == 127

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (bytes(72), "empty"),
            (b"\xff" * 72, "empty"),
            (REAL.device[:71], "72 bytes"),
            (REAL.device[:70] + b"\xa2\0", "format 2"),
            (REAL.device[:70] + b"\x00\0", "source 0x0"),
            (REAL.device[:64] + bytes(3) + REAL.device[67:], "dates"),
        ],
    )
    def test_what_is_none(self, data, text):
        with pytest.raises(CertificateError, match=text):
            Compressed.decode(data)


def board_of(preset):
    """A board with a chip as its factory made it, seen from outside."""
    image = fresh_image(preset, SeededRandom(7), blank_data=0xFF, locked=True)
    board = FakeDevice()
    board.config = bytearray(image.config)
    for slot in (0, 1):
        scalar = int.from_bytes(image.slots[slot][4:], "big")
        board.keys[slot] = ec.derive_private_key(scalar, ec.SECP256R1())
    readable = (5, 10, 11, 12) if preset == "tngtls" else (10, 11, 12)
    board.data = {slot: bytes(image.slots[slot]) for slot in readable}
    return board


@pytest.fixture(params=["tngtls", "trustflex"])
def chip(request):
    return board_of(request.param)


@pytest.fixture
def root(tmp_path):
    """The stand-in that has signed the simulated signers, as a CA's certificate."""
    return factory_root(tmp_path)


class TestCertFactory:
    def test_both_certificates(self, chip, run):
        seen = run(chip, "cert", "factory")
        device, signer = x509.load_pem_x509_certificates(seen.out.encode())
        assert seen.status == 0 and device.public_key() == chip.keys[0].public_key()
        device.verify_directly_issued_by(signer)
        assert chip.serial.upper() in seen.err and "not signed by the key of Microchip's" in seen.err
        assert "in slot 0, and the chip has signed with it" in seen.err

    def test_the_stand_ins_root(self, chip, run, root):
        seen = run(chip, "cert", "factory", "--root", root)
        signer = x509.load_pem_x509_certificates(seen.out.encode())[1]
        signer.verify_directly_issued_by(x509.load_pem_x509_certificate(root.read_bytes()))
        assert seen.status == 0 and "its signature verified" in seen.err and "Warning" not in seen.err

    def test_openssl_believes_it(self, chip, run, root, openssl, tmp_path):
        run(chip, "cert", "factory", "--out-dir", tmp_path / "out")
        device, signer = (tmp_path / "out" / f"{chip.serial}.{who}.pem" for who in ("device", "signer"))
        assert "OK" in openssl("verify", "-CAfile", root, "-untrusted", signer, device)

    def test_only_trust_and_go_names_a_mac_address(self, run):
        for preset, named in (("tngtls", True), ("trustflex", False)):
            chip = board_of(preset)
            device = x509.load_pem_x509_certificates(run(chip, "cert", "factory").out.encode())[0]
            address = b"eui48_0004A3" in device.tbs_certificate_bytes
            assert address is named

    def test_for_programs(self, chip, run, root):
        data = run(chip, "cert", "factory", "--json", "--root", root).json
        assert data["root_verified"] and not data["genuine"] and data["serial"] == chip.serial
        assert data["device"]["issuer"] == data["signer"]["subject"]

    def test_files_that_are_there(self, chip, run, tmp_path):
        first = run(chip, "cert", "factory", "--out-dir", tmp_path)
        assert first.status == 0 and first.out == ""
        seen = run(chip, "cert", "factory", "--out-dir", tmp_path)
        assert seen.status == 5 and "--force" in seen.err
        assert run(chip, "cert", "factory", "--out-dir", tmp_path, "--force").status == 0

    def test_another_root(self, chip, run, ca):
        seen = run(chip, "cert", "factory", "--root", ca.cert)
        assert seen.status == 0 and f"not signed by the key of {ca.cert}" in seen.err

    @pytest.mark.parametrize("slot", [10, 11, 12])
    def test_an_empty_slot(self, chip, run, slot):
        chip.data[slot] = b"\xff" * 72
        seen = run(chip, "cert", "factory")
        assert seen.status == 6 and seen.out == "" and "Trust" in seen.err

    def test_a_certificate_for_another_key(self, chip, run):
        chip.keys[0] = ec.generate_private_key(ec.SECP256R1())
        seen = run(chip, "cert", "factory")
        assert seen.status == 6 and "can't be rebuilt" in seen.err

    def test_a_chip_that_does_not_have_the_key(self, chip, run):
        """It shows the public key of the certificate, and signs with another."""
        point = chip.point(0)
        chip.keys[0] = ec.generate_private_key(ec.SECP256R1())
        chip.tamper["ATCA.GetPubKey"] = lambda _: {"pubkey": base64.b64encode(point).decode()}
        seen = run(chip, "cert", "factory")
        assert seen.status == 6 and "not for the key" in seen.err

    def test_another_kind_of_chip(self, board, run):
        seen = run(board, "cert", "factory")
        assert seen.status == 4 and "no factory certificate" in seen.err and "Trust&GO" in seen.err

    def test_a_blank_one(self, blank, run):
        assert run(blank, "cert", "factory").status == 5


class TestNames:
    @pytest.mark.parametrize(
        ("preset", "name"),
        [("tngtls", "-TNGTLS (Trust&GO)"), ("trustflex", "-TFLXTLS (TrustFLEX)")],
    )
    def test_info_names_the_chip(self, run, preset, name):
        seen = run(board_of(preset), "info")
        assert name in seen.out and "atecc provision factory" in seen.out
        assert run(board_of(preset), "info", "--json").json["chip"]["product"] in name

    @pytest.mark.parametrize("preset", ["blank", "tls", "mos"])
    def test_no_other_chip_is_named_so(self, run, preset):
        image = fresh_image(preset, SeededRandom(7), blank_data=0xFF, locked=True)
        board = FakeDevice()
        board.config = bytearray(image.config)
        seen = run(board, "info")
        assert "TLS" not in seen.out and "provision factory" not in seen.out
        assert run(board, "info", "--json").json["chip"]["product"] is None


class TestProvisionFactory:
    @pytest.fixture
    def provision(self, run, ca):
        def provision(chip, *more):
            broker = ["--broker", "broker.invalid:8883", "--server-ca", ca.cert]
            return run(chip, "provision", "factory", *broker, *more)

        return provision

    def test_the_certificate_is_used_as_it_is(self, chip, provision, root):
        key = chip.keys[0]
        seen = provision(chip, "--name", "sensor-1", "--root", root)
        assert seen.status == 0, seen.err
        stored = chip.records[chip.active]
        device, signer = (
            x509.load_der_x509_certificate(base64.b64decode(one))
            for one in (stored["certificate"], stored["chain"][0])
        )
        device.verify_directly_issued_by(signer)
        assert stored["slot"] == 0 and stored["name"] == stored["client_id"] == "sensor-1"
        assert chip.keys[0] is key and "ATCA.GenKey" not in chip.calls and chip.mqtt == "connected"
        for text in ("the key in slot 0 is used as it is", "rebuilt and verified", "byte for byte the same"):
            assert text in seen.err

    def test_once_more_does_nothing(self, chip, provision):
        assert provision(chip, "--json").json["changed"]
        asked = len(chip.calls)
        assert not provision(chip, "--json").json["changed"]
        assert not [
            name for name in chip.calls[asked:] if name.startswith(("Identity.Begin", "Identity.Stage"))
        ]
        assert provision(chip, "--name", "sensor-1", "--json").json["changed"]

    def test_its_name_by_default(self, chip, provision):
        data = provision(chip, "--json").json
        assert data["name"] == f"sn{chip.serial.upper()}" and not data["generated"]

    def test_an_unknown_root_is_said(self, chip, provision):
        seen = provision(chip)
        assert seen.status == 0 and "not signed by the key of Microchip's" in seen.err

    def test_nothing_is_begun_without_a_certificate(self, chip, provision):
        chip.data[10] = bytes(72)
        seen = provision(chip)
        assert seen.status == 6 and "Identity.Begin" not in chip.calls

    def test_a_broker_that_refuses(self, chip, provision):
        chip.faults["Identity.Try"] = {"code": 503, "kind": "tls", "message": "the broker refused"}
        seen = provision(chip)
        assert seen.status == 8 and chip.active is None and "discarded" in seen.err
