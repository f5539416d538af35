"""A TLS server with a certificate from a CA, which wants a client's certificate: a broker as far as TLS goes."""

import datetime as dt
import socket
import ssl

from atecc.x509.keyfile import load_private_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from rpcserver import Listener


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class TlsServer(Listener):
    def __init__(self, directory, ca_pem, ca_key_file, name, client_ca):
        super().__init__(self._let_in)
        ca = x509.load_pem_x509_certificate(ca_pem[ca_pem.index("-----BEGIN") :].encode())
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(ca.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
            .sign(load_private_key(ca_key_file, None), hashes.SHA256())
        )
        self.directory = directory
        self.ca = ca.public_bytes(Encoding.PEM).decode()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._load(self.context, certificate.public_bytes(Encoding.PEM).decode(), key, "server")
        self.context.load_verify_locations(cadata=client_ca)
        self.context.verify_mode = ssl.CERT_REQUIRED

    def _load(self, context, certificate_pem, key, name):
        path = self.directory / f"{name}.both.pem"
        path.write_text(certificate_pem + pem(key))
        context.load_cert_chain(path)

    def _let_in(self, plain):
        with self.context.wrap_socket(plain, server_side=True) as secure:
            secure.sendall(b"in")

    def connect(self, certificate_pem, key):
        """As the device would; the TLS version once the server has let it in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.ca)
        self._load(context, certificate_pem, key, "client")
        with (
            socket.create_connection(("localhost", self.port), 5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            assert secure.recv(2) == b"in"
            return secure.version()
