"""A way known to its end: velocities that later sightings correct."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flows.domain.fixes import Fix
from flows.domain.paths import Path, Waypoint
from flows.domain.tracks import Sighting, Track
from flows.road.kinematics import velocities
from flows.road.paths import FixBook

START = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)
ACCELERATES = 3.0


def driven(mps: float, error_m: float, seed: int, count: int = 40) -> Path:
    """The path of a vehicle that drives evenly along y, as a filter leaves it."""
    book, track, rng = FixBook(error_m), Track(1, "car", confirmed=True), np.random.default_rng(seed)
    for i in range(count):
        at = START + timedelta(seconds=i / 10)
        x, y = np.array([0.0, mps * i / 10]) + rng.normal(0, error_m, 2)
        track.sightings.append(Sighting(at, i, np.full(4, np.nan, np.float32), 0.9, Fix("1", "car", (x, y))))
        path = book.step([track])[1]
    return path


@pytest.mark.slow
def test_a_newcomers_first_second_tells_its_speed_once_the_rest_is_known() -> None:
    filtered, smoothed = [], []
    for seed in range(30):
        path = driven(14.0, 0.6, seed)
        filtered += [point.speed_mps - 14.0 for point in path.points[1:8]]
        found, _ = velocities(path.points, ACCELERATES)
        smoothed += (np.linalg.norm(found[1:8], axis=1) - 14.0).tolist()
    assert np.std(smoothed) < 1.0
    assert np.std(smoothed) < np.std(filtered) / 3


@pytest.mark.slow
def test_the_stated_error_is_the_real_one() -> None:
    off = []
    for seed in range(40):
        path = driven(10.0, 0.4, seed)
        found, spread = velocities(path.points, ACCELERATES)
        off += ((found[:, 1] - 10.0) / np.sqrt(spread[:, 1, 1])).tolist()
    assert np.std(off) < 1.1  # it may accelerate, for all the filter knows, and does not


def test_the_last_one_is_what_the_filter_says() -> None:
    path = driven(10.0, 0.4, 0)
    found, spread = velocities(path.points, ACCELERATES)
    assert found[-1] == pytest.approx(path.now.velocity_mps)
    assert path.now.own is not None
    assert spread[-1] == pytest.approx(path.now.own[2:, 2:])


def test_what_comes_after_a_new_beginning_tells_nothing_of_before() -> None:
    before, after = driven(10.0, 0.2, 0), driven(2.0, 0.2, 1)
    later = [
        Waypoint(p.at + timedelta(seconds=4), p.xy_m, p.sd_m, p.velocity_mps, p.heading, own=p.own)
        for p in after.points
    ]
    alone, _ = velocities(before.points, ACCELERATES)
    together, _ = velocities([*before.points, *later], ACCELERATES)
    assert together[: len(alone)] == pytest.approx(alone)


def test_no_way_no_velocity() -> None:
    found, spread = velocities([], ACCELERATES)
    assert found.shape == (0, 2)
    assert spread.shape == (0, 2, 2)
