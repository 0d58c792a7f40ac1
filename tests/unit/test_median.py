"""The median of camera actors: numpy's own, without what numpy imports for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from flows.median import median, medians


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (9, 4), (10, 1)])
@pytest.mark.parametrize("axis", [0, 1])
def test_it_is_numpys_median(shape: tuple[int, int], axis: int) -> None:
    values = np.random.default_rng(shape[0]).normal(size=shape)
    assert medians(values, axis).tolist() == np.median(values, axis=axis).tolist()
    assert median(values) == np.median(values)


def test_what_is_not_known_has_no_median() -> None:
    values = np.array([[1.0, np.nan], [2.0, 3.0]])
    np.testing.assert_equal(medians(values, 0), [1.5, np.nan])
    assert np.isnan(median(values))


def test_of_nothing_there_is_none() -> None:
    with pytest.raises(IndexError):
        median([])


@pytest.mark.slow
def test_a_camera_that_measures_and_looks_for_landmarks_carries_no_masked_arrays() -> None:
    code = """
import sys
import numpy as np
from flows.pictures.landmarks import LandmarkConfig, fit_shift
from flows.road.speed import SpeedConfig, _shapely

px = np.random.default_rng(1).uniform(0, 600, (20, 2))
assert fit_shift(px, px + 3.0, LandmarkConfig()) is not None
assert _shapely(np.tile([0.0, 0.0, 40.0, 30.0], (12, 1)), SpeedConfig()).all()
print([module for module in sys.modules if module.startswith("numpy.ma.")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
