"""Thresholds come from a measured table, the safer neighbour where it has no such row."""

import numpy as np
import pytest
from people import table

from flows.domain.errors import WeightsError
from flows.faces.matching import nearest
from flows.faces.thresholds import Thresholds, budget_per_face, built_in


def test_the_least_similarity_that_keeps_the_budget() -> None:
    assert table().threshold(1, 0.1) == 0.9
    assert table().threshold(1, 0.05) == 0.95
    assert table().threshold(1, 1e-6) == 0.99


def test_between_sizes_the_larger_gallery_counts() -> None:
    assert table().threshold(2, 0.1) == 0.95
    assert table().false_alarms(2, 0.97) == pytest.approx(0.1)


def test_what_was_not_measured_is_refused() -> None:
    with pytest.raises(WeightsError, match="at most 100 photos, got 101"):
        table().threshold(101, 0.1)
    with pytest.raises(WeightsError, match=r"a budget of 1e-09 a face or more .* got 1e-10"):
        table().threshold(1, 1e-10)
    with pytest.raises(WeightsError, match=r"faces yunet\+sface: expected measured thresholds"):
        built_in("yunet+sface")


def test_below_the_table_everybody_is_alike() -> None:
    assert table().false_alarms(1, 0.5) == 1.0


def test_what_wiggles_is_made_monotone() -> None:
    wiggly = Thresholds([1], np.array([0.9, 0.95, 0.99]), np.array([[0.1, 0.001, 0.002]]))
    assert wiggly.rates.tolist() == [[0.1, 0.002, 0.002]]
    assert wiggly.threshold(1, 0.0015 + 0.0005) == 0.95


def test_the_built_in_table_is_ordered_and_reaches_a_thousand() -> None:
    measured = built_in("dlib")
    assert measured.sizes[-1] == 1000
    assert (np.diff(measured.rates, axis=1) <= 0).all()
    assert (np.diff(measured.rates, axis=0) >= -1e-3).all()  # larger galleries, more false alarms
    one, thousand = (measured.threshold(n, 0.001) for n in (1, 1000))
    assert 0.94 < one < thousand < 0.985


def test_budgets_are_shared_by_all_faces_of_all_cameras() -> None:
    assert budget_per_face(1.0, 1, 0) == pytest.approx(1e-4)
    assert budget_per_face(1.0, 0, 1) == pytest.approx(2e-6)


def test_the_nearest_of_each_part_is_found_exactly() -> None:
    rng = np.random.default_rng(1)
    gallery = rng.standard_normal((50, 8)).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    (row, alike), (other, less) = nearest(gallery[31], gallery, [slice(20, 50), slice(0, 10)])
    assert (row, alike) == (31, pytest.approx(1))
    assert (other, less) == (
        int((gallery[:10] @ gallery[31]).argmax()),
        pytest.approx((gallery[:10] @ gallery[31]).max()),
    )
