"""`make demo` itself: what it shows, and that its report is true."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "boards" / "SIM" / "demo.py"


def run(*arguments, stderr=subprocess.PIPE):
    command = [sys.executable, DEMO, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=120, check=False)


def openssl(*command):
    return subprocess.run(["openssl", *map(str, command)], capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What the demo printed, as on a terminal, and where its report is."""
    folder = tmp_path_factory.mktemp("demo")
    done = run("--into", folder, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout, folder


def test_the_steps_are_shown_with_their_meaning(demo):
    said, _ = demo
    for sentence in (
        "$ atecc chip config set",
        "IRREVERSIBLE",
        "--yes-lock 0123",
        "key generated in slot 0: it can't be read out",
        "checked here",
        "signed by the chip (TLSv1.2",
        "received again: hello",
        "With a real board",
    ):
        assert sentence in said
    assert "Traceback" not in said


def test_it_fits_a_screen_and_ends_with_the_good_moment(demo):
    said, _ = demo
    lines = said.splitlines()
    assert len(lines) <= 60
    assert sum(line.startswith("slot ") for line in lines) == 1, "the table of slots is shown once"
    assert any("received again: hello" in line for line in lines[-8:])


def test_no_step_is_left_out(demo):
    said, folder = demo
    typed = [line.split()[2:5] for line in said.splitlines() if line.startswith("$ atecc ")]
    assert typed == [
        ["chip", "config", "set"],
        ["chip", "lock", "config"],
        ["chip", "lock", "data"],
        ["provision", "aws", "--thing"],
        ["mqtt", "publish", "things/demo-thing/hello"],
    ]
    names = [step["name"] for step in json.loads((folder / "report.json").read_text())["steps"]]
    assert names[:3] == ["configure", "lock config", "lock data"]
    assert names[-1] == "message"


def test_the_report_holds_what_was_really_used(demo):
    _, folder = demo
    report = json.loads((folder / "report.json").read_text())
    keys = ["chip", "csr_pem", "certificate_pem", "ca_pem", "thing", "endpoint", "tls", "message", "steps"]
    assert list(report) == keys
    assert set(report["chip"]) == {"serial", "revision"}
    assert report["chip"]["serial"].startswith("0123")
    assert report["tls"] == {
        "version": "TLSv1.2",
        "cipher": "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
        "signed": True,
    }
    assert report["message"]["sent"] == report["message"]["received"]
    assert {"key", "csr", "certificate", "try", "commit", "message"} <= {
        step["name"] for step in report["steps"]
    }
    assert all(step["ms"] >= 0 for step in report["steps"])


def test_openssl_verifies_request_and_certificate(demo):
    _, folder = demo
    assert "verify OK" in openssl("req", "-in", folder / "csr.pem", "-verify", "-noout").stderr
    openssl("verify", "-CAfile", folder / "cloud" / "device-ca.pem", folder / "certificate.pem")
    asked = openssl("req", "-in", folder / "csr.pem", "-pubkey", "-noout").stdout
    assert asked == openssl("x509", "-in", folder / "certificate.pem", "-pubkey", "-noout").stdout


@pytest.mark.parametrize("bus", ["nonsense", "unix:/nowhere", "tcp:127.0.0.1:1"])
def test_a_bus_that_is_none_is_a_sentence(tmp_path, bus):
    done = run("--into", tmp_path, "--bus", bus)
    assert done.returncode == 1
    assert "The demo stops here" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_draws_what_it_did(demo):
    """Its terminal, the slots and one handshake: SVG that takes nothing from anywhere else."""
    from xml.etree import ElementTree

    _, folder = demo
    for name, words in (
        ("terminal", "received again"),
        ("slots", "device key"),
        ("handshake", "CertificateVerify"),
    ):
        text = (folder / f"{name}.svg").read_text(encoding="utf-8")
        ElementTree.fromstring(text)
        plain = re.sub(r"<[^>]+>", " ", text).replace("&#160;", " ")
        assert words in plain, name
        assert not re.search(r"""(href=|src=|url\(|@import)\s*["']?http""", text), "nothing is fetched"
