from __future__ import annotations

import re

import numpy as np
import pytest

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
