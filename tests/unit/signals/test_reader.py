"""Heads drawn by day, at dusk, by night and against the sun: what is read must be right, or unknown."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import heads
import numpy as np
import pytest
from quick import first

from flows.domain.signals import Phase
from flows.signals.reader import Head, Reading, read

SEEDS = range(3000, 3008)
"""Others than those that the reader was made with."""
PHASES: dict[Head, tuple[Phase, ...]] = {
    "vertical": ("red", "amber", "green"),
    "horizontal": ("red", "amber", "green"),
    "arrow": ("green",),
    "countdown": ("red", "green"),
}


LIGHTS = first(*heads.LIGHTS)


def reading(head: heads.Head, phase: Phase, look: int = 0) -> Reading:
    bgr, (x0, y0, x1, y1) = heads.show(head, phase, look)
    crop = bgr[max(0, round(y0)) : round(y1), max(0, round(x0)) : round(x1)]
    return read(crop, head.kind)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize(
    ("kind", "least"), [("vertical", 0.9), ("horizontal", 0.9), ("arrow", 0.6), ("countdown", 0.6)]
)
def test_what_a_head_shows(kind: Head, least: float, light: str) -> None:
    found: Counter[tuple[Phase, Phase]] = Counter()
    for seed in SEEDS:
        for phase in PHASES[kind]:
            found[phase, reading(heads.any_head(seed, light, kind), phase).phase] += 1
    assert not found["red", "green"]
    assert not found["green", "red"]
    right = sum(found[p, p] for p in PHASES[kind])
    assert right / found.total() >= least, found


@pytest.mark.slow
@pytest.mark.parametrize("light", LIGHTS)
def test_a_dark_head_shows_no_colour(light: str) -> None:
    shown = {kind: [reading(heads.any_head(s, light, kind), "off").phase for s in SEEDS] for kind in PHASES}
    assert {p for phases in shown.values() for p in phases} <= {"off", "unknown"}


@pytest.mark.slow
@pytest.mark.parametrize("light", LIGHTS[:2])
def test_red_with_amber_is_a_phase_of_its_own(light: str) -> None:
    found = Counter(reading(heads.any_head(s, light), "red_amber").phase for s in SEEDS)
    assert found["red_amber"] >= 0.6 * len(SEEDS)
    assert not found["green"]


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["red", "green"])
@pytest.mark.parametrize("width_px", [8, 10, 14, 20, 60])
def test_small_and_large_heads(width_px: float, phase: Phase) -> None:
    assert reading(heads.Head(width_px=width_px, quality=75), phase).phase == phase


def test_a_head_of_two_lamps() -> None:
    tall = heads.show(heads.Head(width_px=24), "red")[0]
    for phase, row in (("red", 0), ("green", 1)):
        bgr, (x0, y0, x1, y1) = heads.show(heads.Head(width_px=24), phase)  # type: ignore[arg-type]
        # Without the middle lamp: the upper and the lower third, one above the other.
        third = (y1 - y0) / 3
        parts = [bgr[round(y) : round(y + third), round(x0) : round(x1)] for y in (y0, y1 - third)]
        assert read(np.vstack(parts), "vertical").phase == phase, row
    assert tall.dtype == np.uint8


@pytest.mark.parametrize("kind", get_args(Head))
@pytest.mark.parametrize(
    "grey",
    [0, 90, 255, (40, 160, 60), (30, 30, 200)],
    ids=["black", "grey", "white", "green van", "red lorry"],
)
def test_what_has_no_features_is_unknown(kind: Head, grey: int | tuple[int, int, int]) -> None:
    crop = np.full((40, 16, 3), grey, np.uint8)
    assert read(crop, kind) == Reading("unknown", 0.0)


def test_too_few_pixels_are_unknown() -> None:
    assert read(np.zeros((9, 3, 3), np.uint8), "vertical").phase == "unknown"


def test_green_where_red_belongs_is_unknown() -> None:
    bgr, (x0, y0, x1, y1) = heads.show(heads.Head(width_px=20), "green")
    upside_down = bgr[round(y0) : round(y1), round(x0) : round(x1)][::-1]
    assert read(upside_down, "vertical").phase == "unknown"


def test_without_colour_nothing_is_known() -> None:
    bgr, (x0, y0, x1, y1) = heads.show(heads.Head(width_px=20, light="night"), "red")
    grey = np.repeat(bgr.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    assert read(grey[round(y0) : round(y1), round(x0) : round(x1)], "vertical").phase in ("unknown", "off")


@pytest.mark.slow
def test_most_places_without_a_head_show_nothing() -> None:
    rng, found = np.random.default_rng(3), Counter[Phase]()
    for seed in range(2000, 2010):
        for kind in ("sky", "trees", "houses"):
            bgr = heads.ground(seed, kind, (100, 100))
            for _ in range(10):
                x, y = (int(v) for v in rng.integers(0, 55, 2))
                found[read(bgr[y : y + 44, x : x + 16], "vertical").phase] += 1
    colours = found.total() - found["off"] - found["unknown"]
    assert colours <= 0.05 * found.total(), found
