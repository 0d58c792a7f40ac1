from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flows.domain.fixes import Fix
from flows.domain.paths import Path
from flows.road.paths import FixBook
from flows.tracking import ReportedTracks

ZERO = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)


def walk(
    places: np.ndarray,
    *,
    error_m: float = 0.3,
    cls: str = "car",
    headings: list[float] | None = None,
    rate_hz: float = 10,
) -> Path:
    """The path of one object at these places."""
    tracks, book = ReportedTracks(), FixBook(error_m)
    paths = {}
    for i, (x, y) in enumerate(places):
        turn = None if headings is None else (math.sin(headings[i]), math.cos(headings[i]))
        seen = tracks.step((Fix("a", cls, (x, y), None, turn),), ZERO + timedelta(seconds=i / rate_hz), i)
        paths = book.step([t for t in seen if t.confirmed])
    return paths[1]


def straight(mps: float = 10.0, count: int = 40, noise_m: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([np.full(count, 2.0), mps * np.arange(count) / 10]) + rng.normal(
        0, noise_m, (count, 2)
    )


def test_a_place_is_the_middle_and_noise_is_smoothed() -> None:
    path = walk(straight(noise_m=0.3), error_m=0.3)
    off = np.array([p.xy_m - (2.0, 10.0 * i / 10) for i, p in enumerate(path.points)])
    assert len(path.points) == 40
    assert np.sqrt((off[10:] ** 2).mean()) < 0.25
    assert path.now.sd_m < 0.3
    assert path.now.velocity_mps == pytest.approx([0, 10], abs=1.0)
    assert path.now.xyxy is None


def test_the_stated_error_is_believed() -> None:
    assert walk(straight(), error_m=1.0).now.sd_m > 2 * walk(straight(), error_m=0.2).now.sd_m


def test_heading_follows_the_way_from_the_first_point_on() -> None:
    path = walk(straight())
    assert all(p.heads for p in path.points)
    assert path.points[0].heading == pytest.approx([0, 1], abs=0.05)
    assert path.front_m()[1] - path.now.xy_m[1] == pytest.approx(path.length_m / 2, abs=0.01)


def test_a_stated_heading_is_taken_even_of_who_stands() -> None:
    path = walk(np.zeros((5, 2)), headings=[math.pi / 2] * 5)
    assert path.now.heading == pytest.approx([1, 0])
    assert not walk(np.zeros((5, 2))).now.heads
