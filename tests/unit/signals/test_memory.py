from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.domain.signals import Phase, SignalState
from flows.signals.memory import Memory
from flows.signals.reader import Reading

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
Spells = list[tuple[Phase, float]]


def at(s: float) -> datetime:
    return START + timedelta(seconds=s)


def play(spells: Spells, hz: float = 10.0, confidence: float = 0.9) -> tuple[Memory, list[SignalState]]:
    """Each phase for so many seconds, one after the other."""
    memory, changes, index = Memory(), [], 0
    end_s = 0.0
    for phase, lasts_s in spells:
        end_s += lasts_s
        while index / hz < end_s - 1e-9:
            changed = memory.see(at(index / hz), Reading(phase, confidence))
            changes += [changed] if changed else []
            index += 1
    return memory, changes


def phases(changes: list[SignalState]) -> list[Phase]:
    return [c.phase for c in changes]


def test_a_cycle_is_told_phase_by_phase() -> None:
    _, changes = play([("red", 5), ("red_amber", 1), ("green", 5), ("amber", 3), ("red", 5)])
    assert phases(changes) == ["red", "red_amber", "green", "amber", "red"]


def test_a_phase_began_between_two_looks() -> None:
    memory, _ = play([("amber", 3), ("red", 4)])
    state = memory.state
    assert state is not None
    assert (state.since, state.begun_by, state.at) == (at(2.9), at(3.0), at(6.9))
    assert state.shown_for_s(at(6.9)) == pytest.approx(4.0)


def test_after_the_unknown_nothing_is_known_of_the_beginning() -> None:
    memory, _ = play([("green", 3), ("unknown", 5), ("red", 2)])
    assert memory.state is not None
    assert memory.state.since == memory.state.begun_by == at(8.0)


@pytest.mark.parametrize("other", ["green", "unknown", "off", "amber"])
def test_one_broken_picture_changes_nothing(other: Phase) -> None:
    memory, changes = play([("red", 3), (other, 0.1), ("red", 3)])
    assert phases(changes) == ["red"]
    assert memory.state is not None
    assert memory.state.since == START


def test_a_lamp_that_beats_against_the_shutter_stays_lit() -> None:
    _, changes = play([("red", 1.0), ("off", 0.2)] * 5)
    assert phases(changes) == ["red"]


def test_after_a_longer_dark_beat_it_is_the_same_red() -> None:
    memory, changes = play([("amber", 2), ("red", 3), ("off", 1.2), ("red", 2)])
    assert phases(changes) == ["amber", "red", "off", "red"]
    assert memory.state is not None
    assert memory.state.begun_by == at(2.0)


def test_a_dark_head_is_off() -> None:
    memory, _ = play([("green", 3), ("off", 2)])
    assert memory.state is not None
    assert memory.state.phase == "off"


@pytest.mark.parametrize("hz", [6.0, 10.0, 25.0])
def test_flashing_amber_is_off(hz: float) -> None:
    spells: Spells = [("amber", 0.5), ("off", 0.5)]
    memory, changes = play([("green", 3), *spells * 8], hz)
    assert memory.state is not None
    assert memory.state.phase == "off"
    late = [c.phase for c in changes if c.at > at(6)]
    assert set(late) <= {"off"}


def test_steady_amber_is_amber() -> None:
    _, changes = play([("green", 4), ("amber", 3), ("red", 3)])
    assert phases(changes) == ["green", "amber", "red"]


def test_what_is_not_seen_becomes_unknown() -> None:
    memory, changes = play([("red", 3), ("unknown", 2)])
    assert phases(changes) == ["red", "unknown"]
    assert changes[-1].at <= at(3.6)
    assert memory.state is not None
    assert memory.state.phase == "unknown"


def test_a_flutter_of_other_readings_is_unknown_in_the_end() -> None:
    _, changes = play([("red", 2), *[("green", 0.1), ("off", 0.1), ("unknown", 0.1)] * 6])  # type: ignore[list-item]
    assert phases(changes) == ["red", "unknown"]


def test_readings_without_confidence_tell_nothing() -> None:
    _, changes = play([("red", 3)], confidence=0.2)
    assert changes == []


def test_after_a_gap_red_is_counted_anew() -> None:
    memory = Memory()
    for s in (0.0, 0.1, 0.2, 30.0, 30.1, 30.2):
        memory.see(at(s), Reading("red", 0.9))
    assert memory.state is not None
    assert memory.state.begun_by == at(30.0)
