"""What `cocoonmail up` says when it cannot start: one sentence that helps, at once, and no traceback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import Installation

pytestmark = [pytest.mark.processes, pytest.mark.one_database]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    """A place where nothing was installed yet."""
    empty = Installation(tmp_path)
    yield empty
    empty.close()


def refusal(house: Installation, *words: str) -> str:
    """What a command that fails says."""
    with pytest.raises(AssertionError) as refused:
        house.command(*words)
    said = str(refused.value)
    assert "Traceback" not in said
    return said


def test_a_taken_port_is_said_at_once_and_nothing_is_made(house: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(house, "up", "--port", str(port))
    assert f"Something else listens on port {port} of 127.0.0.1 already. Choose another: --port {port + 1}" in said
    assert not house.data.exists()


def test_an_address_of_another_machine_is_refused_in_words(house: Installation) -> None:
    assert "Nothing can listen on port 8000 of 192.0.2.1" in refusal(house, "web", "--host", "192.0.2.1")


def test_a_data_folder_that_cannot_be_made_is_refused_in_words(house: Installation) -> None:
    house.data.write_text("a file where the folder should be")
    said = refusal(house, "up", "--port", str(house.port))
    assert f"The data folder {house.data} cannot be used" in said


def test_a_wrong_setting_is_refused_with_its_name(house: Installation) -> None:
    house.environment["COCOONMAIL_TRUSTED_PROXIES"] = "many"
    said = refusal(house, "migrate")
    assert "COCOONMAIL_TRUSTED_PROXIES must be a whole number from 0 to 10, not 'many'." in said
