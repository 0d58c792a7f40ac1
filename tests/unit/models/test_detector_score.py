from __future__ import annotations

import numpy as np
import pytest

from flows.domain.detections import Detections
from models.evaluation.detector import Truth, lower_edge, score

NAMES = ("person", "car")


def truth(*boxes: tuple[float, float, float, float], name: str = "car", ignore: bool = False) -> Truth:
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    return Truth(rows, (name,) * len(rows), np.full(len(rows), ignore), height_px=100)


def found(*boxes: tuple[float, float, float, float], sure: float = 0.9, label: int = 1) -> Detections:
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(rows)
    return Detections(rows, np.full(count, sure, np.float32), np.full(count, label, np.int32), NAMES)


CAR = (10.0, 10.0, 50.0, 40.0)
FAR = (60.0, 60.0, 80.0, 75.0)


def test_all_found_exactly_is_one() -> None:
    result = score([truth(CAR, FAR)], [found(CAR, FAR)], NAMES)
    assert result.map50 == pytest.approx(1)
    assert result.map50_95 == pytest.approx(1)
    assert result.per_class["car"].truths == 2
    assert list(result.per_class) == ["car"]  # a class without truth is not judged


def test_half_found_is_about_half() -> None:
    assert score([truth(CAR, FAR)], [found(CAR)], NAMES).map50 == pytest.approx(0.5, abs=0.01)


def test_nothing_found_is_zero() -> None:
    assert score([truth(CAR)], [found()], NAMES).map50 == 0


def test_a_false_box_surer_than_the_true_one_costs() -> None:
    both = Detections(
        np.array([FAR, CAR], np.float32), np.array([0.9, 0.5], np.float32), np.array([1, 1], np.int32), NAMES
    )
    assert score([truth(CAR)], [both], NAMES).map50 == pytest.approx(0.5, abs=0.01)


def test_the_wrong_class_is_no_hit() -> None:
    assert score([truth(CAR)], [found(CAR, label=0)], NAMES).map50 == 0


def test_what_is_ignored_is_neither_hit_nor_miss_whatever_it_is_called() -> None:
    seen = truth(CAR)
    hidden = truth(FAR, name="person", ignore=True)
    both = Truth(
        np.concatenate([seen.xyxy, hidden.xyxy]),
        seen.names + hidden.names,
        np.concatenate([seen.ignore, hidden.ignore]),
        100,
    )
    surer = Detections(
        np.array([FAR, CAR], np.float32), np.array([0.9, 0.5], np.float32), np.array([1, 1], np.int32), NAMES
    )
    result = score([both], [surer], NAMES)
    assert result.map50 == pytest.approx(1)
    assert {name: s.truths for name, s in result.per_class.items()} == {"car": 1}


def test_other_classes_of_a_large_detector_are_left_out() -> None:
    other = Detections(
        np.array([CAR, CAR], np.float32),
        np.array([0.95, 0.9], np.float32),
        np.array([0, 1], np.int32),
        ("kite", "car"),
    )
    assert score([truth(CAR)], [other], NAMES).map50 == pytest.approx(1)


def test_precise_boxes_score_higher_over_all_overlaps() -> None:
    shifted = tuple(v + 4 for v in CAR)
    loose = score([truth(CAR)], [found(shifted)], NAMES)  # type: ignore[arg-type]
    assert loose.map50 == pytest.approx(1)
    assert loose.map50_95 < 0.7


def test_errors_of_the_lower_edge_by_size() -> None:
    (edge,) = lower_edge(
        [truth(CAR, FAR)], [found((10.0, 10.0, 50.0, 43.0), (60.0, 60.0, 80.0, 76.0), sure=0.8)]
    )[1:]
    assert (edge.from_px, edge.count, edge.bias_px, edge.sd_px) == (30, 1, 3, 0)
    assert edge.bias == pytest.approx(0.1)


def test_boxes_cut_off_by_the_border_tell_nothing_of_the_ground() -> None:
    cut = (10.0, 60.0, 50.0, 100.0)
    assert lower_edge([truth(cut)], [found(cut)]) == ()
