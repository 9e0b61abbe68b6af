"""Certificates for the mail servers of these tests, trusted while a test runs."""

from __future__ import annotations

import pytest

from tests.transports import certificates
from tests.transports.certificates import Certificates


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trusted(made: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """OpenSSL reads the authorities to trust from this file, as it would on an operator's machine."""
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made
