from __future__ import annotations

import numpy as np
import pytest

from flows.road.strands import strands

Array = np.ndarray


def way(speed_mps: float, count: int = 20, y_m: float = 0.0, rate_hz: float = 12.5) -> tuple[Array, Array]:
    """Seconds and places ``(N, 2)`` of a steady drive."""
    at_s = np.arange(count) / rate_hz
    return at_s, np.column_stack([np.full(count, 1.75), y_m + speed_mps * at_s])


def noise(count: int, sd_m: float = 0.3) -> Array:
    return np.tile(np.eye(2) * sd_m**2, (count, 1, 1))


@pytest.mark.parametrize("speed_mps", [-33.0, -8.0, 3.0, 33.0])
def test_a_steady_drive_is_one_body_however_fast_and_noisy(speed_mps: float) -> None:
    at_s, xy = way(speed_mps, 60)
    xy = xy + np.random.default_rng(1).normal(0, 0.3, xy.shape)
    assert strands(at_s, xy, noise(60)) == [list(range(60))]


def test_who_brakes_as_hard_as_tyres_hold_is_one_body() -> None:
    at_s = np.arange(30) / 12.5
    y_m = 25 * at_s - 4.0 * at_s**2  # 8 m/s²
    assert len(strands(at_s, np.column_stack([np.zeros(30), y_m]), noise(30))) == 1


def test_a_glitch_leaves_the_body_around_it_whole() -> None:
    at_s, xy = way(20.0)
    xy[8:11, 1] += 9.0  # half hidden: the box ends at what is before it
    assert strands(at_s, xy, noise(20)) == [[*range(8), *range(11, 20)], [8, 9, 10]]


def test_a_track_that_went_over_to_another_car_and_back_is_two_bodies() -> None:
    at_s, xy = way(20.0, 30)
    xy[10:20] = way(-15.0, 30, y_m=60.0)[1][10:20]
    assert strands(at_s, xy, noise(30)) == [[*range(10), *range(20, 30)], list(range(10, 20))]


def test_after_too_long_a_gap_nobody_knows_who_it_is() -> None:
    at_s, xy = way(10.0, 40)
    seen = [*range(10), *range(36, 40)]  # 2.1 s
    assert len(strands(at_s[seen], xy[seen], noise(14))) == 2


def test_far_away_only_a_far_jump_is_one() -> None:
    at_s, xy = way(20.0)
    xy[10:, 1] += 4.0
    assert len(strands(at_s, xy, noise(20, sd_m=0.2))) == 2
    assert len(strands(at_s, xy, noise(20, sd_m=1.5))) == 1
