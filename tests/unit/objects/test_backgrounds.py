"""The place as it is, as it stands, and as it was."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.objects.backgrounds import Backgrounds

EVERY_S = 0.25
WHERE = (slice(10, 16), slice(12, 20))


def watched(backgrounds: Backgrounds, from_s: float, until_s: float, luma: float | None) -> None:
    """A floor with a pattern, and something of one luma on a part of it."""
    rng = np.random.default_rng(1)
    floor = np.zeros((30, 40, 3), np.float32)
    floor[..., 0] = rng.uniform(100, 180, (30, 40))
    if luma is not None:
        floor[WHERE] = (luma, 0, 0)
    for k in range(round((until_s - from_s) / EVERY_S)):
        backgrounds.see(floor, from_s + k * EVERY_S)


def place() -> NDArray[np.bool_]:
    mask = np.zeros((30, 40), bool)
    mask[WHERE] = True
    return mask


@pytest.mark.parametrize(("then", "restored"), [(None, True), (250.0, False)], ids=["the floor", "a thing"])
def test_what_was_absorbed_and_has_gone_leaves_nothing_new(then: float | None, restored: bool) -> None:
    """Somebody who stood there was taken for a place that was uncovered; when they leave, the floor is back."""
    backgrounds = Backgrounds()
    watched(backgrounds, 0.0, 4.0, None)
    watched(backgrounds, 4.0, 8.0, 40.0)
    assert backgrounds.standing[WHERE].all()
    backgrounds.absorb(place())
    assert not backgrounds.standing.any()
    watched(backgrounds, 8.0, 12.0, then)
    assert backgrounds.standing[WHERE].mean() > 0.9
    assert backgrounds.restored(place()) is restored


def test_a_place_where_nothing_was_absorbed_is_not_restored() -> None:
    backgrounds = Backgrounds()
    watched(backgrounds, 0.0, 4.0, None)
    assert not backgrounds.restored(place())


def test_light_that_changes_everywhere_changes_all_that_is_remembered() -> None:
    backgrounds, dim = Backgrounds(), np.float32(0.8)
    watched(backgrounds, 0.0, 4.0, None)
    before = backgrounds.slow.copy()
    backgrounds.see(before * dim, 4.0)
    assert np.abs(backgrounds.slow - before * dim).max() < 1.0
    assert not backgrounds.changed.any()


def test_a_colour_is_told_as_it_was_in_the_light_in_which_the_place_was_learnt() -> None:
    """The lamps go down to two thirds: of a red coat the luma as well as the redness."""
    backgrounds, dim = Backgrounds(), np.float32(2 / 3)
    watched(backgrounds, 0.0, 4.0, None)
    hall = backgrounds.slow.copy()
    hall[WHERE] = (90.0, -15.0, 60.0)
    for k in range(4):
        backgrounds.see(hall * dim, 4.0 + k * EVERY_S)
    assert backgrounds.in_first_light(hall * dim)[WHERE] == pytest.approx(hall[WHERE], abs=1.5)
    backgrounds.see(hall, 5.0)
    assert backgrounds.in_first_light(hall)[WHERE] == pytest.approx(hall[WHERE], abs=1.5)


def test_after_a_picture_that_shows_nothing_of_the_place_that_is_learnt_anew() -> None:
    """In a plain hall few cells differ from a black picture once the light is fitted to it: by a gain of nothing."""
    rng, backgrounds = np.random.default_rng(3), Backgrounds()
    hall = np.zeros((30, 40, 3), np.float32)
    hall[..., 0] = 120 + rng.normal(0, 6, (30, 40))
    for k in range(16):
        backgrounds.see(hall, k * EVERY_S)
    assert not backgrounds.see(np.zeros_like(hall), 4.0)
    for k in range(1, 5):
        backgrounds.see(hall, 4.0 + k * EVERY_S)
    assert backgrounds.light[0] == pytest.approx(1.0, abs=0.1)
    assert backgrounds.slow == pytest.approx(hall, abs=2.0)
