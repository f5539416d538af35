"""`atecc key`: keys made, shown and imported, and above all the ones that are not destroyed."""

import base64
import json

import pytest
from atecc.chip.config.chipwords import counter_bytes
from atecc.chip.keys import generate, plan_generate
from atecc.device import Device
from atecc.errors import ChannelTimeout, RefusedError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)
from fakedevice import SERIAL, FakeDevice

GENERATE, IMPORT = "ATCA.GenKey", "ATCA.SetKey"
WRITE_KEY = bytes(range(32))


@pytest.fixture
def importing():
    """A chip whose slot 2 takes keys from outside, sealed with the secret in slot 6."""
    board = FakeDevice()
    board.config[24:26] = bytes.fromhex("8766")
    board.secrets[6] = WRITE_KEY
    return board


@pytest.fixture
def sealed(tmp_path):
    path = tmp_path / "write.key"
    path.write_text(WRITE_KEY.hex() + "\n")
    return path


@pytest.fixture
def pem(openssl, tmp_path):
    """As every guide makes it: EC PARAMETERS first."""
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "device.key.pem")
    return tmp_path / "device.key.pem"


def public(pem_text):
    return load_pem_public_key(pem_text.encode())


def scalar_file(path, scalar):
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


class TestGenerate:
    def test_a_free_slot_gets_one_at_once(self, board, run):
        seen = run(board, "key", "generate", 1)
        assert seen.status == 0 and public(seen.out) == board.keys[1].public_key()
        assert "can't be read out" in seen.err and "atecc csr --slot 1" in seen.err

    def test_for_programs(self, board, run):
        data = run(board, "key", "generate", 1, "--json").json
        assert data["slot"] == 1 and data["generated"] and data["replaced"] is None
        assert bytes.fromhex(data["pubkey"]) == board.point(1) and public(data["pem"])

    def test_to_a_file(self, board, run, tmp_path):
        out = tmp_path / "pub.pem"
        assert run(board, "key", "generate", 1, "--out", out).out == ""
        assert public(out.read_text()) == board.keys[1].public_key()

    @pytest.mark.parametrize("more", [[], ["--confirm"], ["--yes-overwrite", SERIAL]])
    def test_the_active_identitys_key_is_never_replaced(self, board, run, more):
        board.identity()
        before = board.keys[0]
        seen = run(board, "key", "generate", 0, *more, typed=SERIAL)
        assert seen.status == 5 and "active identity" in seen.err and "never replaced" in seen.err
        assert board.keys[0] is before and GENERATE not in board.calls

    def test_somebodys_key_is_a_dry_run(self, board, run):
        board.keys[1] = before = ec.generate_private_key(ec.SECP256R1())
        seen = run(board, "key", "generate", 1)
        assert seen.status == 5 and seen.out == ""
        for text in (
            f"Slot 1 of chip {SERIAL} holds a key that no identity of this board knows",
            "destroys it for good",
            "dry run",
            "atecc key generate 1 --confirm",
        ):
            assert text in seen.err
        assert board.keys[1] is before and GENERATE not in board.calls

    def test_the_dry_run_for_programs(self, board, run):
        board.keys[1] = ec.generate_private_key(ec.SECP256R1())
        seen = run(board, "key", "generate", 1, "--json")
        data = seen.json
        assert seen.status == 5 and data["dry_run"] and data["serial"] == SERIAL and data["lost"]
        assert data["error"]["exit_status"] == 5

    def test_it_says_which_identity_would_lose_its_key(self, board, run):
        board.identity("new")
        board.keys[1], board.known[1] = ec.generate_private_key(ec.SECP256R1()), True
        board.records["b"] = board.records["a"] | {
            "state": "previous",
            "slot": 1,
            "name": "old",
            "subject": "CN=old",
        }
        seen = run(board, "key", "generate", 1)
        assert seen.status == 5
        assert "the key of identity b (previous: old)" in seen.err and "CN=old" in seen.err

    def test_a_key_that_an_identity_left_is_told_as_that_wherever_it_came_from(self, board, run):
        board.identity("new")
        board.keys[1] = ec.generate_private_key(ec.SECP256R1())
        left = {"state": "previous", "slot": 1, "name": "old", "subject": "CN=old"}
        board.records["b"] = board.records["a"] | left
        seen = run(board, "key", "generate", 1)
        assert seen.status == 5 and "the key of identity b (previous: old)" in seen.err
        assert "the way back to that identity" in seen.err

    def test_the_refusal_names_what_works_from_there(self, board, run):
        board.keys[1] = ec.generate_private_key(ec.SECP256R1())
        assert "bench on" not in run(board, "key", "generate", 1).err
        afar = run(board, "key", "generate", 1, "--port", "ws://192.0.2.1")
        assert "--confirm" in afar.err and "atecc bench on --for 1h" in afar.err
        board.identity()
        assert "--slot 0 --key existing" in run(board, "key", "generate", 0).err

    @pytest.mark.parametrize("spelled", [SERIAL, SERIAL.upper(), "01:23:a1:b2:c3:d4:e5:f6:ee"])
    def test_the_serial_number_confirms(self, board, run, spelled):
        board.keys[1] = before = ec.generate_private_key(ec.SECP256R1())
        seen = run(board, "key", "generate", 1, "--yes-overwrite", spelled)
        assert seen.status == 0 and board.keys[1] is not before
        assert public(seen.out) == board.keys[1].public_key()

    def test_the_serial_number_typed(self, board, run):
        board.keys[1] = before = ec.generate_private_key(ec.SECP256R1())
        assert run(board, "key", "generate", 1, "--confirm", typed=SERIAL + "\n").status == 0
        assert board.keys[1] is not before

    @pytest.mark.parametrize("typed", ["yes\n", SERIAL[:-2] + "\n", "\n", ""])
    def test_anything_else_typed(self, board, run, typed):
        board.keys[1] = before = ec.generate_private_key(ec.SECP256R1())
        seen = run(board, "key", "generate", 1, "--confirm", typed=typed)
        assert seen.status == 5 and board.keys[1] is before and GENERATE not in board.calls

    def test_nobody_to_ask(self, board, run):
        board.keys[1] = ec.generate_private_key(ec.SECP256R1())
        seen = run(board, "key", "generate", 1, "--confirm")
        assert seen.status == 5 and "--yes-overwrite" in seen.err and GENERATE not in board.calls

    def test_another_chips_serial_number(self, board, run):
        board.keys[1] = ec.generate_private_key(ec.SECP256R1())
        seen = run(board, "key", "generate", 1, "--yes-overwrite", "0123" + "00" * 7)
        assert seen.status == 5 and "not this chip's serial number" in seen.err
        assert GENERATE not in board.calls

    def test_a_slot_that_can_not(self, board, run):
        seen = run(board, "key", "generate", 8)
        assert seen.status == 4 and "not a slot for private keys" in seen.err and "0, 1, 2" in seen.err

    def test_a_slot_whose_rules_forbid_it(self, board, run):
        board.config[20:22] = bytes.fromhex("8500")
        seen = run(board, "key", "generate", 0)
        assert seen.status == 4 and "forbid GenKey" in seen.err

    def test_a_blank_chip(self, blank, run):
        seen = run(blank, "key", "generate", 0)
        assert seen.status == 5 and "atecc chip lock config" in seen.err and GENERATE not in blank.calls

    def test_a_file_that_is_there_is_seen_before_the_key_is_made(self, board, run, tmp_path):
        out = tmp_path / "pub.pem"
        out.write_text("precious")
        seen = run(board, "key", "generate", 1, "--out", out)
        assert seen.status == 5 and "--force" in seen.err and out.read_text() == "precious"
        assert not board.calls
        assert run(board, "key", "generate", 1, "--out", out, "--force").status == 0
        assert public(out.read_text())

    def test_no_such_directory(self, board, run, tmp_path):
        seen = run(board, "key", "generate", 1, "--out", tmp_path / "no" / "pub.pem")
        assert seen.status == 2 and not board.calls

    def test_a_lost_answer(self, board, run):
        board.faults[GENERATE] = ChannelTimeout("The board did not answer in time.")
        seen = run(board, "key", "generate", 1)
        assert seen.status == 3 and "not known" in seen.err and "atecc key public 1" in seen.err

    def test_another_key_than_the_one_made(self, board, run):
        other = ec.generate_private_key(ec.SECP256R1()).public_key()
        point = other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
        board.tamper[GENERATE] = lambda _: {"pubkey": base64.b64encode(point).decode()}
        assert run(board, "key", "generate", 1).status == 4


class TestPublic:
    def test_pem_der_raw(self, board, run, tmp_path):
        board.identity()
        key = board.keys[0].public_key()
        assert public(run(board, "key", "public", 0).out) == key
        for form in ("der", "raw"):
            out = tmp_path / form
            run(board, "key", "public", 0, "--format", form, "--out", out)
        assert load_der_public_key((tmp_path / "der").read_bytes()) == key
        assert (tmp_path / "raw").read_bytes() == board.point(0)

    def test_no_key(self, board, run):
        seen = run(board, "key", "public", 3)
        assert seen.status == 4 and seen.out == ""

    def test_a_point_that_is_none(self, board, run):
        board.identity()
        board.tamper["ATCA.GetPubKey"] = lambda _: {"pubkey": base64.b64encode(bytes(64)).decode()}
        seen = run(board, "key", "public", 0)
        assert seen.status == 6 and "no point of P-256" in seen.err


class TestImport:
    def test_encrypted_once_the_data_zone_is_locked(self, importing, run, pem, sealed):
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", sealed)
        assert seen.status == 0, seen.err
        assert public(seen.out) == importing.keys[2].public_key()
        assert "written encrypted" in seen.err and "Its public key and its signature: checked" in seen.err
        assert "whoever has" in seen.err and "Delete" in seen.err
        assert "Identity.Request" in importing.calls

    def test_in_the_clear_before(self, importing, run, pem):
        importing.config[86] = 0x55
        seen = run(importing, "key", "import", 2, "--key", pem)
        assert seen.status == 0 and "written in the clear" in seen.err and 2 in importing.keys

    def test_without_the_write_key(self, importing, run, pem):
        seen = run(importing, "key", "import", 2, "--key", pem)
        assert seen.status == 5 and "slot 6" in seen.err and "--write-key" in seen.err
        assert IMPORT not in importing.calls

    def test_with_a_wrong_one(self, importing, run, pem, tmp_path):
        wrong = tmp_path / "wrong"
        wrong.write_bytes(bytes(32))
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", wrong)
        assert seen.status == 4 and "the secret in slot 6" in seen.err and not importing.keys

    def test_the_write_key_raw_or_from_standard_input(self, importing, run, pem, tmp_path):
        raw = tmp_path / "raw"
        raw.write_bytes(WRITE_KEY)
        assert run(importing, "key", "import", 2, "--key", pem, "--write-key", raw).status == 0
        again = ["--yes-overwrite", SERIAL, "--write-key", "-"]
        assert run(importing, "key", "import", 2, "--key", pem, *again, typed=WRITE_KEY.hex()).status == 0

    def test_one_standard_input_for_two(self, importing, run, pem):
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", "-", "--confirm", typed="x")
        assert seen.status == 2 and "--yes-overwrite" in seen.err and not importing.calls

    @pytest.mark.parametrize("text", ["", "5ec2e7", "zz" * 32, "00" * 33, "é" * 20])
    def test_what_is_no_write_key(self, importing, run, pem, tmp_path, text):
        path = tmp_path / "bad"
        path.write_text(text)
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", path)
        assert seen.status == 6 and "32 bytes" in seen.err and not importing.calls
        assert not text or text not in seen.err

    @pytest.mark.parametrize("form", ["sec1", "pkcs8", "der", "encrypted"])
    def test_every_form_of_a_file(self, importing, run, tmp_path, sealed, form):
        key = ec.generate_private_key(ec.SECP256R1())
        encoding = Encoding.DER if form == "der" else Encoding.PEM
        shape = PrivateFormat.TraditionalOpenSSL if form == "sec1" else PrivateFormat.PKCS8
        lock = BestAvailableEncryption(b"sesame") if form == "encrypted" else NoEncryption()
        path, password = tmp_path / "key", tmp_path / "password"
        path.write_bytes(key.private_bytes(encoding, shape, lock))
        password.write_text("sesame\n")
        more = ["--key-password-file", password]
        seen = run(importing, "key", "import", 2, "--key", path, "--write-key", sealed, *more)
        assert seen.status == 0, seen.err
        assert public(seen.out) == key.public_key() == importing.keys[2].public_key()

    def test_nobody_knows_the_password(self, importing, run, tmp_path, sealed):
        key = ec.generate_private_key(ec.SECP256R1())
        path = tmp_path / "key"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
        )
        seen = run(importing, "key", "import", 2, "--key", path, "--write-key", sealed)
        assert seen.status == 6 and "--key-password-file" in seen.err and not importing.calls

    @pytest.mark.parametrize("scalar", [1, 2**240 - 1, 2**255 + 5])
    def test_leading_zeros(self, importing, run, tmp_path, sealed, scalar):
        path = scalar_file(tmp_path / "key", scalar)
        assert run(importing, "key", "import", 2, "--key", path, "--write-key", sealed).status == 0
        assert importing.keys[2].private_numbers().private_value == scalar

    @pytest.mark.parametrize("kind", ["secp384r1", "ED25519", "RSA"])
    def test_keys_that_the_chip_can_not_hold(self, importing, run, openssl, tmp_path, kind):
        if kind == "secp384r1":
            openssl("ecparam", "-name", kind, "-genkey", "-noout", "-out", "other.pem")
        else:
            openssl("genpkey", "-algorithm", kind, "-out", "other.pem")
        seen = run(importing, "key", "import", 2, "--key", tmp_path / "other.pem")
        assert seen.status == 6 and "P-256" in seen.err and not importing.calls

    def test_a_public_key(self, importing, run, pem, openssl, tmp_path):
        openssl("ec", "-in", pem, "-pubout", "-out", "pub.pem")
        seen = run(importing, "key", "import", 2, "--key", tmp_path / "pub.pem")
        assert seen.status == 6 and "no private key, only PUBLIC KEY" in seen.err and not importing.calls

    def test_a_slot_that_takes_none(self, importing, run, pem, sealed):
        seen = run(importing, "key", "import", 0, "--key", pem, "--write-key", sealed)
        assert seen.status == 4 and "forbid PrivWrite" in seen.err and "Slots that do: 2" in seen.err

    def test_a_locked_slot(self, importing, run, pem, sealed):
        importing.config[88] &= ~(1 << 2)
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", sealed)
        assert seen.status == 4 and "the slot is locked" in seen.err

    def test_somebodys_key_is_not_replaced(self, importing, run, pem, sealed):
        importing.keys[2] = before = ec.generate_private_key(ec.SECP256R1())
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", sealed)
        assert seen.status == 5 and "dry run" in seen.err and importing.keys[2] is before
        assert IMPORT not in importing.calls
        more = ["--write-key", sealed, "--yes-overwrite", SERIAL]
        assert run(importing, "key", "import", 2, "--key", pem, *more).status == 0
        assert importing.keys[2] is not before

    def test_the_active_identitys_key(self, importing, run, pem, sealed):
        importing.identity()
        importing.config[20:22] = bytes.fromhex("8766")
        more = ["--write-key", sealed, "--yes-overwrite", SERIAL]
        seen = run(importing, "key", "import", 0, "--key", pem, *more)
        assert seen.status == 5 and "never replaced" in seen.err and IMPORT not in importing.calls

    def test_a_slot_that_shows_no_public_key(self, importing, run, pem, sealed):
        importing.config[96 + 2 * 2] &= ~2
        importing.faults["ATCA.GetPubKey"] = {
            "code": 500,
            "kind": "chip",
            "message": "GenKey: execution error",
        }
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", sealed)
        assert seen.status == 0 and "can't be checked from here" in seen.err
        assert "Identity.Request" not in importing.calls

    def test_the_chip_has_another_key_afterwards(self, importing, run, pem, sealed):
        importing.tamper["ATCA.GetPubKey"] = lambda _: {
            "pubkey": base64.b64encode(
                ec.generate_private_key(ec.SECP256R1())
                .public_key()
                .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
            ).decode()
        }
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", sealed)
        assert seen.status == 4 and "another key than the one in the file" in seen.err

    def test_the_chip_signs_with_another_key(self, importing, run, pem, sealed):
        def forged(result):
            importing.keys[2] = ec.generate_private_key(ec.SECP256R1())
            return result | {
                "csr": base64.b64encode(importing.request_for(2, [[["CN", "import"]]], ())).decode()
            }

        importing.tamper["Identity.Request"] = forged
        seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", sealed)
        assert seen.status == 6 and "not for the key" in seen.err

    @pytest.mark.parametrize("more", [[], ["--json"], ["-vv"]])
    def test_no_secret_is_ever_shown(self, importing, run, tmp_path, sealed, more, caplog):
        scalar = 0x5EC2E7_5EC2E7_5EC2E7_5EC2E7_5EC2E7_5EC2E7_5EC2E7_5EC2E7_5EC2E7_5EC2E7
        path = scalar_file(tmp_path / "key", scalar)
        raw = scalar.to_bytes(32, "big")
        seen = run(importing, "key", "import", 2, "--key", path, "--write-key", sealed, *more)
        importing.faults[IMPORT] = {"code": 500, "kind": "chip", "message": "PrivWrite: execution error"}
        again = ["--yes-overwrite", SERIAL, *more]
        failed = run(importing, "key", "import", 2, "--key", path, "--write-key", sealed, *again)
        assert (seen.status, failed.status) == (0, 4)
        everything = seen.out + seen.err + failed.out + failed.err + caplog.text
        for secret in (raw, WRITE_KEY):
            for shown in (secret.hex(), base64.b64encode(secret).decode(), str(int.from_bytes(secret))):
                assert shown.strip("0") not in everything
        assert "PRIVATE" not in everything


def test_an_import_for_programs(importing, run, pem, sealed):
    seen = run(importing, "key", "import", 2, "--key", pem, "--write-key", sealed, "--json")
    assert json.loads(seen.out)["imported"] and bytes.fromhex(seen.json["pubkey"]) == importing.point(2)


def test_without_the_command_line(board):
    with Device(board) as device:
        plan = plan_generate(device, 1)
        assert plan.free and generate(device, plan) == board.point(1)
        again = plan_generate(device, 1)
        assert not again.free
        with pytest.raises(RefusedError):
            generate(device, again)
        assert generate(device, again, SERIAL) == board.point(1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({20: 0xA7, 52: counter_bytes(2_097_151)}, "Slot 0 counts its uses (counter 0), and none is left"),
        ({20: 0xA7, 18: 0x91}, "up to what is stored in slot 9 (CountMatch)"),
        ({96: 0xB3}, "Slot 0 can't sign: each use must be authorised with slot 0 first"),
        ({}, "by its slots' rules"),
    ],
)
def test_a_refusal_of_the_chip_gets_the_slots_rule_as_its_reason(board, run, change, said):
    board.keys[0] = ec.generate_private_key(ec.SECP256R1())
    for offset, value in change.items():
        data = value if isinstance(value, bytes) else bytes([value])
        board.config[offset : offset + len(data)] = data
    board.faults["Identity.Request"] = {
        "code": 500, "kind": "chip", "message": "Sign: the chip answers 0x0F (execution error)",
        "command": "Sign", "status": 15,
    }  # fmt: skip
    seen = run(board, "csr", "--slot", "0", "--subject", "CN=x")
    assert seen.status == 4 and said in seen.err
