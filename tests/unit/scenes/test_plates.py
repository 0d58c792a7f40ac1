from __future__ import annotations

import re

import numpy as np
import pytest

from flows import scenes
from flows.scenes import plates


def test_numbers_have_kazakhstans_form() -> None:
    rng = np.random.default_rng(0)
    numbers = [plates.number(rng) for _ in range(200)]
    assert all(re.fullmatch(r"\d{3} [A-Z]{3} (0[1-9]|1\d|20)", n) for n in numbers)
    assert len(set(numbers)) == 200


@pytest.mark.slow
def test_a_picture_shows_its_number() -> None:
    blank, one, other = (plates.picture(text).astype(int) for text in ("", "123 ABC 02", "123 ABC 05"))
    assert (np.abs(one - blank).sum(-1) > 100).mean() > 0.08
    changed = np.nonzero(np.abs(one - other).sum(-1))[1]
    assert changed.min() > 400, "only the region at the right differs"


@pytest.mark.slow
def test_a_tow_bar_stands_before_the_rear_plate_and_changes_nothing_else() -> None:
    plain = scenes.build("road", 3, duration_s=4.0, direction="receding", pose="gantry")
    towing = scenes.build("road", 3, duration_s=4.0, direction="receding", pose="gantry", tow_bar=True)
    assert [a.plate for a in plain.world.actors] == [a.plate for a in towing.world.actors]
    for before, after in zip(plain.world.actors, towing.world.actors, strict=True):
        added = after.body.mesh.positions_m[len(before.body.mesh.positions_m) :]
        assert np.array_equal(
            before.body.mesh.vertices, after.body.mesh.vertices[: len(before.body.mesh.vertices)]
        )
        if after.body.cls != "car":
            assert not len(added)
            continue
        (rear,) = [mount for mount in after.body.plates if not mount.forward]
        ball = added[added[:, 2] > rear.centre_m[2] - 0.02]
        assert (ball[:, 1] < rear.centre_m[1] - 0.05).all()
        assert np.ptp(ball[:, 0]) < 0.1 * rear.size_m[0] + 0.01
