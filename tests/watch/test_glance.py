"""A slow question is put by one at a time, its answer kept for a while, and nobody waits for it for long."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cocoonmail.kit.glance import Glance

pytestmark = pytest.mark.one_database


class Database:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.free = threading.Event()

    def look(self) -> int:
        self.asked += 1
        self.free.wait(60)
        return self.asked


def test_all_who_ask_at_once_are_one_question() -> None:
    async def ask() -> list[int | None]:
        glance = Glance(database.look, keep=60, patience=60)
        database.free.set()
        return await asyncio.gather(*(glance.see() for _ in range(100)))

    database = Database()
    assert set(asyncio.run(ask())) == {1}
    assert database.asked == 1


def test_who_loses_patience_is_answered_nothing_and_the_question_is_not_put_again_meanwhile() -> None:
    async def ask() -> list[int | None]:
        glance = Glance(database.look, keep=0, patience=0.05)
        early = [await glance.see(), await glance.see()]
        database.free.set()
        assert glance._looking is not None
        await glance._looking
        glance._patience = 60
        return [*early, await glance.see()]

    database = Database()
    assert asyncio.run(ask()) == [None, None, 2]


def test_an_answer_is_kept_for_as_long_as_it_may_be() -> None:
    async def ask(keep: float) -> list[int | None]:
        glance = Glance(database.look, keep=keep, patience=60)
        return [await glance.see(), await glance.see()]

    database = Database()
    database.free.set()
    assert asyncio.run(ask(60)) == [1, 1]
    assert asyncio.run(ask(0)) == [2, 3]


def test_what_goes_wrong_is_told_to_all_who_asked() -> None:
    async def ask() -> None:
        def look() -> int:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await Glance(look, keep=60, patience=60).see()

    asyncio.run(ask())
