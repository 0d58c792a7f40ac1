"""A passage over a section's gate is timed to some hundredths of a second, or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import driving
import numpy as np
import pytest

from flows.domain.events import PASSAGE, Event
from flows.domain.frames import ClockState
from flows.domain.passages import Passage
from flows.domain.ruleset import SectionSpeedRule
from flows.domain.site import CameraConfig
from flows.domain.tracks import Sighting, Track
from flows.jurisdiction import load_profile
from flows.road.ground import GroundPlane
from flows.road.paths import PathBook
from flows.road.roadway import Roadway
from flows.rules.base import Moment, Site
from flows.rules.hiding import Rests
from flows.rules.section_speed import SectionSpeed, describe
from flows.sources.clock import StreamClock

KZ = load_profile("kz")
GATE_M = 25.0
HALF_CAR_M = 2.2
SIZE = (driving.WIDTH_PX, driving.HEIGHT_PX)
LIVE = {"kind": "stream", "url": "rtsp://10.0.0.7/1"}


class House:
    """The rule on a gantry camera, with the paths it is shown."""

    def __init__(self, *, survey: bool = True, rule: dict[str, Any] | None = None, **options: Any) -> None:
        config = {
            "kind": "section_speed", "section": "abay", "role": "exit", "gate": "gate", "length_m": 1200,
            "limit_kmh": 60,
        } | (rule or {})  # fmt: skip
        camera = CameraConfig.model_validate(
            {
                "id": "abay-2",
                "district": "alatau",
                "source": {"kind": "scene", "scene": "road"},
                "lines": [{"name": "gate", "m": [[-6, GATE_M], [6, GATE_M]]}],
                "rules": [config],
                **options,
            }
        )
        self.ground = GroundPlane.fit(driving.survey(driving.camera()))
        ground = self.ground if survey else None
        config_of = camera.rules[0]
        assert isinstance(config_of, SectionSpeedRule)
        road = Roadway.of(camera, ground) if survey else None
        self.rule = SectionSpeed(config_of, Site(camera, KZ, ground, road))
        self.paths = PathBook(self.ground)
        self.survey = survey

    def see(
        self, sightings: list[Sighting], clocks: ClockState | list[ClockState], id: int = 1
    ) -> list[Event]:
        """One vehicle, frame by frame, and then no more."""
        track, events = Track(id, "car", [], sightings[0].xyxy, confirmed=True), []
        clock = driving.clock()
        for index, sighting in enumerate(sightings):
            clock = clocks[index] if isinstance(clocks, list) else clocks
            track.sightings.append(sighting)
            paths = self.paths.step([track], *SIZE) if self.survey else {}
            events += self.rule.observe(
                [track], Moment(sighting.at, sighting.frame_index, *SIZE, clock, paths)
            )
        path = self.paths.forget(track)
        moment = Moment(sightings[-1].at, 9999, *SIZE, clock, {id: path} if path else {})
        return events + self.rule.forget(track, moment)


def drive(kmh: float = 80.0, **options: Any) -> list[Sighting]:
    return driving.drive(driving.camera(), kmh, **options)


def passes_at(kmh: float) -> datetime:
    """True time at which the front of :func:`drive`'s car is on the gate."""
    return driving.START + timedelta(seconds=(70 - HALF_CAR_M - GATE_M) / (kmh / 3.6))


def test_a_passage_is_timed_and_says_how_well() -> None:
    (event,) = House().see(drive(), driving.clock())
    passage = Passage.of(event)
    assert (passage.parameters["gate"], passage.parameters["clock_within_s"]) == ("gate", 0.02)
    off_s = (passage.at - passes_at(80)).total_seconds()
    assert event.type == PASSAGE
    assert (passage.camera, passage.district, passage.section, passage.role) == (
        "abay-2", "alatau", "abay", "exit",
    )  # fmt: skip
    assert abs(off_s) < 0.03
    assert abs(off_s) < 2.5 * passage.sd_s < 0.25
    assert passage.speed_kmh == pytest.approx(80, abs=4)
    assert passage.position_m[1] == pytest.approx(GATE_M, abs=0.3)
    assert passage.terms.tolerance_kmh == 10
    assert passage.terms.article_for(25) == "KoAP RK 592(2)"
    assert passage.moments[0].name == "gate"
    assert passage.calibration["id"] == "survey-7"


@pytest.mark.parametrize("share", [0.5, 1.1])
def test_pictures_of_a_covered_vehicle_do_not_show_who_covers_it(share: float) -> None:
    house, boxes = House(), drive()
    car, other = Track(1, "car", confirmed=True), Track(2, "car", confirmed=True)
    events, rests = list[Event](), Rests()
    for s in boxes:
        x0, y0, x1, y1 = (float(v) for v in s.xyxy)
        nearer = np.array((x0 - 30, y1 - share * (y1 - y0), x1 + 30, y1 + 10), np.float32)
        car.sightings.append(s)
        other.sightings.append(replace(s, xyxy=nearer))
        paths = house.paths.step([car], *SIZE)
        rests.see([car, other], s.at)
        now = Moment(s.at, s.frame_index, *SIZE, driving.clock(), paths, rests=rests)
        events += house.rule.observe([car, other], now)
    path = house.paths.forget(car)
    assert path is not None
    events += house.rule.forget(
        car, Moment(boxes[-1].at, 9999, *SIZE, driving.clock(), {1: path}, rests=rests)
    )
    covers = {s.at: s.xyxy for s in other.sightings}
    shown = [(m.at, m.shown) for event in events for m in Passage.of(event).moments]
    assert len(shown) == (0 if share > 1 else 2)
    assert house.rule.refusals() == ({"covered": 1} if share > 1 else {})
    assert all(rest is not None and rest[3] <= covers[at][1] + 0.1 for at, rest in shown)


def test_pictures_are_of_what_the_ring_still_holds() -> None:
    """Long before it crossed it had been nearer: it came, waited, backed out of sight and came again."""
    seen, before = drive(away=True), drive()
    long_ago = seen[0].at - timedelta(seconds=25)
    wait = [
        replace(
            before[-1], at=long_ago + timedelta(seconds=k / 12.5), frame_index=-k, xyxy=seen[0].xyxy + grow
        )
        for k, grow in enumerate([np.array([-40, -60, 40, 0], np.float32)] * 5)
    ]
    (event,) = House().see(wait + seen, driving.clock())
    assert all(m.at >= seen[0].at for m in Passage.of(event).moments)


def test_a_passage_carries_no_plate_until_it_was_read() -> None:
    (event,) = House().see(drive(), driving.clock())
    assert event.data["plate"] == ""


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("kmh", [30.0, 60.0, 120.0])
def test_passages_of_either_end_are_timed_alike(kmh: float, away: bool) -> None:
    (event,) = House().see(drive(kmh, away=away), driving.clock())
    gone_m = GATE_M - HALF_CAR_M + 5 if away else 70 - HALF_CAR_M - GATE_M
    true_at = driving.START + timedelta(seconds=gone_m / (kmh / 3.6))
    passage = Passage.of(event)
    assert abs((passage.at - true_at).total_seconds()) < 2.5 * passage.sd_s


def test_same_footage_same_id_whatever_the_tracker_counted() -> None:
    (a,), (b,) = (House().see(drive(), driving.clock(), id) for id in (1, 77))
    (c,) = House().see(drive(start=driving.START + timedelta(seconds=9)), driving.clock())
    assert a.id == b.id != c.id


def test_each_vehicle_passes_once() -> None:
    house = House()
    later = driving.START + timedelta(seconds=3)
    events = house.see(drive(), driving.clock(), 1) + house.see(drive(start=later), driving.clock(), 2)
    assert len({e.id for e in events}) == 2


@pytest.mark.parametrize(("heading_deg", "count"), [(180, 1), (0, 0), (None, 1)])
def test_only_vehicles_that_go_the_stated_way_pass(heading_deg: float | None, count: int) -> None:
    """Towards the camera is against +y."""
    assert len(House(rule={"heading_deg": heading_deg}).see(drive(), driving.clock())) == count


def test_a_vehicle_that_stops_before_the_gate_does_not_pass() -> None:
    seen = [s for s in drive() if s.at < passes_at(80) - timedelta(seconds=0.3)]
    house = House()
    assert house.see(seen, driving.clock()) == []
    assert house.rule.refusals() == {}


def test_a_worse_clock_makes_a_wider_interval() -> None:
    (good,) = House().see(drive(), driving.clock())
    (kept,) = House(rule={"clock_within_s": 0.3}).see(drive(), driving.clock())
    (moved,) = House().see(drive(), replace(driving.clock(), unsettled_s=0.2))
    (arrival,) = House().see(drive(), replace(driving.clock(), source="arrival"))
    sds = [Passage.of(e).sd_s for e in (good, kept, moved, arrival)]
    assert sds[0] < 0.1 < sds[1]
    assert min(sds[2:]) > 0.2


@pytest.mark.parametrize(
    ("options", "clock", "kmh", "reason"),
    [
        ({"platform": "drone"}, {}, 80, "platform"),
        ({"survey": False}, {}, 80, "no_calibration"),
        ({}, {"source": "file-time"}, 80, "clock"),
        ({}, {"unsettled_s": 3599.0}, 80, "too_uncertain"),
        ({}, {}, 9, "too_slow"),
    ],
)
def test_a_passage_that_cannot_be_timed_is_refused_and_counted(
    options: dict[str, Any], clock: dict[str, Any], kmh: float, reason: str
) -> None:
    house = House(**options)
    assert house.see(drive(kmh), replace(driving.clock(), **clock)) == []
    assert house.rule.refusals() == {reason: 1}


def test_a_survey_out_of_date_is_refused() -> None:
    house = House()
    old = driving.START + timedelta(days=400)
    assert house.see(drive(start=old), driving.clock()) == []
    assert house.rule.refusals() == {"calibration_expired": 1}


def test_an_occlusion_at_the_gate_is_refused() -> None:
    seen = [s for s in drive() if abs((s.at - passes_at(80)).total_seconds()) > 0.5]
    house = House()
    assert house.see(seen, driving.clock()) == []
    assert house.rule.refusals() == {"gap": 1}


@pytest.mark.parametrize("step_s", [3600, -3600, -1.0])
@pytest.mark.parametrize("live", [False, True])
def test_a_clock_that_steps_in_sight_of_a_vehicle_times_nothing(step_s: float, live: bool) -> None:
    """The stream's timestamps jump while the vehicle is on the gate; the clock as sources run it."""
    house = House(source=LIVE) if live else House()
    sightings, clocks = _through(StreamClock(10.0), drive(), step_s, live)
    assert house.see(sightings, clocks) == []
    (reason,) = house.rule.refusals()
    assert reason in ("clock_step", "gap")


def test_a_live_camera_whose_time_ran_away_is_not_believed_for_a_while() -> None:
    house = House(source=LIVE)
    house.see(drive(), driving.clock(), 1)
    hour_s = timedelta(hours=1)
    soon = [replace(s, frame_index=s.frame_index + 100) for s in drive(start=driving.START + hour_s)]
    assert house.see(soon, driving.clock(), 2) == []
    assert house.rule.refusals() == {"clock_step": 1}
    later_at = driving.START + hour_s + timedelta(minutes=2)
    frames = round(120 * driving.FPS)
    later = [replace(s, frame_index=s.frame_index + 100 + frames) for s in drive(start=later_at)]
    assert len(house.see(later, driving.clock(), 3)) == 1


def _through(
    clock: StreamClock, sightings: list[Sighting], step_s: float, live: bool
) -> tuple[list[Sighting], list[ClockState]]:
    """The same sightings as a stream clock times them whose timestamps step when the car is on the gate."""
    warm = 50
    clock.anchor(driving.START, "site", Fraction(1, 90_000), 0)
    for k in range(warm):
        clock.stamp(round(k / driving.FPS * 90_000))
    out, states = [], []
    for k, sighting in enumerate(sightings):
        at_s = (warm + k) / driving.FPS
        ticks = round((at_s + (step_s if sighting.at > passes_at(80) else 0)) * 90_000)
        stamp = clock.stamp(ticks, driving.START + timedelta(seconds=at_s) if live else None)
        states.append(clock.state_for(stamp))
        out.append(replace(sighting, at=stamp.at, frame_index=warm + k))
    return out, states


def test_rule_says_what_it_does() -> None:
    rule = SectionSpeedRule(section="abay", role="entry", gate="gate", length_m=1200, limit_kmh=60)
    text = describe(rule, KZ)
    for words in ("entry of section abay", "70 km/h", "1200 m", "20 ms", "KoAP RK 592", "counsel"):
        assert words in text
