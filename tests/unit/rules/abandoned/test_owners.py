"""Whose a thing is, by who stood there when it came, by their clothes, and by where they were meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.site import CameraConfig, FileSource
from flows.domain.things import Box, PixelLook, Thing
from flows.objects.company import Company
from flows.rules.abandoned.certainty import Certainty
from flows.rules.abandoned.life import Life
from flows.rules.abandoned.owners import Owners
from flows.rules.abandoned.pixels import Pixels
from flows.rules.abandoned.sieve import Sieve
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.rules.yardstick import Yardstick

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
SIZE = (1280, 720)
PX_PER_M = 100.0
"""By the people below, who are 1.70 m high."""
DARK, RED = (40, 128, 128), (120, 100, 200)
Colour = tuple[int, int, int]
Where = tuple[float, Colour]
"""Of somebody's feet, m from the left, and the colour of their clothes."""


def box(x_m: float, height_m: float, width_m: float) -> Box:
    x, half = x_m * PX_PER_M, width_m * PX_PER_M / 2
    return np.array([x - half, 600 - height_m * PX_PER_M, x + half, 600], np.float32)


BAG = box(6.0, 0.5, 0.4)


class Hall:
    """People at every 0.3 s, and the owners of what stands there."""

    def __init__(self) -> None:
        self.company = Company()
        rule = AbandonedObjectRule(distance_m=3.0)
        camera = CameraConfig(id="hall", district="x", source=FileSource(path="hall.mp4"))
        yard = Yardstick(camera, None, self.company)
        yard.look_at(*SIZE)
        config = ObjectConfig()
        sieve = Sieve(rule, config, self.company, yard, Certainty(config))
        self.owners = Owners(rule, config, self.company, yard, sieve)
        self.look: PixelLook | None = None
        self.now_s = 0.0

    def until(
        self,
        end_s: float,
        people: Mapping[int, Where],
        missed: Sequence[int] = (),
        legs: Colour | None = None,
    ) -> None:
        """They stand there, with ``legs`` of another colour; whom a detector misses is seen by the pixels only."""
        while self.now_s < end_s:
            cells, changed = np.full((90, 160, 3), 128, np.uint8), np.zeros((90, 160), bool)
            for x_m, colour in people.values():
                x0, y0, x1, y1 = (round(float(v) / 8) for v in box(x_m, 1.7, 0.5))
                cells[y0:y1, x0:x1], changed[y0:y1, x0:x1] = colour, True
                cells[(y0 + y1) // 2 : y1, x0:x1] = legs or colour
            self.look = PixelLook(START + timedelta(seconds=self.now_s), changed=changed, cells=cells)
            seen = {track: where for track, where in people.items() if track not in missed}
            boxes = [box(x_m, 1.7, 0.5) for x_m, _ in seen.values()]
            self.company.see(boxes, list(seen), self.now_s, self.look, SIZE)
            self.now_s += 0.3

    def life(self, since_s: float) -> Life:
        since = START + timedelta(seconds=since_s)
        thing = Thing(1, BAG, since, since, since, "stands", "new", 4.0)
        return Life(thing, since, since_s=since_s, owners=self.owners.bringers(thing, since_s, since_s))

    @property
    def pixels(self) -> Pixels:
        return Pixels(self.look, SIZE)

    def near(self, life: Life) -> bool:
        return self.owners.watch(life, self.pixels).near


def test_who_stood_there_longest_brought_it() -> None:
    hall = Hall()
    hall.until(9.0, {1: (5.6, DARK), 2: (1.0, RED)})
    hall.until(10.0, {1: (5.6, DARK), 2: (6.4, RED)})
    hall.until(13.0, {1: (5.6, DARK), 2: (11.0, RED)})
    (owner,) = hall.life(since_s=10.0).owners.values()
    assert owner.person.last.foot[0] == pytest.approx(560, abs=1)


def test_who_is_no_taller_than_the_thing_did_not_bring_it() -> None:
    hall = Hall()
    hall.until(3.0, {1: (5.6, DARK)})
    owners = hall.owners
    assert not owners.at_it(box(6.0, 1.0, 0.5), box(5.6, 1.2, 0.5))
    assert owners.at_it(box(6.0, 0.5, 0.5), box(5.6, 1.2, 0.5))


def test_an_owner_watches_it_up_to_the_distance_of_the_site_file() -> None:
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=8.0)
    for x_m, near in ((5.0, True), (3.4, True), (2.2, False)):
        hall.until(hall.now_s + 3.0, {1: (x_m, DARK)})
        assert hall.near(life) is near


def test_an_owner_whom_nobody_detects_any_more_is_there_as_long_as_something_is() -> None:
    hall = Hall()
    hall.until(10.0, {1: (5.0, DARK)})
    life = hall.life(since_s=8.0)
    hall.until(20.0, {1: (5.0, DARK)}, missed=[1])
    assert hall.near(life)
    hall.until(23.0, {})
    assert not hall.near(life)


def test_who_stands_where_an_owner_was_after_the_place_was_seen_empty_is_somebody_else() -> None:
    hall = Hall()
    hall.until(10.0, {1: (5.0, DARK)})
    life = hall.life(since_s=8.0)
    hall.until(14.0, {1: (5.0, DARK)}, missed=[1])
    assert hall.near(life)
    hall.until(17.0, {})
    assert not hall.near(life)
    hall.until(20.0, {7: (5.0, RED)}, missed=[7])
    assert not hall.near(life)
    hall.until(23.0, {1: (5.0, DARK)})
    assert hall.near(life)


@pytest.mark.parametrize(
    ("high_m", "near"), [(1.2, True), (0.95, False)], ids=["as high as who sits", "a suitcase"]
)
def test_who_was_last_detected_where_it_stands_may_be_it_if_it_is_as_high_as_they_are(
    high_m: float, near: bool
) -> None:
    """Above it nothing shows; who sits down is not detected any more."""
    hall = Hall()
    hall.until(8.0, {1: (5.0, DARK)})
    hall.until(10.0, {1: (6.0, DARK)})
    life = hall.life(since_s=8.0)
    blob = box(6.0, high_m, 0.5)
    life.thing, life.size_m = replace(life.thing, xyxy=blob), (0.5, high_m)
    hall.until(20.0, {})
    changed = np.zeros((90, 160), bool)
    x0, y0, x1, y1 = (round(float(v) / 8) for v in blob)
    changed[y0:y1, x0:x1] = True
    hall.look = PixelLook(START + timedelta(seconds=hall.now_s), changed=changed)
    assert hall.near(life) is near


def test_an_owner_whose_number_goes_on_in_other_clothes_has_gone() -> None:
    """Two people meet, and the tracker goes on with the one who stays; in the owner's clothes it is the owner."""
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=8.0)
    hall.until(16.0, {1: (5.0, RED)})
    watch = hall.owners.watch(life, hall.pixels)
    assert (watch.near, watch.in_sight) == (False, False)
    hall.until(22.0, {1: (5.0, DARK)})
    assert hall.near(life)


@pytest.mark.parametrize(
    ("turns_m", "legs", "near"),
    [(5.1, DARK, True), (4.5, DARK, False), (5.1, RED, False)],
    ids=["turns", "another place", "the next in the queue"],
)
def test_an_owner_who_turns_round_where_they_stand_is_still_there(
    turns_m: float, legs: Colour, near: bool
) -> None:
    """A rucksack is seen of them then, and their trousers; somebody else who goes by their number has others."""
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=8.0)
    hall.until(12.0, {1: (5.0, DARK)})
    hall.until(30.0, {1: (turns_m, RED)}, legs=legs)
    assert hall.near(life) is near


@pytest.mark.parametrize("looks", [0, 1])
def test_of_whom_hardly_a_look_was_had_as_they_brought_it_is_known_by_what_they_wear_on_the_whole(
    looks: int,
) -> None:
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=8.0)
    owner = life.owners[1]
    life.owners[1] = replace(owner, looks=owner.looks[:looks])
    hall.until(22.0, {1: (2.0, DARK)})
    assert hall.near(life) is False
    assert hall.owners.went(life)


def test_who_wears_something_else_by_now_is_not_the_owner_whatever_they_wore_before() -> None:
    """The number of somebody in like clothes has gone over to one who stands by it."""
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=8.0)
    hall.until(12.0, {})
    hall.until(14.0, {2: (10.5, DARK)})
    hall.until(14.9, {2: (8.5, DARK)})
    hall.until(15.2, {2: (7.5, RED)})
    assert not hall.near(life)
    hall.until(15.5, {2: (7.5, DARK)})
    assert hall.near(life)


def test_an_owner_is_known_by_all_that_was_seen_of_their_clothes_however_long_ago() -> None:
    """They came with their back to the camera, and have stood with their face to it for minutes."""
    hall = Hall()
    hall.until(7.0, {1: (5.6, RED)})
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=9.0)
    hall.until(160.0, {1: (5.0, RED)})
    assert hall.near(life)


def test_what_was_seen_in_a_single_look_says_nothing_of_clothes() -> None:
    """Somebody passes before the owner, and later two people meet and exchange their numbers."""
    hall = Hall()
    hall.until(7.4, {1: (5.6, DARK), 2: (9.0, RED)})
    hall.until(7.7, {1: (5.6, RED), 2: (9.0, DARK)})
    hall.until(14.0, {1: (5.6, DARK), 2: (9.0, RED)})
    life = hall.life(since_s=12.0)
    hall.until(22.0, {1: (5.0, RED), 2: (9.8, DARK)})
    assert not hall.near(life)
    hall.until(30.0, {1: (0.5, RED), 2: (7.0, DARK)})
    assert hall.near(life)


def test_a_number_that_was_the_things_own_is_its_owners_again_when_they_show_beside_it() -> None:
    """A tracker went on with the suitcase while they bent down behind it."""
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=9.0)
    (owner,) = life.owners.values()
    owner.itself = ObjectConfig().itself_looks
    assert hall.near(life)
    assert owner.itself == 0


def test_a_number_that_was_the_things_own_is_its_owners_again_in_their_clothes() -> None:
    """They stand before a wall as dark as they are, and a detector had boxed them with the suitcase for some looks."""
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=9.0)
    (owner,) = life.owners.values()
    assert hall.look is not None
    hall.look = replace(hall.look, changed=np.zeros((90, 160), bool))
    owner.itself = ObjectConfig().itself_looks
    assert hall.near(life)


def test_an_owner_is_not_followed_into_what_a_detector_imagines_above_their_bag() -> None:
    """Their number comes back now and then, in a box around the bag and the wall behind it."""
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=9.0)
    hall.until(13.0, {1: (3.0, DARK)})
    imagined, grey = box(6.0, 1.5, 0.5), np.full((90, 160, 3), 128, np.uint8)
    changed = np.zeros((90, 160), bool)
    x0, y0, x1, y1 = (round(float(v) / 8) for v in BAG)
    changed[y0:y1, x0:x1], grey[y0:y1, x0:x1] = True, RED
    hall.look = PixelLook(START + timedelta(seconds=13.6), changed=changed, cells=grey)
    hall.company.see([imagined], [1], 13.6, hall.look, SIZE)
    assert not hall.near(life)
    life.thing = replace(life.thing, standing="hidden")
    hall.company.see([], [], 15.0, None, SIZE)
    hall.company.see([], [], 16.0, None, SIZE)
    x0, y0, x1, y1 = (round(float(v) / 8) for v in imagined)
    changed[y0:y1, x0:x1] = True
    assert not hall.near(life), "who passes before it is not them either"


def test_who_shows_above_a_thing_is_not_that_thing_though_they_fill_one_box() -> None:
    """They carried it before them: their coat looked like the thing until they put it down."""
    hall = Hall()
    hall.until(9.0, {1: (6.0, RED)})
    life = hall.life(since_s=9.0)
    life.thing = replace(life.thing, xyxy=box(6.0, 1.0, 0.5))
    hall.until(20.0, {1: (6.0, DARK)})
    life.owners = hall.owners.bringers(life.thing, 18.0, 18.0)
    assert hall.near(life)
    hall.look = replace(hall.look, changed=np.zeros((90, 160), bool)) if hall.look else None
    assert not hall.near(life)


@pytest.mark.parametrize(("colour", "outcome"), [(DARK, "reclaimed"), (RED, "removed")])
def test_who_takes_it_is_known_by_their_clothes(colour: tuple[int, int, int], outcome: str) -> None:
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    life = hall.life(since_s=8.0)
    hall.until(30.0, {})
    hall.until(33.0, {9: (5.7, colour)})
    assert hall.owners.outcome(life, gone_s=32.0) == outcome


def test_nobody_is_in_two_places() -> None:
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK), 2: (9.0, DARK)})
    life = hall.life(since_s=8.0)
    hall.until(20.0, {1: (0.5, DARK), 2: (9.0, DARK)})
    hall.until(30.0, {1: (0.5, DARK), 2: (6.5, DARK)})
    assert not hall.near(life)


def test_it_was_left_when_an_owner_was_last_near() -> None:
    hall = Hall()
    hall.until(10.0, {1: (5.6, DARK)})
    hall.until(14.0, {1: (4.0, DARK)})
    hall.until(20.0, {1: (1.0, DARK)})
    life = hall.life(since_s=8.0)
    assert hall.owners.last_near_s(life, hall.now_s) == pytest.approx(14.0, abs=0.6)


def test_who_walks_away_with_their_back_to_the_camera_was_seen_to_go() -> None:
    """A rucksack hides what they wear above; their trousers look alike from all sides."""
    hall = Hall()
    hall.until(6.0, {1: (5.4, DARK)})
    life = hall.life(5.0)
    hall.until(11.0, {1: (2.0, RED)}, legs=DARK)
    assert hall.owners.went(life)


@pytest.mark.parametrize(
    ("number", "colour", "went"),
    [(1, DARK, True), (1, RED, False), (3, DARK, True), (3, RED, False)],
    ids=["the owner", "their number, another's clothes", "their clothes, another number", "somebody else"],
)
def test_an_owner_was_seen_to_go_by_number_or_clothes(
    number: int, colour: tuple[int, int, int], went: bool
) -> None:
    hall = Hall()
    hall.until(6.0, {1: (5.4, DARK)})
    life = hall.life(5.0)
    hall.until(7.0, {})
    assert not hall.owners.went(life)
    hall.until(11.0, {number: (2.0, colour)})
    assert hall.owners.went(life) is went


def test_who_was_far_off_all_the_time_is_not_the_owner_who_went() -> None:
    """Nobody is ten metres off a second later, whatever they wear."""
    hall = Hall()
    hall.until(6.0, {1: (5.4, DARK), 3: (12.0, DARK)})
    life = hall.life(5.0)
    life.left_s = 6.0
    hall.until(11.0, {3: (12.0, DARK)})
    assert not hall.owners.went(life)


def test_who_stood_there_before_it_came_and_not_then_did_not_go_from_it() -> None:
    """Somebody half behind a pillar is no thing: who passed there had gone when their arm came to be seen."""
    hall = Hall()
    hall.until(6.0, {1: (5.4, DARK)})
    life = hall.life(5.0)
    hall.until(11.0, {1: (2.0, DARK)})
    assert hall.owners.went(life)
    assert not hall.owners.went(replace(life, since_s=7.5))
