"""What is no thing that somebody left, by size, place, company and the moment it came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flows.domain.detections import Detections
from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.site import CameraConfig, FileSource, Zone
from flows.domain.things import Box, PixelLook, Thing
from flows.objects.company import Company
from flows.rules.abandoned.certainty import Certainty
from flows.rules.abandoned.life import Life
from flows.rules.abandoned.pixels import Pixels
from flows.rules.abandoned.sieve import Sieve
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.rules.yardstick import Yardstick

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
SIZE = (1280, 720)
PX_PER_M = 100.0
"""By the people below, who are 1.70 m high."""
DARK, RED = (40, 128, 128), (120, 100, 200)


def box(x_px: float, foot_px: float, width_px: float, height_px: float) -> Box:
    return np.array([x_px - width_px / 2, foot_px - height_px, x_px + width_px / 2, foot_px], np.float32)


BAG = box(640, 600, 40, 50)


def look(at_s: float, painted: Sequence[tuple[Box, tuple[int, int, int]]]) -> PixelLook:
    cells = np.full((90, 160, 3), 128, np.uint8)
    for where, colour in painted:
        x0, y0, x1, y1 = (round(float(v) / 8) for v in where)
        cells[y0:y1, x0:x1] = colour
    return PixelLook(START + timedelta(seconds=at_s), changed=np.zeros((90, 160), bool), cells=cells)


def make_sieve(
    zones: Sequence[Zone] = (), certainty: Certainty | None = None, **rule: object
) -> tuple[Sieve, Company]:
    company = Company()
    for k in range(10):
        people = [box(200 + 90 * j + 8 * k, 600, 50, 170) for j in range(3)]
        company.see(people, [1, 2, 3], -20.0 + 0.3 * k, None, SIZE)
    config = AbandonedObjectRule.model_validate({"kind": "abandoned_object", **rule})
    camera = CameraConfig(id="hall", district="x", source=FileSource(path="hall.mp4"), zones=tuple(zones))
    yard = Yardstick(camera, None, company)
    yard.look_at(*SIZE)
    return Sieve(config, ObjectConfig(), company, yard, certainty or Certainty(ObjectConfig())), company


def thing(where: Box = BAG, since_s: float = 0.0) -> Thing:
    since = START + timedelta(seconds=since_s)
    return Thing(1, where, since, since, since, "stands", "new", 4.0, (20.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("size_m", "where", "why"),
    [
        ((0.4, 0.5), BAG, ""),
        ((1.4, 0.5), BAG, "size"),
        ((0.1, 0.15), BAG, "size"),
        ((0.4, 0.5), box(640, 720, 40, 50), "cut_off"),
    ],
)
def test_by_its_size_and_the_edge_of_the_picture(size_m: tuple[float, float], where: Box, why: str) -> None:
    assert make_sieve()[0].refused(where, size_m, SIZE) == why


def test_by_the_zone_it_stands_in() -> None:
    bay = Zone(name="bay", polygon_px=((600, 500), (700, 500), (700, 700), (600, 700)))
    assert make_sieve([bay], except_zones=("bay",))[0].refused(BAG, (0.4, 0.5), SIZE) == "zone"
    assert make_sieve([bay], zone="bay")[0].refused(BAG, (0.4, 0.5), SIZE) == ""
    assert make_sieve([bay], zone="bay")[0].refused(box(300, 600, 40, 50), (0.4, 0.5), SIZE) == "zone"


def test_a_vehicle_is_somebody_and_a_bag_before_it_is_not() -> None:
    sieve, _ = make_sieve()
    car = box(640, 610, 300, 120)
    assert sieve.is_somebody(thing(box(640, 605, 240, 100)), 0.0, [car], Pixels())
    assert not sieve.is_somebody(thing(), 0.0, [car], Pixels())


@pytest.mark.parametrize(
    ("places", "light"),
    [((0, 3, 6), True), ((0, 3), False), ((0, 0.5, 0.9), False)],
    ids=["three places", "two places", "one heap"],
)
def test_three_places_in_one_moment_are_light(places: Sequence[float], light: bool) -> None:
    sieve, _ = make_sieve()
    lives = [Life(thing(box(300 + m * PX_PER_M, 600, 40, 50), since_s=0.3), START) for m in places]
    assert sieve.is_light(lives[0], lives) is light


def test_things_that_came_one_after_the_other_are_not_light() -> None:
    sieve, _ = make_sieve()
    lives = [Life(thing(box(300 + m * PX_PER_M, 600, 40, 50), since_s=m), START) for m in (0.0, 3.0, 6.0)]
    assert not sieve.is_light(lives[0], lives)


def test_people_who_come_to_rest_at_once_are_not_light() -> None:
    sieve, _ = make_sieve()
    lives = [Life(thing(box(300 + m * PX_PER_M, 600, 40, 50)), START) for m in (0.0, 3.0, 6.0)]
    for life in lives[1:]:
        life.looks, life.covered = 10, 9
    assert not sieve.is_light(lives[0], lives)


@pytest.mark.parametrize(("now", "itself"), [(RED, True), (DARK, False)], ids=["a thing", "who sat down"])
def test_a_number_that_went_to_the_thing_is_told_by_its_clothes(
    now: tuple[int, int, int], itself: bool
) -> None:
    sieve, company = make_sieve()
    low = box(640, 600, 40, 110)
    for k in range(12):
        upright = box(590 + 4 * k, 600, 50, 170)
        company.see([upright], [7], 0.4 * k, look(0.4 * k, [(upright, DARK)]), SIZE)
    company.see([low], [7], 5.0, look(5.0, [(low, now)]), SIZE)
    (person,) = (p for p in company.people if p.track == 7)
    assert sieve.is_itself(thing(low), 4.6, person, Pixels()) is itself
    assert sieve.is_somebody(thing(low), 4.6, [], Pixels()) is not itself


@pytest.mark.parametrize(
    ("size_m", "may_be"),
    [
        ((0.9, 1.24), True),
        ((0.2, 0.8), True),
        ((0.55, 1.1), False),
        ((0.22, 0.22), False),
        ((0.19, 0.48), False),
    ],
    ids=["who sits", "a leg", "a suitcase", "a small bag", "a lean bag"],
)
def test_what_is_as_high_as_who_sits_or_as_narrow_as_a_leg_may_be_one(
    size_m: tuple[float, float], may_be: bool
) -> None:
    sieve, _ = make_sieve()
    life = Life(thing(), START, size_m=size_m)
    assert sieve.may_be_somebody(life) is may_be


def test_what_is_seen_within_somebody_may_be_them() -> None:
    sieve, company = make_sieve()
    for k in range(12):
        company.see([box(590 + 4 * k, 600, 50, 170)], [7], 0.4 * k, None, SIZE)
    arm = thing(box(630, 540, 20, 50))
    assert sieve.is_within_somebody(arm, 4.0, Pixels())
    assert not sieve.is_somebody(arm, 4.0, [], Pixels())
    assert not sieve.is_within_somebody(thing(box(700, 600, 40, 50)), 4.0, Pixels())


def all_that_shows(there: Box) -> Pixels:
    """Nothing else differs from the empty place."""
    changed = np.zeros((90, 160), bool)
    x0, y0, x1, y1 = (round(float(v) / 8) for v in there)
    changed[y0:y1, x0:x1] = True
    return Pixels(PixelLook(START + timedelta(seconds=11), changed=changed), SIZE)


@pytest.mark.parametrize("shows", [False, True], ids=["a suitcase", "who sits behind it"])
def test_a_suitcase_that_rolled_in_as_somebody_is_none_if_nobody_shows_beside_it(shows: bool) -> None:
    """A detector takes it, with its handle, for a person who walks in, and who then stands as nobody stands."""
    sieve, company = make_sieve()
    suitcase, taken_for = box(640, 600, 50, 80), box(640, 600, 50, 120)
    for k in range(12):
        company.see([box(500 + 12 * k, 600, 50, 120)], [7], 0.4 * k, None, SIZE)
    for k in range(16):
        company.see([taken_for], [7], 5.0 + 0.4 * k, None, SIZE)
    pixels = all_that_shows(taken_for if shows else suitcase)
    assert sieve.is_somebody(thing(suitcase, 5.0), 5.0, [], pixels) is shows
    assert sieve.is_within_somebody(thing(suitcase, 5.0), 5.0, pixels) is shows


def test_somebody_before_a_wall_as_dark_as_their_jacket_is_no_thing_though_only_their_trousers_show() -> None:
    sieve, company = make_sieve()
    somebody, trousers = box(640, 600, 50, 175), box(640, 600, 40, 80)
    for k in range(12):
        company.see([box(500 + 12 * k, 600, 50, 175)], [7], 0.4 * k, None, SIZE)
    for k in range(16):
        company.see([somebody], [7], 5.0 + 0.4 * k, None, SIZE)
    pixels = all_that_shows(trousers)
    assert not sieve.is_seen_as(thing(trousers, 5.0), company.people[0], pixels)
    assert sieve.is_within_somebody(thing(trousers, 5.0), 5.0, pixels)


@pytest.mark.parametrize(
    ("came", "number", "somebody"),
    [(True, 7, False), (False, 8, False), (True, 8, False)],
    ids=["by the owner's number", "by a new number", "by a new number where the owner stood"],
)
def test_who_is_seen_in_a_bag_and_the_wall_behind_it_is_imagined(
    came: bool, number: int, somebody: bool
) -> None:
    """A detector takes the bag for legs now and then, in a box as high as somebody."""
    sieve, company = make_sieve()
    imagined = box(640, 600, 50, 130)
    for k in range(12):
        upright = box(500 + 12 * k, 600, 50, 170)
        seen = [upright] if came else []
        company.see(seen, [7][: len(seen)], 0.4 * k, look(0.4 * k, [(upright, DARK)]), SIZE)
    for k in range(3):
        at_s = 6.0 + 2.0 * k
        company.see([imagined], [number], at_s, look(at_s, [(BAG, RED)]), SIZE)
    pixels = all_that_shows(BAG)
    assert sieve.is_within_somebody(thing(BAG, 5.0), 5.0, pixels) is somebody
    assert sieve.is_within_somebody(thing(BAG, 5.0), 5.0, all_that_shows(imagined))


@pytest.mark.parametrize(
    ("score", "shows", "doubtful"),
    [(0.58, False, True), (0.65, False, False), (0.58, True, False)],
    ids=["a bag", "somebody", "who passes by"],
)
def test_of_whom_a_detector_is_never_sure_and_who_does_not_show_is_the_thing(
    score: float, shows: bool, doubtful: bool
) -> None:
    certainty, body = Certainty(ObjectConfig()), box(640, 600, 50, 130)
    for at_s in (0.0, 0.4, 0.8):
        certainty.see(Detections(body[None], np.float32([score]), np.int32([0]), ("person",)), 0.4, at_s)
    sieve, _ = make_sieve(certainty=certainty)
    assert sieve.is_doubtful(body, BAG, all_that_shows(body if shows else BAG)) is doubtful
    assert not sieve.is_doubtful(body, box(700, 600, 40, 50), all_that_shows(BAG)), "beside them"
    chest = box(640, 550, 40, 50)
    assert not sieve.is_doubtful(body, chest, all_that_shows(chest)), "of one whose legs are hidden"


@pytest.mark.parametrize(("score", "is_thing"), [(0.7, True), (0.85, False)])
def test_of_whom_a_detector_is_certain_is_no_thing(score: float, is_thing: bool) -> None:
    certainty, body = Certainty(ObjectConfig()), box(640, 600, 50, 55)
    certainty.see(Detections(body[None], np.float32([score]), np.int32([0]), ("person",)), 0.4, 0.0)
    sieve, company = make_sieve(certainty=certainty)
    for k in range(16):
        company.see([body], [7], 0.4 * k, look(0.4 * k, [(body, RED if k > 8 else DARK)]), SIZE)
    somebody, pixels = company.people[-1], all_that_shows(BAG)
    assert sieve.is_seen_as(thing(), somebody, pixels) is is_thing
    assert sieve.is_itself(thing(), 3.6, somebody, pixels) is is_thing


def test_who_was_there_before_the_suitcase_is_somebody_though_only_the_suitcase_shows() -> None:
    """They sat there when the place was learnt, and do not differ from it."""
    sieve, company = make_sieve()
    for k in range(30):
        company.see([box(640, 600, 50, 120)], [7], 0.4 * k, None, SIZE)
    suitcase = box(640, 600, 50, 80)
    pixels = all_that_shows(suitcase)
    assert sieve.is_within_somebody(thing(suitcase, 6.0), 6.0, pixels)


@pytest.mark.parametrize(
    ("where", "by_it"),
    [
        (np.array([2, 500, 60, 640], np.float32), True),
        (np.array([60, 500, 118, 640], np.float32), False),  # wholly in sight, and as low as a bag
        (np.array([2, 300, 60, 440], np.float32), False),
        (np.array([3, 548, 121, 602], np.float32), False),
    ],
    ids=["somebody's legs", "a bag", "elsewhere", "the thing itself"],
)
def test_somebody_of_whom_the_edge_leaves_the_legs_is_by_it(where: Box, by_it: bool) -> None:
    sieve, _ = make_sieve()
    assert sieve.sits_at_edge(thing(box(70, 600, 100, 50)), [where], SIZE) is by_it
