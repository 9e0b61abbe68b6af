"""Key pairs for DKIM: made here, kept as text, and the DNS record that publishes the public half."""

from __future__ import annotations

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from cocoonmail.emails.dkim import PrivateKey

RSA_BITS = 2048  # RFC 8301 section 3.2 asks for 1024 at least and recommends this
STRING_MAX = 255  # Bytes of one string in a TXT record, RFC 1035 section 3.3


def new_rsa() -> RSAPrivateKey:
    """A fresh RSA key: what every receiver verifies."""
    return generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def new_ed25519() -> Ed25519PrivateKey:
    """A fresh Ed25519 key (RFC 8463): short and quick, for receivers that know it."""
    return Ed25519PrivateKey.generate()


def to_text(private: PrivateKey) -> str:
    """The private key as PEM (PKCS #8), for `kit.secrets.seal`."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def from_text(text: str) -> PrivateKey:
    """What `to_text` wrote. Raises ValueError for anything else."""
    private = load_pem_private_key(text.encode(), password=None)
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("DKIM signs with RSA and Ed25519 only.")
    return private


def record_of(private: PrivateKey) -> str:
    """The TXT record of the public half (RFC 6376 section 3.6.1; RFC 8463 section 4.2 for Ed25519)."""
    public = private.public_key()
    if isinstance(private, RSAPrivateKey):
        kind, raw = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, raw = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k={kind}; p={b64encode(raw).decode()}"


def in_strings(record: str) -> str:
    """The record as a zone file has it: strings of at most 255 bytes, in quotes, which readers put together again."""
    return " ".join(f'"{record[at : at + STRING_MAX]}"' for at in range(0, len(record), STRING_MAX))
