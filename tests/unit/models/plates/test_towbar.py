"""Drawn tow bars: what they hide, and how the bench counts what is told of plates behind them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cluster.bench import plates as bench
from cluster.plates import looks, towbar
from cluster.plates.looks import Plate
from flows.domain.plates import PlateAnswer

FLAT = np.array([[40.0, 40.0], [560.0, 40.0], [560.0, 152.0], [40.0, 152.0]])
"""Corners at which a long plate lies as it was drawn, a pixel a millimetre."""


@pytest.mark.parametrize(
    ("maker", "count"),
    [(looks.kazakhstan_diplomatic, 7), (looks.kazakhstan_square, 5), (looks.kazakhstan_moto, 2)],
)
def test_the_characters_of_the_lowest_line_are_found(maker: object, count: int) -> None:
    assert callable(maker)
    for seed in (1, 2, 3):
        assert len(towbar.characters(maker(np.random.default_rng(seed)))) == count


@pytest.mark.slow
def test_a_tow_bar_hides_a_part_of_one_character_and_not_its_head() -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        plate = looks.kazakhstan_diplomatic(rng)
        bar = towbar.before(plate, rng)
        whole = Image.new("RGB", (600, 260))
        whole.paste(Image.fromarray(plate.picture), (40, 40))
        covered = whole.copy()
        bar.draw(covered, plate, FLAT)
        changed = np.abs(np.asarray(whole, int) - np.asarray(covered, int)).sum(2) > 60
        hit = []
        for left, right, top, bottom in towbar.characters(plate):
            box = changed[40 + top : 40 + bottom, 40 + left : 40 + right]
            hit.append(box.mean() > 0.04)
            assert not box[: round(0.2 * len(box))].any()
        assert 1 <= sum(hit) <= 2
        assert changed[156:200].any()  # its neck goes on below the plate


def test_a_plate_without_characters_is_refused() -> None:
    blank = Plate(np.full((112, 520, 3), 240, np.uint8), ("",), "KZ")
    with pytest.raises(ValueError, match="none was found"):
        towbar.before(blank, np.random.default_rng(0))


def test_in_each_view_the_ball_stands_a_little_elsewhere() -> None:
    rng = np.random.default_rng(3)
    bar = towbar.before(looks.kazakhstan(rng), rng)
    shifts = np.array([bar.shifted(rng).at_mm for _ in range(40)]) - bar.at_mm
    assert 1.0 < shifts.std() < 8.0


def test_of_plates_behind_tow_bars_only_a_confident_wrong_one_counts() -> None:
    right = PlateAnswer("read", text="123ABC02", confident=True)
    unsure = PlateAnswer("read", text="123ABG02", confident=False)
    wrong = PlateAnswer("read", text="123ABG02", confident=True)
    fine = bench.behind_tow_bars([("123ABC02", right), ("123ABC02", unsure)])
    assert (fine.ok, fine.value) == (True, 0.0)
    assert "1 of 2 confident" in fine.detail
    bad = bench.behind_tow_bars([("123ABC02", right), ("123ABC02", wrong)])
    assert (bad.ok, bad.value) == (False, 0.5)
    assert "123ABC02 told as 123ABG02" in bad.detail
