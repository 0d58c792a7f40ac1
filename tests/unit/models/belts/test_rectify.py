from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from models.belts.rectify import SEAT_PX, seats, upright

CORNERS = np.array([[40.0, 150.0], [260.0, 140.0], [220.0, 60.0], [80.0, 66.0]])
"""Lower left, lower right, upper right, upper left."""


def picture() -> np.ndarray:
    image = Image.new("RGB", (300, 200), (20, 20, 20))
    pen = ImageDraw.Draw(image)
    pen.polygon([tuple(c) for c in CORNERS], fill=(120, 120, 120))
    low, high = (CORNERS[0] + CORNERS[1]) / 2, (CORNERS[2] + CORNERS[3]) / 2
    pen.polygon([tuple(CORNERS[0]), tuple(low), tuple(high), tuple(CORNERS[3])], fill=(250, 60, 60))
    return np.asarray(image)


def test_a_crooked_windscreen_becomes_a_rectangle() -> None:
    shown = upright(picture(), CORNERS, (120, 60), (0.0, 0.0, 1.0, 1.0))
    assert shown.shape == (60, 120, 3)
    left, right = shown[3:-3, 3:50], shown[3:-3, 70:-3]
    assert np.abs(left.astype(int) - (250, 60, 60)).max() < 30
    assert np.abs(right.astype(int) - (120, 120, 120)).max() < 30


def test_a_wider_window_shows_what_is_round_it() -> None:
    shown = upright(picture(), CORNERS, (120, 60), (-0.2, -0.2, 1.2, 1.2))
    assert np.abs(shown[0].astype(int) - 20).max() < 10, "above the roof's edge"
    assert np.abs(shown[30, 100].astype(int) - 120).max() < 10


def test_both_seats_have_their_door_on_the_right() -> None:
    left, right = seats(picture(), CORNERS)
    assert left.shape == right.shape == (SEAT_PX, SEAT_PX, 3)
    # Beyond the outer edge it is dark, on both: the left seat is shown as in a mirror.
    assert left[40, -1].max() < 60
    assert right[40, -1].max() < 60
    assert left[40, 40].tolist()[0] > 200
    assert right[40, 40].tolist()[0] < 160
