"""The workflow when something fails after the key was made: what is taken back, and what is left."""

import base64

import pytest
from atecc.errors import ChannelError, CorruptReply
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from provisioning import provision


def failed(board, seen, status, said):
    assert seen.status == status and said in seen.err, seen.err
    assert "Traceback" not in seen.err
    assert board.active == "a" and board.records["a"]["name"] == "old", "the old identity works on"
    assert board.records["b"]["state"] == "empty", "nothing unfinished is left"
    assert "The unfinished identity was discarded" in seen.err
    assert "The active identity (old, slot 0) is untouched and works on" in seen.err


@pytest.mark.parametrize(
    ("method", "kind", "status"),
    [
        ("Identity.Stage", "certificate", 6),
        ("Identity.Try", "tls", 8),
        ("Identity.Try", "network", 8),
        ("Identity.Try", "mqtt", 8),
        ("Identity.Try", "chip", 4),
        ("Identity.Try", "clock", 8),
        ("Identity.Commit", "state", 5),
    ],
)
def test_what_the_board_refuses(board, run, ca, wish, method, kind, status):
    board.identity()
    board.faults[method] = {"code": 503, "kind": kind, "message": "said by the board"}
    failed(board, provision(run, board, ca, wish), status, "said by the board")


def resigned(board, change):
    """Replace the request by another one."""

    def tamper(answer):
        return answer | {"csr": base64.b64encode(change(base64.b64decode(answer["csr"]))).decode()}

    board.tamper["Identity.Begin"] = tamper


def other_request(der):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.load_der_x509_csr(der).subject
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda der: der[:-1] + bytes([der[-1] ^ 1]), "signature is wrong"),
        (lambda der: der[:-9], "can't be read"),
        (lambda der: b"", "can't be read"),
        (other_request, "not for the key that the chip reports"),
    ],
)
def test_requests_that_are_wrong(board, run, ca, wish, change, said):
    board.identity()
    resigned(board, change)
    failed(board, provision(run, board, ca, wish), 6, said)
    assert "Identity.Stage" not in board.calls


def test_a_request_with_another_subject(board, run, ca, wish):
    board.identity()
    real = board.request_for
    board.request_for = lambda slot, subject, san: real(slot, [[["CN", "sensor-2"]]], san)
    failed(
        board, provision(run, board, ca, wish), 6, "says CN=sensor-2, asked for was C=IE,O=ACME,CN=sensor-1"
    )


def test_a_request_with_another_alternative_name(board, run, ca, wish):
    board.identity()
    real = board.request_for
    board.request_for = lambda slot, subject, san: real(slot, subject, ["DNS:evil.example"])
    failed(board, provision(run, board, ca, wish, "--san", "DNS:good.example"), 6, "alternative names")


def test_alternative_names_arrive_in_the_certificate(board, run, ca, wish):
    data = provision(run, board, ca, wish, "--san", "DNS:one.ie", "--san", "DNS:two.ie", "--json").json
    certificate = x509.load_pem_x509_certificate(data["certificate_pem"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["one.ie", "two.ie"]


def test_a_board_that_stores_something_else(board, run, ca, wish):
    board.identity()
    board.tamper["Identity.Get"] = lambda answer: answer | {"ca": []}
    failed(board, provision(run, board, ca, wish), 6, "gives back other certificates")


def test_what_somebody_else_began_meanwhile_is_left_alone(board, run, ca, wish):
    """Between our Begin and our Stage: theirs is there now, and ours is told so."""
    board.identity()

    def overtaken(answer):
        board.records["b"] |= {"state": "pending", "token": "somebody else's"}
        return answer

    board.tamper["Identity.Begin"] = overtaken
    seen = provision(run, board, ca, wish)
    assert seen.status == 5 and "this token is not the one that Begin gave" in seen.err
    assert "was discarded" not in seen.err
    assert board.records["b"]["state"] == "pending" and board.active == "a"


def test_a_board_on_which_somebody_else_is_at_work(board, run, ca, wish):
    board.identity()
    board.faults["Identity.Begin"] = {
        "code": 409,
        "kind": "busy",
        "message": "begun by somebody else (wss) 7 s ago",
    }
    seen = provision(run, board, ca, wish)
    assert seen.status != 0 and "begun by somebody else (wss) 7 s ago" in seen.err
    assert "Identity.Discard" not in board.calls, "it would be the other's"


def test_unplugged_in_the_middle(board, run, ca, wish):
    board.identity()
    for method in ("Identity.Stage", "Identity.Discard"):
        board.faults[method] = ChannelError("The board is gone")
    seen = provision(run, board, ca, wish)
    assert seen.status == 3 and "stays inactive" in seen.err and board.active == "a"


def test_ctrl_c_in_the_middle(board, run, ca, wish):
    board.identity()
    board.faults["Identity.Try"] = KeyboardInterrupt()
    seen = provision(run, board, ca, wish)
    assert seen.status == 130 and "The unfinished identity was discarded" in seen.err
    assert board.records["b"]["state"] == "empty"


def test_the_answer_to_commit_is_lost(board, run, ca, wish):
    board.identity()
    board.tamper["Identity.Commit"] = lambda answer: (_ for _ in ()).throw(CorruptReply("damaged"))
    seen = provision(run, board, ca, wish)
    assert seen.status == 0, seen.err
    assert board.active == "b" and "Identity.Discard" not in board.calls


def test_commit_and_then_silence(board, run, ca, wish):
    board.identity()
    board.faults["Identity.Commit"] = ChannelError("The board is gone")
    board.faults["Identity.Status"] = [None, ChannelError("The board is gone")]
    seen = provision(run, board, ca, wish)
    assert seen.status == 3 and "Whether the board switched is not known" in seen.err
    assert "Identity.Discard" not in board.calls


def test_mqtt_does_not_come_up_afterwards(board, run, ca, wish):
    board.faults["MQTT.Connect"] = {"code": 503, "kind": "mqtt", "message": "closed without a word"}
    seen = provision(run, board, ca, wish)
    assert seen.status == 8 and "Identity a is active" in seen.err and "atecc mqtt connect" in seen.err
    assert board.active == "a" and "Identity.Discard" not in board.calls


def test_a_second_time_uses_the_other_identity(board, run, ca, wish):
    assert provision(run, board, ca, wish).status == 0
    first = board.keys[0]
    assert provision(run, board, ca, wish, "--name", "second").status == 0
    assert board.active == "b" and board.keys[0] is first and 1 in board.keys
    assert board.records["a"]["state"] == "previous"


def test_a_board_whose_idle_slot_is_not_known_before(board, run, ca, wish):
    board.tamper["Identity.Status"] = lambda s: (
        s | {"identities": {n: {"state": "empty", "slot": None} for n in "ab"}}
    )
    assert provision(run, board, ca, wish).status == 0
