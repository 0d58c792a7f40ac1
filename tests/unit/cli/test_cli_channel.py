"""``dome channel``: keys are printed once, and only to who asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.store.channels import ChannelBook


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChannelBook:
    monkeypatch.setenv("DOME_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DOME_CHANNELS", raising=False)
    return ChannelBook(tmp_path / "home" / "keys" / "channels.json")


def test_a_channel_is_registered_renewed_and_removed(dome: Any, book: ChannelBook) -> None:
    first = dome("channel", "add", "egov")
    assert first.exit_code == 0, first.output
    second = dome("channel", "renew", "egov")
    kept = [key.get_secret_value() for key in book.all()["egov"].keys]
    assert kept == [second.stdout.strip(), first.stdout.strip()]
    listed = dome("channel", "list")
    assert listed.stdout.strip() == "egov: 2 keys"
    assert dome("channel", "remove", "egov").exit_code == 0
    assert book.all() == {}


@pytest.mark.parametrize("command", [("renew", "egov"), ("remove", "egov"), ("add", "E Gov")])
def test_what_is_no_channel_is_refused(dome: Any, book: ChannelBook, command: tuple[str, ...]) -> None:
    result = dome("channel", *command)
    assert (result.exit_code, "channel: expected" in result.stderr) == (2, True)
