"""What is changed, and which tests it belongs to."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST, FIRMWARE = ROOT / "host", ROOT / "firmware"

# Rooms and modules of the host tool.
ON_THE_HOST = (
    "atecc/aws",
    "atecc/broker",
    "atecc/channels/address.py",
    "atecc/channels/pinned.py",
    "atecc/chip/keys.py",
    "atecc/chip/operations.py",
    "atecc/doctor",
    "atecc/hosts.py",
    "atecc/operators",
    "atecc/provisioning",
    "atecc/x509",
)
# The tests that belong to them; which of these a change is shown to is recorded (host.py).
_H = "tests/host/test_"
TESTS_OF_THE_HOST = (
    f"{_H}aws.py",
    f"{_H}aws_border.py",
    f"{_H}aws_confirm.py",
    f"{_H}aws_doctor.py",
    "tests/host/fleet/test_setup.py",
    "tests/host/fleet/test_hook.py",
    "tests/host/fleet/test_lost.py",
    "tests/host/fleet/test_board.py",
    f"{_H}aws_operators.py",
    f"{_H}aws_own_ca.py",
    f"{_H}aws_pace.py",
    f"{_H}aws_parts.py",
    f"{_H}aws_policy.py",
    f"{_H}aws_rotate.py",
    f"{_H}aws_sign.py",
    f"{_H}ca.py",
    f"{_H}cert.py",
    f"{_H}chip.py",
    f"{_H}dates.py",
    f"{_H}details.py",
    f"{_H}doctor.py",
    f"{_H}doctor_parts.py",
    f"{_H}factory.py",
    f"{_H}hosts.py",
    f"{_H}key.py",
    f"{_H}known.py",
    f"{_H}names.py",
    f"{_H}order.py",
    f"{_H}policy_document.py",
    f"{_H}proof.py",
    f"{_H}provision.py",
    f"{_H}provision_failures.py",
    f"{_H}provisioning_parts.py",
    f"{_H}secrets.py",
    f"{_H}settings.py",
    f"{_H}wss.py",
    "tests/host/again/test_again.py",
    "tests/host/again/test_claimed.py",
    "tests/host/again/test_cut.py",
    "tests/host/again/test_failing.py",
    "tests/host/operators/test_bench.py",
    "tests/host/operators/test_forget.py",
    "tests/host/operators/test_init.py",
    "tests/host/operators/test_trust.py",
    "tests/host/operators/test_websocket.py",
    "tests/broker/test_look.py",
    "tests/broker/test_readable.py",
    "tests/broker/test_table.py",
)

# Modules of the firmware and the tests that belong to them, in the order in which they are asked.
_F = "tests/firmware/test_"
_R = "tests/foreign_rpc/test_"
_RENEWAL = [
    f"tests/firmware/renewal/test_{part}.py"
    for part in ("claim", "obtain", "said", "job", "itself", "listener", "meanwhile")
]
ON_THE_BOARD = {
    "identity/adopt.py": [f"{_F}small_parts.py", f"{_F}adopt.py"],
    "identity/certificate.py": [
        f"{_F}small_parts.py",
        f"{_F}certificate.py",
        f"{_F}adopt.py",
        f"{_F}store.py",
    ],
    "identity/context.py": [f"{_F}context.py", f"{_F}handshake.py"],
    "identity/csr.py": [f"{_F}csr.py", f"{_F}store.py"],
    "identity/der.py": [f"{_F}der.py", f"{_F}certificate.py", f"{_F}csr.py"],
    "identity/keys.py": [f"{_F}keys.py", f"{_F}store.py"],
    "identity/names.py": [f"{_F}csr.py", f"{_F}certificate.py", f"{_F}adopt.py"],
    "identity/record.py": [f"{_F}record.py"],
    "identity/store.py": [f"{_F}store.py", f"{_F}operators_and_identities.py", f"{_F}interleaved.py"],
    "identity/terms.py": [f"{_F}operators_and_identities.py"],
    "renewal/claim.py": _RENEWAL,
    "renewal/exchange.py": _RENEWAL,
    "renewal/listener.py": _RENEWAL,
    "renewal/obtain.py": _RENEWAL,
    "renewal/rotation.py": _RENEWAL,
    "renewal/trial.py": _RENEWAL,
    "rpc/access.py": [f"{_F}trusting.py", f"{_F}access.py", f"{_F}operators.py", f"{_R}trust.py"],
    "rpc/digest.py": [f"{_R}digest.py"],
    "rpc/mqtt.py": [f"{_F}asked_first.py", "tests/foreign_rpc/signed"],
    "rpc/operators.py": [f"{_F}operators.py", "tests/foreign_rpc/signed"],
    "rpc/signed.py": [f"{_F}asked_first.py", f"{_F}operators.py", "tests/foreign_rpc/signed"],
    "rpc/verify.py": [
        f"{_F}asked_first.py",
        f"{_F}small_parts.py",
        f"{_F}operators.py",
        "tests/foreign_rpc/signed",
    ],
    "rpc/counters.py": [f"{_F}counters.py"],
    "rpc/services/atecc.py": [
        f"{_F}asked_first.py",
        f"{_F}small_parts.py",
        f"{_R}methods.py",
        f"{_F}access.py",
        f"{_F}keys.py",
    ],
    "folder.py": [f"{_F}files.py"],
    "atecc608/pem.py": [f"{_F}certificate.py", f"{_F}adopt.py", f"{_F}context.py"],
    "atecc608/bus.py": [f"{_F}small_parts.py", f"{_F}driver.py", f"{_F}interleaved.py"],
}
