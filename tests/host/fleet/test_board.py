"""`atecc provision fleet`: a board is given a claim."""

from fakedevice import FakeDevice
from fleetrig import SERIAL


def test_a_board_gets_a_claim(run, atecc, iot, stand_in, tmp_path):
    seen = run(FakeDevice(), "provision", "fleet", "--template", "given")
    assert seen.status == 5 and "atecc aws fleet setup --template given" in seen.err
    atecc("setup", "--template", "given", "--yes")
    board = FakeDevice()
    seen = run(
        board, "provision", "fleet", "--template", "given", "--server-ca", stand_in.server_ca_file, "--json"
    )
    assert seen.status == 0, seen.err
    assert board.claim["until"] and seen.json["thing"] == "claimed"
    board = FakeDevice()
    board.claim_error = {"code": 403, "kind": "rejected", "message": "no (ACCESS_DENIED)"}
    seen = run(board, "provision", "fleet", "--template", "given", "--server-ca", stand_in.server_ca_file)
    assert seen.status == 7 and "ACCESS_DENIED" in seen.err and board.claim is None
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    atecc("claim", "--template", "given", *files)
    seen = run(board, "provision", "fleet", *files, "--endpoint", "broker.acme.ie", "--template", "given")
    assert seen.status == 7 and "keeps the claim" in seen.err and board.claim["until"] is None
    status = run(board, "identity", "status").out
    assert "asks AWS for a certificate, 1 attempt: no (ACCESS_DENIED)" in status
    assert run(board, "provision", "fleet", "--forget").status == 0 and board.claim is None


def test_a_board_that_is_a_thing_already_gets_no_claim_unasked(run, atecc, stand_in, tmp_path):
    def provision(board, *more):
        return run(board, "provision", "fleet", "--template", "once", *more, "--json")

    atecc("setup", "--template", "once", "--yes")
    board = FakeDevice()
    board.identity("sensor-1")
    seen = provision(board)
    assert seen.status == 5 and board.claim is None and "Identity.Claim" not in board.calls
    assert "This board is sensor-1 already, at old.example" in seen.err and "--take-over" in seen.err
    asked = len(stand_in.decisions)
    board.identity(f"once-{SERIAL}")
    seen = provision(board, "--endpoint", "old.example")
    assert seen.status == 0 and (seen.json["changed"], seen.json["thing"]) == (False, f"once-{SERIAL}")
    assert board.claim is None and len(stand_in.decisions) == asked, "AWS makes no claim either"
    assert provision(board, "--endpoint", "b.acme.ie").status == 5, "it is that of another account"
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    atecc("claim", "--template", "once", *files)
    for thing, days, how in (f"once-{SERIAL}", -1, "--no-wait"), ("sensor-1", 9, "--take-over"):
        board.identity(thing, days)
        assert provision(board, *files, "--endpoint", "old.example", "--no-wait", how).status == 0
        assert board.calls[-1] == "Identity.Claim"


def test_ctrl_c_leaves_no_claim_that_is_of_no_use(run, atecc, stand_in, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("atecc.provisioning.claim.wait", interrupt)
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    atecc("setup", "--template", "cut", "--yes")
    atecc("claim", "--template", "cut", *files)
    for given, kept in ((), False), ((*files, "--endpoint", "broker.acme.ie"), True):
        board = FakeDevice()
        trusted = "--server-ca", stand_in.server_ca_file
        seen = run(board, "provision", "fleet", "--template", "cut", *given, *trusted)
        assert seen.status == 130 and (board.claim is not None) == kept == ("keeps the claim" in seen.err)


def test_what_is_registered_for_a_run_is_waited_for(run):
    seen = run(FakeDevice(), "provision", "fleet", "--claim-factory", "--no-wait")
    assert seen.status == 2 and "--endpoint" in seen.err


def test_half_a_claim_another_key_or_a_password(run, tmp_path, openssl):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=c",
            "-keyout", "c.key", "-out", "c.crt")  # fmt: skip
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "other.key")
    openssl("pkcs8", "-topk8", "-in", "c.key", "-passout", "pass:x", "-out", "locked.key")
    cert = "provision", "fleet", "--endpoint", "x", "--claim-cert", tmp_path / "c.crt"
    assert run(FakeDevice(), *cert).status == 2
    assert "is not that of" in run(FakeDevice(), *cert, "--claim-key", tmp_path / "other.key").err
    assert "has a password" in run(FakeDevice(), *cert, "--claim-key", tmp_path / "locked.key").err
