"""Abandoned objects: a thing that somebody has put down and left.

What newly stands still is told by pixels (:mod:`flows.objects`); what it is, nobody asks: a detector that knows it
only raises the confidence. A person who stands or sits, a vehicle, a door, a screen, light, and what was there since
the start are no such things. Who brought it is told by who stood there when it came; those are its owners, and while
one of them is near, it is attended. Its life is ``placed -> attended -> unattended -> abandoned -> reclaimed |
removed``; every bound is in the site file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import numpy as np

from flows.domain.events import (
    OBJECT_ABANDONED,
    OBJECT_CLOSED,
    OBJECT_ESCALATED,
    Event,
    KeyMoment,
    Measured,
    event_id,
)
from flows.domain.objects import AbandonedObject, Xyxy
from flows.domain.ruleset import VEHICLES, AbandonedObjectRule
from flows.domain.things import Box, PixelLook, Thing
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.objects.company import WIDTH_M, Array, Company, Person, covered
from flows.rules.base import Moment, Site
from flows.rules.reporting import clock_facts, doubt
from flows.rules.yardstick import Yardstick, foot_of, gap_px

VERSION: Final = "1"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""

State = Literal["placed", "attended", "unattended", "abandoned"]


@dataclass(frozen=True, slots=True)
class ObjectConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        close_m: Who puts something down stands within an arm and a step of it.
        around_s: They were seen there within so long before or after: detectors miss people now and then, and what
            was put down shows only when they step aside.
        stood: Who only passes by is there for a shorter time than who puts something down: less than this share of it.
        least_m: Nobody who is lower brings or watches anything; a detector that does not know suitcases takes them for
            people. Who sits is 1.2 m high.
        level: Share of a person's height by which the foot of the thing may be off theirs: a bench is 0.26, a screen
            on a wall more.
        taller: Height of a person against that of what they bring: a child against a suitcase.
        person_share: A blob of which a person's box covers so much ...
        vehicle_share: A vehicle is the blob, not something before which it stands, if the blob covers so much of it.
        before_s: Who was there so long before it came is somebody else.
        person_height: ... and that is at least so high against it is that person, or has not been told from them.
        still_there: Share of the last place of somebody who is not detected any more that still differs from the
            empty place, if they are still there: they fill about half of their box.
        taken_s: Who took it was near within so long before or after it was gone.
        moves_s: A thing that is gone and another that appears beside it within so long is the same, pushed or fallen.
        clothes: Grey levels up to which somebody who comes back is taken for the owner, by their clothes.
        pins_s: The picture of its placing can be had no longer ago: packets are kept for 20 s.
        lost_s: A thing of which nothing was heard for so long without having gone is forgotten.
    """

    close_m: float = 1.5
    around_s: float = 2.5
    stood: float = 0.7
    least_m: float = 1.15
    level: float = 0.4
    taller: float = 1.25
    person_share: float = 0.6
    vehicle_share: float = 0.3
    before_s: float = 3.0
    person_height: float = 0.6
    still_there: float = 0.25
    taken_s: float = 2.5
    moves_s: float = 4.0
    clothes: float = 16.0
    pins_s: float = 12.0
    lost_s: float = 30.0


@dataclass(slots=True)
class _Life:
    """What is known of one thing.

    Attributes:
        thing: As it was last told.
        placed_at: When it came, as far as there is a picture of it.
        owners: Who brought it.
        clothes: What they wore then, whatever becomes of their tracks.
        judged: It is known to be a thing that somebody brought.
        dismissed: Why it is none; empty as long as it may be.
        owner: Whether they are still in sight.
        abandoned_s: When it was reported, on the rule's clock.
        gone_s: When it was noticed that it had gone.
        size_m: Its width and height.
        state: Where it is in its life.
        left_at: When an owner was last near.
        left_s: The same on the rule's clock.
        heard_s: When the pixels last spoke of it.
        apart_m: How far off the nearest owner was when last seen.
        looks: Looks at it, and of these those in which a person or a vehicle covered it.
        covered: See ``looks``.
        known_as: What a detector called it.
        event: Its first event, once there is one.
        escalated: Whether it was.
        gone_at: When it had gone, until that is told.
        bystanders: By moment, who else is in that picture.
    """

    thing: Thing
    placed_at: datetime
    state: State = "placed"
    owners: dict[int, Person] = field(default_factory=dict)
    clothes: list[Array] = field(default_factory=list)
    judged: bool = False
    dismissed: str = ""
    left_at: datetime | None = None
    left_s: float = 0.0
    heard_s: float = 0.0
    apart_m: float = 0.0
    owner: Literal["away", "gone"] = "gone"
    looks: int = 0
    covered: int = 0
    known_as: str = ""
    event: Event | None = None
    abandoned_s: float = 0.0
    escalated: bool = False
    gone_at: datetime | None = None
    gone_s: float = 0.0
    bystanders: dict[str, list[Xyxy]] = field(default_factory=dict)
    size_m: tuple[float, float] = (0.0, 0.0)


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
        self._config, self._site = config, site
        self._thresholds = thresholds or ObjectConfig()
        self._company = Company()
        self._yard = Yardstick(site.camera, site.ground, self._company)
        self._pins = site.pins.open()
        self._lives: dict[int, _Life] = {}
        self._refusals: Counter[str] = Counter()
        self._start: datetime | None = None
        self._look: PixelLook | None = None
        self._others: list[Box] = []
        self._size = (0, 0)

    def refusals(self) -> dict[str, int]:
        """How often something that stood still was not taken for a thing, by reason."""
        return dict(self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """See :meth:`flows.rules.base.Rule.observe`."""
        self._start = self._start or moment.at
        now_s = self._seconds(moment.at)
        self._yard.look_at(moment.width_px, moment.height_px)
        people, bags = self._sort(moment)
        followed = {track.sightings[-1].xyxy.tobytes(): track.id for track in tracks}
        ids = [followed.get(box.tobytes(), 0) for box in people]
        self._size = moment.width_px, moment.height_px
        self._company.see(people, ids, now_s, moment.pixels, self._size)
        if moment.pixels is not None:
            self._look = moment.pixels
            self._hear(moment.pixels, now_s)
        events: list[Event] = []
        for life in list(self._lives.values()):
            events += self._live(life, bags, moment, now_s)
        self._pins.keep(self._wanted(moment.at))
        return events

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """A track's end says nothing here: people are followed by this rule itself."""
        return []

    def _seconds(self, at: datetime) -> float:
        assert self._start is not None
        return (at - self._start).total_seconds()

    def _sort(self, moment: Moment) -> tuple[list[Box], list[tuple[str, Box]]]:
        """People, and what a detector knows as a bag; vehicles are kept aside."""
        people, bags, others = [], [], []
        for cls, box in zip(moment.found.class_names(), moment.found.xyxy, strict=True):
            if cls == "person" and not self._is_low(box):
                people.append(box)
            elif cls in self._config.classes:
                bags.append((cls, box))
            elif (cls in VEHICLES or cls == "bicycle") and not self._is_small(box):
                others.append(box)
        self._others = others
        return people, bags

    def _is_low(self, box: Box) -> bool:
        """Whether what a detector calls a person is too low for one."""
        size = self._yard.size_m(box)
        # Heights guessed by other people are a quarter off at times.
        return size is not None and size[1] < self._thresholds.least_m * (
            1.0 if self._yard.surveyed else 0.75
        )

    def _is_small(self, box: Box) -> bool:
        """Whether what a detector calls a vehicle is as small as what people carry."""
        size = self._yard.size_m(box)
        return size is not None and max(size) <= self._config.most_m

    def _hear(self, look: PixelLook, now_s: float) -> None:
        """Takes what the pixels say."""
        for thing in look.things:
            life = self._lives.get(thing.number)
            if life is None and thing.standing != "gone":
                life = self._moved(thing, now_s) or self._begun(thing)
            if life is None:
                continue
            life.thing, life.heard_s = thing, now_s
            if thing.standing == "gone":
                life.gone_at, life.gone_s = thing.gone_at or look.at, now_s
        silent = [n for n, life in self._lives.items() if life.gone_at is None and life.heard_s < now_s]
        for number in silent:
            # Learnt anew (a cut, another light): nobody can say any more whether it stands there.
            life = self._lives[number]
            if now_s - life.heard_s > self._thresholds.lost_s:
                self._refusals["place_learnt_anew"] += life.event is not None
                del self._lives[number]

    def _begun(self, thing: Thing) -> _Life:
        late = thing.noticed_at - thing.since_at > timedelta(seconds=self._thresholds.pins_s)
        life = _Life(thing, thing.noticed_at if late else thing.since_at)
        self._lives[thing.number] = life
        if thing.look != "new":
            self._dismiss(life, thing.look)
        return life

    def _moved(self, thing: Thing, now_s: float) -> _Life | None:
        """The life of a thing that has just gone and stands beside its place again."""
        for number, life in self._lives.items():
            if life.gone_at is None or life.dismissed:
                continue
            soon = abs((thing.since_at - life.gone_at).total_seconds()) <= self._thresholds.moves_s
            size = max(
                float(life.thing.xyxy[3] - life.thing.xyxy[1]), float(life.thing.xyxy[2] - life.thing.xyxy[0])
            )
            if soon and gap_px(thing.xyxy, life.thing.xyxy) < 0.3 * size:
                del self._lives[number]
                life.gone_at, life.judged = None, life.judged or life.event is not None
                self._lives[thing.number] = life
                return life
        return None

    def _dismiss(self, life: _Life, why: str) -> None:
        if not life.dismissed:
            life.dismissed = why
            self._refusals[why] += 1

    def _live(
        self,
        life: _Life,
        bags: Sequence[tuple[str, Box]],
        moment: Moment,
        now_s: float,
    ) -> list[Event]:
        """One step of a thing's life."""
        if life.gone_at is not None:
            return self._end(life, moment, now_s)
        if life.dismissed:
            return []
        life.looks += 1
        life.covered += self._is_somebody(life.thing)
        for cls, box in bags:
            if min(covered(life.thing.xyxy, box), covered(box, life.thing.xyxy)) > 0.3:
                life.known_as = cls
        if not life.judged and not self._judge(life, now_s):
            return []
        self._watch(life, moment, now_s)
        if life.event is not None:
            return self._escalate(life, moment, now_s)
        return self._decide(life, moment, now_s)

    def _is_somebody(self, thing: Thing) -> bool:
        """Whether a blob is a person or a vehicle, or has not been told from one."""
        config, box = self._thresholds, thing.xyxy
        if any(
            covered(box, by=other) > config.person_share and covered(other, by=box) > config.vehicle_share
            for other in self._others
        ):
            return True
        height = float(box[3] - box[1])
        came_s = self._seconds(thing.since_at) - config.before_s
        return any(
            covered(box, by=person.last.box) > config.person_share
            and height > config.person_height * person.last.height_px
            # What "stands" there since the thing does, and never walked, is the thing, mistaken for a person.
            and (self._company.walked(person) or person.first_s < came_s)
            for person in self._company.people
            if self._company.seen_lately(person)
        )

    def _judge(self, life: _Life, now_s: float) -> bool:
        """Whether it is a thing that somebody has put down; asked again until that is known."""
        box, config = life.thing.xyxy, self._config
        if life.covered * 3 > life.looks:
            return False  # somebody who stands there; when they have gone, what stays is another blob
        size = self._yard.size_m(box)
        if size is None:
            return False
        life.size_m = round(size[0], 2), round(size[1], 2)
        if not config.least_m <= max(size) <= config.most_m or min(size) < 0.3 * config.least_m:
            self._dismiss(life, "size")
            return False
        if self._is_cut(box):
            self._dismiss(life, "cut_off")
            return False
        if (config.zone and not self._yard.inside(config.zone, box)) or any(
            self._yard.inside(name, box) for name in config.except_zones
        ):
            self._dismiss(life, "zone")
            return False
        life.owners = {p.number: p for p in self._bringers(life.thing)}
        life.clothes = [p.clothes.copy() for p in life.owners.values()]
        if not life.owners:
            if now_s - self._seconds(life.thing.noticed_at) > self._thresholds.around_s:
                self._dismiss(life, "nobody_brought_it")
            return False
        life.judged = True
        self._recall(life, now_s)
        return True

    def _is_cut(self, box: Box) -> bool:
        """Whether the picture's edge cuts it off: neither its size nor who stands by it can be told."""
        width, height = self._size
        edge = 0.003 * width
        return bool(box[0] <= edge or box[1] <= edge or box[2] >= width - edge or box[3] >= height - edge)

    def _bringers(self, thing: Thing) -> list[Person]:
        """Who stood there when it came."""
        config = self._thresholds
        from_s = self._seconds(thing.before_at) - config.around_s
        until_s = self._seconds(thing.since_at) + config.around_s
        stood = {
            person.number: (
                sum(self._at_it(thing.xyxy, p.box) for p in person.between(from_s, until_s)),
                person,
            )
            for person in self._company.people
        }
        longest = max((looks for looks, _ in stood.values()), default=0)
        return [person for looks, person in stood.values() if looks and looks >= config.stood * longest]

    def _at_it(self, thing: Box, person: Box) -> bool:
        """Whether somebody stands so that they may have put it down, or take it: they are taller than it is."""
        height = float(person[3] - person[1])
        if height < self._thresholds.taller * float(thing[3] - thing[1]):
            return False
        if abs(float(thing[3] - person[3])) > self._thresholds.level * height:
            return False
        apart_m = self._yard.apart_m(foot_of(thing), foot_of(person))
        return apart_m is not None and apart_m <= self._thresholds.close_m

    def _near(self, life: _Life, box: Box) -> tuple[bool, float]:
        """Whether somebody there watches it, and how far off they are, m."""
        apart_m = self._yard.apart_m(foot_of(life.thing.xyxy), foot_of(box))
        if apart_m is None:
            return False, 0.0
        return apart_m <= self._yard.limit_m(self._config.distance_m, self._config.distance_widths), apart_m

    def _recall(self, life: _Life, now_s: float) -> None:
        """When its owners were last near, from what is remembered of their ways."""
        placed_s = self._seconds(life.thing.since_at)
        life.left_s = placed_s
        for person in life.owners.values():
            for place in person.between(placed_s, now_s):
                if self._near(life, place.box)[0]:
                    life.left_s = max(life.left_s, place.at_s)
        life.left_at = self._start + timedelta(seconds=life.left_s) if self._start else None

    def _watch(self, life: _Life, moment: Moment, now_s: float) -> None:
        """Whether an owner is near now; who is not detected any more may still be there."""
        near = False
        seen = [p for p in life.owners.values() if self._company.seen_lately(p)]
        hidden = [] if seen else [p for p in life.owners.values() if self._still_there(life, p, moment)]
        apart = []
        for person in (*seen, *hidden):
            is_near, apart_m = self._near(life, person.last.box)
            near |= is_near
            apart.append(apart_m)
        if apart:
            life.apart_m = min(apart)
        near |= any(self._dressed_alike(life, p) for p in self._watchers(life))
        life.owner = "away" if seen or hidden else "gone"
        if near:
            life.left_s, life.left_at = now_s, moment.at
        if life.event is None:
            life.state = "attended" if near else "unattended"

    def _watchers(self, life: _Life) -> list[Person]:
        """Others who stand near it now."""
        return [
            person
            for person in self._company.people
            if person.number not in life.owners
            and self._company.seen_lately(person)
            and self._near(life, person.last.box)[0]
        ]

    def _dressed_alike(self, life: _Life, person: Person) -> bool:
        """Whether somebody wears what an owner wore when they put it down: followed by a new number since."""
        return any(person.unlike(clothes) <= self._thresholds.clothes for clothes in life.clothes)

    def _still_there(self, life: _Life, person: Person, moment: Moment) -> bool:
        """Whether something person-like is where somebody was last detected."""
        look, last = self._look, person.last.box
        if look is None:
            return False
        if covered(last, by=life.thing.xyxy) > 0.5:
            return True  # the blob is that person
        share = look.share_changed(last, moment.width_px, moment.height_px)
        own = covered(last, by=life.thing.xyxy)
        return (share - own) / max(1.0 - own, 0.1) >= self._thresholds.still_there

    def _decide(self, life: _Life, moment: Moment, now_s: float) -> list[Event]:
        """The event when it has been alone for long enough."""
        if life.state != "unattended" or life.thing.standing != "stands":
            return []
        alone_s = now_s - life.left_s
        unseen_s = now_s - max(p.last.at_s for p in life.owners.values())
        due = (
            alone_s >= self._config.away_s
            if life.owner == "away"
            else min(alone_s, unseen_s) >= self._config.gone_s
        )
        if not due or self._is_somebody(life.thing):
            return []
        life.state, life.abandoned_s = "abandoned", now_s
        life.event = self._event(OBJECT_ABANDONED, life, moment, alone_s)
        return [life.event]

    def _escalate(self, life: _Life, moment: Moment, now_s: float) -> list[Event]:
        if life.escalated or now_s - life.abandoned_s < self._config.escalate_s:
            return []
        life.escalated = True
        return [self._event(OBJECT_ESCALATED, life, moment, now_s - life.left_s)]

    def _end(self, life: _Life, moment: Moment, now_s: float) -> list[Event]:
        """A thing has gone: told when it is clear that it does not stand beside its place."""
        if life.event is not None and now_s - life.gone_s < self._thresholds.moves_s:
            return []
        self._lives = {n: other for n, other in self._lives.items() if other is not life}
        if life.event is None:
            return []
        assert life.gone_at is not None
        return [self._event(OBJECT_CLOSED, life, moment, self._seconds(life.gone_at) - life.left_s)]

    def _outcome(self, life: _Life) -> Literal["reclaimed", "removed"]:
        """Who took it: its owner, known by number or by their clothes, or somebody else."""
        assert life.gone_at is not None
        gone_s, config = self._seconds(life.gone_at), self._thresholds
        for person in self._company.people:
            there = person.between(gone_s - config.taken_s, gone_s + config.taken_s)
            if not any(self._at_it(life.thing.xyxy, place.box) for place in there):
                continue
            if person.number in life.owners:
                return "reclaimed"
            if self._dressed_alike(life, person):
                return "reclaimed"
        return "removed"

    def _wanted(self, now_at: datetime) -> list[datetime]:
        """Moments whose pictures must not be lost while a verdict may come."""
        wanted = []
        for life in self._lives.values():
            if life.dismissed or (life.covered * 3 > life.looks):
                continue
            wanted.append(life.placed_at)
            if life.left_at is not None:
                wanted.append(life.left_at)
        return wanted

    def _event(self, type_: str, life: _Life, moment: Moment, alone_s: float) -> Event:
        thing, camera = life.thing, self._site.camera
        x0, y0, x1, y1 = (round(float(v), 1) for v in thing.xyxy)
        closed = type_ == OBJECT_CLOSED
        at = life.gone_at if closed and life.gone_at is not None else moment.at
        left_at = life.left_at or life.placed_at
        place = self._yard.place_m(foot_of(thing.xyxy))
        # Two things may be left in the same moment; they do not stand in the same place.
        column, row = round(x0 / max(moment.width_px, 1) * 40), round(y1 / max(moment.height_px, 1) * 40)
        first = life.event.id if life.event is not None else self._first_id(at, column, row)
        moments = self._moments(life, at, left_at, (x0, y0, x1, y1), closed)
        payload = AbandonedObject(
            rule_version=VERSION,
            object=first,
            state="closed" if closed else "escalated" if type_ == OBJECT_ESCALATED else "abandoned",
            outcome=self._outcome(life) if closed else "",
            placed_at=thing.since_at,
            left_at=left_at,
            taken_at=life.gone_at if closed else None,
            owner=life.owner,
            owner_number=min(life.owners),
            measured=self._measured(life, alone_s, moment),
            threshold={
                "distance_m": self._yard.limit_m(self._config.distance_m, self._config.distance_widths),
                "away_s": self._config.away_s,
                "gone_s": self._config.gone_s,
            },
            xyxy=(x0, y0, x1, y1),
            position_m=None if place is None else (round(float(place[0]), 2), round(float(place[1]), 2)),
            size_m=life.size_m,
            confidence=self._confidence(life),
            known_as=life.known_as,
            moments=moments,
            bystanders={m.name: self._bystanders(life, m.at) for m in moments},
            clock=clock_facts(moment.clock),
        )
        return Event.of(
            type_,
            camera_id=camera.id,
            district=camera.district,
            at=at,
            data=payload.model_dump(mode="json"),
            key=(column, row),
        )

    def _first_id(self, at: datetime, column: int, row: int) -> str:
        """The id that the first event will have; see :meth:`flows.domain.events.Event.of`."""
        from datetime import UTC

        stamp = at.astimezone(UTC).isoformat(timespec="milliseconds")
        return event_id(self._site.camera.id, OBJECT_ABANDONED, stamp, column, row)

    def _moments(
        self, life: _Life, at: datetime, left_at: datetime, xyxy: Xyxy, closed: bool
    ) -> list[KeyMoment]:
        last = KeyMoment(name="taken" if closed else "now", at=at, xyxy=xyxy)
        if closed or life.event is not None:
            return [last]
        moments = [KeyMoment(name="placing", at=life.placed_at, xyxy=xyxy)]
        if left_at > life.placed_at:
            moments.append(KeyMoment(name="leaving", at=left_at, xyxy=xyxy))
        return [*moments, last]

    def _bystanders(self, life: _Life, at: datetime) -> list[Xyxy]:
        """Who is in a picture and does not own the thing, each box wide enough for whoever trembles in it."""
        at_s, out = self._seconds(at), []
        for person in self._company.people:
            if person.number in life.owners:
                continue
            near = list(person.between(at_s - 0.6, at_s + 0.6))
            if not near:
                continue
            boxes = np.array([p.box for p in near])
            low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
            margin = 0.12 * (high - low)
            (left, top), (right, bottom) = low - margin, high + margin
            out.append(tuple(round(float(v), 1) for v in (left, top, right, bottom)))
        return out  # type: ignore[return-value]

    def _measured(self, life: _Life, alone_s: float, moment: Moment) -> dict[str, Measured]:
        error_s = 2 * moment.clock.time_error_s + 0.5
        alone = Measured(
            value=round(alone_s, 2),
            low=round(max(0.0, alone_s - error_s), 2),
            high=round(alone_s + error_s, 2),
            unit="s",
        )
        # Feet are found to a tenth of a person's height; without a survey the scale itself is good to a fifth.
        share = 0.1 if self._yard.surveyed else 0.3
        scale, unit = (1.0, "m") if self._yard.surveyed else (WIDTH_M, "widths")
        apart, spread = life.apart_m / scale, (0.2 + share * life.apart_m) / scale
        distance = Measured(
            value=round(apart, 2),
            low=round(max(0.0, apart - spread), 2),
            high=round(apart + spread, 2),
            unit=unit,
        )
        return {"alone": alone, "distance": distance}

    def _confidence(self, life: _Life) -> float:
        """Stands out, was brought by few, is known: each adds its share."""
        contrast = min(1.0, (life.thing.contrast - 1.0) / 3.0)
        alone = 1.0 if len(life.owners) == 1 else 0.5
        return round(0.5 + 0.15 * max(0.0, contrast) + 0.1 * alone + 0.25 * bool(life.known_as), 2)


def describe(config: AbandonedObjectRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    where = f" in {config.zone}" if config.zone else ""
    but = f", not in {', '.join(config.except_zones)}" if config.except_zones else ""
    return (
        f"abandoned_object v{VERSION}: things of {config.least_m:g} to {config.most_m:g} m put down{where}{but} whose "
        f"owner is more than {config.distance_m:g} m off (or {config.distance_widths:g} widths of a person, without a "
        f"survey) for {config.away_s:g} s, or out of sight for {config.gone_s:g} s; again after {config.escalate_s:g} s"
        f"{doubt(profile)}"
    )


def needs_pixels(rules: Sequence[Any]) -> bool:
    """Whether any of a camera's rules looks at what newly stands still."""
    return any(isinstance(rule, AbandonedObjectRule) for rule in rules)
