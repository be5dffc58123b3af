"""A schema registry behind TLS: every request goes on, as plain HTTP, to the one that the test has.

  tls_proxy.py REGISTRY FOLDER

Makes a certificate for localhost; the CA that signed it lies in FOLDER as ca.pem, one that signed nothing as other.pem.
Prints its port and runs until its input ends.
"""

import datetime as dt
import http.client
import http.server
import ipaddress
import pathlib
import ssl
import sys
import threading
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Seconds that the registry may take to answer.
PATIENCE = 60


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(subject, key, issuer, issuer_key, ca):
    """A certificate with what every certificate has."""
    now = dt.datetime.now(dt.timezone.utc)
    to_sign = dict.fromkeys(["digital_signature", "key_cert_sign", "crl_sign"], ca) | {"digital_signature": True}
    others = ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
              "decipher_only"]
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks differ.
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**to_sign, **dict.fromkeys(others, False)), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not ca:
        places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(places), critical=False)
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(use, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def authority(folder, file, name):
    """A CA, whose certificate is written to a file; answers its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / file).write_bytes(pem(certificate(name, key, name, key, ca=True)))
    return key


def pem(of):
    return of.public_bytes(serialization.Encoding.PEM)


def context(folder):
    """What the server shows of itself."""
    authority(folder, "other.pem", "Another CA")
    signer, key = authority(folder, "ca.pem", "Test CA"), ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = folder / "server.pem"
    both.write_bytes(private + pem(certificate("localhost", key, "Test CA", signer, ca=False)))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(both)
    return made


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        passed = {name: self.headers[name] for name in ["accept", "authorization", "content-type"] if name in self.headers}
        registry = http.client.HTTPConnection(self.server.registry, timeout=PATIENCE)
        registry.request(self.command, self.path, body or None, passed)
        answer = registry.getresponse()
        body = answer.read()
        registry.close()
        self.send_response(answer.status)
        self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client):
        """Clients that do not trust the certificate hang up, which is what is tested."""


def main(registry, folder):
    server = Server(("127.0.0.1", 0), Proxy)
    server.registry = urllib.parse.urlsplit(registry).netloc
    # The handshake comes with the first read, in the thread of its connection.
    server.socket = context(pathlib.Path(folder)).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
