"""What a mail server took, held against what the Messages page says: nothing twice, nothing silent, few unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.house import Installation
from tests.sink import REFUSED

STATUSES = "SELECT token, to_email, status FROM emails_message"


def letters(house: Installation, arrived: Iterable[str], unknown_max: int) -> Iterator[str]:
    """Promises S1 and S2: what did not arrive is unknown, nothing arrived twice, and the unknown are few.

    `arrived` are the Message-IDs that the server took; whom it does not know, REFUSED, that message has failed.
    `unknown_max` is how many messages were marked when their workers died.
    """
    times = Counter(id.strip("<>").partition("@")[0] for id in arrived)
    yield from (f"twice: <{token}> arrived {number} times" for token, number in times.items() if number > 1)
    messages = {token: (email, status) for token, email, status in house.rows(STATUSES)}
    yield from (f"invented: <{token}> arrived and no message has this id" for token in times.keys() - messages.keys())
    for token, (email, status) in messages.items():
        as_promised = status == "unknown" or (status == "sent" and token in times)
        if email.startswith(REFUSED):
            as_promised = status == "failed"
        if not as_promised:
            yield f"silent: <{token}> to {email} is {status} and arrived {times[token]} times"
    unknown = sum(status == "unknown" for _, status in messages.values())
    if unknown > unknown_max:
        yield f"unknown: {unknown} messages, and only {unknown_max} had been marked"
