"""Parts of `provisioning/` one by one: what is refused before anything is asked, and what goes first."""

from types import SimpleNamespace

import pytest
from atecc.errors import ArgumentError, CertificateError, FirmwareMissing
from atecc.provisioning.authority import Authority
from atecc.provisioning.claim import hand_over
from atecc.provisioning.local import _check_own
from atecc.provisioning.look import refuse_alpn_only
from atecc.provisioning.preflight import _check_tls


@pytest.mark.parametrize(
    ("subject", "san", "refused"),
    [
        ("s1", [], ""),
        ("broker.acme.ie", [], "is the broker's name"),
        ("Broker.ACME.ie.", [], "is the broker's name"),
        ("s1", ["DNS:s1.local", "DNS:broker.acme.ie"], "is the broker's name"),
        ("s1", ["DNS:*.local"], "is no device's own name"),
        ("s1", ["DNS:other.acme.ie"], ""),
    ],
)
def test_a_device_is_no_broker(subject, san, refused):
    wish = SimpleNamespace(subject=[[("O", "broker.acme.ie")], [("CN", subject)]], san=san)
    if refused:
        with pytest.raises(CertificateError, match=refused):
            _check_own(wish, "broker.acme.ie")
    else:
        _check_own(wish, "broker.acme.ie")


@pytest.mark.parametrize(
    ("host", "port", "refused"),
    [
        ("a-ats.iot.eu-west-1.amazonaws.com", 443, True),
        ("A-ATS.iot.eu-west-1.AmazonAWS.com", 443, True),
        ("a-ats.iot.eu-west-1.amazonaws.com", 8883, False),
        ("broker.acme.ie", 443, False),
    ],
)
def test_mqtt_on_port_443_is_refused_where_that_is_awss(host, port, refused):
    if refused:
        with pytest.raises(ArgumentError, match="only with ALPN"):
            refuse_alpn_only(host, port)
    else:
        refuse_alpn_only(host, port)


def test_the_clock_is_set_before_the_claim_is_used():
    """Without the time the board accepts no broker."""
    done = []
    device = SimpleNamespace(
        set_time=lambda unix: done.append("time"), claim=lambda *_, until: done.append("claim")
    )
    hand_over(device, "fleet", SimpleNamespace(certificates=[], key=b"", until=None), ("there", 8883), [])
    assert done == ["time", "claim"]


def test_firmware_that_can_not_have_the_chip_sign_is_told():
    _check_tls(SimpleNamespace(tls_sign=True, micropython="1.26"))
    with pytest.raises(FirmwareMissing, match=r"MicroPython 1\.26 on this board can't let the chip sign"):
        _check_tls(SimpleNamespace(tls_sign=False, micropython="1.26"))


def test_whoever_says_nothing_of_it_tries_once():
    assert Authority.try_attempts == 1
