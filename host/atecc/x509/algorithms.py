"""Keys, signatures, curves and extensions by their OIDs, with the names that people use (RFC 3279, 5480, 5280)."""

from __future__ import annotations

RSA, EC, ECDH = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.132.1.12"
RSA_PSS = "1.2.840.113549.1.1.10"
# Signature algorithms: (which key makes them, the hash).
SIGNATURES = {
    "1.2.840.113549.1.1.4": (RSA, "MD5"),
    "1.2.840.113549.1.1.5": (RSA, "SHA-1"),
    "1.3.14.3.2.29": (RSA, "SHA-1"),
    "1.2.840.113549.1.1.14": (RSA, "SHA-224"),
    "1.2.840.113549.1.1.11": (RSA, "SHA-256"),
    "1.2.840.113549.1.1.12": (RSA, "SHA-384"),
    "1.2.840.113549.1.1.13": (RSA, "SHA-512"),
    "1.2.840.10045.4.1": (EC, "SHA-1"),
    "1.2.840.10045.4.3.1": (EC, "SHA-224"),
    "1.2.840.10045.4.3.2": (EC, "SHA-256"),
    "1.2.840.10045.4.3.3": (EC, "SHA-384"),
    "1.2.840.10045.4.3.4": (EC, "SHA-512"),
}
STRONG_HASHES = ("SHA-256", "SHA-384", "SHA-512")

CURVES = {"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521"}
# Known to Mbed TLS, and below its default profile.
WEAK_CURVES = {
    "1.2.840.10045.3.1.1": "P-192",
    "1.3.132.0.33": "P-224",
    "1.3.132.0.31": "secp192k1",
    "1.3.132.0.32": "secp224k1",
    "1.3.132.0.10": "secp256k1",
}
BRAINPOOL = {
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
    "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
    "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
}
OTHER_KEYS = {
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "1.3.101.110": "X25519",
    RSA_PSS: "RSASSA-PSS",
    "1.2.840.10040.4.1": "DSA",
}
OTHER_SIGNATURES = {
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "2.16.840.1.101.3.4.3.2": "DSA with SHA-256",
}

BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE = "2.5.29.19", "2.5.29.15", "2.5.29.37"
ALTERNATIVE_NAMES, NETSCAPE_TYPE, POLICIES = "2.5.29.17", "2.16.840.1.113730.1.1", "2.5.29.32"
NAME_CONSTRAINTS = "2.5.29.30"
SUBJECT_KEY, AUTHORITY_KEY, ANY_POLICY = "2.5.29.14", "2.5.29.35", "2.5.29.32.0"
# Those that Mbed TLS understands.
UNDERSTOOD = (
    *(BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, ALTERNATIVE_NAMES),
    *(NETSCAPE_TYPE, POLICIES, SUBJECT_KEY, AUTHORITY_KEY),
)
EXTENSION_NAMES = {
    BASIC_CONSTRAINTS: "basicConstraints",
    KEY_USAGE: "keyUsage",
    EXTENDED_KEY_USAGE: "extendedKeyUsage",
    ALTERNATIVE_NAMES: "subjectAltName",
    POLICIES: "certificatePolicies",
    SUBJECT_KEY: "subjectKeyIdentifier",
    AUTHORITY_KEY: "authorityKeyIdentifier",
    NAME_CONSTRAINTS: "nameConstraints",
    "2.5.29.36": "policyConstraints",
    "2.5.29.54": "inhibitAnyPolicy",
    "2.5.29.18": "issuerAltName",
    "1.3.6.1.5.5.7.1.24": "TLS feature (must staple)",
}
