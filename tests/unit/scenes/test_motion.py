from __future__ import annotations

import numpy as np
import pytest

from flows.scenes.motion import Bends, Motion, Straight


def test_braking_stops_and_stays() -> None:
    motion = Motion.stretches(0.0, 0.0, 10.0, [(10.0, -2.0)])
    way, speed = motion.at(np.array([0.0, 2.5, 5.0, 30.0]))
    np.testing.assert_allclose(way, [0.0, 18.75, 25.0, 25.0])
    np.testing.assert_allclose(speed, [10.0, 5.0, 0.0, 0.0])


def test_speed_is_the_derivative_of_the_way() -> None:
    motion = Motion.stretches(1.0, 3.0, 8.0, [(2.0, 1.0), (1.0, 0.0), (3.0, -1.5)])
    t = np.linspace(-1, 12, 400)
    h = 1e-5
    numeric = (motion.at(t + h)[0] - motion.at(t - h)[0]) / (2 * h)
    np.testing.assert_allclose(numeric, motion.at(t)[1], atol=1e-3)


@pytest.mark.parametrize("s_m", [-20.0, 0.0, 4.0, 30.0, 200.0])
def test_when_is_the_inverse_of_the_way(s_m: float) -> None:
    motion = Motion.stretches(1.0, 3.0, 8.0, [(2.0, 1.0), (1.0, 0.0), (3.0, -1.5)])
    assert motion.at(motion.when(s_m))[0] == pytest.approx(s_m)


def test_what_stopped_never_arrives() -> None:
    assert Motion.stretches(0.0, 0.0, 2.0, [(5.0, -1.0)]).when(50.0) == float("inf")


def test_headings_are_clockwise_from_the_road() -> None:
    assert Straight(0.0, 0.0, 90.0).at(5.0) == (5.0, 0.0, 90.0)
    path = Bends(((0.0, 0.0), (0.0, 10.0), (5.0, 10.0)))
    assert path.at(4.0) == (0.0, 4.0, 0.0)
    assert path.at(12.0) == (2.0, 10.0, 90.0)
