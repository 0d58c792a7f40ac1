from __future__ import annotations

import numpy as np
import pytest

from flows.domain.detections import Detections

NAMES = ("person", "car")


def make_detections(count: int = 3) -> Detections:
    xyxy = np.arange(count * 4, dtype=np.float32).reshape(count, 4)
    return Detections(
        xyxy, np.linspace(0.1, 0.9, count, dtype=np.float32), np.arange(count, dtype=np.int32) % 2, NAMES
    )


def test_columns_that_disagree_are_refused_with_their_shapes() -> None:
    good = make_detections(2)
    with pytest.raises(ValueError, match=r"got \(2, 4\), \(1,\), \(2,\)"):
        Detections(good.xyxy, good.score[:1], good.label, NAMES)


def test_a_mask_picks_rows_of_all_columns() -> None:
    picked = make_detections()[np.array([True, False, True])]
    assert len(picked) == 2
    assert picked.class_names() == ["person", "person"]
    assert picked.score.tolist() == pytest.approx([0.1, 0.9])


def test_scaling_moves_x_and_y_by_their_own_factors() -> None:
    assert make_detections(1).scaled(2, 10).xyxy.tolist() == [[0, 10, 4, 30]]


def test_nothing_found_is_still_detections() -> None:
    assert len(Detections.empty(NAMES)) == 0
