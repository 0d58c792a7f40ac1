from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.signals.feed import APART_S, KEPT, SILENT_S, PhaseFeed

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
    assert state.shown_for_s(at(80)) == 27


def test_a_phase_that_is_said_again_and_again_lasts_since_it_was_first_said(path: Path) -> None:
    """However often, and also when the lines from then are kept no more."""
    feed = PhaseFeed(path)
    with path.open("a") as file:
        file.writelines(line(54 + s, "red") for s in range(3 * KEPT))
    assert feed.state(at(54 + 3 * KEPT)).since == at(53)


def test_a_word_proves_nothing_of_what_comes_after_it(path: Path) -> None:
    """The line may be dead: what it last said is told on, but not as seen."""
    feed = PhaseFeed(path)
    assert (feed.state(at(60)).phase, feed.state(at(60)).at) == ("red", at(53))
    say(path, 58, "red")
    assert feed.state(at(60)).at == at(58)
    say(path, 90, "green")
    later = feed.state(at(91)).before
    assert later is not None
    assert (later.phase, later.since) == ("red", at(53))
    assert at(89.9) < later.at < at(90)


def test_all_of_a_long_recording_is_known_however_often_a_phase_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "phases.jsonl"
    path.write_text("".join(line(s, "red" if s % 60 < 30 else "green") for s in range(3 * 3600)))
    feed = PhaseFeed(path)
    assert {feed.state(at(60 * m + 10)).phase for m in range(180)} == {"red"}
    assert {feed.state(at(60 * m + 40)).phase for m in range(180)} == {"green"}


@pytest.mark.parametrize(("clock_s", "way_s"), [(8.0, 0.0), (0.0, 8.0), (-3.0, 0.0)])
def test_by_how_much_a_live_word_is_dated_otherwise_its_phase_is_uncertain(
    tmp_path: Path, clock_s: float, way_s: float
) -> None:
    """Whether a clock is off, and its phase began when it was heard of, or the word was long on its way."""
    path = tmp_path / "phases.jsonl"
    feed, words = PhaseFeed(path, live=True), {10: "green", 30: "red"}
    for s in range(45):
        for said_s, phase in words.items():
            if s == said_s + way_s:
                say(path, said_s + clock_s, phase)
        state = feed.state(at(s))
    heard, dated = at(30 + way_s), at(30 + clock_s)
    assert state.begun_by is not None
    assert state.phase == "red"
    assert state.since == min(heard, dated)
    assert abs((state.begun_by - max(heard, dated)).total_seconds()) <= 1.0  # it is asked once a second


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


HOUR_S = 3600.0


def say(path: Path, s: float, phase: str) -> None:
    with path.open("a") as file:
        file.write(line(s, phase))


def test_after_a_silence_that_no_phase_lasts_what_was_said_before_it_is_not_believed(path: Path) -> None:
    """A change was missed: so a recorded controller whose clock steps by an hour leaves no red standing."""
    say(path, 53 + HOUR_S, "red")
    feed = PhaseFeed(path)
    assert feed.state(at(60)).phase == "unknown"
    later = feed.state(at(60 + HOUR_S))
    assert (later.phase, later.since) == ("red", at(53 + HOUR_S))


def test_a_clock_that_was_set_back_leaves_nothing_that_was_said_ahead_of_it(path: Path) -> None:
    say(path, 60 + HOUR_S, "green")
    say(path, 70, "amber")
    feed = PhaseFeed(path)
    assert [feed.state(at(s)).phase for s in (45, 55, 75, 61 + HOUR_S)] == ["green", *["unknown"] * 3]
    say(path, 80, "green")
    assert feed.state(at(81)).phase == "green"


@pytest.mark.parametrize("off_s", [0.0, 0.8 * APART_S, -0.8 * APART_S, 60.0, -60.0, HOUR_S, -HOUR_S])
def test_a_live_controller_whose_clock_is_not_the_cameras_is_not_believed(
    tmp_path: Path, off_s: float
) -> None:
    """Else somebody who passes on green would be taken for one who passed when it was red."""
    path = tmp_path / "phases.jsonl"
    feed = PhaseFeed(path, live=True)
    seen = []
    for s in range(120):
        if s % 30 == 0:
            say(path, s + off_s, "red" if s % 60 else "green")
        seen.append(feed.state(at(s)).phase)
    assert set(seen[31:]) == ({"red", "green"} if abs(off_s) < APART_S else {"unknown"})


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S])
def test_a_step_of_a_live_controllers_clock_is_noticed_at_once_and_its_way_back_too(
    tmp_path: Path, by_s: float
) -> None:
    path = tmp_path / "phases.jsonl"
    feed = PhaseFeed(path, live=True)
    say(path, 0, "green")
    assert feed.state(at(0)).phase == "unknown"  # said before anybody listened
    say(path, 10, "red")
    assert feed.state(at(10)).phase == "red"
    say(path, 20 + by_s, "green")
    stepped = feed.state(at(20))
    assert (stepped.phase, stepped.since) == ("unknown", at(20))
    say(path, 30 + by_s, "red")
    assert feed.state(at(30)).since == at(20)
    say(path, 40, "amber")
    say(path, 43, "red")
    assert feed.state(at(43)).phase == "red"


def test_what_a_live_controller_says_while_its_camera_is_away_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "phases.jsonl"
    feed = PhaseFeed(path, live=True)
    assert feed.state(at(0)).phase == "unknown"
    say(path, 10, "red")
    state = feed.state(at(90))
    assert (state.phase, state.since) == ("red", at(10))
