"""Paths of boxes on the ground: where bodies are and where they point."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from flows.domain.paths import Path
from flows.domain.tracks import Sighting, Track
from flows.road.ground import GroundPlane
from flows.road.paths import PERSON_M, PathBook
from tests.driving import FPS, HEIGHT_PX, START, WIDTH_PX, camera, car, drive, survey


def follow(sightings: Sequence[Sighting], pose: str = "gantry", cls: str = "car") -> Path:
    book = PathBook(GroundPlane.fit(survey(camera(pose), None)))
    track = Track(1, cls, confirmed=True)
    path = None
    for sighting in sightings:
        track.sightings.append(sighting)
        path = book.step([track], WIDTH_PX, HEIGHT_PX).get(1, path)
    assert path is not None
    return path


def boxes(
    places: Sequence[tuple[float, float]], pose: str = "gantry", noise_px: float = 2.0, seed: int = 0
) -> list[Sighting]:
    """A car that points away, at given places, one a frame."""
    eye, body, rng = camera(pose), car(), np.random.default_rng(seed)
    out, drift = [], rng.normal(0, 1, 4)
    for i, (x, y) in enumerate(places):
        px = eye.project(np.column_stack([x - body[:, 1], y + body[:, 0], body[:, 2]]))
        drift = 0.6 * drift + 0.8 * rng.normal(0, 1, 4)
        box = np.concatenate([px.min(0), px.max(0)]) + noise_px * drift
        at = START + timedelta(seconds=i / FPS)
        out.append(Sighting(at, i, box.astype(np.float32), 0.9))
    return out


@pytest.mark.parametrize("pose", ["gantry", "roadside", "high"])
@pytest.mark.parametrize("away", [True, False])
def test_a_driving_car_is_where_it_is_and_points_where_it_goes(pose: str, away: bool) -> None:
    sightings = drive(camera(pose), 36.0, away=away)
    path = follow(sightings, pose)
    way, lane = (1, 1.75) if away else (-1, -1.75)
    for point in path.points[5:]:
        gone = (point.at - START).total_seconds() * 10.0
        true = np.array([lane, -5 + gone if away else 70 - gone])
        if true[1] < 45:
            assert np.linalg.norm(point.xy_m - true) < 0.9
            assert point.heading @ (0, way) > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_parked_car_has_no_heading_however_long_it_is_looked_at(seed: int) -> None:
    path = follow(boxes([(4.0, 40.0)] * 400, seed=seed))
    assert not any(point.heads for point in path.points)


def test_a_parked_car_half_hidden_for_a_while_has_not_moved() -> None:
    sightings = boxes([(4.0, 30.0)] * 60)
    hidden = [
        Sighting(s.at, s.frame_index, s.xyxy - np.array([0, 0, 0, 20], np.float32), s.score)
        if 30 <= i < 45
        else s
        for i, s in enumerate(sightings)
    ]
    assert not follow(hidden).now.heads


def test_a_body_does_not_spin_while_it_stands() -> None:
    arrives = [(1.75, 18.0 + 0.8 * i) for i in range(20)]
    path = follow(boxes([*arrives, *[arrives[-1]] * 200]))
    assert path.now.heading @ (0, 1) > 0.98


def test_a_box_cut_off_by_the_border_has_no_foot() -> None:
    sightings = boxes([(1.75, 20.0)] * 5)
    cut = [
        Sighting(s.at, s.frame_index, np.array([400, 500, 600, HEIGHT_PX - 4], np.float32), 0.9)
        for s in sightings
    ]
    book = PathBook(GroundPlane.fit(survey(camera(), None)))
    assert book.step([Track(1, "car", cut, confirmed=True)], WIDTH_PX, HEIGHT_PX) == {}


def test_feet_behind_a_vehicle_do_not_pull_a_person_away() -> None:
    """Somebody walks across while a car passes in front of them: for half a second only their upper half is seen."""
    eye = camera()
    book = PathBook(GroundPlane.fit(survey(eye, None)))
    walker, vehicle = Track(1, "person", confirmed=True), Track(2, "car", confirmed=True)
    for i in range(30):
        x_m = -2.0 + 1.4 * i / FPS
        head, foot = eye.project(np.array([[x_m, 25.0, 1.75], [x_m, 25.0, 0.0]]))
        half = (foot[1] - head[1]) / 5
        seen = float(foot[1])
        tracks = [walker]
        if 12 <= i < 20:  # a car's box begins at the person's waist
            seen = float(head[1] + foot[1]) / 2
            box = np.array([foot[0] - 80, seen - 30, foot[0] + 80, foot[1] + 90], np.float32)
            vehicle.sightings.append(Sighting(START + timedelta(seconds=i / FPS), i, box, 0.9))
            tracks = [walker, vehicle]
        box = np.array([foot[0] - half, head[1], foot[0] + half, seen], np.float32)
        walker.sightings.append(Sighting(START + timedelta(seconds=i / FPS), i, box, 0.9))
        path = book.step(tracks, WIDTH_PX, HEIGHT_PX).get(1)
    assert path is not None
    assert [p.xy_m[1] for p in path.points] == pytest.approx(
        [25.0 + PERSON_M / 2] * len(path.points), abs=0.3
    )
    assert path.now.xy_m[0] == pytest.approx(x_m, abs=0.2)


def test_another_vehicle_under_the_same_number_starts_anew() -> None:
    first = boxes([(1.75, 18.0 + 0.8 * i) for i in range(20)])
    other = boxes([(-5.25, 17.0)] * 6, seed=1)
    later = [Sighting(s.at + timedelta(seconds=2.2), s.frame_index + 28, s.xyxy, s.score) for s in other]
    path = follow([*first, *later])
    assert not path.now.heads
    assert path.now.xy_m == pytest.approx([-5.25, 17.0], abs=1.5)


@pytest.mark.slow
def test_the_stated_error_is_the_real_one() -> None:
    off = []
    for seed in range(12):
        path = follow(boxes([(1.75, 16.0 + 0.8 * i) for i in range(30)], seed=seed))
        off += [
            float(np.linalg.norm(p.xy_m - (1.75, 16.0 + 0.8 * i)) / p.sd_m)
            for i, p in enumerate(path.points)
            if i >= 5
        ]
    assert 0.5 < np.percentile(off, 95) < 2.6
