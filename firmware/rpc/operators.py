"""Who is an operator: whoever has a certificate of a CA that the owner trusts, and the operators' mark.

A CA alone would not do: one that issues devices' certificates as well would make each device an operator of the others.
The mark stands in the operator's certificate, or in that of a CA that is there for operators alone: then what it has
issued for TLS clients and for no servers is an operator's. A device's certificate is for both.
"""

import binascii

from identity.certificate import Certificate

from .errors import RpcError


def operator_of(der, cas):
    """The Certificate of a caller of whom TLS has verified all the rest; RpcError, if it is no operator's.

    cas: the trusted CAs (Certificate).
    """
    try:
        certificate = Certificate(der)
    except ValueError as e:
        raise RpcError("certificate", "not a certificate: %s" % e)
    if not (certificate.marked or (certificate.only_client and _is_of_operators(certificate, cas))):
        raise RpcError(
            "refused",
            "this certificate (%s) lacks the operators' mark: `atecc operator renew` makes one that has it"
            % certificate.subject,
        )
    return certificate


def is_operator(der, cas):
    """Whether `operator_of` finds one."""
    try:
        return operator_of(der, cas) is not None
    except RpcError:
        return False


def _is_of_operators(certificate, cas):
    """Whether its issuer, all CAs of that name, have the mark."""
    marks = [ca.marked for ca in cas if certificate.names(ca)]
    return bool(marks) and all(marks)


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
