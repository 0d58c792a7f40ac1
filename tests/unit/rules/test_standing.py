"""What is remembered of who stands where, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import driving
import numpy as np

from flows.domain.paths import Path, Waypoint
from flows.domain.tracks import Sighting, Track
from flows.rules.base import Moment
from flows.rules.hiding import Occlusion, Rests
from flows.rules.standing import Stand, StandingConfig, Standings

START = datetime(2026, 6, 1, tzinfo=UTC)
Box = tuple[float, float, float, float]
CAR: Box = (100, 100, 200, 180)
NEARER: Box = (60, 175, 160, 300)
"""Over little of the car's box, and of what a crop shows round it."""


class House:
    """Cars that stand, each at a place of its own, under the numbers of a moment."""

    def __init__(self) -> None:
        self.standings, self.rests = Standings(["car"], lost_s=30.0), Rests()
        self.tracks: dict[int, Track] = {}
        self.paths: dict[int, Path] = {}

    def see(self, after_s: float, boxes: Mapping[int, Box]) -> list[Stand]:
        at = START + timedelta(seconds=after_s)
        for number, box in boxes.items():
            track = self.tracks.setdefault(number, Track(number, "car", confirmed=True))
            track.sightings.append(Sighting(at, 0, np.array(box, np.float32), 0.9))
            path = self.paths.setdefault(number, Path(number, "car", 4.2, 1.8))
            place = np.array([box[0] / 10, 20.0])
            path.points.append(Waypoint(at, place, 0.1, np.zeros(2), np.array([0.0, 1.0]), box))
        seen = [self.tracks[number] for number in boxes]
        self.rests.see(seen, at)
        moment = Moment(
            at, 0, 1280, 720, driving.clock(), self.paths, rests=self.rests, occlusion=Occlusion(seen)
        )
        return self.standings.observe(seen, moment, after_s)

    def end(self, number: int) -> None:
        self.standings.forget(number)
        self.rests.forget(number)
        del self.tracks[number], self.paths[number]


def test_how_it_came_shows_nobody_nearer_though_its_number_ended_at_once() -> None:
    """The verdict falls when nobody knows any more who was before it then."""
    house = House()
    house.see(0.0, {1: CAR, 2: NEARER})
    house.end(1)
    (stand,) = (s for s in house.see(1.0, {3: CAR, 2: NEARER}) if s.owner == 3)
    assert stand.first.at == START
    assert stand.first.xyxy == CAR, "it is found again by all of its box"
    assert stand.first.shown is not None
    assert stand.first.shown[3] < CAR[3]
    assert stand.plain.xyxy == CAR, "it is known again by all of its box"


def test_who_drives_by_does_not_make_it_forget_who_stands() -> None:
    """Each leaves a place where it was last seen; of the first car's number nobody knows for a moment."""
    house = House()
    for second in range(6):
        house.see(float(second), {1: CAR})
    house.end(1)
    for n in range(StandingConfig().most + 6):
        left = 300.0 + 50 * n
        house.see(6.0 + n / 10, {100 + n: (left, 100, left + 100, 180)})
        house.end(100 + n)
    (stand,) = house.see(15.0, {2: CAR})
    assert stand.first.at == START


def test_who_was_reported_stands_though_nobody_saw_it_for_long() -> None:
    """Its time is counted anew then; one box that jumps in the first seconds takes nothing away."""
    house = House()
    for second in range(6):
        (stand,) = house.see(float(second), {1: CAR}) or [None]
    assert stand is not None
    house.standings.report(stand, "an event")
    house.end(1)
    for after_s, box in ((50.0, CAR), (50.2, (110, 110, 240, 220)), (50.4, CAR)):
        seen = house.see(after_s, {2: box})
    assert [s.reported for s in seen] == ["an event"]
    assert house.standings.ended() == []
