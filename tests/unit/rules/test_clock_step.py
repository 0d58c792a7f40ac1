"""A camera's clock that steps by an hour in mid-stream: nobody is reported for it, by any rule.

Speeding, section speed and failure to yield have tests of their own (``test_clockwatch``, ``test_sections``,
``test_failure_to_yield``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import driving
import numpy as np
import pytest
from quick import first
from roads import Drive, Story, rect, road, straight
from tales import ALL, Tales

from flows.domain.events import Event
from flows.domain.paths import Path
from flows.domain.ruleset import RedLightRule, StopLineRule
from flows.domain.signals import Phase, SignalState
from flows.domain.tracks import Track
from flows.rules import rule_of
from flows.rules.base import Moment

STEPS_S = (3600.0, 20.0, 3.0)
"""Forwards; backwards the source never goes: capture times increase strictly. It counts a step as a guess."""


class Stepped(Story):
    """A story whose clock steps at a second."""

    at_s: float
    by_s: float

    def _look(self, at_s: float, index: int) -> list[Track]:
        late: datetime = driving.START + timedelta(seconds=self.by_s)
        self.start = late if at_s >= self.at_s else driving.START
        return super()._look(at_s, index)

    def _moment(self, at_s: float, index: int, paths: Mapping[int, Path]) -> Moment:
        moment = super()._moment(at_s, index, paths)
        return replace(moment, clock=replace(moment.clock, guesses=int(at_s >= self.at_s)))


def told(tales: Tales, drives: Sequence[Drive], at_s: float, by_s: float, seed: int) -> list[Event]:
    eye = driving.camera("gantry")
    site = road(tales.config, zones=tales.zones, lines=tales.lines, headings=tales.headings, eye=eye)
    story = Stepped(drives, eye=eye, seed=seed, hz=tales.hz)
    story.at_s, story.by_s = at_s, by_s
    events = story.tell(rule_of(tales.config, site))
    return [e for e in events if e.type.startswith("dome.violation.")]


@pytest.mark.slow
@pytest.mark.parametrize("by_s", first(*STEPS_S))
@pytest.mark.parametrize("kind", first(*ALL))
def test_who_only_seems_to_offend_is_let_go_whatever_the_clock_does(kind: str, by_s: float) -> None:
    tales, rng = ALL[kind], np.random.default_rng(5)
    for seed, teller in enumerate(list(tales.others.values())[:6]):
        drives = list(teller(rng))
        ends_s = max(d.until_s for d in drives)
        assert told(tales, drives, float(rng.uniform(0.2, 0.8)) * ends_s, by_s, seed) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", first(*ALL))
def test_an_offence_is_reported_once_at_most(kind: str) -> None:
    tales, rng = ALL[kind], np.random.default_rng(6)
    for seed, teller in enumerate(list(tales.offences.values())[:3]):
        drives = list(teller(rng))
        events = told(tales, drives, 0.5 * max(d.until_s for d in drives), 3600.0, seed)
        tracks = [e.data["track"] for e in events]
        assert len(set(tracks)) == len(tracks)


LAWFUL: dict[str, tuple[Drive, Sequence[tuple[float, Phase]]]] = {
    "crosses on amber": (
        straight(1, x=1.75, y=(-10, 70), kmh=45),
        [(0, "green"), (2.4, "amber"), (5.4, "red")],
    ),
    "crosses within the grace": (straight(1, x=1.75, y=(-10, 70), kmh=45), [(0, "amber"), (2.8, "red")]),
    "waits for green": (
        Drive(
            1,
            ((0, 1.75, -10), (3, 1.75, 21), (4.5, 1.75, 27), (12, 1.75, 27), (16, 1.75, 41), (19, 1.75, 70)),
        ),
        [(0, "red"), (11.5, "green")],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("story", LAWFUL)
@pytest.mark.parametrize("by_s", STEPS_S)
def test_who_obeys_the_light_has_not_run_it_whatever_the_clock_does(story: str, by_s: float) -> None:
    drive, phases = LAWFUL[story]
    red = RedLightRule(stop_line="stop", junction="junction", signal="main")
    zones, lines = {"junction": rect(-8, 34, 8, 48)}, {"stop": [(0.0, 30.0), (7.0, 30.0)]}
    for config in (red, StopLineRule(stop_line="stop", signal="main")):
        for at_s in (1.5, 2.5, 2.85, 3.3, 4.5):
            eye = driving.camera("gantry")
            site = road(config, zones=zones, lines=lines, signals=("main",), eye=eye)
            told = SteppedLight([drive], eye=eye, lights={"main": phases})
            told.at_s, told.by_s = at_s, by_s
            assert told.tell(rule_of(config, site)) == [], at_s


class SteppedLight(Stepped):
    """The light is read in the picture, and steps with its clock."""

    def _state(self, phases: Sequence[tuple[float, Phase]], at_s: float) -> SignalState:
        since, phase = max((p for p in phases if p[0] <= at_s), default=(0.0, "unknown"))
        began = driving.START + timedelta(seconds=since + (self.by_s if since >= self.at_s else 0.0))
        return SignalState(phase, began, self.start + timedelta(seconds=at_s))
