"""Who is an operator: whoever has a certificate of a CA that the owner trusts, with the operators' mark in it.

A CA alone would not do: one that issues devices' certificates as well would make each device an operator of the others.
"""

import binascii

from identity.certificate import Certificate

from .errors import RpcError


def operator_of(der):
    """The Certificate of a caller of whom TLS has verified all the rest; RpcError, if it is no operator's."""
    try:
        certificate = Certificate(der)
    except ValueError as e:
        raise RpcError("certificate", "not a certificate: %s" % e)
    if not certificate.marked:
        raise RpcError(
            "refused",
            "this certificate (%s) lacks the operators' mark: `atecc operator renew` makes one that has it"
            % certificate.subject,
        )
    return certificate


def is_operator(der):
    """Whether `operator_of` finds one."""
    try:
        return operator_of(der) is not None
    except RpcError:
        return False


def refuse_issuer(ca, records, verify):
    """RpcError if `ca` (Certificate) has issued a certificate of the identities `records`; verify: the chip's."""
    for record in records:
        if "certificate" in record and record["state"] != "previous" and _has_issued(ca, record, verify):
            raise RpcError(
                "refused",
                "%s has issued this device's own certificate: operators need a CA of their own" % ca.subject,
            )


def _has_issued(ca, record, verify):
    try:
        return Certificate(binascii.a2b_base64(record["certificate"])).is_by(ca, verify)
    except ValueError:
        return True  # the names say so, and the chip can't tell
