"""Who is around, from look to look: people followed by their tracks, by where they stand, and by their clothes.

The tracker follows boxes that overlap, which is sure at a camera's own rate; at a picture a second nobody who walks
overlaps with themselves, and tracks end behind pillars. Whoever watches a bag must be known all the same. No face is
looked at, and nothing is kept beyond :attr:`CompanyConfig.remembers_s`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.things import Box, PixelLook

Array = NDArray[np.float64]

PERSON_M: Final = 1.70
"""Height of a person: what turns pixels into metres where there is no survey."""
WIDTH_M: Final = 0.5
"""Width of a person across the shoulders, the other unit of distances there."""


@dataclass(frozen=True, slots=True)
class CompanyConfig:
    """Thresholds, each with its reason.

    Attributes:
        reach_m: Boxes tremble, and people who stand shift, by so much between two looks.
        pace_mps: And walk so fast.
        lost_s: Who was not seen for longer, and at least for two looks, is somebody else when seen again.
        remembers_s: How long their way is remembered.
        thins_s: Between two remembered places, besides those in which somebody appears: pictures are taken there too.
        colour: Grey levels by which clothes of one person look different from look to look, standard deviation.
        taller: Ratio of the heights of boxes up to which they may be the same person, one look later.
        doubled: Share of a blob that a detected person's box covers if the blob is that person.
        went: Widths that a blob must have moved before it is taken for somebody: light does not walk.
        upright: Height against width of a single person who stands or walks.
        trusted: Share of those who walk that the detector must have seen for it to be believed about the others: with
            less, blobs that move stand in for whom it misses.
        warm: So many must have been counted for that.
        followed: What the tracker's number of somebody weighs against place and clothes: it is a witness, no proof.
            At three pictures a second a third fewer people exchange numbers than where it decided alone.
    """

    reach_m: float = 0.5
    pace_mps: float = 2.0
    lost_s: float = 3.0
    remembers_s: float = 120.0
    thins_s: float = 0.4
    colour: float = 12.0
    taller: float = 1.7
    doubled: float = 0.4
    went: float = 0.8
    upright: tuple[float, float] = (1.7, 4.5)
    trusted: float = 0.6
    warm: int = 12
    followed: float = 0.2


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody was.

    Attributes:
        at_s: Seconds on the caller's clock.
        box: ``(4,)`` px.
        clothes: ``(2, 3)`` what they wore there; nan if that was not seen.
    """

    at_s: float
    box: Box
    clothes: Array

    @property
    def foot(self) -> Array:
        """``(2,)`` middle of the lower edge, px."""
        return np.array([(self.box[0] + self.box[2]) / 2, self.box[3]], np.float64)

    @property
    def height_px(self) -> float:
        return float(self.box[3] - self.box[1])


@dataclass(slots=True)
class Person:
    """Somebody.

    Attributes:
        number: From 1.
        way: Where they were, oldest first, thinned; the newest is the last.
        clothes: ``(2, 3)`` mean luma and colour differences of the upper and the lower body; nan if never seen.
        track: The tracker's number of them when last seen; 0 if it had none.
        detected: A detector has seen them; else only pixels have moved.
        went_px: How far from where they were first seen they have been.
        begun: Where that was.
        thinned_s: When a place was last remembered for good.
        first_s: When they were first seen.
    """

    number: int
    way: deque[Place]
    clothes: Array = field(default_factory=lambda: np.full((2, 3), np.nan))
    track: int = 0
    detected: bool = False
    went_px: float = 0.0
    begun: Array = field(default_factory=lambda: np.zeros(2))
    thinned_s: float = -math.inf
    first_s: float = 0.0

    @property
    def last(self) -> Place:
        """The newest place."""
        return self.way[-1]

    def between(self, from_s: float, until_s: float) -> Iterator[Place]:
        """Places of a stretch of time."""
        return (p for p in self.way if from_s <= p.at_s <= until_s)

    def worn(self, from_s: float, until_s: float) -> Array:
        """``(2, 3)`` what they wore then: the median of the looks; nan if none showed it."""
        return typical(p.clothes for p in self.between(from_s, until_s))


class Company:
    """Everybody before one camera, now and of late.

    Args:
        config: Thresholds; the defaults if None.
    """

    def __init__(self, config: CompanyConfig | None = None) -> None:
        self.config = config or CompanyConfig()
        self._people: list[Person] = []
        self._heights: deque[tuple[float, float]] = deque(maxlen=400)
        self._blob_heights: deque[tuple[float, float]] = deque(maxlen=400)
        self._next = 1
        self._walked = self._known = 0
        self._looks_s: deque[float] = deque(maxlen=3)

    @property
    def people(self) -> list[Person]:
        """Who is remembered: whom a detector has seen, and what has moved like somebody."""
        return [p for p in self._people if p.detected or self.walked(p)]

    def walked(self, person: Person) -> bool:
        """Whether they have been seen to move by more than boxes tremble."""
        return person.went_px >= self.config.went * float(person.last.box[2] - person.last.box[0])

    def seen_lately(self, person: Person) -> bool:
        """Whether they were seen at this look or the one before, or within a second."""
        looks = self._looks_s
        since_s = min(looks[-1] - 1.0, looks[-2] if len(looks) > 1 else looks[-1])
        return person.last.at_s >= since_s

    def see(
        self,
        boxes: Sequence[Box],
        tracks: Sequence[int],
        at_s: float,
        look: PixelLook | None,
        size: tuple[int, int],
    ) -> None:
        """Takes the people found in a frame.

        Args:
            boxes: ``(4,)`` each, full-resolution px.
            tracks: The tracker's number of each, 0 without.
            at_s: Seconds on the caller's clock, after the time before.
            look: The pixels of that frame, for the colours of clothes; None if they were not looked at.
            size: Width and height of the picture.
        """
        self._looks_s.append(at_s)
        blobs = self._undetected(boxes, look, size)
        places = [
            Place(at_s, np.asarray(box, np.float32), _clothes(box, look, size)) for box in (*boxes, *blobs)
        ]
        self._measure(places, len(boxes), size)
        ids = [*tracks, *(0 for _ in blobs)]
        free = list(range(len(places)))
        pairs = sorted(
            (cost, person.number, k, person)
            for person in self._people
            for k in free
            if (cost := self._cost(person, places[k], ids[k], at_s)) is not None
        )
        done: set[int] = set()
        for _, number, k, person in pairs:
            if number not in done and k in free:
                done.add(number)
                free.remove(k)
                self._go(person, places[k], ids[k], k < len(boxes))
        for k in free:
            person = Person(self._next, deque())
            self._next += 1
            self._people.append(person)
            person.begun, person.first_s = places[k].foot, at_s
            self._go(person, places[k], ids[k], k < len(boxes))
        self._forget(at_s)

    def px_per_m(self, foot: Array) -> float | None:
        """How large a metre is where somebody stands, by the people who stood there; None before anybody came.

        People at one row of the picture are equally far away, the median of the nearest rows is a grown-up.
        """
        known = self._heights if len(self._heights) >= 8 or not self._blob_heights else self._blob_heights
        if not known:
            return None
        rows = np.array(known)
        near = np.argsort(np.abs(rows[:, 0] - foot[1]))[:15]
        return float(np.median(rows[near, 1])) / PERSON_M

    def _undetected(self, boxes: Sequence[Box], look: PixelLook | None, size: tuple[int, int]) -> list[Box]:
        """Blobs that no detected person accounts for; none where the detector sees most who walk."""
        if look is None:
            return []
        config, missed = self.config, []
        for blob in look.movers:
            seen = any(max(covered(blob, p), covered(p, blob)) > config.doubled for p in boxes)
            if self._single(blob, size):
                self._walked += 1
                self._known += seen
            if not seen:
                missed.append(blob)
        trusted = self._walked >= config.warm and self._known >= config.trusted * self._walked
        return [] if trusted else missed

    def _single(self, box: Box, size: tuple[int, int]) -> bool:
        """Whether a box has the shape of one person, not cut off by the picture's edge."""
        cut = box[1] <= 2 or box[3] >= size[1] - 2 or box[0] <= 2 or box[2] >= size[0] - 2
        low, high = self.config.upright
        return not cut and low <= float(box[3] - box[1]) / max(float(box[2] - box[0]), 1.0) <= high

    def _measure(self, places: Sequence[Place], detected: int, size: tuple[int, int]) -> None:
        """Notes how high people are at which row of the picture; those whom its edge cuts off do not count."""
        for k, place in enumerate(places):
            if self._single(place.box, size):
                heights = self._heights if k < detected else self._blob_heights
                heights.append((float(place.foot[1]), place.height_px))

    def _cost(self, person: Person, place: Place, track: int, at_s: float) -> float | None:
        """How little a place fits a person; None if it cannot be them."""
        config, last = self.config, person.last
        followed = bool(track) and track == person.track
        gap_s = at_s - last.at_s
        looks = sum(1 for s in self._looks_s if s > last.at_s)
        if gap_s > config.lost_s and looks > 2 and not followed:
            return None
        ratio = place.height_px / max(last.height_px, 1.0)
        if not 1 / config.taller <= ratio <= config.taller and not followed:
            return None
        px_per_m = max(place.height_px, last.height_px) / PERSON_M
        apart_m = float(np.hypot(*(place.foot - self._expected(person, at_s)))) / px_per_m
        reach_m = config.reach_m + config.pace_mps * min(gap_s, config.lost_s)
        if apart_m > reach_m and not followed:
            return None
        off = np.abs(place.clothes - person.clothes)
        other = float(off.mean()) / config.colour if np.isfinite(off).all() else 1.0
        return min(apart_m / reach_m, 1.0) + 0.4 * min(other, 3.0) - config.followed * followed

    def _expected(self, person: Person, at_s: float) -> Array:
        """Where they would be, going on as before for a second at most."""
        last = person.last
        before = next((p for p in reversed(person.way) if last.at_s - p.at_s >= 0.3), None)
        if before is None or last.at_s - before.at_s > 2.5:
            return last.foot
        pace = (last.foot - before.foot) / (last.at_s - before.at_s)
        return np.asarray(last.foot + pace * min(at_s - last.at_s, 1.0))

    def _go(self, person: Person, place: Place, track: int, detected: bool) -> None:
        person.track = track or person.track
        person.detected |= detected
        person.went_px = max(person.went_px, float(np.hypot(*(place.foot - person.begun))))
        way, thins_s = person.way, self.config.thins_s
        appears = len(way) < 2 or way[-1].at_s - way[-2].at_s >= thins_s
        if not appears and place.at_s - person.thinned_s < thins_s:
            way[-1] = place
        else:
            way.append(place)
            person.thinned_s = place.at_s
        if np.isfinite(place.clothes).all():
            known = np.isfinite(person.clothes).all()
            person.clothes = 0.8 * person.clothes + 0.2 * place.clothes if known else place.clothes

    def _forget(self, at_s: float) -> None:
        oldest_s = at_s - self.config.remembers_s
        for person in self._people:
            while len(person.way) > 1 and person.way[0].at_s < oldest_s:
                person.way.popleft()
        self._people = [p for p in self._people if p.last.at_s >= oldest_s]


def typical(clothes: Iterable[Array]) -> Array:
    """``(2, 3)`` the median of what was worn in several looks; nan if none showed it."""
    known = [one for one in clothes if np.isfinite(one).all()]
    return np.median(known, axis=0) if known else np.full((2, 3), np.nan)


def unlike(a: Array, b: Array) -> float:
    """Difference of clothes ``(2, 3)``, grey levels; infinite where one was never seen.

    >>> unlike(np.array([[60.0, 130, 120], [160, 100, 160]]), np.array([[80.0, 130, 123], [160, 100, 160]]))
    10.0
    """
    off = np.abs(a - b)
    off[:, 0] /= 2  # light and shade change the luma first
    worst = off.max()
    return float(worst) if np.isfinite(worst) else math.inf


def covered(a: Box, by: Box) -> float:
    """Share of a box that another one covers."""
    width = min(float(a[2]), float(by[2])) - max(float(a[0]), float(by[0]))
    height = min(float(a[3]), float(by[3])) - max(float(a[1]), float(by[1]))
    area = float((a[2] - a[0]) * (a[3] - a[1]))
    return max(width, 0.0) * max(height, 0.0) / area if area > 0 else 0.0


def filled(a: Box, b: Box) -> float:
    """Share to which two boxes fill each other: of the one of which the other covers less."""
    return min(covered(a, by=b), covered(b, by=a))


def around(boxes: Sequence[Box]) -> Box:
    """The box round several."""
    each = np.array(boxes)
    return np.concatenate([each[:, :2].min(axis=0), each[:, 2:].max(axis=0)])


def _clothes(box: Box, look: PixelLook | None, size: tuple[int, int]) -> Array:
    """Mean cell values of the upper and the lower body, by the middle of the box."""
    out = np.full((2, 3), np.nan)
    if look is None or not look.cells.size:
        return out
    x0, y0, x1, y1 = (float(v) for v in box)
    wide, tall = x1 - x0, y1 - y0
    for row, (top, bottom) in enumerate(((0.18, 0.45), (0.55, 0.85))):
        part = np.array([x0 + 0.3 * wide, y0 + top * tall, x1 - 0.3 * wide, y0 + bottom * tall], np.float32)
        cells = look.cells[look.window(part, *size)]
        if cells.size:
            out[row] = cells.reshape(-1, 3).mean(axis=0)
    return out
