"""How long a truck is, by the sides of its boxes."""

from __future__ import annotations

from datetime import timedelta

import driving
import numpy as np
import pytest
from numpy.typing import NDArray
from roads import outline

from flows.domain.paths import Waypoint
from flows.road.ground import GroundPlane
from flows.road.motion import BODIES
from flows.rules import body_length
from flows.rules.body_length import Length

Array = NDArray[np.float64]
CLASS_SD_M = BODIES["truck"].length[1]


def measured(
    pose: str, length_m: float, x: float, seed: int, noise_px: float = 1.5, body: Array | None = None
) -> Length | None:
    """Of a truck that drives away along x from where it is first seen whole until its rear is 18 m off."""
    eye, rng = driving.camera(pose), np.random.default_rng(seed)
    body, points = outline("truck", length_m, 2.4) if body is None else body, list[Waypoint]()
    for k, rear_y in enumerate(np.arange(4.0, 18.0, 0.5)):
        middle = np.array([x, rear_y + length_m / 2])
        px = eye.project(np.column_stack([x - body[:, 1], middle[1] + body[:, 0], body[:, 2]]))
        box = np.concatenate([px.min(0), px.max(0)])
        if not np.isfinite(box).all() or box[0] < 10 or box[2] > 1270 or box[3] > 710:
            continue
        x0, y0, x1, y1 = (float(v) for v in box + rng.normal(0, noise_px, 4))
        seen_m = middle + np.array([0.0, (8.0 - length_m) / 2])  # a path takes it for the class's length
        points.append(
            Waypoint(
                driving.START + timedelta(seconds=0.1 * k),
                seen_m,
                0.3,
                np.array([0.0, 5.0]),
                np.array([0.0, 1.0]),
                (x0, y0, x1, y1),
            )
        )
    ground = GroundPlane.fit(driving.survey(eye)).for_picture(driving.WIDTH_PX, driving.HEIGHT_PX)
    return body_length.measure(points, "truck", ground)


@pytest.mark.parametrize("pose", ["roadside", "high"])
@pytest.mark.parametrize("length_m", [6.4, 8.0, 10.2])
def test_from_aside_a_truck_shows_how_long_it_is(pose: str, length_m: float) -> None:
    found = [measured(pose, length_m, 1.75, seed) for seed in range(5)]
    assert all(one is not None for one in found)
    for one in (one for one in found if one is not None):
        assert abs(one.value_m - length_m) < 1.96 * one.sd_m
        assert one.sd_m < 0.7 * CLASS_SD_M


@pytest.mark.parametrize("tail_m", [1.35, 3.0])
def test_what_hangs_over_the_rear_axle_makes_no_truck_longer(tail_m: float) -> None:
    """One that seems a metre longer has its front a metre farther beyond a line."""
    body = driving.lorry(9.0, tail_m)
    for pose in ("roadside", "high"):
        for seed in range(3):
            one = measured(pose, 9.0, 1.75, seed, body=body)
            assert one is not None
            assert abs(one.value_m - 9.0) < 1.96 * one.sd_m


@pytest.mark.parametrize("length_m", [6.4, 10.2])
def test_from_straight_behind_it_does_not_and_the_error_says_so(length_m: float) -> None:
    for seed in range(5):
        one = measured("gantry", length_m, 0.5, seed)
        assert one is None or (
            one.sd_m > 0.7 * CLASS_SD_M and abs(one.value_m - length_m) < 1.96 * one.sd_m + 0.2
        )


def test_a_body_of_another_shape_than_the_coarse_one_is_not_measured_by_it() -> None:
    """Of semitrailers it made two metres more than they have, and was sure to three quarters of one."""
    assert [measured("roadside", 16.5, 1.75, seed) for seed in range(3)] == [None] * 3


def test_few_looks_and_strange_classes_tell_nothing() -> None:
    ground = GroundPlane.fit(driving.survey(driving.camera())).for_picture(
        driving.WIDTH_PX, driving.HEIGHT_PX
    )
    assert body_length.measure([], "truck", ground) is None
    assert body_length.measure([], "tram", ground) is None
