"""What the embedded detector is trained on, without rendering anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster import dataset, evaluate_detector
from cluster.bench import rules
from flows import scenes
from flows.scenes.truth import ObjectTruth
from models.training.samples import IGNORED


def thing(*xyxy: float, cls: str = "car", visible: float = 1.0) -> ObjectTruth:
    return ObjectTruth(
        track=1, cls=cls, xyxy=xyxy, visible=visible, ignore=False, x_m=0, y_m=0, speed_kmh=0, heading_deg=0
    )  # type: ignore[arg-type]


def test_no_scene_is_trained_and_tested_on(tmp_path: Path) -> None:
    jobs = dataset.plan(362, 10, tmp_path)
    trained = {(job.kind, job.seed) for job in jobs}
    assert len(trained) == len(jobs)
    assert min(seed for _, seed in trained) > evaluate_detector.FIRST_SEED + evaluate_detector.SCENES
    kinds = [job.kind for job in jobs]
    assert max(set(kinds), key=kinds.count) == "street"


def test_every_kind_that_is_measured_with_the_detector_is_taught(tmp_path: Path) -> None:
    taught = {job.kind for job in dataset.plan(362, 10, tmp_path)}
    assert taught >= {*rules.CLIPS, *evaluate_detector.KINDS, *dataset.OF_HALLS, "hall", "empty"}


def test_what_is_rendered_is_not_rendered_again(tmp_path: Path) -> None:
    jobs = dataset.plan(20, 10, tmp_path)
    (tmp_path / f"{jobs[0].kind}-{jobs[0].seed}.npz").touch()
    assert dataset.missing(jobs) == len(jobs) - 1


def test_boxes_of_a_closer_view() -> None:
    things = [
        thing(100, 100, 140, 130),
        thing(0, 0, 20, 20),
        thing(302, 140, 342, 180),
        thing(500, 0, 510, 9),
    ]
    xyxy, label = dataset._cut_boxes(things, (10, 50, 300, 150))
    sx, sy = dataset.SIZE_PX[0] / 300, dataset.SIZE_PX[1] / 150
    np.testing.assert_allclose(xyxy[0], [90 * sx, 50 * sy, 130 * sx, 80 * sy], rtol=1e-5)
    assert label.tolist() == [1, IGNORED]  # the one at the border shows a fifth of itself
    assert xyxy[1, 2] == pytest.approx(300 * sx)


def test_what_cannot_be_asked_for_is_ignored() -> None:
    _, label = dataset._cut_boxes([thing(5, 5, 9, 9, visible=0.2)], (0, 0, 20, 20))
    assert label.tolist() == [IGNORED]


def test_luggage_is_background_that_is_taught_not_a_gap_in_the_lesson() -> None:
    """Ignored, a suitcase with its handle up was taken for a person."""
    things = [thing(5, 5, 9, 9, cls="suitcase"), thing(2, 2, 9, 18, cls="person")]
    xyxy, label = dataset._cut_boxes(things, (0, 0, 20, 20))
    assert (len(xyxy), label.tolist()) == (1, [0])


@pytest.mark.slow
@pytest.mark.parametrize("view", dataset.OF_HALLS)
def test_views_of_halls_are_scenes(view: str) -> None:
    for seed in range(dataset.FIRST_SEED, dataset.FIRST_SEED + 4):
        assert (
            scenes.build("hall", seed, fps=0.4, duration_s=25, **dataset.OF_HALLS[view](seed)).name == "hall"
        )


@pytest.mark.parametrize("seed", range(20))
def test_a_closer_view_lies_in_the_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, top, width, height = dataset._window((1280, 720), [thing(1270, 700, 1280, 720)], rng)
    assert left >= 0
    assert top >= 0
    assert left + width <= 1280
    assert top + height <= 720
    assert 0.4 * 1280 - 1 <= width <= 0.9 * 1280 + 1


def test_pictures_keep_their_order_and_place_through_h264() -> None:
    frames = [np.full((64, 96, 3), 40 * i, np.uint8) for i in range(1, 5)]
    for frame in frames:
        frame[:, :48] = 255
    decoded = dataset.through_h264(frames, crf=20)
    assert len(decoded) == 4
    for frame, picture in zip(frames, decoded, strict=True):
        rgb = picture.to_ndarray(format="rgb24")
        assert np.abs(rgb[:, 56:].astype(int) - frame[:, 56:]).mean() < 8
        assert rgb[:, :40].mean() > 240
