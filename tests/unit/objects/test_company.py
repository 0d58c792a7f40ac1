"""Who is who from look to look, where boxes of one person hardly overlap."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from flows.domain.things import Box, PixelLook
from flows.objects.company import Company

SIZE = (1280, 720)
DARK, RED = (40, 128, 128), (120, 100, 200)
EVERY_S = 1 / 3
PACE_PX = 50.0
"""Half a metre from look to look, which is as wide as they are."""


def standing_at(x_px: float) -> Box:
    return np.array([x_px - 25, 430, x_px + 25, 600], np.float32)


def look_at(people: dict[float, tuple[int, int, int]]) -> PixelLook:
    cells, changed = np.full((90, 160, 3), 128, np.uint8), np.zeros((90, 160), bool)
    for x_px, colour in people.items():
        x0, y0, x1, y1 = (round(float(v) / 8) for v in standing_at(x_px))
        cells[y0:y1, x0:x1], changed[y0:y1, x0:x1] = colour, True
    return PixelLook(datetime(2026, 6, 1, tzinfo=UTC), changed=changed, cells=cells)


def test_two_who_pass_each_other_stay_who_they_are_though_the_tracker_exchanges_them() -> None:
    company = Company()
    for k in range(8):
        right, left = 300 + PACE_PX * k, 620 - PACE_PX * k
        tracks = [1, 2] if k < 4 else [2, 1]
        look = look_at({right: DARK, left: RED})
        company.see([standing_at(right), standing_at(left)], tracks, k * EVERY_S, look, SIZE)
    first, second = company.people
    assert first.last.foot[0] == pytest.approx(300 + PACE_PX * 7)
    assert second.last.foot[0] == pytest.approx(620 - PACE_PX * 7)


def test_whom_the_tracker_found_again_beyond_reach_is_the_same() -> None:
    company = Company()
    company.see([standing_at(200)], [7], 0.0, None, SIZE)
    company.see([standing_at(900)], [7], EVERY_S, None, SIZE)
    assert len(company.people) == 1
