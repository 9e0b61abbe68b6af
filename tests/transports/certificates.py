"""Certificates made when the tests run: a good one with its authority, and the kinds that must be refused."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """`authority` is the file to trust; the others are contexts for a server on 127.0.0.1."""

    authority: Path
    good: ssl.SSLContext
    self_signed: ssl.SSLContext
    expired: ssl.SSLContext
    for_another_host: ssl.SSLContext


def make(folder: Path) -> Certificates:
    """Make all of them, their files in `folder`."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Test authority", root_key, "Test authority", root_key, address=None)
    authority = folder / "authority.pem"
    authority.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def server(name: str, *, own_authority: bool = True, address: str = "127.0.0.1", days: int = 2) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = ("Test authority", root_key) if own_authority else ("mx.test", key)
        return _context(folder / name, key, _certificate("mx.test", key, *issuer, address=address, days=days))

    return Certificates(
        authority,
        good=server("good"),
        self_signed=server("self-signed", own_authority=False),
        expired=server("expired", days=-1),
        for_another_host=server("another", address="127.0.0.9"),
    )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    address: str | None,
    days: int = 2,
) -> x509.Certificate:
    now = datetime.now(UTC)
    authority = address is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if address is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName("mx.test")])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _context(stem: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
    file = stem.with_suffix(".pem")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
