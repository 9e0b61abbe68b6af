"""Who is at the far end: certificates verified unless asked otherwise, and what is wrong with one in words."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from cocoonmail.transports.address import TransportSettings
from cocoonmail.transports.base import printable

HOW_TO_ALLOW = (
    "If that is how this server is meant to be, switch on 'Accept a self-signed certificate' for this transport."
)

# OpenSSL's X509_V_ERR_… (openssl-verification-options(1)) in words that complete "The server's certificate …".
CERTIFICATE_TROUBLE: Mapping[int, str] = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority of its own making",
    20: "is signed by an authority that this machine does not know",
    21: "comes without its authority's certificate",
    62: "is for another host name",
    64: "is for another address",
}


def tls_context(settings: TransportSettings) -> ssl.SSLContext:
    """Verify the chain and the name against the system's authorities (SSL_CERT_FILE adds others), or neither."""
    context = ssl.create_default_context()
    if settings.allow_self_signed:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def tls_trouble(trouble: ssl.SSLError) -> str:
    """Why the handshake failed, in a sentence, and what may be done about it."""
    if isinstance(trouble, ssl.SSLCertVerificationError):
        words = CERTIFICATE_TROUBLE.get(trouble.verify_code, f"cannot be verified ({trouble.verify_message})")
        return f"The server's certificate {words}. {HOW_TO_ALLOW}"
    if isinstance(trouble, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "The connection was lost during the TLS handshake."
    if trouble.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "The server does not answer with TLS at this port. Choose STARTTLS, or another port."
    return f"The TLS handshake failed: {printable(trouble.reason or str(trouble), 200)}."
