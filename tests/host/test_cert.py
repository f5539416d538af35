"""`atecc csr` and `atecc cert`: requests for the key that is there, and certificates from one's own CA."""

import base64
import datetime as dt
import hashlib
import re

import pytest
from atecc.errors import CertificateError
from atecc.x509.requests import check_csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

SUBJECT = ["--subject", "/C=IE/O=ACME/CN=sensor-1"]
CHANGES = ("ATCA.GenKey", "ATCA.SetKey", "Identity.Begin", "Identity.Stage")


@pytest.fixture
def board(board):
    """A board whose slot 0 has a key."""
    board.identity()
    return board


NAMED = ["--san", "DNS:a.b"]


def names_of(found):
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def certificate(text):
    return x509.load_pem_x509_certificate(text.encode())


class TestCsr:
    def test_for_the_key_that_is_there(self, board, run):
        seen = run(board, "csr", "--slot", 0, *SUBJECT)
        request = x509.load_pem_x509_csr(seen.out.encode())
        assert seen.status == 0 and request.is_signature_valid
        assert request.public_key() == board.keys[0].public_key()
        assert request.subject.rfc4514_string() == "CN=sensor-1,O=ACME,C=IE"
        assert "signed by the key in slot 0, checked here" in seen.err
        assert not set(CHANGES) & set(board.calls)

    def test_names_and_usage(self, board, run):
        more = ["--san", "DNS:sensor-1.acme.ie", "--key-usage", "digitalSignature"]
        request = x509.load_pem_x509_csr(run(board, "csr", "--slot", 0, *SUBJECT, *more).out.encode())
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert list(names) == [x509.DNSName("sensor-1.acme.ie")]
        assert request.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature

    def test_for_programs_and_to_a_file(self, board, run, tmp_path):
        out = tmp_path / "csr.pem"
        seen = run(board, "csr", "--slot", 0, *SUBJECT, "--json", "--out", out)
        assert seen.json["csr_pem"] == out.read_text() and seen.json["slot"] == 0
        again = run(board, "csr", "--slot", 0, *SUBJECT, "--out", out)
        assert again.status == 5 and "--force" in again.err

    def test_no_key(self, board, run):
        seen = run(board, "csr", "--slot", 1, *SUBJECT)
        assert seen.status == 4 and seen.out == "" and 1 not in board.keys

    @pytest.mark.parametrize(
        "more",
        [
            ["--subject", "sensor-1"],
            ["--subject", ""],
            [*SUBJECT, "--san", "sensor-1"],
            [*SUBJECT, "--key-usage", "everything"],
            [*SUBJECT, "--key-usage", "encipherOnly"],
        ],
    )
    def test_words_that_make_no_sense_never_reach_the_board(self, board, run, more):
        seen = run(board, "csr", "--slot", 0, *more)
        assert seen.status in (2, 6) and seen.out == "" and not board.calls

    @pytest.mark.parametrize("what", ["key", "subject", "usage", "signature"])
    def test_what_comes_back_is_checked(self, board, run, what):
        def forged(result):
            if what == "key":
                board.keys[0] = ec.generate_private_key(ec.SECP256R1())
            subject = [[["CN", "other" if what == "subject" else "sensor-1"]]]
            usage = ["digitalSignature"] if what == "usage" else []
            made = bytearray(board.request_for(0, subject, [], usage))
            if what == "signature":
                made[made.index(b"sensor-1") + 7] ^= 1
            return result | {"csr": base64.b64encode(made).decode()}

        point = board.point(0)
        board.tamper["Identity.Request"] = forged
        board.tamper["ATCA.GetPubKey"] = lambda _: {"pubkey": base64.b64encode(point).decode()}
        seen = run(board, "csr", "--slot", 0, "--subject", "CN=sensor-1")
        assert seen.status == 6 and seen.out == ""

    def test_a_usage_that_was_lost(self, board):
        made = board.request_for(0, [[["CN", "x"]]], [])
        with pytest.raises(CertificateError, match="key usage"):
            check_csr(made, board.point(0), [[("CN", "x")]], [], ["digitalSignature"])


class TestCert:
    @pytest.fixture
    def issue(self, board, run, ca):
        def issue(*args, typed=None):
            return run(board, "cert", *ca.options, "--days", 30, *args, typed=typed)

        return issue

    @pytest.fixture
    def request_file(self, tmp_path):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other-device")])
        made = x509.CertificateSigningRequestBuilder().subject_name(name)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("a.b")]), critical=False)
        path = tmp_path / "device.csr"
        path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path

    def test_straight_from_the_board(self, issue, board, ca):
        seen = issue("--slot", 0, *SUBJECT)
        made = certificate(seen.out)
        assert seen.status == 0 and made.public_key() == board.keys[0].public_key()
        made.verify_directly_issued_by(certificate(ca.cert.read_text()))
        usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
        left = made.not_valid_after_utc - dt.datetime.now(dt.UTC)
        assert dt.timedelta(days=29) < left <= dt.timedelta(days=30)
        assert not set(CHANGES) & set(board.calls)

    def test_for_a_file_no_board_is_needed(self, issue, board, request_file):
        made = certificate(issue("--csr", request_file, "--san", "DNS:a.b").out)
        assert made.subject.rfc4514_string() == "CN=other-device"
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert list(names) == [x509.DNSName("a.b")] and not board.calls

    def test_the_names_that_a_request_asks_for_are_the_users_decision(self, issue, request_file):
        seen = issue("--csr", request_file)
        assert seen.status == 5 and seen.out == "" and "--san DNS:a.b" in seen.err
        seen = issue("--csr", request_file, typed="n\n")
        assert seen.status == 5 and seen.out == "" and "for these names: DNS:a.b" in seen.err
        seen = issue("--csr", request_file, typed="y\n")
        assert seen.status == 0 and names_of(certificate(seen.out)) == ["a.b"]
        seen = issue("--csr", request_file, "--san", "DNS:c.d")
        assert names_of(certificate(seen.out)) == ["c.d"] and "are not certified: DNS:a.b" in seen.err

    def test_names_from_standard_input_can_only_be_given(self, issue, request_file):
        text = request_file.read_text()
        assert issue("--csr", "-", typed=text).status == 5
        assert issue("--csr", "-", *NAMED, typed=text).status == 0

    def test_a_name_of_any_kind_is_shown_and_asked_about(self, issue, tmp_path):
        """Names that no option can spell, and such that would like to be overlooked."""
        odd = [
            x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x0c\x04evil"),
            x509.RegisteredID(x509.ObjectIdentifier("1.2.3.5")),
            x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mqtt.acme.ie")])),
            x509.DNSName("*.acme.ie"),
        ]
        made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        made = made.add_extension(x509.SubjectAlternativeName(odd), critical=True)
        path = tmp_path / "odd.csr"
        path.write_bytes(
            made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)
        )
        seen = issue("--csr", path)
        assert seen.status == 5 and seen.out == ""
        for words in ("1.2.3.4", "evil", "1.2.3.5", "mqtt.acme.ie", "DNS:*.acme.ie"):
            assert words in seen.err

    def test_what_was_certified_is_shown_whole(self, issue, request_file):
        seen = issue("--csr", request_file, *NAMED, "--server")
        made = certificate(seen.out)
        digest = hashlib.sha256(
            made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        shown = (
            "CN=other-device",
            "DNS:a.b",
            "clientAuth, serverAuth",
            digest.hexdigest(),
            "O=ACME,CN=ACME CA",
        )
        for words in (*shown, f"{made.serial_number:x}", f"{made.not_valid_after_utc:%Y-%m-%d %H:%M}"):
            assert words in re.sub(r"\s+", " ", seen.err)

    def test_a_pipe(self, issue, board, run):
        text = run(board, "csr", "--slot", 0, *SUBJECT).out
        assert certificate(issue("--csr", "-", typed=text).out).public_key() == board.keys[0].public_key()

    def test_der_and_text_around_pem(self, issue, request_file, openssl, tmp_path):
        openssl("req", "-in", request_file, "-outform", "DER", "-out", "csr.der")
        openssl("req", "-in", request_file, "-text", "-out", "csr.text")
        for name in ("csr.der", "csr.text"):
            assert issue("--csr", tmp_path / name, *NAMED).status == 0

    def test_for_programs_and_to_a_file(self, issue, request_file, tmp_path):
        out = tmp_path / "device.pem"
        seen = issue("--csr", request_file, *NAMED, "--json", "--out", out)
        assert seen.json["certificate_pem"] == out.read_text() and seen.json["subject"] == "CN=other-device"
        assert seen.json["names"] == ["DNS:a.b"] and seen.json["purposes"] == ["clientAuth"]
        assert issue("--csr", request_file, *NAMED, "--out", out).status == 5

    def test_a_ca_that_is_as_old_as_guides_make_it_is_said(self, board, run, openssl, tmp_path, request_file):
        openssl("ecparam", "-out", "old.key", "-name", "prime256v1", "-genkey")
        openssl("req", "-new", "-subj", "/O=ACME", "-key", "old.key", "-out", "old.csr")
        openssl("x509", "-in", "old.csr", "-out", "old.crt", "-req", "-signkey", "old.key", "-days", "9")
        options = ["--ca-cert", tmp_path / "old.crt", "--ca-key", tmp_path / "old.key"]
        seen = run(board, "cert", *options, "--days", 30, "--csr", request_file, *NAMED)
        assert seen.status == 0 and "X.509 v1" in seen.err and "before 30 days are over" in seen.err

    @pytest.mark.parametrize(
        ("args", "text"),
        [
            ([], "give one of the two"),
            (["--csr", "x", "--slot", "0", *SUBJECT], "give one of the two"),
            (["--slot", "0"], "both are needed"),
            (SUBJECT, "both are needed"),
        ],
    )
    def test_options_that_do_not_go_together(self, issue, board, args, text):
        seen = issue(*args)
        assert seen.status == 2 and text in seen.err and not board.calls

    def test_options_that_are_missing(self, board, run):
        seen = run(board, "cert")
        assert seen.status == 2 and "Missing: --ca-cert, --ca-key." in seen.err

    def test_options_of_one_with_the_other(self, board, run, ca):
        seen = run(board, "cert", *ca.options, "factory")
        assert seen.status == 2 and not board.calls

    def test_what_is_no_request(self, issue, ca, tmp_path):
        assert issue("--csr", tmp_path / "none").status == 6
        assert "no certificate request" in issue("--csr", ca.key).err
        assert issue("--csr", "-", typed="").status == 6

    def test_a_request_that_was_changed(self, issue, request_file, openssl, tmp_path):
        openssl("req", "-in", request_file, "-outform", "DER", "-out", "csr.der")
        changed = (tmp_path / "csr.der").read_bytes().replace(b"other-device", b"0ther-device")
        (tmp_path / "csr.der").write_bytes(changed)
        seen = issue("--csr", tmp_path / "csr.der")
        assert seen.status == 6 and seen.out == "" and "does not have its key" in seen.err

    def test_a_ca_that_is_none_is_seen_before_the_board_is_asked(self, board, run, ca, request_file):
        options = ["--ca-cert", request_file, "--ca-key", ca.key]
        assert run(board, "cert", *options, "--days", 30, "--slot", 0, *SUBJECT).status == 6
        assert not board.calls
