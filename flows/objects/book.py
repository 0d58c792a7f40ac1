"""Everything that newly stands still before one camera, looked at outside the motion gate."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from flows.domain.frames import Frame, Picture
from flows.domain.things import Absorbed, Look, PixelLook, Standing, Thing
from flows.objects.backgrounds import COLUMNS, Backgrounds, cells_of
from flows.objects.blobs import Mask, blobs, bounds, closed, grown, look_of, stands_out

log = logging.getLogger(__name__)

LOOKS_EVERY: Final = timedelta(seconds=0.24)
"""Four looks a second, whatever the camera's rate: what stands still needs no more."""
LEAST_CELLS: Final = 5
"""Of a blob: three by two cells less a corner."""
LEAST_SIDE: Final = 2
"""Of a blob, in cells: one cell wide is the rim of something that has not moved."""
MOST_SHARE: Final = 0.25
"""Of the picture: what covers more is no thing on the floor."""
NO_COLOUR: Final = np.array([0, 128, 128], np.float32)
"""Where the differences of colour lie when cells are kept as bytes."""
LEAST_MOVER: Final = 16
"""Cells of a blob that may be a person: a tenth of one who stands 20 m off."""
UPRIGHT: Final = 0.8
"""Height against width from which a blob may be people: two who walk side by side are as wide as high."""
STEADY_S: Final = 0.9
"""A blob must have kept its shape for so long before it is a thing: one that still grows is not all there yet."""
SAME: Final = 0.6
"""Overlap of two looks' blobs by which they are the same."""
SPLIT_S: Final = 2.0
"""The same of what stands beside a known thing: a person who stands there grows cell by cell for longer."""
GROWS_S: Final = 1.2
"""What came to stand beside a known thing so soon before or after it is the rest of it."""
BARES_S: Final = 6.0
"""Who takes a thing away hides parts of its place for so long: these are uncovered one after the other."""
LESS: Final = 0.75
"""Share of a thing's cells, or of its box, with less of which it is another: its owner, or a shadow, has gone ..."""
LESS_S: Final = 1.5
"""... for so long."""
STANDS: Final = 0.5
"""Share of a thing's cells that must still stand; with less, it has gone."""


@dataclass(slots=True)
class _Held:
    """A thing and the cells that it covers."""

    thing: Thing
    cells: Mask
    value: np.ndarray
    less_s: float = 0.0
    """For so long less of it has stood."""


@dataclass(slots=True)
class _Candidate:
    """A blob that may become a thing."""

    cells: Mask
    steady_s: float
    looks: int


class ObjectBook:
    """What newly stands still.

    :meth:`look` is called for every frame in order, outside the gate; :meth:`settle` for the same frames in the same
    order, later and maybe in another thread; :meth:`taken` there, whenever somebody asks.

    Args:
        active: Whether anybody asks; if not, nothing is looked at.
    """

    def __init__(self, active: bool) -> None:
        self._active = active
        self._grounds = Backgrounds()
        self._looks: deque[PixelLook] = deque()
        self._settled: PixelLook | None = None
        self._told: set[int] = set()  # numbers of the things in the look that was taken last
        self._due: datetime | None = None
        self._start: datetime | None = None
        self._seen_at: datetime | None = None
        self._held: list[_Held] = []
        self._candidates: list[_Candidate] = []
        self._absorbed: list[Absorbed] = []
        self._bared: list[Thing] = []
        self._next = 1
        self._size = (1, 1)

    def look(self, frame: Frame) -> None:
        """Looks at a frame, if it is time to. Needs its pixels."""
        if not self._active or (self._due is not None and frame.at < self._due):
            return
        self._due = frame.at + LOOKS_EVERY
        self._looks.append(self.see(frame.picture, frame.at))

    def settle(self, at: datetime) -> None:
        """Takes the looks up to a frame: of all that nobody asked for only the newest is kept, with what had gone."""
        while self._looks and self._looks[0].at <= at:
            seen, before = self._looks.popleft(), self._settled
            if before is not None:
                gone = [t for t in before.things if t.standing == "gone" and t.number in self._told]
                seen = replace(
                    seen, things=(*gone, *seen.things), absorbed=(*before.absorbed, *seen.absorbed)
                )
            self._settled = seen

    def taken(self) -> PixelLook | None:
        """The newest look that was settled, and what has gone since the last call; None if there was none since."""
        found, self._settled = self._settled, None
        if found is not None:
            self._told = {thing.number for thing in found.things}
        return found

    def see(self, picture: Picture, at: datetime) -> PixelLook:
        """One look."""
        cells = cells_of(picture.bgr(*_grid(picture.width_px, picture.height_px)))
        self._size = picture.width_px, picture.height_px
        self._start = self._start or at
        at_s = (at - self._start).total_seconds()
        dt_s = (at - self._seen_at).total_seconds() if self._seen_at else 0.0
        self._seen_at = at
        known = self._grounds.see(cells, at_s)
        shown = np.clip(self._grounds.in_first_light(cells) + NO_COLOUR, 0, 255).astype(np.uint8)
        if not known:
            # The place is learnt anew: nobody knows any more what stood there, and that is not to have gone.
            self._held, self._candidates = [], []
            return PixelLook(at, (), changed=np.zeros(cells.shape[:2], bool), cells=shown)
        standing = self._grounds.standing
        self._absorbed, self._bared = [], []
        gone = self._watch(standing, at, dt_s)
        self._find(standing, at, dt_s)
        gone = (*gone, *self._bared)
        things = tuple(held.thing for held in self._held)
        absorbed = tuple(self._absorbed)
        return PixelLook(at, (*gone, *things), self._movers(), self._grounds.changed, shown, absorbed)

    def _watch(self, standing: Mask, at: datetime, dt_s: float) -> tuple[Thing, ...]:
        """What the known things do; those that have gone are told for the last time."""
        gone, kept = [], []
        for held in self._held:
            state = self._state(held, standing)
            if state == "gone":
                gone.append(replace(held.thing, standing=state, gone_at=self._left_at(held, at)))
                continue
            held.thing = replace(held.thing, standing=state)
            held.less_s = held.less_s + min(dt_s, 1.5) if self._is_less(held, standing) else 0.0
            kept.append(self._less(held, standing, at) if held.less_s >= LESS_S else held)
        self._held = kept
        return tuple(gone)

    def _is_less(self, held: _Held, standing: Mask) -> bool:
        """Whether much of a thing has gone, by its cells or by their box: an arm is few cells, and high."""
        share = float(standing[held.cells].mean())
        if share < LESS or share == 1.0:
            return share < LESS
        return _area(self._box(held.cells & standing)) < LESS * _area(held.thing.xyxy)

    def _less(self, held: _Held, standing: Mask, at: datetime) -> _Held:
        """What is left of a thing from which something has gone: the largest part, as a thing of its own."""
        parts = list(blobs(closed(held.cells & standing), LEAST_CELLS))
        if not parts:
            return held
        left = self._thing(max(parts, key=np.count_nonzero), at)
        look = "early" if held.thing.look == "early" else left.thing.look
        return replace(left, thing=replace(left.thing, instead_of=held.thing.number, look=look))

    def _state(self, held: _Held, standing: Mask) -> Standing:
        grounds, cells = self._grounds, held.cells
        if float(standing[cells].mean()) < STANDS:
            return "gone"
        return "stands" if float(grounds.seen[cells].mean()) >= STANDS else "hidden"

    def _left_at(self, held: _Held, at: datetime) -> datetime:
        """When the place was first seen as it is now."""
        since = np.median(self._grounds.since_s[held.cells])
        assert self._start is not None
        left_at = self._start + timedelta(seconds=float(since))
        return min(max(left_at, held.thing.since_at), at)

    def _find(self, standing: Mask, at: datetime, dt_s: float) -> None:
        """Blobs that become a thing when they have kept their shape, and what stands beside one that is known."""
        taken = np.zeros_like(standing)
        for held in self._held:
            taken |= held.cells
        candidates = []
        for blob in blobs(closed(standing), LEAST_CELLS):
            known = bool((blob & taken).any())
            for part in blobs(blob & ~grown(taken), LEAST_CELLS) if known else (blob,):
                if part.mean() > MOST_SHARE or _is_rim(part):
                    continue
                candidate = self._steadied(part, dt_s)
                if candidate.steady_s >= (SPLIT_S if known else STEADY_S) and candidate.looks >= 2:
                    self._begin(part, at)
                else:
                    candidates.append(candidate)
        self._candidates = candidates

    def _steadied(self, blob: Mask, dt_s: float) -> _Candidate:
        """For how long a blob has kept its shape."""
        old = max(self._candidates, key=lambda c: _overlap(c.cells, blob), default=None)
        if old is None or _overlap(old.cells, blob) < SAME:
            return _Candidate(blob, 0.0, 1)
        return _Candidate(blob, old.steady_s + min(dt_s, 1.5), old.looks + 1)

    def _begin(self, blob: Mask, at: datetime) -> None:
        held = self._thing(blob, at)
        for old in self._held:
            apart_s = abs((old.thing.since_at - held.thing.since_at).total_seconds())
            if apart_s <= GROWS_S and (grown(grown(old.cells)) & blob).any():
                self._grow(old, held.cells, at)
                return
        why: Absorbed | None = None
        if held.thing.look == "light" or held.thing.look == "uncovered":
            why = held.thing.look
        elif self._grounds.restored(held.cells):
            why = "restored"
        elif self._came_slowly(held):
            why = "light"
        if why is not None:
            log.info("%s: what stands at %s is %s, no thing", at, self._box(blob).round().tolist(), why)
            self._absorbed.append(why)
            if why == "uncovered":
                self._bare(held, at)
            self._grounds.absorb(blob)
            return
        self._held.append(held)

    def _grow(self, held: _Held, cells: Mask, at: datetime) -> None:
        """Adds what has come to show of a thing: of a corner before a pillar the pillar's edge may be all there is."""
        held.cells = held.cells | cells
        look = held.thing.look
        if look == "framed":
            assert self._start is not None
            look = self._look(held.cells, (held.thing.before_at - self._start).total_seconds())
        held.thing = replace(held.thing, xyxy=self._box(held.cells), noticed_at=at, look=look)

    def _bare(self, part: _Held, at: datetime) -> None:
        """What was told before as a thing, and is the rest of a place that something was taken from.

        A bag may have been put down there since: that has edges of its own.
        """
        kept = []
        for held in self._held:
            apart_s = abs((held.thing.since_at - part.thing.since_at).total_seconds())
            whole = held.cells | part.cells
            if (
                apart_s <= BARES_S
                and (grown(grown(held.cells)) & part.cells).any()
                and look_of(whole, self._grounds.fast, self._grounds.slow) == "uncovered"
                and not stands_out(held.cells, self._grounds.fast)
            ):
                log.info("%s: what stands at %s is uncovered as well", at, held.thing.xyxy.round().tolist())
                self._bared.append(replace(held.thing, standing="gone", gone_at=at))
                self._grounds.absorb(held.cells)
            else:
                kept.append(held)
        self._held = kept

    def _came_slowly(self, held: _Held) -> bool:
        """Whether at no moment something stood there that had not before: light comes and goes so, and no thing."""
        return bool(np.median(self._grounds.since_s[held.cells]) <= self._grounds.began_s)

    def _thing(self, blob: Mask, at: datetime) -> _Held:
        grounds = self._grounds
        assert self._start is not None
        own = blob & grounds.standing
        own = own if own.any() else blob
        since_s, before_s = (float(np.median(grid[own])) for grid in (grounds.since_s, grounds.before_s))
        off = (grounds.fast - grounds.slow)[own]
        luma, blue, red = (float(v) for v in np.median(off, axis=0))
        thing = Thing(
            number=self._next,
            xyxy=self._box(blob),
            since_at=self._start + timedelta(seconds=since_s),
            before_at=self._start + timedelta(seconds=before_s),
            noticed_at=at,
            standing="stands",
            look=self._look(blob, before_s),
            contrast=float(np.median(np.abs(off).max(axis=1))) / grounds.config.luma,
            shift=(luma, blue, red),
        )
        self._next += 1
        return _Held(thing, own, grounds.fast[own].copy())

    def _look(self, blob: Mask, before_s: float) -> Look:
        """What its edges say, and whether it came early: between two looks, the first of which taught the place.

        Such a thing is not taken for the place: whoever came then may go, and leave something where they stood.
        """
        grounds = self._grounds
        look = look_of(blob, grounds.fast, grounds.slow)
        return "early" if look == "new" and before_s < grounds.began_s + grounds.config.warm_s else look

    def _movers(self) -> np.ndarray:
        """Boxes of upright blobs of what differs from the place, without what is known to stand there."""
        rest = self._grounds.changed.copy()
        for held in self._held:
            rest &= ~held.cells
        boxes = []
        for blob in blobs(closed(rest), LEAST_MOVER):
            x0, y0, x1, y1 = bounds(blob)
            if y1 - y0 >= UPRIGHT * (x1 - x0) and blob.mean() <= MOST_SHARE:
                boxes.append(self._box(blob))
        return np.array(boxes, np.float32).reshape(-1, 4)

    def _box(self, blob: Mask) -> np.ndarray:
        rows, columns = blob.shape
        x0, y0, x1, y1 = bounds(blob)
        sx, sy = self._size[0] / columns, self._size[1] / rows
        return np.array([x0 * sx, y0 * sy, x1 * sx, y1 * sy], np.float32)


def _grid(width_px: int, height_px: int) -> tuple[int, int]:
    """Columns and rows of cells."""
    columns = min(COLUMNS, width_px)
    return columns, max(1, round(height_px * columns / width_px))


def _is_rim(blob: Mask) -> bool:
    x0, y0, x1, y1 = bounds(blob)
    return min(x1 - x0, y1 - y0) < LEAST_SIDE


def _area(box: np.ndarray) -> float:
    """Of ``(4,)`` xyxy."""
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _overlap(a: Mask, b: Mask) -> float:
    """Intersection over union."""
    return float((a & b).sum()) / max(1.0, float((a | b).sum()))
