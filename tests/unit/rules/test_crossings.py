"""Real people and cars at a crossing without lights (DUT, drone tracks), read by eye before they were asserted.

There is no paint: the crosswalk is where the stream of people crosses the way of the cars, 9.5 to 18.5 m across and
7 to 15.5 m along. The same cars and people are found with stated errors of 0.15 to 0.5 m and with the far side 1 m
nearer or 1.5 m farther; where the near side is drawn 1 m further in, the people of 07 are not on the road yet.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flows.domain.events import Event
from flows.domain.frames import Frame
from flows.domain.site import CameraConfig
from flows.jurisdiction import load_profile
from flows.pipeline import CameraPipeline, run
from flows.settings import Settings
from flows.sources import open_source

CROSSINGS = Path(__file__).parents[4] / "shared" / "data" / "crossings"
START = datetime(2019, 1, 1, tzinfo=UTC)
RATE_HZ = 23.98
COLUMNS = {
    "frame": "frame", "cls": "label", "x_m": "x_est", "y_m": "y_est", "speed_mps": "vel_est", "heading_rad": "psi_est"
}  # fmt: skip

pytestmark = pytest.mark.skipif(
    not CROSSINGS.is_dir(), reason="the DUT tracks are not in ../shared/data/crossings"
)


@dataclass
class Played:
    """What came of one recording; people and cars by their names in it."""

    events: list[Event]
    refusals: dict[str, int]
    names: dict[int, str] = field(default_factory=dict)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [e.data for e in self.events if e.type == f"dome.violation.{kind}.v1"]

    def between(self, data: dict[str, Any]) -> tuple[str, set[str]]:
        """The car of a failure to yield, and the people."""
        return self.names[data["track"]], {self.names[p] for p in data["encounter"]["people"]}


@cache
def play(number: str) -> Played:
    camera = CameraConfig.model_validate(
        {
            "id": "dut",
            "district": "d",
            "source": {
                "kind": "tracks",
                "path": CROSSINGS / f"intersection_{number}_traj_*_filtered.csv",
                "started_at": START,
                "rate_hz": RATE_HZ,
                "columns": COLUMNS,
                "classes": {"ped": "person", "veh": "car"},
            },
            "zones": [
                {
                    "name": "crosswalk",
                    "polygon_m": [(9.5, 7), (18.5, 7), (18.5, 15.5), (9.5, 15.5)],
                    "heading_deg": 0,
                }
            ],
            "rules": [
                {"kind": "failure_to_yield", "crosswalk": "crosswalk"},
                {"kind": "speeding", "limit_kmh": 5, "tolerance_kmh": 0},
            ],
        }
    )
    pipeline = CameraPipeline.build(camera, load_profile("kz"))
    played = Played([], {})
    played.events = list(
        run(_Named(open_source(camera, Settings.from_env({})), pipeline, played.names), pipeline)
    )
    played.refusals = pipeline.refusals()
    return played


@dataclass
class _Named:
    """The source, noting which track has which name."""

    source: Any
    pipeline: CameraPipeline
    names: dict[int, str]

    def open(self) -> None:
        self.source.open()

    def close(self) -> None:
        self.source.close()

    def frames(self) -> Iterator[Frame]:
        for frame in self.source.frames():
            yield frame
            for track in self.pipeline._tracker.active:  # type: ignore[attr-defined]
                self.names[track.id] = track.sightings[-1].fix.name


@pytest.mark.slow
def test_who_rolls_through_people_who_slow_down_for_it_does_not_yield() -> None:
    """07: the car rolls on at 1.5 m/s; 45 and 46 slow from 0.7 to 0.3 m/s three metres from its side and pass behind.
    09: the same before 5 and 8, who slow from 0.85 to 0.55 m/s."""
    for number, people in (("07", {"0:45", "0:46"}), ("09", {"0:5", "0:8"})):
        played = play(number)
        (data,) = played.of("failure_to_yield")
        assert played.between(data) == ("1:2", people)
        measured = data["measured"]
        assert measured["closest_distance"]["value"] < 0.5
        assert measured["post_encroachment_time"]["value"] < 0.5
        assert measured["speed"]["low"] < 5.6 < measured["speed"]["high"]
        assert measured["way_to_stop"]["value"] > data["encounter"]["stopping_m"]
        assert [m["name"] for m in data["moments"]] == ["before the line", "past the line", "leaving"]


@pytest.mark.slow
def test_who_waits_until_all_have_passed_yields() -> None:
    """11: the car stands until frame 195; the last person crosses 5 m ahead while it sets off."""
    played = play("11")
    assert played.of("failure_to_yield") == []
    assert played.refusals == {"too_short": 1}, "it has hardly moved: no speed"


@pytest.mark.slow
def test_people_who_wait_beside_the_way_and_people_long_past() -> None:
    """01: two people slow down and wait at 8.9 m, off the crossing, while two cars turn off before them.
    03: two people run across well before the car."""
    for number in ("01", "03"):
        assert play(number).of("failure_to_yield") == []
        assert play(number).refusals == {}


def own_kmh(number: str, car: str, data: dict[str, Any]) -> float:
    """Mean of the data set's own velocity estimates over the measured stretch."""
    first, last = (datetime.fromisoformat(m["at"]) for m in data["moments"])
    since, until = (round((at - START).total_seconds() * RATE_HZ) for at in (first, last))
    with (CROSSINGS / f"intersection_{number}_traj_veh_filtered.csv").open() as file:
        rows = [
            r for r in csv.DictReader(file) if f"1:{r['id']}" == car and since <= int(r["frame"]) <= until
        ]
    return 3.6 * sum(float(r["vel_est"]) for r in rows) / len(rows)


@pytest.mark.slow
def test_speeds_of_cars_that_drive_straight_on_are_those_of_the_data_set() -> None:
    found = {play("03").names[d["track"]]: d for d in play("03").of("speeding")}
    for car in ("1:3", "1:4"):
        speed = found[car]["measured"]["speed"]
        assert speed["low"] <= own_kmh("03", car, found[car]) <= speed["high"]
        assert speed["high"] - speed["low"] < 4


@pytest.mark.slow
def test_who_turns_is_never_told_to_have_been_faster() -> None:
    """01 car 0 and 1, 03 car 2 turn by more than a right angle: the chord is up to a third shorter than the way."""
    for number, cars in (("01", {"1:0", "1:1"}), ("03", {"1:2"})):
        played = play(number)
        found = {played.names[d["track"]]: d for d in played.of("speeding")}
        assert cars <= set(found)
        for car in cars:
            own = own_kmh(number, car, found[car])
            assert 0.7 * own < found[car]["measured"]["speed"]["value"] < own


@pytest.mark.slow
def test_parked_cars_are_no_events() -> None:
    """03 to 09: two cars stand at 21 m all the time."""
    for number in ("03", "07", "09"):
        played = play(number)
        assert not {"1:0", "1:1"} & {played.names[e.data["track"]] for e in played.events}  # type: ignore[index]
