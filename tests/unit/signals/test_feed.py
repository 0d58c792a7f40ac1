from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.signals.feed import SILENT_S, PhaseFeed

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


def at(s: float) -> datetime:
    return START + timedelta(seconds=s)


def line(s: float, phase: str) -> str:
    return json.dumps({"at": at(s).isoformat(), "phase": phase}) + "\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "phases.jsonl"
    file.write_text(line(0, "red") + line(30, "green") + line(50, "amber") + line(53, "red"))
    return file


@pytest.mark.parametrize(
    ("s", "phase"), [(-1, "unknown"), (0, "red"), (29.9, "red"), (30, "green"), (60, "red")]
)
def test_the_phase_at_any_moment(path: Path, s: float, phase: str) -> None:
    assert PhaseFeed(path).state(at(s)).phase == phase


def test_a_phase_lasts_since_its_first_line(path: Path) -> None:
    with path.open("a") as file:
        file.write(line(70, "red"))
    state = PhaseFeed(path).state(at(80))
    assert (state.since, state.confidence) == (at(53), 1.0)
    assert state.surely_for_s(at(80)) == state.shown_for_s(at(80)) == 27


def test_a_file_that_grows_is_followed(path: Path) -> None:
    feed = PhaseFeed(path)
    assert feed.state(at(60)).phase == "red"
    with path.open("a") as file:
        file.write(line(90, "green")[:20])
        file.flush()
        assert feed.state(at(91)).phase == "red"
        file.write(line(90, "green")[20:])
    assert feed.state(at(91)).phase == "green"
    assert feed.state(at(60)).phase == "red"


def test_a_controller_that_says_nothing_is_not_believed_for_ever(path: Path) -> None:
    assert PhaseFeed(path).state(at(53 + SILENT_S + 1)).phase == "unknown"


@pytest.mark.parametrize("bad", ["{", '{"at": "yesterday", "phase": "red"}', '{"phase": "red"}', "[]",
    '{"at": "2026-06-01T06:02:00Z", "phase": "blue"}', '{"at": "2026-06-01T05:00:00Z", "phase": "green"}',
    '{"at": "2026-06-01T06:02:00", "phase": "green"}'])  # fmt: skip
def test_a_line_that_cannot_be_read_makes_it_unknown_until_the_next(path: Path, bad: str) -> None:
    with path.open("a") as file:
        file.write(bad + "\n" + line(200, "green"))
    feed = PhaseFeed(path)
    assert feed.state(at(130)).phase == "unknown"
    assert feed.state(at(201)).phase == "green"


def test_a_file_that_is_not_there_yet_is_unknown(tmp_path: Path) -> None:
    feed = PhaseFeed(tmp_path / "later.jsonl")
    assert feed.state(at(0)).phase == "unknown"
    (tmp_path / "later.jsonl").write_text(line(1, "green"))
    assert feed.state(at(2)).phase == "green"


def test_a_file_that_was_begun_anew_is_read_from_its_start(path: Path) -> None:
    feed = PhaseFeed(path)
    feed.state(at(60))
    path.write_text(line(100, "green"))
    assert feed.state(at(101)).phase == "green"
