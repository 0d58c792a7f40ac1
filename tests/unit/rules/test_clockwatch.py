"""A camera's clock that steps in mid-stream makes no speeder of anybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import driving
import pytest

from flows.domain.events import Event
from flows.domain.frames import ClockState
from flows.domain.ruleset import SpeedingRule
from flows.domain.site import CameraConfig
from flows.domain.tracks import Sighting
from flows.jurisdiction import load_profile
from flows.road.ground import GroundPlane
from flows.road.roadway import Roadway
from flows.rules.base import Moment, Site
from flows.rules.clockwatch import ClockWatch
from flows.rules.speeding import Speeding
from flows.sources.clock import StreamClock

WARM = 50
"""Frames before the vehicle comes: the clock has measured its rate."""


def moment(at_s: float, guesses: int) -> Moment:
    clock = ClockState("site", driving.START, 25.0, guesses=guesses)
    return Moment(driving.START + timedelta(seconds=at_s), 0, 1280, 720, clock)


@pytest.mark.parametrize(
    ("first_s", "last_s", "guessed"),
    [(0, 3, False), (0, 5, True), (4.5, 9, True), (5.5, 9, False), (0, 30, True), (10.5, 19.5, False), (20, 21, True)],
)  # fmt: skip
def test_it_remembers_when_the_clock_guessed(first_s: float, last_s: float, guessed: bool) -> None:
    """The clock guessed between 4 and 5 s and between 19.5 and 20 s, perhaps in frames that nobody saw."""
    watch = ClockWatch()
    for at_s, guesses in ((0, 2), (4, 2), (4.5, 3), (5, 5), (10, 5), (19.6, 5), (20, 6), (25, 6)):
        watch.see(moment(at_s, guesses))
    start = driving.START
    assert watch.guessed(start + timedelta(seconds=first_s), start + timedelta(seconds=last_s)) is guessed


def _stepped(kmh: float, step_s: float, share: float, live: bool) -> tuple[list[Event], dict[str, int]]:
    """A drive past a camera whose timestamps step after a share of it."""
    clock = StreamClock(10.0)
    clock.anchor(driving.START, "site", Fraction(1, 90_000), 0)
    for k in range(WARM):
        clock.stamp(round(k / driving.FPS * 90_000))
    rule, seen = _speeding(), driving.drive(driving.camera(), kmh)
    track = driving.track(seen)
    track.sightings, events = [], []
    now = None
    for k, sighting in enumerate(seen):
        at_s = (WARM + k) / driving.FPS
        ticks = round((at_s + (step_s if k >= share * len(seen) else 0)) * 90_000)
        stamp = clock.stamp(ticks, driving.START + timedelta(seconds=at_s) if live else None)
        track.sightings.append(_at(sighting, stamp.at, WARM + k))
        now = Moment(stamp.at, WARM + k, 1280, 720, clock.state_for(stamp))
        events += rule.observe([track], now)
    assert now is not None
    return events + rule.forget(track, now), rule.refusals()


def _at(sighting: Sighting, at: object, index: int) -> Sighting:
    return replace(sighting, at=at, frame_index=index)  # type: ignore[arg-type]


def _speeding() -> Speeding:
    config = SpeedingRule(limit_kmh=60)
    camera = CameraConfig.model_validate(
        {
            "id": "road-1",
            "district": "alatau",
            "source": {"kind": "scene", "scene": "road"},
            "rules": [config.model_dump()],
        }
    )
    ground = GroundPlane.fit(driving.survey(driving.camera()))
    return Speeding(config, Site(camera, load_profile("kz"), ground, Roadway.of(camera, ground)))


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("step_s", [3600.0, -3600.0, -0.5])
@pytest.mark.parametrize("live", [False, True])
def test_nobody_is_reported_for_a_step_in_mid_stream(share: float, step_s: float, live: bool) -> None:
    for kmh in (50.0, 69.9, 90.0):
        events, refusals = _stepped(kmh, step_s, share, live)
        assert events == []
        assert set(refusals) == {"clock_step"}


def test_without_a_step_the_same_drive_is_judged() -> None:
    assert len(_stepped(90.0, 0.0, 0.5, live=False)[0]) == 1
