"""Certificates that are not valid yet, or not any more, to the minute: as they come back from whoever issues them."""

import datetime as dt

import pytest
from atecc.errors import CertificateError
from atecc.operators.operator import Names, Operator
from atecc.x509 import authority, library, proof
from atecc.x509.requests import check_certificate, der
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY = ec.generate_private_key(ec.SECP256R1())
SELF = x509.Name.from_rfc4514_string("CN=thing")
REQUEST = x509.CertificateSigningRequestBuilder(SELF).sign(KEY, hashes.SHA256())
MINUTES = dt.timedelta(minutes=1)


def certificate(since, until, key=KEY):
    """Valid from so many minutes from now, until so many."""
    now = dt.datetime.now(dt.UTC)
    start, end = now + since * MINUTES, now + until * MINUTES
    builder = x509.CertificateBuilder(SELF, SELF, key.public_key(), 1, start, end)
    return builder.sign(key, hashes.SHA256())


DATES = [(-60, 60, None), (9, 60, None), (-60, 1, None), (11, 60, "valid only from"), (-60, -1, "expired on")]


@pytest.mark.parametrize(("since", "until", "said"), DATES)
def test_what_came_back_is_valid_now_give_or_take_ten_minutes(since, until, said):
    made = certificate(since, until)
    if said is None:
        check_certificate(made, REQUEST)
    else:
        with pytest.raises(CertificateError, match=said) as caught:
            check_certificate(made, REQUEST)
        assert "clock says" in caught.value.hint


def test_what_came_back_is_for_the_key_that_was_asked_for():
    with pytest.raises(CertificateError, match="another key"):
        check_certificate(certificate(-60, 60, ec.generate_private_key(ec.SECP256R1())), REQUEST)


@pytest.mark.parametrize(("since", "until", "said"), DATES)
def test_so_is_what_is_proven(since, until, said):
    one = library.anatomy(der(certificate(since, until)), "It")
    if said is None:
        proof._check_one(one, 0, dt.datetime.now(dt.UTC))
    else:
        with pytest.raises(CertificateError, match="and not now"):
            proof._check_one(one, 0, dt.datetime.now(dt.UTC))


@pytest.mark.parametrize(
    ("since", "until", "said"), [(-60, 60, None), (1, 60, "not valid before"), (-60, -1, "expired on")]
)
def test_a_cas_dates_count_to_the_minute(since, until, said):
    made = certificate(since, until)
    assert authority._is_valid_now(made) is (said is None)
    if said is None:
        authority._check_dates(made)
    else:
        with pytest.raises(CertificateError, match=said):
            authority._check_dates(made)


@pytest.mark.parametrize(("since", "until", "said"), [(1, 60, "not valid before"), (-60, -1, "expired on")])
def test_an_operators_dates_count_to_the_minute(tmp_path, since, until, said):
    operator = Operator(tmp_path)
    operator.make(Names("alice"))
    assert operator.check()
    key = serialization.load_pem_private_key(operator.key_file.read_bytes(), None)
    made = certificate(since, until, key)
    operator.certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    with pytest.raises(CertificateError, match=said):
        operator.check()
