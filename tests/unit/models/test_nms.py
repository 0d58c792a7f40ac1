from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detector.nms import iou_matrix, nms


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (2, 2, 4, 4), 0.04),
        ((3, 3, 3, 3), (3, 3, 3, 3), 0.0),
    ],
)
def test_iou(a: tuple[float, ...], b: tuple[float, ...], expected: float) -> None:
    assert iou_matrix(boxes(a), boxes(b))[0, 0] == pytest.approx(expected, abs=1e-6)  # type: ignore[arg-type]


def test_best_of_overlapping_boxes_stays_and_other_classes_do_not_suppress() -> None:
    xyxy = boxes((0, 0, 10, 10), (1, 0, 11, 10), (1, 0, 11, 10), (50, 50, 60, 60))
    score = np.array([0.6, 0.9, 0.5, 0.7], np.float32)
    label = np.array([0, 0, 1, 0], np.int32)
    assert nms(xyxy, score, label, 0.5, 100).tolist() == [1, 3, 2]


def test_a_suppressed_box_suppresses_nothing() -> None:
    xyxy = boxes((0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10))
    score = np.array([0.9, 0.8, 0.7], np.float32)
    label = np.zeros(3, np.int32)
    assert nms(xyxy, score, label, 0.4, 100).tolist() == [0, 2]


def test_only_the_best_candidates_are_looked_at() -> None:
    xyxy = boxes(*[(20.0 * i, 0, 20.0 * i + 10, 10) for i in range(50)])
    kept = nms(xyxy, np.linspace(0, 1, 50, dtype=np.float32), np.zeros(50, np.int32), 0.5, 10)
    assert kept.tolist() == list(range(49, 39, -1))


def test_nothing_in_nothing_out() -> None:
    assert len(nms(boxes(), np.zeros(0, np.float32), np.zeros(0, np.int32), 0.5, 10)) == 0


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_what_stays_does_not_overlap_within_a_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 40, (30, 2))
    xyxy = np.concatenate([low, low + rng.uniform(1, 30, (30, 2))], 1).astype(np.float32)
    label = rng.integers(0, 3, 30).astype(np.int32)
    kept = nms(xyxy, rng.random(30).astype(np.float32), label, 0.5, 30)
    iou = iou_matrix(xyxy[kept], xyxy[kept]) * (label[kept][:, None] == label[kept])
    assert (iou - np.diag(np.diag(iou)) <= 0.5).all()
