from __future__ import annotations

from dataclasses import replace

import driving
import numpy as np
import pytest
from numpy.typing import NDArray
from roads import Drive, over, parked, paths_of

from flows.domain.paths import Waypoint
from flows.rules.shape import headings

EYE = driving.camera("roadside")
OVERTAKES = over(1, (1.75, 8), (1.75, 20), (-1.75, 35), (-1.75, 42), (1.75, 57), (1.75, 75), kmh=40)


def seen(drive: Drive, seed: int = 0) -> list[Waypoint]:
    """The path of a drive that a camera sees, from when it heads somewhere."""
    return [p for p in paths_of([drive], eye=EYE, seed=seed)[drive.id].points if p.heads]


def off_deg(drive: Drive, points: list[Waypoint], ahead: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far off directions are."""
    true = np.array([drive.place((p.at - driving.START).total_seconds())[1] for p in points])
    return np.asarray(np.degrees(np.arccos(np.clip((ahead * true).sum(axis=1), -1.0, 1.0))))


@pytest.mark.slow
@pytest.mark.parametrize("cls", ["car", "truck"])
def test_which_way_a_vehicle_that_steers_points_is_known_afterwards(cls: str) -> None:
    overtakes = replace(OVERTAKES, cls=cls)
    for seed in range(2):
        points = seen(overtakes, seed)
        at_once = off_deg(overtakes, points, np.array([p.heading for p in points]))
        assert at_once.max() > 12.0, "a path is behind"
        assert off_deg(overtakes, points, headings(points)).max() < 8.0


@pytest.mark.slow
def test_who_backs_points_the_other_way() -> None:
    """Forwards for 4 s, a stop, and back: it points along y all the while."""
    backs = Drive(
        1,
        ((0, 1.75, 20), (4, 1.75, 40), (5, 1.75, 42), (6, 1.75, 42), (10, 1.75, 30)),
        backwards=((6.0, 10.0),),
    )
    points = seen(backs)
    assert min(p.velocity_mps[1] for p in points) < -2.0, "it does back"
    assert headings(points)[:, 1].min() > 0.9


@pytest.mark.slow
def test_who_stands_points_as_it_came() -> None:
    stops = replace(
        parked(1, x=1.75, y=40, s=(5, 9)), way=((0, 1.75, 20), (3, 1.75, 36), (5, 1.75, 40), (9, 1.75, 40))
    )
    assert headings(seen(stops))[:, 1].min() > 0.9


def test_nothing_is_known_of_no_points() -> None:
    assert headings([]).shape == (0, 2)
