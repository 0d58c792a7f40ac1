"""Who hides whom in a picture, and what is to be seen of each: whoever stands lower in it is nearer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.events import KeyMoment
from flows.domain.paths import Waypoint
from flows.domain.tracks import Box, Track
from flows.pictures.cropping import showing, shown

Array = NDArray[np.float64]
Xyxy = tuple[float, float, float, float]

SAME: Final = 0.8
"""Boxes that have so much of each other in common are one vehicle's, tracked twice: it hides nothing of itself."""
KEPT: Final = timedelta(seconds=30.0)
"""No picture is cut from what is older: the evidence ring holds 20 s."""
UNSURE: Final = timedelta(seconds=10.0)
"""By then a tracker is sure of whom it sees: in such frames others may turn out to have been before somebody."""
LEAST_PX: Final = 1.0
"""A narrower strip shows nothing of a vehicle: but for what edges of boxes are off, a nearer one is all over it."""
ADJOINS: Final = 0.15
"""Boxes adjoin that are so near, in shares of the farther one's size: both edges are off by some pixels."""
GUESSED: Final = 0.5
"""A box that nearer ones cover so far is a guess, its upper edge as well."""
SAMPLES: Final = (np.arange(40) + 0.5) / 40
"""Where along a lower edge it is asked whether a nearer box is before it."""


class Occlusion:
    """Who hides whom in one picture; whatever is asked is worked out once, however many rules ask.

    Args:
        tracks: Those seen in it.
    """

    def __init__(self, tracks: Sequence[Track] = ()) -> None:
        self._tracks = tracks

    def covered(self, share: float) -> set[int]:
        """Numbers of the tracks whose box is covered by a nearer one to at least this share."""
        return self._numbers(np.any(self._shares >= share, axis=1))

    def cut_off(self, share: float) -> set[int]:
        """Numbers of the tracks whose box may end below where nearer ones begin, over this share of its width."""
        return self._numbers(self._cut >= share)

    @cached_property
    def crowned_over(self) -> set[int]:
        """Numbers of the tracks whose box's upper edge may be hidden by a nearer one, or guessed.

        A nearer box reaches over the edge, or nearer ones together cover so much of the box that it is a guess.
        """
        box, covers = self._box, self._shares > 0.0
        over = np.any(covers & (box[:, 1] < box[:, None, 1]), axis=1)
        for i in np.flatnonzero(~over & (self._shares.sum(axis=1) >= GUESSED)):
            over[i] = _share_hidden(box[i], box[covers[i]]) >= GUESSED
        return self._numbers(over)

    @cached_property
    def by_themselves(self) -> set[int]:
        """Numbers of the tracks near whose box is no other: nobody hides any of them, wherever they stand."""
        box = self._box
        beside = np.tile(ADJOINS * (box[:, 2:] - box[:, :2]), 2) * [-1.0, -1.0, 1.0, 1.0]
        return self._numbers(_meet(box + beside, box).sum(axis=1) == 1)  # its own

    @cached_property
    def _box(self) -> Array:
        """``(N, 4)`` px; nan where a device tells places, and nobody hides anybody."""
        return np.array([t.sightings[-1].xyxy for t in self._tracks], np.float64).reshape(-1, 4)

    @cached_property
    def _shares(self) -> Array:
        """``(N, N)`` share of the first box that the second covers; 0 if that is not nearer."""
        return np.where(_nearer(self._box), _common(self._box), 0.0)

    @cached_property
    def _cut(self) -> Array:
        """``(N,)`` share of each lower edge that nearer boxes are before."""
        box = self._box
        size = box[:, 2:] - box[:, :2]
        x = box[:, :1] + size[:, :1] * SAMPLES  # along each lower edge
        before = (x[:, None] >= box[None, :, :1]) & (x[:, None] <= box[None, :, 2:3])
        ends = box[None, :, 1] <= box[:, None, 3] + ADJOINS * size[:, None, 1]
        return np.asarray((before & (_nearer(box) & ends)[..., None]).any(axis=1).mean(axis=1))

    def _numbers(self, hold: NDArray[np.bool_]) -> set[int]:
        return {t.id for t, holds in zip(self._tracks, hold.tolist(), strict=True) if holds}


def _share_hidden(box: Array, nearer: Array) -> float:
    """Which share of a box others cover all together."""
    if len(nearer) == 1:
        return float(_common(np.vstack([box, nearer]))[0, 1])
    x, y = (box[i] + (box[i + 2] - box[i]) * SAMPLES for i in (0, 1))
    across = (x >= nearer[:, :1]) & (x <= nearer[:, 2:3])
    along = (y >= nearer[:, 1:2]) & (y <= nearer[:, 3:])
    return float((across[:, None, :] & along[:, :, None]).any(axis=0).mean())


class Rests:
    """What there is to be seen of each vehicle in each of the last frames, and of nobody else: for plates.

    A plate is read wherever it is in a crop, so whatever a nearer box covers is left out, however little, also of what
    a crop shows round the box: beside a long bus that was half of a car.
    """

    def __init__(self) -> None:
        self._nearer: dict[int, dict[datetime, Array]] = {}
        self._known: set[int] = set()
        self._seen: dict[datetime, dict[int, Box]] = {}

    def see(self, tracks: Sequence[Track], at: datetime) -> None:
        """Notes who is before whom now, and who was before the tracker was sure of somebody.

        Args:
            tracks: Those seen in this frame.
            at: Its time.
        """
        # A track remembers what is long ago thinned out, and one that has ended is gone: boxes are kept here.
        since = at - UNSURE
        self._seen = {then: boxes for then, boxes in self._seen.items() if then > since}
        # Who walks before a vehicle, or rides it, bears no plate.
        vehicles = [t for t in tracks if t.cls != "person"]
        self._seen[at] = {t.id: t.sightings[-1].xyxy for t in vehicles if t.last_at == at}
        late = set[datetime]()
        for track in (t for t in vehicles if t.id not in self._known):
            for sighting in (s for s in track.sightings if since < s.at < at):
                self._seen.setdefault(sighting.at, {})[track.id] = sighting.xyxy
                late.add(sighting.at)
        self._known.update(t.id for t in vehicles)
        for then in sorted(late | {at}):
            self._note(then)
        for nearer in self._nearer.values():
            while nearer and (oldest := next(iter(nearer))) <= at - KEPT:
                del nearer[oldest]

    def of(self, track: int, at: datetime, xyxy: Xyxy) -> Xyxy | None:
        """The box whose picture shows what is to be seen of one; None where a nearer one is all over that."""
        nearer = self._nearer.get(track, {}).get(at)
        return xyxy if nearer is None else _bare(np.array(xyxy), nearer)

    def knows(self, track: int, at: datetime) -> bool:
        """Whether it is remembered that somebody was nearer than it at that moment."""
        return at in self._nearer.get(track, {})

    def noted(self, track: int, point: Waypoint) -> Waypoint:
        """With what is to be seen of it as far as is known by now; what was cut off once stays so.

        For moments that are told of later, when nobody knows any more who was nearer, or under which number. It may be
        asked at every frame: what was noted is worked out again only while something new may be learnt of its moment.
        """
        told = point.covered or (point.shown is not None and point.at not in self._seen)
        if told or point.xyxy is None or not self.knows(track, point.at):
            return point
        rest = self.of(track, point.at, point.shown or point.xyxy)
        return replace(point, shown=rest, covered=rest is None)

    def alone(self, track: int, moments: Iterable[KeyMoment]) -> list[KeyMoment]:
        """A vehicle's moments with crops that show nothing of nearer ones, however little these cover of it.

        They keep their boxes and say what is ``shown``; where a nearer one is all over it they are ``covered``. Those
        that say so already (:meth:`noted`), or are older than what is remembered, stay as they are.
        """
        return [self._alone(track, m, m.xyxy) if m.xyxy else m for m in moments]

    def forget(self, track: int) -> None:
        """The track has ended."""
        self._nearer.pop(track, None)
        self._known.discard(track)

    def _alone(self, track: int, moment: KeyMoment, xyxy: Xyxy) -> KeyMoment:
        if moment.shown is not None or moment.covered or not self.knows(track, moment.at):
            return moment
        rest = self.of(track, moment.at, xyxy)
        return moment.model_copy(update={"covered": True} if rest is None else {"shown": inward(rest)})

    def _note(self, at: datetime) -> None:
        numbers = [*self._seen[at]]
        box = np.array([*self._seen[at].values()], np.float64).reshape(-1, 4)
        before = _nearer(box) & _meet(shown(box), box)  # boxes that are not finite meet nobody
        if not before.any():
            return
        common = _common(box)
        before &= np.minimum(common, common.T) < SAME
        for number, row in zip(numbers, before, strict=True):
            if row.any() and number in self._known:
                self._nearer.setdefault(number, {})[at] = box[row]


def inward(xyxy: Xyxy) -> Xyxy:
    """To hundredths of a pixel, and no wider.

    >>> inward((1.001, 2.0, 3.999, 4.0))
    (1.01, 2.0, 3.99, 4.0)
    """
    x0, y0 = (math.ceil(100 * v) / 100 for v in xyxy[:2])
    x1, y1 = (math.floor(100 * v) / 100 for v in xyxy[2:])
    return x0, y0, x1, y1


def _bare(box: Array, nearer: Array) -> Xyxy | None:
    """The part of a box of which a picture shows nothing of nearer ones; None with one that is all over it."""
    rest = np.array([_rest(box, nearer)])
    if _meet(rest, nearer).any():
        return None
    seen = np.array([_rest(shown(rest)[0], nearer)])
    x0, y0, x1, y1 = (float(v) for v in showing(seen)[0])
    narrow = min(x1 - x0, y1 - y0) < LEAST_PX
    return None if narrow or _meet(seen, nearer).any() else (x0, y0, x1, y1)


def _meet(box: Array, others: Array) -> NDArray[np.bool_]:
    """``(N, M)`` whether boxes ``(N, 4)`` and others ``(M, 4)`` have anything in common."""
    low = np.maximum(box[:, None, :2], others[None, :, :2])
    high = np.minimum(box[:, None, 2:], others[None, :, 2:])
    return np.asarray((high - low > 1e-6).all(axis=2))


def _rest(box: Array, nearer: Array) -> Xyxy:
    """The largest part of a box above or beside each nearer one; with one that is all over it, as it is."""
    x0, y0, x1, y1 = (float(v) for v in box)
    for left, top, right, _ in nearer:
        parts = [
            part
            for part in (
                (x0, y0, x1, min(y1, top)),
                (x0, y0, min(x1, left), y1),
                (max(x0, right), y0, x1, y1),
            )
            if part[2] > part[0] and part[3] > part[1]
        ]
        if parts:
            x0, y0, x1, y1 = max(parts, key=lambda p: (p[2] - p[0]) * (p[3] - p[1]))
    return float(x0), float(y0), float(x1), float(y1)


def _common(box: Array) -> Array:
    """``(N, N)`` share of the first box that the second covers."""
    low = np.maximum(box[:, None, :2], box[None, :, :2])
    high = np.minimum(box[:, None, 2:], box[None, :, 2:])
    area = np.maximum(np.prod(box[:, 2:] - box[:, :2], axis=1), 1e-9)
    return np.asarray(np.prod(np.clip(high - low, 0.0, None), axis=2) / area[:, None])


def _nearer(box: Array) -> NDArray[np.bool_]:
    """``(N, N)`` whether the second is nearer than the first: whoever stands lower in the picture is."""
    return np.asarray(box[None, :, 3] > box[:, None, 3])
