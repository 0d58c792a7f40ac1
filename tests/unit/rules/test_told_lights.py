"""Who is held to a light that a live controller tells of: its words may stop, come late or be dated wrongly."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from roads import START, Drive, Story, rect, road, straight

from flows.domain.events import Event
from flows.domain.ruleset import RedLightRule
from flows.domain.signals import Phase, SignalState
from flows.rules.base import Rule
from flows.rules.red_light import RedLight
from flows.signals.feed import PhaseFeed

Word = tuple[float, float, Phase]
"""``(heard_s, dated_s, phase)``."""
CHANGES: Sequence[tuple[float, Phase]] = ((1, "green"), (10, "red"), (40, "green"))


class Told(Story):
    """A story whose light's words come one by one, as :class:`PhaseFeed` hears them.

    Attributes:
        words: In the order in which they are heard.
        file: Where they are written.
    """

    words: list[Word]
    file: Path

    def tell(self, rule: Rule) -> list[Event]:
        self._left, self._feed = sorted(self.words), PhaseFeed(self.file, live=True)
        return super().tell(rule)

    def _state(self, phases: Sequence[tuple[float, Phase]], at_s: float) -> SignalState:
        with self.file.open("a", encoding="utf-8") as file:
            while self._left and self._left[0][0] <= at_s:
                _, dated_s, phase = self._left.pop(0)
                dated_at = START + timedelta(seconds=dated_s)
                file.write(json.dumps({"at": dated_at.isoformat(), "phase": phase}) + "\n")
        return self._feed.state(START + timedelta(seconds=at_s))


def crosses(at_s: float, id: int = 1) -> Drive:
    """A car at 45 km/h whose front is at the line then, and that is in sight for some seconds before and after."""
    return straight(id, x=1.75, y=(-10, 95), kmh=45, start_s=at_s - 3.02)


def accused(path: Path, words: Iterable[Word], *drives: Drive) -> tuple[list[float], dict[str, int]]:
    """When somebody ran the light by the rule, seconds; what it refused."""
    config = RedLightRule(stop_line="stop", junction="junction", signal="main")
    site = road(
        config,
        zones={"junction": rect(-8, 34, 8, 48)},
        lines={"stop": [(0, 30.0), (7, 30.0)]},
        signals=("main",),
    )
    rule, story = RedLight(config, site), Told(drives, lights={"main": []})
    path.mkdir(exist_ok=True)
    story.words, story.file = list(words), path / "phases.jsonl"
    events = story.tell(rule)
    return [round((e.time - START).total_seconds(), 1) for e in events], rule.refusals()


def repeated(until_s: int = 60) -> list[Word]:
    """Each phase, and again each second."""
    said = {s: phase for since_s, phase in CHANGES for s in range(int(since_s), until_s)}
    return [(float(s), float(s), phase) for s, phase in said.items()]


def off(words: Iterable[Word], clock_s: float = 0.0, way_s: float = 0.0) -> list[Word]:
    """The same by a clock that is ahead by so much, or after so long on their way."""
    return [(heard_s + way_s, dated_s + clock_s, phase) for heard_s, dated_s, phase in words]


@pytest.mark.parametrize("at_s", [12.0, 20.0, 38.0])
def test_who_runs_the_red_of_a_controller_that_goes_on_speaking_is_found(tmp_path: Path, at_s: float) -> None:
    (found_s,), _ = accused(tmp_path, repeated(), crosses(at_s))
    assert found_s == pytest.approx(at_s, abs=0.2)


@pytest.mark.parametrize("at_s", [45.0, 200.0])
def test_who_passes_after_a_controller_s_last_word_is_held_to_nothing(tmp_path: Path, at_s: float) -> None:
    """It said red at 10 s, and its line died: by then it may be green."""
    words: list[Word] = [(1, 1, "green"), (10, 10, "red")]
    assert accused(tmp_path, words, crosses(at_s)) == ([], {"signal_unknown": 1})


def test_a_crossing_is_judged_once_the_next_word_has_come(tmp_path: Path) -> None:
    """Of a controller that tells of changes only, the end of a red shows that it lasted until then."""
    words: list[Word] = [(s, s, phase) for s, phase in CHANGES]
    (found_s,), _ = accused(tmp_path, words, crosses(37.5))
    assert found_s == pytest.approx(37.5, abs=0.2)


@pytest.mark.parametrize(("back_s", "at_s"), [(46.0, 41.5), (43.0, 41.5)])
def test_nobody_on_green_is_held_to_the_red_before_a_gap_whatever_is_said_after_it(
    tmp_path: Path, back_s: float, at_s: float
) -> None:
    """Red until 30 s, green until 42 s; the line is dead from 13 s on and comes back under the next red, or amber."""
    changes: Sequence[tuple[float, Phase]] = (
        (1, "green"),
        (10, "red"),
        (30, "green"),
        (42, "amber"),
        (45, "red"),
    )
    said = {s: phase for since_s, phase in changes for s in range(int(since_s), 70)}
    words: list[Word] = [(s, s, phase) for s, phase in said.items() if s < 13 or s >= back_s]
    assert accused(tmp_path, words, crosses(at_s)) == ([], {"signal_unknown": 1})
    (found_s,), _ = accused(tmp_path / "again", words, crosses(55.0))
    assert found_s == pytest.approx(55.0, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize(
    ("clock_s", "way_s"), [(8.0, 0.0), (3.0, 0.0), (1.0, 0.0), (-3.0, 0.0), (0.0, 8.0), (0.0, 2.0)]
)
def test_nobody_on_green_is_held_to_a_red_that_is_dated_wrongly(
    tmp_path: Path, clock_s: float, way_s: float, again: bool
) -> None:
    words: list[Word] = repeated() if again else [(s, s, phase) for s, phase in CHANGES]
    cars = [crosses(at_s, id) for id, at_s in enumerate((9.3, 40.7, 42.0, 45.0), 1)]
    assert accused(tmp_path, off(words, clock_s, way_s), *cars)[0] == []


@pytest.mark.parametrize(("clock_s", "way_s"), [(3.0, 0.0), (1.0, 0.0), (0.0, 1.5)])
def test_in_the_middle_of_a_red_a_clock_that_is_off_by_little_excuses_nobody(
    tmp_path: Path, clock_s: float, way_s: float
) -> None:
    assert len(accused(tmp_path, off(repeated(), clock_s, way_s), crosses(25.0))[0]) == 1
