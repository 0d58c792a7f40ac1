from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cluster.plates import looks
from cluster.plates.compose import box_of, paste
from models.plates.upright import cut, measured, upright


def tilted(rise_deg: float, slant_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """A plate of 200 x 43 px, turned; its picture and its corners."""
    plate = looks.kazakhstan(np.random.default_rng(2))
    picture = Image.new("RGB", (320, 200), (70, 72, 75))
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([200, 43]) / 2
    rise, slant = np.tan(np.radians([rise_deg, slant_deg]))
    corners = half @ np.array([[1, rise], [slant, 1]]) + (160, 100)
    paste(picture, plate, corners)
    return np.asarray(picture), corners


@pytest.mark.parametrize(("rise_deg", "slant_deg"), [(0, 0), (8, 0), (-11, 0), (0, 14), (6, -10)])
def test_tilt_and_slant_are_measured(rise_deg: float, slant_deg: float) -> None:
    picture, corners = tilted(rise_deg, slant_deg)
    left, top, right, bottom = box_of(corners)
    tilt = measured(cut(picture, (left, top, right, bottom), 0.0))
    assert np.degrees(np.arctan(tilt.rise)) == pytest.approx(rise_deg, abs=1.2)
    assert np.degrees(np.arctan(tilt.slant)) == pytest.approx(slant_deg, abs=4)


def test_a_straightened_plate_has_its_own_size_again() -> None:
    picture, corners = tilted(9, 0)
    left, top, right, bottom = box_of(corners)
    _, (wide, tall) = upright(picture, (left, top, right, bottom))
    assert wide == pytest.approx(200, rel=0.08)
    assert tall == pytest.approx(43, rel=0.25)


def test_a_box_at_the_border_is_cut_there() -> None:
    picture = np.zeros((50, 80, 3), np.uint8)
    assert cut(picture, (-10, -10, 20, 20), 0.1).shape == (23, 23, 3)
    assert cut(picture, (79.5, 49.5, 90, 60), 0.0).size > 0
