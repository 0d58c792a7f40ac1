"""A camera's clock that steps by an hour in mid-stream: nobody is reported for it, by any rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import driving
import numpy as np
import pytest
from quick import first
from roads import Drive, Story, road
from tales import ALL, Tales

from flows.domain.events import Event
from flows.domain.paths import Path
from flows.domain.tracks import Track
from flows.rules import BUILDERS
from flows.rules.base import Moment

STEPS_S = (3600.0, 20.0)
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
    events = story.tell(BUILDERS[type(tales.config)](tales.config, site))
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
