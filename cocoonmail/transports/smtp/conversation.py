"""What was said between us and a mail server, as a message's page shows it: bounded, and without passwords."""

from __future__ import annotations

from collections.abc import Iterable

from cocoonmail.transports.base import printable
from cocoonmail.transports.smtp.replies import CHALLENGE

LINES_MAX = 120  # Of which the first and last halves are shown
MASK = "********"


class Conversation:
    """Lines in order: `C: ` is ours, `S: ` the server's, `-- ` a remark."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._secrets: tuple[str, ...] = ()

    def said(self, line: str) -> None:
        """Note a line of ours."""
        self._lines.append(f"C: {self.masked(line)}")

    def heard(self, code: int, texts: Iterable[str]) -> None:
        """Note a reply of the server's, line by line.

        A challenge is not shown: with SCRAM's, passwords could be tried until one fits.
        """
        texts = [MASK] if code == CHALLENGE else texts
        self._lines.extend(f"S: {code} {self.masked(text)}" for text in texts)

    def remark(self, words: str) -> None:
        """Note what happened beside the words."""
        self._lines.append(f"-- {self.masked(printable(words))}")

    def hide(self, *secrets: str) -> None:
        """Mask these in every line from now on; none ends it. Servers repeat what they could not read."""
        self._secrets = tuple(sorted(filter(None, secrets), key=len, reverse=True))

    def masked(self, text: str) -> str:
        """The text without what must not be shown."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def start_over(self, remark: str) -> None:
        """Forget what an earlier message said."""
        self._lines = [f"-- {remark}"]

    def __str__(self) -> str:
        half = LINES_MAX // 2
        left_out = len(self._lines) - LINES_MAX
        if left_out <= 0:
            return "\n".join(self._lines)
        return "\n".join([*self._lines[:half], f"-- {left_out} lines left out", *self._lines[-half:]])
