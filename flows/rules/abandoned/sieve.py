"""What stands still and is no thing that somebody left: people, vehicles, light, what is too large, what is cut off."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.things import Box, Shift, Thing
from flows.objects.company import WIDTH_M, Company, Person, covered, filled, typical, unlike
from flows.rules.abandoned.certainty import Certainty
from flows.rules.abandoned.life import Life
from flows.rules.abandoned.pixels import Pixels
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.rules.yardstick import Yardstick, foot_of, gap_px
from flows.tracking.boxes import box_iou

EDGE: Final = 0.003
"""Share of the picture's width within which its edge cuts something off."""
TREMBLES: Final = 0.01
"""Share of the picture's width within which a detector's box of what the edge cuts off ends."""
LEANEST: Final = 0.3
"""A thing's smaller side against the least size that is asked for: an umbrella against a bag."""
LEG: Final = 3.0
"""Height of a leg against its width, with its shoe and the cells that it covers in part: bags are less lean."""
REFLECTS: Final = 3.0
"""One light changes the luma of two surfaces by up to so many times as much ..."""
TINT: Final = 6.0
"""... and their colours by as much, or by less of that, to so many grey levels."""
FAINT: Final = 9.0
"""A change of luma that is not noticed does not say whether it is brighter: a lamp of another colour."""
HANDLED: Final = 1.6
"""Height of a suitcase with its handle pulled out, against what shows of it: the rods are thinner than a cell."""
GUESSED: Final = 0.75
"""Heights guessed by other people are a quarter off at times."""


class Sieve:
    """Keeps back what is no thing that somebody put down.

    Args:
        rule: The rule in the site file: sizes and zones.
        config: Thresholds.
        company: Everybody who is around.
        yard: Sizes and places.
        certainty: How sure a detector is of whom it sees.
    """

    def __init__(
        self,
        rule: AbandonedObjectRule,
        config: ObjectConfig,
        company: Company,
        yard: Yardstick,
        certainty: Certainty,
    ) -> None:
        self._rule, self._config, self._company, self._yard = rule, config, company, yard
        self._certainty = certainty

    def is_low(self, box: Box) -> bool:
        """Whether what a detector calls a person is too low for one."""
        size = self._yard.size_m(box)
        return size is not None and size[1] < self._config.least_m * (1.0 if self._yard.surveyed else GUESSED)

    def is_small(self, box: Box) -> bool:
        """Whether what a detector calls a vehicle is as small as what people carry."""
        size = self._yard.size_m(box)
        return size is not None and max(size) <= self._rule.most_m

    def is_doubtful(self, body: Box, thing: Box, pixels: Pixels) -> bool:
        """Whether a detector takes a visible thing for somebody, or for their legs: it is never sure of them.

        Measured on 164 rendered halls, where hardly anything else showed and no score of four seconds reached 0.61
        (the detector is sure from 0.4): 2,288 looks at things, 10 at somebody; from 0.8 on 1,577 at somebody, none at
        a thing. In between clothes, stillness and pixels are asked.
        """
        config, height = self._config, float(body[3] - body[1])
        if covered(thing, by=body) <= config.person_share:
            return False
        if abs(float(thing[3] - body[3])) > config.foot * height:
            return False  # the chest of one who sits, and whose legs are hidden
        share = pixels.share_there(thing, body)
        return share is not None and share < config.hardly and self._certainty.is_doubtful(body)

    def is_somebody(self, thing: Thing, since_s: float, vehicles: Sequence[Box], pixels: Pixels) -> bool:
        """Whether a blob is a person or a vehicle now, or has not been told from one; it stands since ``since_s``."""
        config, box = self._config, thing.xyxy
        if any(
            covered(box, by=other) > config.person_share and covered(other, by=box) > config.vehicle_share
            for other in vehicles
        ):
            return True
        height = float(box[3] - box[1])
        return any(
            height > config.person_height * person.last.height_px
            for person in self._over(thing, since_s, pixels)
        )

    def is_within_somebody(self, thing: Thing, since_s: float, pixels: Pixels) -> bool:
        """Whether all that is seen of a thing lies within somebody: it may be their arm, or their legs.

        Whoever comes back to where they stood fills their own place again, of which a part was still waiting to be
        cleared. A thing on the floor is seen without them as soon as they move on.
        """
        return any(True for _ in self._over(thing, since_s, pixels))

    def _over(self, thing: Thing, since_s: float, pixels: Pixels) -> Iterator[Person]:
        """Whose box covers a thing now, and who is not the thing itself, mistaken for a person."""
        config = self._config
        for person in self._company.people:
            if (
                self._company.seen_lately(person)
                and covered(thing.xyxy, by=person.last.box) > config.person_share
                # What "stands" there since the thing does, is hardly higher, and never walked, is the thing.
                and (
                    self._company.walked(person)
                    or person.first_s < since_s - config.before_s
                    or float(thing.xyxy[3] - thing.xyxy[1]) <= config.person_height * person.last.height_px
                )
                and not self.is_itself(thing, since_s, person, pixels)
                and (self._was_there(person, since_s) or not self.is_seen_as(thing, person, pixels))
            ):
                yield person

    def _was_there(self, person: Person, since_s: float) -> bool:
        """Whether somebody was where they are now before a thing came: such people may not show in the pixels."""
        before = [place.box for place in person.between(-math.inf, since_s - self._config.hand_s)]
        boxes = np.array(before, np.float32).reshape(-1, 4)
        return bool((box_iou(person.last.box[None], boxes) >= self._config.same).any())

    def may_be_somebody(self, life: Life) -> bool:
        """Whether it is as high as who sits, or as lean as a leg: what a pillar leaves of them."""
        width_m, height_m = life.size_m
        return height_m >= self._config.least_m or (width_m < WIDTH_M / 2 and LEG * width_m <= height_m)

    def is_itself(self, thing: Thing, since_s: float, person: Person, pixels: Pixels) -> bool:
        """Whether "somebody" is the thing, mistaken for a person, who goes by the number of whoever brought it.

        They fill the same box, and do not wear what that number wore before the thing came.
        """
        config, box = self._config, person.last.box
        if self._certainty.is_certain(box):
            return False
        if self._is_imagined(thing, since_s, person, pixels):
            return True
        if filled(thing.xyxy, box) < config.itself:
            return False
        before = person.worn(since_s - config.worn_s, since_s - config.hand_s)
        off = unlike(person.last.clothes, before)
        return bool(np.isfinite(off)) and off > config.changed

    def _is_imagined(self, thing: Thing, since_s: float, person: Person, pixels: Pixels) -> bool:
        """Whether a detector imagines somebody above a visible thing: it takes that for legs, and a wall for the rest.

        Nothing shows but the thing, and whoever goes by that number wore something else wherever else they were. Who
        was nowhere else, and not there before it either, is imagined as well.
        """
        config = self._config
        if thing.standing != "stands" or covered(thing.xyxy, by=person.last.box) <= config.person_share:
            return False
        share = pixels.share_there(thing.xyxy, person.last.box)
        if share is None or share > config.empty:
            return False
        elsewhere = [p.clothes for p in person.way if covered(thing.xyxy, by=p.box) <= config.person_share]
        if not elsewhere:
            return not self._was_there(person, since_s)
        return config.changed < unlike(person.last.clothes, typical(elsewhere)) < math.inf

    def is_seen_as(self, thing: Thing, person: Person, pixels: Pixels) -> bool:
        """Whether a visible thing is what a detector calls that person: they fill one box, and nobody stands so still.

        Somebody before it would hide it, and of somebody behind it more would show.
        """
        config, box = self._config, person.last.box
        if self._certainty.is_certain(box):
            return False
        if thing.standing != "stands" or not self._fills(thing.xyxy, box, pixels):
            return False
        until_s = person.last.at_s
        boxes = np.array([place.box for place in person.between(until_s - config.still_s, until_s)])
        moved = np.abs(boxes[:, (0, 2)].mean(axis=1) - box[[0, 2]].mean()).max()
        long = until_s - person.first_s >= config.still_s
        return bool(long and moved < config.still * (box[2] - box[0]))

    def _fills(self, thing: Box, body: Box, pixels: Pixels) -> bool:
        """Whether nothing shows in a body's box but a thing, or hardly anything, if both fill one another.

        A handle that is pulled out makes the box half as high again, and is too thin to show. Who is higher than that
        may be somebody whose jacket is as dark as the wall behind them.
        """
        share, config = pixels.share_there(thing, body), self._config
        handled = float(body[3] - body[1]) <= HANDLED * float(thing[3] - thing[1])
        within = covered(thing, by=body) > config.person_share
        if share is not None and share <= config.empty and handled and within:
            return True
        return filled(thing, body) >= config.itself and (share is None or share < config.still_there)

    def shows(self, thing: Thing, person: Person, pixels: Pixels, unseen: bool) -> bool:
        """Whether more of somebody shows in the pixels than the thing; ``unseen`` where nothing was looked at.

        If not, a detector imagines them, or takes the thing for them: a head and shoulders over it make them no thing.
        Who stands before a wall as dark as their jacket hardly shows, and a detector may be certain of them.
        """
        share = pixels.share_there(thing.xyxy, person.last.box)
        if share is None:
            return unseen
        return share >= self._config.still_there or self._certainty.is_certain(person.last.box)

    def refused(self, box: Box, size_m: tuple[float, float], picture_px: tuple[int, int]) -> str:
        """Why something that stands there is none, by its size and place; empty if it may be one."""
        rule = self._rule
        if size_m[1] > max(rule.most_m, size_m[0]):
            return "tall"
        if not rule.least_m <= max(size_m) <= rule.most_m or min(size_m) < LEANEST * rule.least_m:
            return "size"
        if _is_cut(box, picture_px):
            return "cut_off"
        inside = self._yard.inside
        if (rule.zone and not inside(rule.zone, box)) or any(inside(name, box) for name in rule.except_zones):
            return "zone"
        return ""

    def sits_at_edge(self, thing: Thing, unsure: Iterable[Box], picture_px: tuple[int, int]) -> bool:
        """Whether somebody of whom the picture shows a part only is by a thing: their height says nothing of them."""
        scale = self._yard.px_per_m(foot_of(thing.xyxy)) or 0.0
        return any(
            min(float(box[0]), picture_px[0] - float(box[2])) <= TREMBLES * picture_px[0]
            and gap_px(box, thing.xyxy) <= self._config.leans_m * scale
            and filled(box, thing.xyxy) < self._config.itself
            for box in unsure
        )

    def is_light(self, life: Life, others: Iterable[Life]) -> bool:
        """Whether it came in the same moment as others, each in another place: light that fell in, not hands.

        Light makes all of them brighter, or all darker, in one colour. People who come to rest in one moment are many
        places as well, and are left out.
        """
        config, places = self._config, [foot_of(life.thing.xyxy)]
        for other in others:
            if other is life or other.covered > config.covered * other.looks:
                continue
            if not _alike(other.thing.shift, life.thing.shift):
                continue
            foot = foot_of(other.thing.xyxy)
            if self._at_once(life, other) and all(
                (self._yard.apart_m(foot, place) or 0.0) >= config.together_m for place in places
            ):
                places.append(foot)
        return len(places) >= config.together

    def fell_in_with(self, life: Life, other: Life) -> bool:
        """Whether it changed in the same moment as another, and as light changes both."""
        return self._at_once(life, other) and _alike(other.thing.shift, life.thing.shift)

    def _at_once(self, life: Life, other: Life) -> bool:
        """Whether both came sooner after one another than hands put things down."""
        apart_s = abs((other.thing.since_at - life.thing.since_at).total_seconds())
        return apart_s <= self._config.together_s

    def is_more_light(self, life: Life, beside: Iterable[Life]) -> bool:
        """Whether it changed as a patch of light beside it did, with that or later: its rim.

        Somebody stood before it as the light fell in, or the sun has moved on.
        """
        return any(
            _alike(other.thing.shift, life.thing.shift)
            for other in beside
            if other is not life and life.since_s >= other.since_s - self._config.around_s
        )


def _alike(a: Shift, b: Shift) -> bool:
    """Whether one light may have changed both places: surfaces throw back more of it or less, and of its colour.

    A warm lamp on a light and a dark floor, and on a floor and what is red already:

    >>> _alike((60.0, -24.0, 16.0), (24.0, -10.0, 6.0)), _alike((60.0, -24.0, 16.0), (24.0, -10.0, 40.0))
    (True, False)
    """
    weak, strong = (np.array(shift) for shift in sorted((a, b), key=lambda shift: abs(shift[0])))
    least = 1.0
    if abs(strong[0]) > FAINT:
        if strong[0] * weak[0] <= 0 or abs(strong[0]) > REFLECTS * abs(weak[0]):
            return False
        least = weak[0] / strong[0]
    of = float(strong[1:] @ strong[1:])
    share = np.clip(strong[1:] @ weak[1:] / of, least, 1.0) if of > 0 else 1.0
    return bool(np.abs(share * strong[1:] - weak[1:]).max() <= TINT)


def _is_cut(box: Box, picture_px: tuple[int, int]) -> bool:
    """Whether the picture's edge cuts it off: neither its size nor who stands by it can be told."""
    width, height = picture_px
    edge = EDGE * width
    return bool(box[0] <= edge or box[1] <= edge or box[2] >= width - edge or box[3] >= height - edge)
