"""Whoever stays by a thing since it came, seen surely or not; who passes, comes later or has gone does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.site import CameraConfig, FileSource
from flows.domain.things import Box, PixelLook
from flows.objects.company import Company
from flows.rules.abandoned.certainty import Certainty
from flows.rules.abandoned.pixels import Pixels
from flows.rules.abandoned.sieve import Sieve
from flows.rules.abandoned.stays import Stays
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.rules.yardstick import Yardstick

SIZE = (1280, 720)
PX_PER_M = 100.0
"""By the people below, who are 1.70 m high."""
CAME_S, NOW_S = 4.0, 20.0


def box(x_m: float, wide_m: float, high_m: float) -> Box:
    x, half, high = x_m * PX_PER_M, wide_m * PX_PER_M / 2, high_m * PX_PER_M
    return np.array([x - half, 600 - high, x + half, 600], np.float32)


BAG = box(6.0, 0.4, 0.5)


def make_stays() -> Stays:
    company, config = Company(), ObjectConfig()
    for k in range(10):
        people = [box(2.0 + 0.9 * j + 0.08 * k, 0.5, 1.7) for j in range(3)]
        company.see(people, [1, 2, 3], -20.0 + 0.3 * k, None, SIZE)
    yard = Yardstick(CameraConfig(id="hall", district="x", source=FileSource(path="hall.mp4")), None, company)
    yard.look_at(*SIZE)
    return Stays(config, Sieve(AbandonedObjectRule(), config, company, yard, Certainty(config)), yard)


SITS = box(7.2, 0.6, 1.3)


@pytest.mark.parametrize(
    ("seen", "beside"),
    [
        (lambda t: SITS, True),
        (lambda t: SITS + np.float32(8.0 * (round(2 * t) % 2)), True),
        (lambda t: SITS if round(2 * t) % 5 else None, True),
        (lambda t: SITS if t >= 9.0 else None, False),
        (lambda t: SITS if t < 15.0 else None, False),
        (lambda t: box(2.0 + 0.5 * t, 0.5, 1.7), False),
        (lambda t: box(8.0, 1.0, 1.3), True),
        (lambda t: box(9.0, 0.6, 1.3), False),
        (lambda t: box(7.2, 0.6, 0.5), False),
        (lambda t: box(6.0, 0.5, 1.3), False),
    ],
    ids=[
        "sits there",
        "boxes tremble",
        "missed now and then",
        "came later",
        "has gone",
        "passes",
        "sits there with their legs aside",
        "sits elsewhere",
        "another bag",
        "seen in the thing itself",
    ],
)
def test_who_stays_by_a_thing(seen: Callable[[float], Box | None], beside: bool) -> None:
    stays = make_stays()
    for t in np.arange(0.0, NOW_S, 0.5):
        who = seen(float(t))
        stays.see([] if who is None else [who], float(t))
    assert stays.beside(BAG, CAME_S) is beside


@pytest.mark.parametrize(
    ("seen", "shows", "over"),
    [
        (lambda t: box(6.1, 0.6, 1.3), True, True),
        (lambda t: box(6.1, 0.6, 1.3), False, True),
        (lambda t: box(6.1, 0.6, 1.3) if t >= CAME_S else None, False, False),
        (lambda t: box(6.1, 0.6, 1.3) if t >= CAME_S - 2.0 else None, False, False),
        (lambda t: box(6.1, 0.6, 1.3) if t >= 9.0 else None, True, False),
        (lambda t: SITS, True, False),
        (lambda t: box(6.0, 0.4, 0.7), True, False),
    ],
    ids=[
        "sits there",
        "was there before all",
        "nothing but the thing shows",
        "nothing does where its owner stood as they brought it",
        "came later",
        "sits beside it",
        "the thing itself",
    ],
)
def test_what_is_seen_within_who_stays_there_may_be_their_legs(
    seen: Callable[[float], Box | None], shows: bool, over: bool
) -> None:
    stays, before = make_stays(), np.zeros((0, 4), np.float32)
    for t in np.arange(0.0, NOW_S, 0.5):
        who = seen(float(t))
        stays.see([] if who is None else [who], float(t))
        if t == CAME_S:
            before = stays.before(CAME_S)
    changed = np.zeros((90, 160), bool)
    x0, y0, x1, y1 = (round(float(v) / 8) for v in (box(6.1, 0.6, 1.3) if shows else BAG))
    changed[y0:y1, x0:x1] = True
    pixels = Pixels(PixelLook(datetime(2026, 6, 1, tzinfo=UTC), changed=changed), SIZE)
    assert stays.over(BAG, CAME_S, pixels, before) is over


def test_who_was_there_before_it_is_remembered_for_as_long_as_it_stands() -> None:
    """An owner may be away for longer than looks are kept."""
    stays, sits, before = make_stays(), box(6.1, 0.6, 1.3), np.zeros((0, 4), np.float32)
    for t in np.arange(0.0, 60.0, 0.5):
        stays.see([sits], float(t))
        if t == CAME_S:
            before = stays.before(CAME_S)
    changed = np.zeros((90, 160), bool)
    x0, y0, x1, y1 = (round(float(v) / 8) for v in BAG)
    changed[y0:y1, x0:x1] = True
    pixels = Pixels(PixelLook(datetime(2026, 6, 1, tzinfo=UTC), changed=changed), SIZE)
    assert stays.over(BAG, CAME_S, pixels, before)
    assert not stays.over(BAG, CAME_S, pixels, stays.before(CAME_S))


def test_looks_that_follow_one_another_fast_do_not_outweigh_the_rest() -> None:
    """Nothing moved before they came, and few looks were taken."""
    stays = make_stays()
    for t in (*np.arange(0.0, 12.0, 1.0), *np.arange(12.0, NOW_S, 0.04)):
        stays.see([SITS] if t >= 12.0 else [], float(t))
    assert not stays.beside(BAG, CAME_S)
