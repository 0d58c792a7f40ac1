"""Abandoned objects: a thing that somebody has put down and left.

What newly stands still is told by pixels (:mod:`flows.objects`); what it is, nobody asks: a detector that knows it
only raises the confidence. A person who stands or sits, a vehicle, a door, a screen, light, and what was there since
the start are no such things. Who brought it is told by who stood there when it came; those are its owners, and while
one of them is near, it is attended. What was brought to somebody who stays by it may be theirs, and is not told before
they have gone. Its life is ``placed -> attended -> unattended -> abandoned -> reclaimed | removed``; every bound is in
the site file.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import compress
from operator import not_
from typing import Final

from flows.domain.events import Event
from flows.domain.ruleset import VEHICLES, AbandonedObjectRule
from flows.domain.things import Box, PixelLook, Thing
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.median import median
from flows.objects.company import Company, around, covered, filled
from flows.rules.abandoned.certainty import Certainty
from flows.rules.abandoned.life import Life
from flows.rules.abandoned.owners import Owners
from flows.rules.abandoned.pixels import Pixels
from flows.rules.abandoned.present import Present
from flows.rules.abandoned.sieve import Sieve
from flows.rules.abandoned.stays import Stays
from flows.rules.abandoned.telling import Teller
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.rules.base import Moment, Site
from flows.rules.reporting import doubt
from flows.rules.yardstick import Yardstick, foot_of, gap_px

VERSION: Final = "17"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""
KNOWN: Final = 0.3
"""Share by which a detector's box and a thing must cover each other to be the same."""
BESIDE: Final = 0.3
"""Share of its size by which a thing may have been pushed, or fallen, to be still the same."""
BODIES: Final = frozenset({"tall", "somebody", "light"})
"""Why that was refused in which a detector rightly sees somebody, or over which they walk."""
PULLED_OUT: Final = 0.6
"""Share of a suitcase's height by which its handle is above it when pulled out: at a hip, 0.4 m above 0.7 m."""


class AbandonedObjects:
    """The rule of one camera; see :class:`flows.rules.base.Rule` for when it is called.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "abandoned_object"

    def __init__(
        self, config: AbandonedObjectRule, site: Site, thresholds: ObjectConfig | None = None
    ) -> None:
        self._config = config
        self._thresholds = thresholds or ObjectConfig()
        self._company = Company()
        self._yard = Yardstick(site.camera, site.ground, self._company)
        self._certainty = Certainty(self._thresholds)
        self._sieve = Sieve(config, self._thresholds, self._company, self._yard, self._certainty)
        self._owners = Owners(config, self._thresholds, self._company, self._yard, self._sieve)
        self._stays = Stays(self._thresholds, self._sieve, self._yard)
        self._present = Present(self._company)
        self._teller = Teller(VERSION, config, site.camera, self._thresholds, self._present, self._yard)
        self._pins = site.pins.open()
        self._lives: dict[int, Life] = {}
        self._refusals: Counter[str] = Counter()
        self._start: datetime | None = None
        looks_s = site.camera.gate.keep_alive_s + 1 / (site.camera.sample_hz or math.inf)
        self._gap_s = looks_s + self._thresholds.late_s
        self._looked_s = self._resumed_s = 0.0
        self._waits_s: deque[float] = deque(maxlen=self._thresholds.waits)
        self._pixels = Pixels()
        self._vehicles: list[Box] = []
        self._unsure: list[Box] = []
        self._bodies: list[Box] = []
        self._size = (0, 0)

    def refusals(self) -> dict[str, int]:
        """How often something that stood still was not taken for a thing, by reason."""
        return dict(+self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """See :meth:`flows.rules.base.Rule.observe`."""
        self._start = self._start or moment.at
        now_s = self._seconds(moment.at)
        self._go_on(now_s, moment.at)
        self._size = moment.width_px, moment.height_px
        self._yard.look_at(*self._size)
        if moment.pixels is not None:
            self._pixels = Pixels(moment.pixels, self._size)
        self._certainty.see(moment.found, moment.sure_score, now_s)
        people, unsure, bags = self._sort(moment)
        self._unsure, self._bodies = unsure, [*people, *unsure, *(box for _, box in bags)]
        self._present.keep({at: self._seconds(at) for at in self._moments()}, now_s)
        things = self._in_plain_sight()
        doubtful = [self._is_doubtful(box, things) for box in people]
        imagined, people = list(compress(people, doubtful)), list(compress(people, map(not_, doubtful)))
        self._present.see_unsure(unsure, now_s, imagined)  # in a picture whoever may be somebody is hidden
        self._stays.see([*people, *(box for box in unsure if not self._is_doubtful(box, things))], now_s)
        followed = {track.sightings[-1].xyxy.tobytes(): track.id for track in tracks}
        ids = [followed.get(box.tobytes(), 0) for box in people]
        self._company.see(people, ids, now_s, moment.pixels, self._size)
        events: list[Event] = []
        if moment.pixels is not None:
            lost = self._hear(moment.pixels, now_s)
            events += [self._teller.unwatched(life, moment, now_s) for life in lost]
        for life in list(self._lives.values()):
            events += self._live(life, bags, moment, now_s)
        self._pins.keep(self._wanted())
        return events

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """A track's end says nothing here: people are followed by this rule itself."""
        return []

    def _seconds(self, at: datetime) -> float:
        assert self._start is not None
        return (at - self._start).total_seconds()

    def _go_on(self, now_s: float, at: datetime) -> None:
        """Nobody knows where owners were while nobody looked: a detector away, a cut stream, a camera that was moved.

        What was told by then keeps its times. Where each look comes late, absences are as coarse as the looks are.
        """
        waited_s = now_s - self._looked_s
        if waited_s > self._gap_s and waited_s > self._thresholds.usual * median(self._waits_s):
            self._resumed_s = now_s
            for life in self._lives.values():
                if life.event is None:
                    life.begin_anew(now_s, at)
        self._looked_s = now_s
        self._waits_s.append(waited_s)

    def _in_plain_sight(self) -> list[Box]:
        """What has stood in plain sight for so long, by the last look, that a body over it may be imagined."""
        look = self._pixels.look
        numbers = [thing.number for thing in look.things if thing.standing == "stands"] if look else []
        lives = [self._lives[number] for number in numbers if number in self._lives]
        return [
            life.thing.xyxy
            for life in lives
            if life.shown_s >= self._thresholds.still_s and life.dismissed not in BODIES
        ]

    def _is_doubtful(self, body: Box, things: Sequence[Box]) -> bool:
        return any(self._sieve.is_doubtful(body, thing, self._pixels) for thing in things)

    def _sort(self, moment: Moment) -> tuple[list[Box], list[Box], list[tuple[str, Box]]]:
        """People, who may be one or none, and what a detector knows as a bag; vehicles are kept aside.

        Too low for people are mostly bags. And a detector that tells all that may be people tells four where there is
        one: those would bring things, and watch them.
        """
        people: list[Box] = []
        unsure: list[Box] = []
        bags: list[tuple[str, Box]] = []
        self._vehicles = []
        found = moment.found
        for cls, box, score in zip(found.class_names(), found.xyxy, found.score, strict=True):
            if cls == "person":
                is_one = score >= moment.sure_score and not self._sieve.is_low(box)
                (people if is_one else unsure).append(box)
            elif cls in self._config.classes:
                bags.append((cls, box))
            elif (cls in VEHICLES or cls == "bicycle") and not self._sieve.is_small(box):
                self._vehicles.append(box)
        return people, unsure, bags

    def _hear(self, look: PixelLook, now_s: float) -> list[Life]:
        """Takes what the pixels say; what was told of and is lost, so that people look."""
        self._refusals.update(look.absorbed)
        for thing in look.things:
            life = self._lives.get(thing.number)
            if life is None and thing.standing != "gone":
                life = self._freed(thing) or self._moved(thing) or self._begun(thing)
            if life is None:
                continue
            life.thing, life.heard_s = thing, now_s
            if self._has_grown(life):
                self._refusals[life.dismissed] -= 1
                life.dismissed = ""
            if thing.standing == "gone":
                life.gone_at, life.gone_s = thing.gone_at or look.at, now_s
        # Learnt anew (a cut, another light): nobody can say any more whether it stands there.
        silent_s = {n: now_s - life.heard_s for n, life in self._lives.items() if life.gone_at is None}
        lost = [self._lives.pop(n) for n, s in silent_s.items() if s > self._thresholds.lost_s]
        told = [life for life in lost if life.event is not None]
        self._refusals["place_learnt_anew"] += len(told)
        return told

    def _has_grown(self, life: Life) -> bool:
        """Whether it was refused for the corner that its owner did not hide, and may be a thing as it stands now."""
        if life.thing.standing == "gone":
            return False
        if life.dismissed == "framed":
            return life.thing.look == "new"
        return life.dismissed == "size" and self._refused(life) == ""

    def _begun(self, thing: Thing) -> Life:
        late = thing.noticed_at - thing.since_at > timedelta(seconds=self._thresholds.pins_s)
        life = Life(
            thing, thing.noticed_at if late else thing.since_at, since_s=self._seconds(thing.since_at)
        )
        life.before = self._stays.before(life.since_s)
        self._lives[thing.number] = life
        if thing.look != "new":
            self._dismiss(life, thing.look)
        return life

    def _freed(self, thing: Thing) -> Life | None:
        """The life of a thing of which a part has gone; None if that was none, and what is left may be one.

        Where a bared place is all that is left, somebody had stood there from the beginning, and has gone.
        """
        life = self._lives.pop(thing.instead_of, None)
        if life is None or not life.judged or life.dismissed or thing.look == "uncovered":
            return None
        self._lives[thing.number] = life
        return life

    def _moved(self, thing: Thing) -> Life | None:
        """The life of a thing that has just gone and stands beside its place again, or of which this is left.

        What has stood there since before it is said to have gone was part of it all the time. Beside what was not told
        yet, and may have been somebody's shadow, another thing may be put down.
        """
        for number, life in self._lives.items():
            if life.gone_at is None or life.dismissed:
                continue
            soon = abs((thing.since_at - life.gone_at).total_seconds()) <= self._thresholds.moves_s
            pushed = life.event is not None and soon and _is_beside(thing.xyxy, life.thing.xyxy)
            left = thing.since_at < life.gone_at and filled(thing.xyxy, life.thing.xyxy) > KNOWN
            if left or pushed:
                del self._lives[number]
                life.gone_at, life.judged = None, life.judged or life.event is not None
                self._lives[thing.number] = life
                return life
        return None

    def _dismiss(self, life: Life, why: str) -> None:
        if not life.dismissed:
            life.dismissed = why
            self._refusals[why] += 1

    def _live(self, life: Life, bags: Sequence[tuple[str, Box]], moment: Moment, now_s: float) -> list[Event]:
        """One step of a thing's life."""
        if life.gone_at is not None:
            return self._end(life, moment, now_s)
        life.show(self._thresholds, now_s, moment.at)
        if life.thing.standing == "stands":
            life.solid += any(filled(life.thing.xyxy, box) > KNOWN for box in self._bodies)
        if life.dismissed == "light" and life.is_solid(self._thresholds):
            life.dismissed = ""
            self._refusals["light"] -= 1
        if life.part_of is not None and self._is_freed(life.part_of):
            life.free(now_s, moment.at)
            self._refusals["part"] -= 1
        if life.dismissed:
            return []
        life.look(self._is_somebody(life), now_s)
        life.kept += self._sieve.sits_at_edge(life.thing, self._unsure, self._size)
        for cls, box in bags:
            if filled(life.thing.xyxy, box) > KNOWN:
                life.known_as = cls
        if not life.judged and not self._judge(life, now_s):
            return []
        life.watched(self._owners.watch(life, self._pixels), now_s, moment.at)
        return self._told(life, moment, now_s)

    def _is_somebody(self, life: Life) -> bool:
        return self._sieve.is_somebody(life.thing, life.since_s, self._vehicles, self._pixels)

    def _judge(self, life: Life, now_s: float) -> bool:
        """Whether it is a thing that somebody has put down; asked again until that is known."""
        thing = life.thing
        if life.is_somebody(self._thresholds, now_s):
            return False  # somebody who stands there; when they have gone, what stays is another blob
        if not self._measure(life):
            return False
        if self._is_light(life):
            return False
        life.owners = self._owners.bringers(thing, self._seconds(thing.before_at), life.since_s)
        if not life.owners:
            if now_s - self._seconds(thing.noticed_at) > self._thresholds.around_s:
                self._dismiss(life, "nobody_brought_it")
            return False
        life.judged = True
        life.left_s = max(self._owners.last_near_s(life, now_s), self._resumed_s)
        assert self._start is not None
        life.left_at = self._start + timedelta(seconds=life.left_s)
        return True

    def _is_light(self, life: Life) -> bool:
        """Whether it is light that fell in, or a part of that, and no detector sees a body there."""
        lives = self._lives.values()
        beside = [o for o in lives if _is_beside(o.thing.xyxy, life.box) and self._is_patch(o)]
        light = self._sieve.is_light(life, lives) or self._sieve.is_more_light(life, beside)
        light = light and not life.is_solid(self._thresholds)
        if light:
            self._dismiss(life, "light")
        return light

    def _is_patch(self, life: Life) -> bool:
        """Whether it is known to be light, or came as light does and was refused for its size before that showed."""
        if life.dismissed == "light":
            return True
        return not life.is_solid(self._thresholds) and self._sieve.is_light(life, self._lives.values())

    def _measure(self, life: Life) -> bool:
        """Whether by its size, and by its place, it may be a thing; False as long as its size is unknown."""
        why = self._refused(life)
        if why:
            self._dismiss(life, why)
        return why == ""

    def _refused(self, life: Life) -> str | None:
        """Takes its size; why by that, or by its place, it is none: empty if it may be one, None if nobody knows."""
        size = self._yard.size_m(life.box)
        if size is None:
            return None
        life.size_m = round(size[0], 2), round(size[1], 2)
        return self._sieve.refused(life.box, size, self._size)

    def _told(self, life: Life, moment: Moment, now_s: float) -> list[Event]:
        """The event when it has been alone for long enough, and once more later."""
        if life.event is not None:
            if not life.is_due_again(self._config, now_s):
                return []
            life.escalated = True
            return [self._teller.escalated(life, moment, now_s)]
        if not life.is_due(self._config, now_s) or self._is_somebody(life):
            return []
        if self._sieve.is_within_somebody(life.thing, life.since_s, self._pixels):
            return []
        if self._stays.over(life.thing.xyxy, life.since_s, self._pixels, life.before):
            return []
        if self._somebody_stays(life):
            return []
        if life.kept > self._thresholds.covered * life.looks:
            return []
        if life.shown_s < self._thresholds.keeps_s:
            return []
        if self._is_light(life) or self._is_part(life, now_s) or self._leans(life, now_s):
            return []
        if not self._measure(life):
            return []
        if self._sieve.may_be_somebody(life) and not self._owners.went(life):
            self._dismiss(life, "somebody")
            return []
        event = self._teller.abandoned(life, moment, now_s)
        life.state, life.abandoned_s, life.event = "abandoned", now_s, event
        return [event]

    def _is_part(self, life: Life, now_s: float) -> bool:
        """Whether it is part of something else, or has just taken up a part that others brought.

        Parts of what is told now are taken up into it, or into the larger where both are due. A thing may come to
        stand bit by bit, first what its owner does not hide; by then another may stand by it.
        """
        for other in self._lives.values():
            if other is life or other.gone_at is not None:
                continue
            if self._is_rim(life, other):
                self._dismiss(life, "part")
                return True
            if other.dismissed or not self._is_one(life, other):
                continue
            if other.event is not None:
                self._join(life, other)
                return True
            larger = _area(other.box) > _area(life.box)
            if not other.judged and larger and self._refused(other) == "":
                return True  # not before it is known what it is part of, unless that is too tall for a thing
            if not other.judged:
                continue
            if self._is_too_tall(around([life.box, other.box])) and not self._together(life, other):
                continue
            whole, part = (other, life) if larger and other.is_due(self._config, now_s) else (life, other)
            known = set(whole.owners)
            # With its handle pulled out a suitcase would be as high as somebody who sits.
            whole.take_up(part, grows=not _is_handle(part.box, whole.box))
            self._join(part, whole)
            if part is life or not part.owners.keys() <= known:
                return True  # not before its other owners have been looked for as well
        return False

    def _is_too_tall(self, box: Box) -> bool:
        """Whether two that came one after the other are no one thing: together they would be as high as somebody."""
        size = self._yard.size_m(box)
        return size is not None and self._sieve.refused(box, size, self._size) == "tall"

    def _join(self, part: Life, whole: Life) -> None:
        self._dismiss(part, "part")
        part.part_of = whole

    def _is_freed(self, whole: Life) -> bool:
        """Whether what was taken for a part stands alone: the whole has gone, or is no thing.

        The bag behind somebody's suitcase stays when they take that. What is part of somebody, or of what is as high
        as they are, is theirs.
        """
        if whole.part_of is not None:
            return self._is_freed(whole.part_of)
        if whole.dismissed:
            return whole.dismissed not in ("somebody", "tall")
        return all(other is not whole for other in self._lives.values())

    def _somebody_stays(self, life: Life) -> bool:
        """Whether somebody stays by it; it is counted as theirs as long as they do."""
        stays = self._stays.beside(life.box, life.since_s)
        if stays != life.stayed:
            self._refusals["somebody_stays"] += 1 if stays else -1
            life.stayed = stays
        return stays

    def _is_rim(self, life: Life, of: Life) -> bool:
        """Whether it is the rim of light on the floor, which comes by itself, or another end of it."""
        if of.dismissed != "size" or max(of.size_m) <= self._config.most_m:
            return False
        beside = self._together(life, of) and _is_beside(of.thing.xyxy, life.box)
        solid = life.is_solid(self._thresholds) or of.is_solid(self._thresholds)
        return beside or (not solid and self._sieve.fell_in_with(life, of))

    def _is_one(self, life: Life, other: Life) -> bool:
        """Whether two are one thing: one hides the other, or both are side by side and of the same people or time."""
        a, b = life.box, other.box
        if max(covered(a, by=b), covered(b, by=a)) > KNOWN:
            return True
        if not (_is_beside(a, b) or _is_beside(b, a) or _is_handle(a, b) or _is_handle(b, a)):
            return False
        return self._together(life, other) or not other.owners.keys().isdisjoint(life.owners)

    def _together(self, life: Life, other: Life) -> bool:
        """Whether both came at about one time."""
        return abs(other.since_s - life.since_s) <= self._thresholds.around_s

    def _leans(self, life: Life, now_s: float) -> bool:
        """Whether something as high as a person stands beside it: somebody, whether a detector knows it or not."""
        foot = foot_of(life.box)
        return any(
            (self._yard.apart_m(foot, foot_of(other.thing.xyxy)) or 0.0) <= self._thresholds.leans_m
            and (other.dismissed == "tall" or other.is_somebody(self._thresholds, now_s))
            for other in self._lives.values()
            if other is not life and other.gone_at is None
        )

    def _end(self, life: Life, moment: Moment, now_s: float) -> list[Event]:
        """A thing has gone: that is known when it is clear that nothing of it stands in its place, or beside that."""
        if life.judged and now_s - life.gone_s < self._thresholds.moves_s:
            return []
        self._lives = {n: other for n, other in self._lives.items() if other is not life}
        if life.event is None:
            return []
        assert life.gone_at is not None
        gone_s = self._seconds(life.gone_at)
        return [self._teller.closed(life, moment, gone_s, self._owners.outcome(life, gone_s))]

    def _moments(self) -> list[datetime]:
        """Moments that pictures may be told of: of all lives, for what was dismissed or is hidden may come back."""
        lives = self._lives.values()
        return [at for life in lives for at in (life.placed_at, life.left_at) if at is not None]

    def _wanted(self) -> list[datetime]:
        """Moments whose pictures must not be lost while a verdict may come."""
        wanted = []
        for life in self._lives.values():
            if (
                life.dismissed and life.part_of is None
            ) or life.covered > self._thresholds.covered * life.looks:
                continue
            wanted.append(life.placed_at)
            if life.left_at is not None:
                wanted.append(life.left_at)
        return wanted


def _is_beside(box: Box, of: Box) -> bool:
    """Whether a box lies so near another that they may be one thing."""
    x0, y0, x1, y1 = (float(v) for v in of)
    return gap_px(box, of) < BESIDE * max(x1 - x0, y1 - y0)


def _area(box: Box) -> float:
    """Of ``(4,)`` xyxy, px."""
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _is_handle(box: Box, of: Box) -> bool:
    """Whether a box is above another as a suitcase's handle is, whose rods are thinner than a cell."""
    above_px = float(of[1] - box[3])
    return bool(of[0] <= box[0] and box[2] <= of[2] and 0.0 <= above_px <= PULLED_OUT * float(of[3] - of[1]))


def describe(config: AbandonedObjectRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    where = f" in {config.zone}" if config.zone else ""
    but = f", not in {', '.join(config.except_zones)}" if config.except_zones else ""
    return (
        f"abandoned_object v{VERSION}: things of {config.least_m:g} to {config.most_m:g} m put down{where}{but} whose "
        f"owner is more than {config.distance_m:g} m off (or {config.distance_widths:g} widths of a person, without a "
        f"survey) for {config.away_s:g} s, or out of sight for {config.gone_s:g} s, and by which nobody stays; "
        f"again after {config.escalate_s:g} s"
        f"{doubt(profile)}"
    )
