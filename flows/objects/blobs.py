"""Cells that belong together, and what their edges say of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.things import Look

Grid = NDArray[np.float32]
Mask = NDArray[np.bool_]
Cells = NDArray[np.intp]

OLD_EDGE: Final = 0.6
"""An outline that was there before with this share of its strength is an old frame with new contents ..."""
STEP: Final = 16.0
ALL_ROUND: Final = 0.85
"""... or one of which so much stood out by so many grey levels before: a frame goes all round, the joints of tiles and
the foot of a wall do not ..."""
GHOST: Final = 1.25
"""... and one that was stronger before by this factor has gone: something was taken away."""
SAME_SURFACE: Final = 0.9
"""Correlation with what was there before from which it is the same surface in another light ..."""
TEXTURE: Final = 4.0
"""... if that surface has a pattern at all: grey levels of deviation, beyond the noise of a still cell."""
COLOURED: Final = 5.0
"""Light may change the luma and hardly the colour; grey levels."""
RING: Final = 2
"""Cells beyond a blob's outline that its surroundings are taken from."""
MOST_PAIRS: Final = 100_000
"""Of cells compared at a time: 4 MB."""


def blobs(mask: Mask, least: int) -> Iterator[Mask]:
    """Connected parts (edges and corners) of a mask with at least so many cells, by the runs of its rows.

    >>> [int(b.sum()) for b in blobs(np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool), 1)]
    [2, 2]
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    if not len(rows):
        return
    label = list(range(len(rows)))

    def root(run: int) -> int:
        while label[run] != run:
            label[run] = label[label[run]]
            run = label[run]
        return run

    first = np.searchsorted(rows, np.arange(mask.shape[0] + 1)).tolist()
    runs = list(zip(starts.tolist(), ends.tolist(), strict=True))
    for row in range(1, mask.shape[0]):
        above, above_end = first[row - 1], first[row]
        for run in range(first[row], first[row + 1]):
            start, end = runs[run]
            while above < above_end and runs[above][1] < start:
                above += 1
            other = above
            while other < above_end and runs[other][0] <= end:
                label[root(run)] = root(other)
                other += 1
    members: dict[int, list[int]] = {}
    for run in range(len(runs)):
        members.setdefault(root(run), []).append(run)
    for group in members.values():
        if sum(runs[run][1] - runs[run][0] for run in group) >= least:
            part = np.zeros_like(mask)
            for run in group:
                part[rows[run], runs[run][0] : runs[run][1]] = True
            yield part


def closed(mask: Mask) -> Mask:
    """The mask without gaps of one cell."""
    return ~grown(~grown(mask))


def grown(mask: Mask) -> Mask:
    """The mask and every cell beside it."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    wide = out.copy()
    wide[:, 1:] |= out[:, :-1]
    wide[:, :-1] |= out[:, 1:]
    return wide


def bounds(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a mask's cells, the latter two exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def look_of(blob: Mask, now: Grid, before: Grid) -> Look:
    """What a blob's edges and surface say.

    Args:
        blob: ``(rows, columns)``.
        now: ``(rows, columns, 3)`` what stands there.
        before: What was there before, in the same light.
    """
    if _relit(blob, now, before):
        return "light"
    outline, around = _outline(blob)
    if not around.any() or not outline.any():
        return "framed"
    # Against the nearest surroundings, not their mean: a bag may stand half before a wall and half on the floor.
    inside, outside = _nearest(outline, around)
    now_steps, before_steps = (_steps(inside, outside, grid) for grid in (now, before))
    edge_now, edge_before = float(now_steps.mean()), float(before_steps.mean())
    if edge_before > GHOST * edge_now:
        return "uncovered"
    old = float((before_steps >= STEP).mean()) >= ALL_ROUND
    return "framed" if old or edge_before > OLD_EDGE * edge_now else "new"


def stands_out(blob: Mask, now: Grid) -> bool:
    """Whether a blob has edges of its own: a place that has been bared looks like what is around it."""
    outline, around = _outline(blob)
    if not around.any() or not outline.any():
        return False
    return float(_steps(*_nearest(outline, around), now).mean()) >= STEP


def _relit(blob: Mask, now: Grid, before: Grid) -> bool:
    """The pattern of the surface is still there, brighter or darker."""
    a, b = before[blob], now[blob]
    if np.abs(np.median(b[:, 1:] - a[:, 1:], axis=0)).max() > COLOURED:
        return False
    x, y = a[:, 0] - a[:, 0].mean(), b[:, 0] - b[:, 0].mean()
    if x.std() < TEXTURE or y.std() < TEXTURE:
        return False
    return float(x @ y) / float(np.sqrt((x @ x) * (y @ y))) > SAME_SURFACE


def _outline(blob: Mask) -> tuple[Mask, Mask]:
    """The blob's own outermost cells, and the ring around it."""
    ring = blob
    for _ in range(RING):
        ring = grown(ring)
    inner = ~grown(~blob) & blob
    return blob & ~inner, ring & ~grown(blob)


def _nearest(outline: Mask, around: Mask) -> tuple[Cells, Cells]:
    """``(N, 2)`` rows and columns of an outline's cells, and of the nearest of its surroundings to each.

    Of several as near it is the first by rows. Nearly all lie :data:`RING` cells off and are looked for there; those of
    gaps too narrow to have surroundings of their own are compared with all, some at a time.
    """
    inside, outside = np.argwhere(outline), np.argwhere(around)
    offsets = np.argwhere(np.ones((2 * RING + 1, 2 * RING + 1), bool))
    offsets = offsets[np.argsort(np.abs(offsets - RING).max(axis=1), kind="stable")]
    rows, columns = (inside[:, None] + offsets).transpose(2, 0, 1)
    there = np.pad(around, RING)[rows, columns]
    nearest = inside + offsets[there.argmax(axis=1)] - RING
    far = np.flatnonzero(~there.any(axis=1))
    for some in np.array_split(far, 1 + len(far) * len(outside) // MOST_PAIRS):
        apart = np.abs(inside[some, None] - outside).max(axis=2)
        nearest[some] = outside[np.argmin(apart, axis=1)]
    return inside, nearest


def _steps(inside: Cells, outside: Cells, grid: Grid) -> Grid:
    """``(N,)`` step from each cell to its neighbour, in grey levels."""
    step = np.abs(grid[inside[:, 0], inside[:, 1]] - grid[outside[:, 0], outside[:, 1]])
    return np.asarray(step.max(axis=1), np.float32)
