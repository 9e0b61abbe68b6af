"""The server's side of the logins that aiosmtpd has not: SCRAM-SHA-256 and XOAUTH2."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "alice@acme.test", "correct horse/battery é"
SALT, ITERATIONS = b"sixteen bytes of", 4096
REFUSED = "535 5.7.8 Authentication credentials invalid"


@dataclass
class Tokens:
    """The access tokens that let somebody in."""

    good: set[str] = field(default_factory=set)


class LoginServer(SMTP):
    """Knows Alice. With `tokens` it takes theirs."""

    # Longer lines than commands may have come within AUTH (RFC 4954 §4).
    line_length_limit = 12_288

    def __init__(self, *args: Any, tokens: Tokens, **options: Any) -> None:
        super().__init__(*args, **options)
        self.tokens = tokens

    async def auth_SCRAM__SHA__256(self, _: Any, args: list[str]) -> AuthResult:  # noqa: N802
        """RFC 5802, from the server's point of view: it needs the keys, and never the password."""
        header, _, bare = b64decode(args[1]).decode().partition(",,")
        name, nonce = (part[2:] for part in bare.split(","))
        asked = f"r={nonce}server's,s={b64encode(SALT).decode()},i={ITERATIONS}"
        final = await self.challenge_auth(asked)
        if not isinstance(final, bytes) or header != "n":
            return AuthResult(success=False, handled=True)
        without_proof, _, proof = final.decode().rpartition(",p=")
        about = f"{bare},{asked},{without_proof}".encode()
        stored, server_key = keys()
        signature = hmac.digest(stored, about, "sha256")
        key = bytes(a ^ b for a, b in zip(b64decode(proof), signature, strict=True))
        rest = f"c={b64encode(b'n,,').decode()},r={nonce}server's"
        if without_proof != rest or hashlib.sha256(key).digest() != stored or name != USER:
            return AuthResult(success=False, handled=False)
        proven = hmac.digest(server_key, about, "sha256")
        await self.challenge_auth(f"v={b64encode(proven).decode()}")
        return AuthResult(success=True, auth_data=USER)

    async def auth_XOAUTH2(self, _: Any, args: list[str]) -> AuthResult:  # noqa: N802
        """Google's form: what is wrong with a token comes as a challenge."""
        said = b64decode(args[1]) if len(args) > 1 else await self.challenge_auth("")
        assert isinstance(said, bytes)
        user, bearer, *rest = said.decode().split("\x01")
        if (user, rest) == (f"user={USER}", ["", ""]) and bearer.removeprefix("auth=Bearer ") in self.tokens.good:
            return AuthResult(success=True, auth_data=USER)
        answered = await self.challenge_auth('{"status":"401","schemes":"bearer","scope":"https://mail.acme.test/"}')
        return AuthResult(success=False, handled=False, message=REFUSED if answered == b"" else "501 5.5.2 What?")


def keys() -> tuple[bytes, bytes]:
    """What a server keeps of Alice's password: StoredKey and ServerKey (RFC 5802 §3)."""
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")
