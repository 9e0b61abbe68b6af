"""Secrets at rest: sealed with the installation's key, so that a copy of the database alone gives none away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

TOKEN_BYTES = 18  # 144 random bits: not to be guessed


class Unsealable(ValueError):
    """A stored secret cannot be opened. Was secret.key replaced? Add the old key as a second line, or enter it anew."""


def new_token() -> str:
    """An unguessable word for a URL: 24 characters of A-Z a-z 0-9 _ -."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def seal(text: str, purpose: str) -> str:
    """Encrypt `text` for one purpose ("table:column"); only `unseal` with the same purpose opens it."""
    return _box(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """What was sealed. Raises Unsealable when no key of the installation fits."""
    try:
        return _box(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unsealable(Unsealable.__doc__) from error


def signature(purpose: str, text: str, key: str = "") -> str:
    """A 128-bit tag over `text`, bound to its purpose, for links that must not be forged."""
    digest = hmac.new(_derive(purpose, key or settings.SECRET_KEYS[0]), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def signature_holds(purpose: str, text: str, tag: str) -> bool:
    """Whether `tag` was made by `signature` with any key of the installation."""
    given = tag.encode("utf-8", "replace")
    return any(hmac.compare_digest(signature(purpose, text, key).encode(), given) for key in settings.SECRET_KEYS)


def fingerprint(secret: str) -> str:
    """SHA-256 of a random secret, to look it up without keeping it."""
    return hashlib.sha256(secret.encode()).hexdigest()


@lru_cache(maxsize=32)
def _box(purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(purpose, key))) for key in settings.SECRET_KEYS])


@lru_cache(maxsize=64)
def _derive(purpose: str, key: str) -> bytes:
    return hashlib.blake2b(purpose.encode(), key=key.encode()[:64], digest_size=32).digest()
