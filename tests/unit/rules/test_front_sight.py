"""What is remembered of a body by which its front is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import driving
import numpy as np
import pytest
from roads import outline

from flows.domain.paths import Path, Waypoint
from flows.domain.tracks import Sighting, Track
from flows.road.ground import GroundPlane
from flows.road.roadway import Line
from flows.rules.base import Moment
from flows.rules.body_length import STEP_M
from flows.rules.front_sight import Body, FrontSight
from flows.rules.hiding import Occlusion
from flows.rules.line_crossing import TRAILS
from flows.rules.stopping_line import StoppingLine
from flows.rules.trail import Look, Trails

START = datetime(2026, 6, 1, tzinfo=UTC)


def test_who_waits_at_the_line_for_hours_is_measured_by_the_way_it_came() -> None:
    """Its path trembles: looks at one place are no more knowledge, and there would be no end of them."""
    body, ahead = Body(), np.array([0.0, 1.0])
    came_m = np.arange(0.0, 10.0, STEP_M + 0.1)
    waits_m = came_m[-1] + np.random.default_rng(1).normal(0.0, 0.3, 5000)
    for k, y_m in enumerate([*came_m, *waits_m, *(came_m + 12.0)]):
        at = START + timedelta(seconds=k / 8)
        body.add(Waypoint(at, np.array([1.75, y_m]), 0.1, np.zeros(2), ahead))
    at_line = [p for p in body.whole if came_m[-1] < p.xy_m[1] < 12.0]
    assert len(at_line) <= 3
    assert len(body.whole) == 2 * len(came_m) + len(at_line)


LINE_Y_M = 26.0
PICTURE_PX = driving.WIDTH_PX, driving.HEIGHT_PX


def arriving(pose: str, length_m: float, fronts_m: np.ndarray, high_m: float) -> Look:
    """The first look at a truck at x = 1.75 whose front was so far along the road in the boxes before, ten a second."""
    eye, arrival = driving.camera(pose), []
    ahead, left, up = outline("truck", length_m, 2.4).T
    for k, front_m in enumerate(fronts_m):
        shown = front_m - length_m / 2 + ahead > 1.0  # nothing of it is beside the camera, or behind
        px = eye.project(
            np.column_stack([1.75 - left, front_m - length_m / 2 + ahead, up * high_m / 3.1])[shown]
        )
        box = np.clip(np.concatenate([px.min(0), px.max(0)]), 0, PICTURE_PX * 2)
        arrival.append(Sighting(START + timedelta(seconds=k / 10), k, box.astype(np.float32), 0.9))
    now = START + timedelta(seconds=len(fronts_m) / 10)
    north, place = np.array([0.0, 1.0]), np.array([1.75, fronts_m[-1] - length_m / 2])
    return Look(Waypoint(now, place, 0.3, 10 * north, north), "truck", clear=True, arrival=tuple(arrival))


def sight(pose: str) -> FrontSight:
    eye = driving.camera(pose)
    ground = GroundPlane.fit(driving.survey(eye))
    line = Line("stop", np.array([[0.0, LINE_Y_M], [7.0, LINE_Y_M]]))
    return FrontSight(StoppingLine(line, None, ground.camera_m[0]), ground)


@pytest.mark.parametrize("pose", ["gantry", "roadside", "high"])
@pytest.mark.parametrize("length_m", [6.0, 10.0, 18.0])
def test_who_comes_into_the_picture_is_told_to_be_before_the_line_by_its_upper_edge(
    pose: str, length_m: float
) -> None:
    """However long it is: its foot is not to be seen yet."""
    fronts_m = np.arange(6.0, 32.0, 1.0)
    front = sight(pose).arrived(arriving(pose, length_m, fronts_m, 3.1), PICTURE_PX)
    assert front is not None
    assert front.before
    true_m = fronts_m[round((front.point.at - START).total_seconds() * 10)]
    assert true_m - LINE_Y_M < front.past_m < 0.0


def test_one_box_alone_does_not_tell_that_somebody_was_before_the_line() -> None:
    """A box may end too low once; of sixty looks one does."""
    look = arriving("gantry", 10.0, np.array([20.0, 27.0, 28.0, 29.0]), 3.1)
    assert look.arrival
    assert sight("gantry").arrived(look, PICTURE_PX) is None


@pytest.mark.parametrize(
    ("cls", "told"), [("car", False), ("van", False), ("motorcycle", False), ("truck", True), ("bus", True)]
)
def test_who_is_short_may_have_come_round_a_corner(cls: str, told: bool) -> None:
    trails, track, path = Trails(TRAILS), Track(1, cls, confirmed=True), Path(1, cls, 4.2, 1.8)
    looks = list[Look]()
    for k in range(10):
        at, place, north = START + timedelta(seconds=k / 10), np.array([1.75, float(k)]), np.array([0.0, 1.0])
        track.sightings.append(Sighting(at, k, np.array((100, 100, 200, 180), np.float32), 0.9))
        path.points.append(Waypoint(at, place, 0.1, 10 * north, north))
        moment = Moment(at, k, *PICTURE_PX, driving.clock(), {1: path}, occlusion=Occlusion([track]))
        looks += [look for _, new in trails.take([track], moment) for look in new]
    assert looks
    assert any(look.arrival for look in looks) is told


@pytest.mark.parametrize("pose", ["gantry", "roadside", "high"])
@pytest.mark.parametrize("high_m", [1.0, 3.9])
def test_who_is_over_the_line_was_not_before_it_however_low_it_is(pose: str, high_m: float) -> None:
    look = arriving(pose, 16.5, np.arange(LINE_Y_M + 0.1, LINE_Y_M + 6.0, 0.5), high_m)
    assert sight(pose).arrived(look, PICTURE_PX) is None


def test_who_comes_towards_the_camera_shows_its_foot_last_of_all() -> None:
    look = arriving("gantry", 10.0, np.arange(10.0, 32.0, 1.0), 3.1)
    towards = replace(look, point=replace(look.point, heading=np.array([0.0, -1.0])))
    assert sight("gantry").arrived(towards, PICTURE_PX) is None


def boxed(pose: str, length_m: float, front_m: float, second: float) -> Look:
    """All of a truck is to be seen; its front is so far along the road, its path takes it for one of 8 m."""
    look = arriving(pose, length_m, np.array([front_m]), 3.1)
    (sighting,) = look.arrival
    x0, y0, x1, y1 = (float(v) for v in sighting.xyxy)
    at, place = START + timedelta(seconds=second), np.array([1.75, front_m - length_m + 4.0])
    spread = np.diag([0.2, 1.0]) ** 2
    point = replace(look.point, at=at, xy_m=place, xyxy=(x0, y0, x1, y1), spread_m2=spread)
    return replace(look, point=point, crown=True, whole=True, arrival=())


@pytest.mark.parametrize("pose", ["roadside", "high"])
@pytest.mark.parametrize(
    ("length_m", "front_m", "before"),
    [(7.0, 18.0, True), (10.0, 20.0, True), (18.0, 26.5, False), (18.0, 30.0, False)],
)
def test_a_flank_tells_a_truck_before_the_line_from_a_road_train_that_is_over_it(
    pose: str, length_m: float, front_m: float, before: bool
) -> None:
    """By its class either may be 20 m long."""
    looks, body, seeing = [boxed(pose, length_m, front_m, s) for s in (1.0, 1.1)], Body(), sight(pose)
    fronts = [seeing.front(body, look, PICTURE_PX, matters=True) for look in looks]
    assert [front.before for front in fronts] == [False, before], "one box alone may be wrong"
    assert all(front.usual_m < 0.0 for front in fronts)
    again = seeing.again(fronts[1], "truck", body)
    assert again.before is before
