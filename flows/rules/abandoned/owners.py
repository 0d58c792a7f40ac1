"""Whose a thing is: who brought it, who watches it, who took it. Nobody's face is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.things import Box, Thing
from flows.objects.company import Array, Company, Person, Place, covered, typical, unlike
from flows.rules.abandoned.life import Life, Owner, Watch
from flows.rules.abandoned.pixels import Pixels
from flows.rules.abandoned.sieve import Sieve
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.rules.yardstick import Yardstick, foot_of
from flows.tracking.boxes import box_iou


class Owners:
    """Tells owners from passers-by before one camera.

    Args:
        rule: The rule in the site file: how near is near.
        config: Thresholds.
        company: Everybody who is around.
        yard: Distances.
        sieve: Tells a thing from a person.
    """

    def __init__(
        self,
        rule: AbandonedObjectRule,
        config: ObjectConfig,
        company: Company,
        yard: Yardstick,
        sieve: Sieve,
    ) -> None:
        self._rule, self._config, self._company, self._yard = rule, config, company, yard
        self._sieve = sieve

    def bringers(self, thing: Thing, before_s: float, since_s: float) -> dict[int, Owner]:
        """Who stood there when it came, between ``before_s`` and ``since_s`` on the rule's clock."""
        from_s, until_s = before_s - self._config.around_s, since_s + self._config.around_s
        stood = {
            person.number: (
                [place for place in person.between(from_s, until_s) if self.at_it(thing.xyxy, place.box)],
                person,
            )
            for person in self._company.people
        }
        longest = max((len(places) for places, _ in stood.values()), default=0)
        return {
            number: Owner(
                person,
                _worn([place.clothes for place in places], person),
                tuple(p.clothes for p in person.between(since_s - self._config.worn_s, until_s)),
            )
            for number, (places, person) in stood.items()
            if places and len(places) >= self._config.stood * longest
        }

    def at_it(self, thing: Box, person: Box) -> bool:
        """Whether somebody stands so that they may have put it down, or take it: they are taller than it is."""
        height = float(person[3] - person[1])
        if height < self._config.taller * float(thing[3] - thing[1]):
            return False
        if abs(float(thing[3] - person[3])) > self._config.level * height:
            return False
        apart_m = self._yard.apart_m(foot_of(thing), foot_of(person))
        return apart_m is not None and apart_m <= self._config.close_m

    def near(self, thing: Box, person: Box) -> tuple[bool, float]:
        """Whether somebody there watches it, and how far off they are, m."""
        apart_m = self._yard.apart_m(foot_of(thing), foot_of(person))
        return (False, 0.0) if apart_m is None else (apart_m <= self._near_m, apart_m)

    @property
    def _near_m(self) -> float:
        """So near is near."""
        return self._yard.limit_m(self._rule.distance_m, self._rule.distance_widths)

    def last_near_s(self, life: Life, until_s: float) -> float:
        """When an owner was last near, from what is remembered of their ways; when it came if never since."""
        return max(
            (
                place.at_s
                for owner in life.owners.values()
                for place in owner.person.between(life.since_s, until_s)
                if self.near(life.box, place.box)[0]
                # The number may be somebody else's by now, or the thing's own.
                and not self._config.changed < unlike(place.clothes, owner.clothes) < math.inf
            ),
            default=life.since_s,
        )

    def went(self, life: Life) -> bool:
        """Whether any of its owners was seen to go from it, by their number or by their clothes.

        Numbers are exchanged: one that went on in other clothes says nothing, and somebody else's in an owner's
        clothes says that they went if it was seen so often, and never where they could not have walked. Who was there
        a while before it came, and not then, did not go from it.
        """
        config = self._config
        away = {person.number: list(self._away(life, person)) for person in self._company.people}
        for number, owner in life.owners.items():
            if not self._brought(life, owner):
                continue
            own = [place.clothes for place, _ in away.get(number, ())]
            if any(not config.changed < _unlike(clothes, owner, below=True) < math.inf for clothes in own):
                return True
            off = 0
            for whose, places in away.items():
                like = [one for one in places if unlike(one[0].clothes, owner.clothes) <= config.changed]
                if whose == number or all(self._may_have_walked(life, *one) for one in like):
                    off += len(like)
            if off >= config.twice:
                return True
        return False

    def _brought(self, life: Life, owner: Owner) -> bool:
        """Whether an owner was seen at it as it came, or a moment after."""
        config = self._config
        seen = owner.person.between(life.since_s - config.hand_s, life.since_s + config.around_s)
        return any(self.at_it(life.box, place.box) for place in seen)

    def _away(self, life: Life, person: Person) -> Iterator[tuple[Place, float]]:
        """Where somebody was since a thing came and not near it, and how far off that is, m."""
        for place in person.between(life.since_s, math.inf):
            is_near, apart_m = self.near(life.box, place.box)
            if not is_near:
                yield place, apart_m

    def _may_have_walked(self, life: Life, place: Place, apart_m: float) -> bool:
        """Whether an owner, who was last near when that was, may have come so far off by then."""
        company = self._company.config
        return apart_m <= self._near_m + company.reach_m + company.pace_mps * (place.at_s - life.left_s)

    def watch(self, life: Life, pixels: Pixels) -> Watch:
        """What is seen of its owners; who is not detected any more may still be there."""
        owners = [owner for owner in life.owners.values() if self._is_followed(life, owner, pixels)]
        people = [owner.person for owner in owners]
        seen = [p for p in people if self._company.seen_lately(p)]
        hidden = [] if seen else [o.person for o in owners if self._still_there(life, o, pixels)]
        watching = [self.near(life.box, person.last.box) for person in (*seen, *hidden)]
        return Watch(
            near=any(is_near for is_near, _ in watching)
            or any(
                self._may_be_owner(life, person)
                and not self._has_changed(life, person)
                and self._sieve.shows(life.thing, person, pixels, unseen=True)
                for person in self._others_near(life, pixels)
            ),
            in_sight=bool(watching),
            apart_m=min((apart_m for _, apart_m in watching), default=None),
            seen_s=max((person.last.at_s for person in people), default=0.0),
        )

    def outcome(self, life: Life, gone_s: float) -> Literal["reclaimed", "removed"]:
        """Who took it: its owner, known by number or by their clothes, or somebody else."""
        config = self._config
        for person in self._company.people:
            there = person.between(gone_s - config.taken_s, gone_s + config.taken_s)
            if not any(self.at_it(life.box, place.box) for place in there):
                continue
            if self._is_known(life, person) or self._may_be_owner(life, person):
                return "reclaimed"
        return "removed"

    def _is_followed(self, life: Life, owner: Owner, pixels: Pixels) -> bool:
        """Whether an owner's number is theirs: not the thing's own by now, nor somebody else's."""
        if self._is_somebody_else(life, owner):
            return False
        if self._sieve.shows(life.thing, owner.person, pixels, unseen=False):
            owner.itself = 0
            return True
        if self._sieve.is_itself(life.thing, life.since_s, owner.person, pixels):
            owner.itself += 1
            owner.gone_s = owner.person.last.at_s
            return False
        if unlike(owner.person.last.clothes, owner.clothes) <= self._config.clothes:
            owner.itself = 0
        return not owner.is_lost(self._config) and not self._sieve.is_seen_as(
            life.thing, owner.person, pixels
        )

    def _is_somebody_else(self, life: Life, owner: Owner) -> bool:
        """Whether whoever goes by an owner's number of late wears nothing that it wore when the thing came."""
        person, config = owner.person, self._config
        from_s = person.last.at_s - config.freed_s
        looks = [place.clothes for place in person.between(from_s, math.inf)]
        if from_s <= life.since_s + config.around_s or len(looks) < config.itself_looks:
            return False
        worn = _worn(looks, person)
        if not config.changed < _unlike(worn, owner) < math.inf:
            return False
        # Whoever takes their place wears other trousers.
        same_below = not config.changed < _unlike(worn, owner, below=True) < math.inf
        return not (same_below and self._has_turned(owner, from_s))

    def _has_turned(self, owner: Owner, from_s: float) -> bool:
        """Whether a number has been since then where it was last seen in what it wore: somebody who turns round.

        From behind a rucksack is all that is seen of them. Somebody else would have had to take their place.
        """
        way, config = owner.person.way, self._config
        own = [place for place in way if _unlike(place.clothes, owner) <= config.changed]
        if not own:
            return False
        since_s = min(from_s, own[-1].at_s)
        boxes = np.array([place.box for place in way if place.at_s >= since_s], np.float32)
        return bool((box_iou(own[-1].box[None], boxes) >= config.same).all())

    def _is_known(self, life: Life, person: Person) -> bool:
        """Whether somebody goes by the number of an owner who can be known by it."""
        owner = life.owners.get(person.number)
        return owner is not None and not owner.is_lost(self._config)

    def _others_near(self, life: Life, pixels: Pixels) -> Iterator[Person]:
        """Who stands near it now, is not itself what a detector takes for a person, and is no owner by number."""
        for person in self._company.people:
            if self._is_known(life, person) or not self._company.seen_lately(person):
                continue
            if self._sieve.is_seen_as(life.thing, person, pixels):
                continue
            if self.near(life.box, person.last.box)[0]:
                yield person

    def _may_be_owner(self, life: Life, person: Person) -> bool:
        """Whether somebody wears what an owner wore, and was not seen so while that owner was elsewhere."""
        limit = self._config.clothes
        for owner in life.owners.values():
            if unlike(person.clothes, owner.clothes) > limit:
                continue
            worn_s = list(_worn_s(person, owner.clothes, limit))
            # In a single look somebody else may have passed before them.
            begun_s = worn_s[1] if len(worn_s) > 1 else person.last.at_s
            twice = sum(at_s > begun_s for at_s in _worn_s(owner.person, owner.clothes, limit))
            if owner.person is person or twice < self._config.twice:
                return True
        return False

    def _has_changed(self, life: Life, person: Person) -> bool:
        """Whether somebody wears nothing of an owner's now, whatever they wore on the whole: a number went over."""
        off = [unlike(person.last.clothes, owner.clothes) for owner in life.owners.values()]
        return self._config.changed < min(off) < math.inf

    def _still_there(self, life: Life, owner: Owner, pixels: Pixels) -> bool:
        """Whether something person-like is where an owner was last detected, and has been ever since.

        Whoever stands there after the place was seen empty has come by.
        """
        person, thing = owner.person, life.thing.xyxy
        share = pixels.share_there(thing, person.last.box)
        if share is None or owner.gone_s == person.last.at_s:
            return False
        if covered(person.last.box, by=thing) > 0.5 and self._sieve.may_be_somebody(life):
            return True  # the blob is that person
        if self._sieve.is_doubtful(person.last.box, thing, pixels):
            return False
        if share <= self._config.empty:
            owner.gone_s = person.last.at_s
        return share >= self._config.still_there


def _unlike(clothes: Array, owner: Owner, below: bool = False) -> float:
    """How unlike clothes are all that was seen of an owner's when they brought it.

    What was seen in a single look does not count: somebody else may have passed before them. The lower body alone
    (``below``) looks alike from all sides: a rucksack hides the upper one.
    """
    part = slice(1 if below else 0, None)
    seen = sorted(unlike(clothes[part], worn[part]) for worn in owner.looks)[1:2]
    return min([unlike(clothes[part], owner.clothes[part]), *seen])


def _worn(clothes: Iterable[Array], person: Person) -> Array:
    """The median of what somebody wore in several looks; what they wear now if none showed it."""
    known = typical(clothes)
    return known if np.isfinite(known).all() else person.clothes.copy()


def _worn_s(person: Person, clothes: Array, limit: float) -> Iterator[float]:
    """When somebody was seen in clothes like those."""
    return (place.at_s for place in person.way if unlike(place.clothes, clothes) <= limit)
