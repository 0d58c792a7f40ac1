"""A region that looks at another place shows nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import heads
import numpy as np
import pytest
from numpy.typing import NDArray

from flows.domain.signals import Phase
from flows.signals.anchor import Anchor

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
HEADS = [heads.any_head(seed, light) for light in ("day", "dusk", "glare") for seed in (1, 6)]


def name(head: heads.Head) -> str:
    return f"{head.light}-{head.seed}"


def view(
    head: heads.Head, phase: Phase, look: int, shift_px: tuple[float, float] = (0, 0)
) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """What is around the head's region, if the camera was turned by ``shift_px``."""
    bgr, (x0, y0, x1, y1) = heads.show(head, phase, look)
    m = round(x1 - x0)
    box = [round(v) for v in (x0 + shift_px[0], y0 + shift_px[1], x1 + shift_px[0], y1 + shift_px[1])]
    left, top = max(0, box[0] - m), max(0, box[1] - m)
    return bgr[top : box[3] + m, left : box[2] + m], (
        box[0] - left,
        box[1] - top,
        box[2] - left,
        box[3] - top,
    )


def learnt(head: heads.Head, phase: Phase = "red") -> Anchor:
    anchor = Anchor()
    for look in range(3):
        assert anchor.holds(*view(head, phase, look), phase, START + timedelta(seconds=look))
    return anchor


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS, ids=name)
def test_the_same_place_is_the_same_whatever_the_lamps_show(head: heads.Head) -> None:
    anchor = learnt(head)
    for look, phase in enumerate(("green", "off", "amber")):
        assert anchor.holds(*view(head, phase, 20 + look), phase, START + timedelta(seconds=10 + look))


@pytest.mark.slow
@pytest.mark.parametrize("head", [h for h in HEADS if h.ground != "sky"], ids=name)
def test_another_place_is_another(head: heads.Head) -> None:
    anchor, w = learnt(head), head.width_px
    for k, (dx, dy) in enumerate(((1.0, 0), (-1.0, 0))):
        later = START + timedelta(seconds=10 + k)
        assert not anchor.holds(*view(head, "green", 30, (dx * w, dy * w)), "green", later)


def test_what_is_before_the_head_hides_it() -> None:
    head = heads.Head(width_px=16, seed=5)
    anchor = learnt(head)
    around, box = view(head, "red", 9)
    lorry = np.full_like(around, (60, 60, 160))
    lorry[::7] = 90
    assert not anchor.holds(lorry, box, "red", START + timedelta(seconds=20))


@pytest.mark.slow
def test_a_knocked_camera_is_not_believed_after_a_while() -> None:
    head = heads.Head(width_px=16, ground="houses", seed=3)
    anchor = learnt(head)
    held = [
        anchor.holds(
            *view(head, "green", s, (1.2 * head.width_px, 0)), "green", START + timedelta(seconds=5 + s)
        )
        for s in range(0, 600, 60)
    ]
    assert not any(held)
    assert anchor.holds(*view(head, "red", 99), "red", START + timedelta(seconds=700))


def test_by_night_each_phase_lights_its_own_surroundings() -> None:
    head = heads.Head(width_px=20, light="night", ground="houses", seed=2)
    anchor = learnt(head)
    for look, phase in enumerate(("green", "amber", "red", "green")):
        assert anchor.holds(*view(head, phase, 40 + look), phase, START + timedelta(seconds=10 + 20 * look))
