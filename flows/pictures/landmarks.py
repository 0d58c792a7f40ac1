"""Static landmarks of a fixed camera's picture: where they were when they were learnt, and where they are now.

A landmark is a small textured patch of the full-resolution luma plane that stayed where it was while others moved:
a house's corner, a kerb, a sign. It is found again by normalised cross-correlation (Lewis 1995), which a change of
exposure does not touch, to a fraction of a pixel by a parabola through the peak; a look at a handful of them costs
half a millisecond. A similarity (shift, turn, scale) is fitted by least median of squares (Rousseeuw 1984), so that
whatever is hidden, has driven away or is painted into the picture by the camera itself has no say. Textured patches
are chosen by the smaller eigenvalue of their gradients (Shi & Tomasi 1994).

What cannot be seen, at night, in fog, behind a lorry, is unknown and never taken for moved.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from flows.median import median, medians
from flows.road.geometry import inside_polygon
from flows.road.ground import MAX_ASPECT_CHANGE

Array = NDArray[np.float64]
Grid = NDArray[np.float32]
Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LandmarkConfig:
    """Thresholds, each with its reason; px of the full-resolution picture.

    Attributes:
        side_px: Side of a patch: large enough to be the only one of its kind nearby.
        near_px: How far from where it is expected a landmark is looked for at first.
        far_px: And round a shift of the whole picture, which is known to a few px and not to a turn of a degree.
        columns: Of the small picture in which such a shift is looked for.
        most: Landmarks kept: four looks' worth.
        a_look: Of these are looked for in one look while all is well.
        least: Fewer than these agreeing say nothing.
        candidates: Patches tried out while learning.
        buckets: Columns and rows that landmarks are spread over, so that a turn shows.
        alike: Correlation from which a patch is the landmark.
        learns_alike: The same while learning: what is barely found again is no landmark.
        steady_px: A landmark's place scatters less than this while learning.
        kept_share: And it is found in this share of the looks.
        agrees_px: Landmarks that agree with a fit are so near to it ...
        bends: ... and farther by this share of how far they have moved: a camera that pans by degrees moves the
            picture's edges farther than its middle, which no similarity does.
        agrees_share: Share of those found that must agree.
        texture: Least smaller eigenvalue of a patch's mean squared gradients, grey levels²: noise and the blocks of
            a codec have less.
        in_sight: A place still has contrast if its standard deviation is this share of the landmark's own.
        gone_share: If so many of the places have contrast ...
        left_share: ... and fewer than this show their landmark, the camera looks somewhere else.
        turn_deg: A camera that turned round its axis, or zoomed, by more than this looks somewhere else altogether.
        scale: The same for the change of scale.
    """

    side_px: int = 32
    near_px: int = 6
    far_px: int = 24
    columns: int = 320
    most: int = 24
    a_look: int = 6
    least: int = 5
    candidates: int = 72
    buckets: tuple[int, int] = (6, 4)
    alike: float = 0.6
    learns_alike: float = 0.75
    steady_px: float = 0.35
    kept_share: float = 0.7
    agrees_px: float = 0.8
    bends: float = 0.2
    agrees_share: float = 0.5
    texture: float = 25.0
    in_sight: float = 0.5
    gone_share: float = 0.35
    left_share: float = 0.2
    turn_deg: float = 20.0
    scale: float = 0.25


@dataclass(frozen=True, slots=True)
class Shift:
    """How the picture lies against the one that was learnt: ``now = turn @ then + move``, px.

    Attributes:
        turn: ``(2, 2)`` rotation and scale.
        move: ``(2,)`` px.
        found: Landmarks that agree.
        looked: Landmarks that were looked for.
        middle_px: ``(2,)`` of those that agree: where the fit is surest.
    """

    turn: Array
    move: Array
    found: int = 0
    looked: int = 0
    middle_px: Array = field(default_factory=lambda: np.zeros(2))

    @classmethod
    def none(cls) -> Self:
        """Nothing has moved."""
        return cls(np.eye(2), np.zeros(2))

    @property
    def matrix(self) -> Array:
        """``(3, 3)`` the same as a homography."""
        return np.vstack([np.column_stack([self.turn, self.move]), [0.0, 0.0, 1.0]])

    def apply(self, px: Array) -> Array:
        """Where points ``(N, 2)`` of the learnt picture are now."""
        return np.asarray(px @ self.turn.T + self.move)

    def scaled(self, factor: float) -> Shift:
        """The same of a picture that is so many times larger."""
        return replace(self, move=self.move * factor, middle_px=self.middle_px * factor)

    def at(self, px: Array) -> Array:
        """``(N, 2)`` how far points of the learnt picture have moved, px."""
        return np.asarray(self.apply(px) - px)

    @property
    def turn_deg(self) -> float:
        """Rotation in the picture's plane, degrees, clockwise as seen."""
        return math.degrees(math.atan2(self.turn[1, 0], self.turn[0, 0]))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look has shown.

    Attributes:
        shift: Where the picture lies; None if that is unknown.
        gone: Unknown although there is plenty to be seen: the camera may look somewhere else.
    """

    shift: Shift | None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The landmarks of one camera.

    Attributes:
        picture_px: Width and height of the picture they were learnt in.
        corners_px: ``(N, 2)`` left and top of each patch, whole px.
        patches: ``(N, side, side)`` float32 grey levels.
        small: ``(rows, columns)`` float32: the whole picture, for large shifts.
    """

    picture_px: tuple[int, int]
    corners_px: NDArray[np.int64]
    patches: Grid
    small: Grid
    config: LandmarkConfig = field(default_factory=LandmarkConfig)
    _wanted: dict[int, Wanted] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.corners_px)

    def to_bytes(self) -> bytes:
        """As a file holds them; see :meth:`from_bytes`."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            picture_px=np.array(self.picture_px),
            corners_px=self.corners_px,
            patches=self.patches.astype(np.float16),
            small=self.small.astype(np.float16),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, config: LandmarkConfig | None = None) -> Self:
        """Landmarks that were kept.

        Raises:
            ValueError: If these are none.
        """
        config = config or LandmarkConfig()
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                width, height = (int(v) for v in held["picture_px"])
                made = cls(
                    (width, height),
                    held["corners_px"].astype(np.int64),
                    held["patches"].astype(np.float32),
                    held["small"].astype(np.float32),
                    config,
                )
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise ValueError(f"not a file of landmarks: {error}") from error
        if made.patches.shape != (len(made), config.side_px, config.side_px) or len(made) < config.least:
            raise ValueError(f"landmarks of another form: {made.patches.shape}")
        return made

    def look(self, luma: Luma, expected: Shift, turn: int | None = None) -> Sight:
        """Looks for landmarks.

        Args:
            luma: ``(height, width)`` uint8 of the size they were learnt in.
            expected: Where the picture lay in the last look.
            turn: Which third of them; all, if None: then large shifts are looked for too.
        """
        rows = (
            np.arange(len(self)) if turn is None else np.arange(len(self))[turn % self._turns :: self._turns]
        )
        near = self._sight(luma, rows, expected, self.config.near_px)
        if near.shift is not None or turn is not None:
            return near
        coarse = coarse_shift(self.small, small_of(luma, self.config.columns))
        if coarse is None:
            return near
        moved = np.array(coarse) * (luma.shape[1] / self.small.shape[1])
        far = self._sight(luma, rows, Shift(np.eye(2), moved), self.config.far_px)
        return far if far.shift is not None else near

    @property
    def _turns(self) -> int:
        return max(1, len(self) // self.config.a_look)

    def _sight(self, luma: Luma, rows: NDArray[np.int64], expected: Shift, reach_px: int) -> Sight:
        side = self.config.side_px
        middles = np.asarray(self.corners_px[rows] + (side - 1) / 2, np.float64)
        at = np.rint(expected.at(middles)).astype(np.int64)
        if reach_px not in self._wanted:
            self._wanted[reach_px] = Wanted.of(self.patches, reach_px)
        wanted = self._wanted[reach_px].only(rows)
        peaks = search(luma, wanted, self.corners_px[rows] + at)
        offset = peaks.offset_px + at
        found = peaks.alike >= self.config.alike
        shift = fit_shift(middles[found], offset[found], self.config)
        if shift is not None and self._sane(shift):
            return Sight(replace(shift, looked=len(rows)))
        clear = peaks.contrast >= self.config.in_sight * wanted.norm / side
        seen = peaks.inside & clear
        few = found.sum() < self.config.left_share * max(1, len(rows))
        return Sight(None, bool(few and seen.sum() >= self.config.gone_share * len(rows)))

    def _sane(self, shift: Shift) -> bool:
        scale = float(np.sqrt(abs(np.linalg.det(shift.turn))))
        return abs(shift.turn_deg) <= self.config.turn_deg and abs(scale - 1.0) <= self.config.scale


@dataclass(frozen=True, slots=True)
class Peaks:
    """Where patches were found.

    Attributes:
        offset_px: ``(N, 2)`` from where they were looked for, to a fraction of a px.
        alike: ``(N,)`` correlation there, -1 to 1; 0 where the peak lies at the window's border or outside.
        contrast: ``(N,)`` standard deviation of the grey levels where each was looked for.
        inside: ``(N,)`` its window lies in the picture.
    """

    offset_px: Array
    alike: Array
    contrast: Array
    inside: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Patches made ready to be looked for.

    Attributes:
        spectrum: ``(N, size, size // 2 + 1)`` conjugated spectra of the patches without their mean.
        norm: ``(N,)`` root of their sums of squares.
        side: Of a patch, px.
        size: Of a window, px.
    """

    spectrum: NDArray[np.complex64]
    norm: Grid
    side: int
    size: int

    @classmethod
    def of(cls, patches: Grid, reach_px: int) -> Self:
        """To be looked for within ``reach_px`` of where they are expected."""
        side = patches.shape[1]
        size = side + 2 * reach_px
        centred = patches - patches.mean(axis=(1, 2), keepdims=True)
        spectrum = np.asarray(np.fft.rfft2(centred, (size, size)).conj(), np.complex64)
        return cls(spectrum, np.sqrt((centred**2).sum(axis=(1, 2))), side, size)

    def only(self, rows: NDArray[np.int64]) -> Self:
        """Some of them."""
        return replace(self, spectrum=self.spectrum[rows], norm=self.norm[rows])


def search(luma: Luma, wanted: Wanted, corners_px: NDArray[np.int64]) -> Peaks:
    """Finds patches near where they are expected, all at once.

    Args:
        luma: ``(height, width)`` uint8.
        wanted: What is looked for.
        corners_px: ``(N, 2)`` left and top where each is expected.
    """
    count, size = len(corners_px), wanted.size
    reach_px = (size - wanted.side) // 2
    low = corners_px - reach_px
    inside = np.asarray(((low >= 0) & (low + size <= np.array(luma.shape[::-1]))).all(axis=1))
    windows = np.zeros((count, size, size), np.float32)
    for k in np.flatnonzero(inside):
        x, y = low[k]
        windows[k] = luma[y : y + size, x : x + size]
    alike, contrast = correlate(windows, wanted)
    reach = alike.shape[1]
    best = alike.reshape(count, -1).argmax(axis=1)
    row, column = best // reach, best % reach
    border = (row == 0) | (row == reach - 1) | (column == 0) | (column == reach - 1)
    r, c, n = np.clip(row, 1, reach - 2), np.clip(column, 1, reach - 2), np.arange(count)
    dx = _vertex(alike[n, r, c - 1], alike[n, r, c], alike[n, r, c + 1])
    dy = _vertex(alike[n, r - 1, c], alike[n, r, c], alike[n, r + 1, c])
    offset = np.column_stack([column + dx - reach_px, row + dy - reach_px]).astype(np.float64)
    score = np.where(inside & ~border, alike[n, row, column], 0.0)
    return Peaks(offset, score.astype(np.float64), contrast.astype(np.float64), inside)


def correlate(windows: Grid, wanted: Wanted) -> tuple[Grid, Grid]:
    """``(N, R, R)`` normalised cross-correlation of patches in windows, and the contrast ``(N,)`` in the middle."""
    side, size = wanted.side, wanted.size
    reach, area = size - side + 1, side * side
    windows = windows - windows.mean(
        axis=(1, 2), keepdims=True
    )  # small numbers keep their digits in the sums
    product = np.fft.irfft2(np.fft.rfft2(windows) * wanted.spectrum, (size, size))[:, :reach, :reach]
    total, square = _sums(windows, side), _sums(windows**2, side)
    spread = np.sqrt(np.maximum(square - total**2 / area, 0.0))
    middle = reach // 2
    # What has less contrast than a grey level shows rounding, not a place.
    alike = product / (wanted.norm[:, None, None] * np.maximum(spread, side))
    return np.asarray(alike, np.float32), np.asarray(spread[:, middle, middle] / side, np.float32)


def _sums(windows: Grid, side: int) -> Grid:
    """Sums over each square of ``side`` in windows ``(N, size, size)``."""
    down = np.zeros((len(windows), windows.shape[1] + 1, windows.shape[2]), np.float32)
    np.cumsum(windows, axis=1, out=down[:, 1:])
    rows = down[:, side:] - down[:, :-side]
    across = np.zeros((len(windows), rows.shape[1], windows.shape[2] + 1), np.float32)
    np.cumsum(rows, axis=2, out=across[:, :, 1:])
    return across[:, :, side:] - across[:, :, :-side]


def _vertex(before: Grid, at: Grid, after: Grid) -> Grid:
    """Where a parabola through three neighbours is highest, from the middle one, -0.5 to 0.5."""
    bend = before - 2 * at + after
    rise = np.where(bend < -1e-6, 0.5 * (before - after) / np.where(bend < -1e-6, bend, -1.0), 0.0)
    return np.asarray(np.clip(rise, -0.5, 0.5), np.float32)


def fit_shift(then_px: Array, moved_px: Array, config: LandmarkConfig) -> Shift | None:
    """The similarity that most landmarks agree on; None if too few do.

    Args:
        then_px: ``(N, 2)`` where landmarks were.
        moved_px: ``(N, 2)`` how far each seems to have moved.
        config: Thresholds.
    """
    count = len(then_px)
    if count < config.least:
        return None
    a, b = (index.ravel() for index in np.triu_indices(count, 1))
    far = np.hypot(*(then_px[a] - then_px[b]).T) > 4 * config.side_px
    if not far.any():
        return None
    a, b = a[far], b[far]
    z, w = then_px @ [1, 1j], (then_px + moved_px) @ [1, 1j]  # a similarity of the plane is linear in them
    turn = (w[a] - w[b]) / (z[a] - z[b])
    move = w[a] - turn * z[a]
    off = np.abs(turn[:, None] * z + move[:, None] - w)
    best = int(medians(off, axis=1).argmin())
    within_px = config.agrees_px + config.bends * median(np.abs(w - z))
    agree = off[best] <= 2 * within_px
    for _ in range(2):
        if agree.sum() < config.least:
            return None
        middle = z[agree].mean()
        spread = z[agree] - middle
        scale = (spread.conj() @ (w[agree] - w[agree].mean())) / (spread.conj() @ spread).real
        shift = w[agree].mean() - scale * middle
        agree = np.abs(scale * z + shift - w) <= within_px
    if agree.sum() < max(config.least, config.agrees_share * count):
        return None
    rotation = np.array([[scale.real, -scale.imag], [scale.imag, scale.real]])
    move, middle = np.array([shift.real, shift.imag]), then_px[agree].mean(axis=0)
    return Shift(rotation, move, int(agree.sum()), count, np.asarray(middle))


def resized(luma: Luma, size_px: tuple[int, int]) -> Luma | None:
    """The picture in another size, width and height; None if it has another aspect, and so shows another view."""
    height, width = luma.shape
    if (width, height) == size_px:
        return luma
    if abs(width * size_px[1] / (height * size_px[0]) - 1.0) > MAX_ASPECT_CHANGE:
        return None
    from PIL import Image  # 6 MB that a camera whose picture keeps its size does not carry

    return np.asarray(Image.fromarray(luma).resize(size_px, Image.Resampling.BILINEAR))


def small_of(luma: Luma, columns: int) -> Grid:
    """The whole picture in ``columns`` columns: the mean of 2 x 2 samples a cell, read by stride."""
    step = max(1, luma.shape[1] // (2 * columns))
    samples = luma[step // 2 :: step, step // 2 :: step].astype(np.float32)
    rows, wide = samples.shape[0] // 2 * 2, samples.shape[1] // 2 * 2
    samples = samples[:rows, :wide]
    both = samples[0::2] + samples[1::2]
    return np.asarray((both[:, 0::2] + both[:, 1::2]) * np.float32(0.25))


def coarse_shift(then: Grid, now: Grid) -> tuple[float, float] | None:
    """Shift of the whole picture by phase correlation (Kuglin & Hines 1975), in cells; None if there is no peak."""
    if then.shape != now.shape:
        return None
    rows, columns = then.shape
    window = np.hanning(rows)[:, None] * np.hanning(columns)
    a, b = ((p - p.mean()) * window for p in (then, now))
    if min(float(np.ptp(then)), float(np.ptp(now))) < 4.0:
        return None  # a lid, fog
    cross = np.fft.rfft2(b) * np.fft.rfft2(a).conj()
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-6 * np.abs(cross).max()), then.shape)
    row, column = divmod(int(surface.argmax()), columns)
    if surface.max() < 6 * surface.std():
        return None
    return float((column + columns // 2) % columns - columns // 2), float(
        (row + rows // 2) % rows - rows // 2
    )


class Learner:
    """Chooses landmarks from a few looks at the picture, outside the places where something moves.

    Args:
        avoid_px: Polygons ``(N, 2)`` in which vehicles drive and park: used only where there is nothing else.
        config: Thresholds; the defaults if None.
        drawn_in: Width and height of the picture that those were drawn in; that which is looked at if None.
    """

    def __init__(
        self,
        avoid_px: Sequence[Array] = (),
        config: LandmarkConfig | None = None,
        drawn_in: tuple[int, int] | None = None,
    ) -> None:
        self._avoid, self._config, self._drawn_in = avoid_px, config or LandmarkConfig(), drawn_in
        self._corners = np.zeros((0, 2), np.int64)
        self._sum: Grid = np.zeros((0, 0, 0), np.float32)
        self._hits = np.zeros(0, np.int64)
        self._offsets: list[Array] = []
        self._picture_px = (0, 0)
        self._small: Grid = np.zeros((0, 0), np.float32)
        self.looks = 0

    def look(self, luma: Luma) -> None:
        """Takes one more look, a second or so after the last one."""
        size = luma.shape[1], luma.shape[0]
        if size != self._picture_px:
            self._begin(luma, size)
            return
        self.looks += 1
        if not len(self._corners):
            return
        peaks = search(luma, self._wanted, self._corners)
        found = peaks.alike >= self._config.learns_alike
        # What is common to all is the camera's own shake; what is left over is the landmark's unrest.
        common = medians(peaks.offset_px[found], axis=0) if found.any() else np.zeros(2)
        steady = found & (np.abs(peaks.offset_px - common).max(axis=1) < 3 * self._config.steady_px)
        self._offsets.append(np.where(steady[:, None], peaks.offset_px - common, np.nan))
        still = steady & (np.abs(peaks.offset_px).max(axis=1) < 0.5)
        side = self._config.side_px
        for k in np.flatnonzero(still):
            x, y = self._corners[k]
            self._sum[k] += luma[y : y + side, x : x + side]
            self._hits[k] += 1

    def landmarks(self) -> Landmarks | None:
        """What was learnt; None if the picture has too few landmarks."""
        if self.looks < 3 or not len(self._corners):
            return None
        offsets = np.stack(self._offsets)
        seen = np.isfinite(offsets[:, :, 0]).mean(axis=0)
        with np.errstate(invalid="ignore"):
            filled = np.where(np.isfinite(offsets), offsets, 0.0)
            weight = np.maximum(np.isfinite(offsets).sum(axis=0), 1)
            mean = filled.sum(axis=0) / weight
            scatter = np.sqrt((np.where(np.isfinite(offsets), offsets - mean, 0.0) ** 2).sum(axis=0) / weight)
        good = (seen >= self._config.kept_share) & (scatter.max(axis=1) < self._config.steady_px)
        rows = self._spread(np.flatnonzero(good))
        if len(rows) < self._config.least:
            return None
        patches = np.asarray(self._sum[rows] / self._hits[rows][:, None, None], np.float32)
        return Landmarks(self._picture_px, self._corners[rows], patches, self._small, self._config)

    def _begin(self, luma: Luma, size: tuple[int, int]) -> None:
        self._picture_px, self.looks = size, 0
        self._offsets = []
        self._small = small_of(luma, self._config.columns)
        scale = np.array(size) / (self._drawn_in or size)
        self._corners = textured(luma, [polygon * scale for polygon in self._avoid], self._config)
        side = self._config.side_px
        cut = [luma[y : y + side, x : x + side] for x, y in self._corners]
        self._wanted = Wanted.of(np.array(cut, np.float32).reshape(-1, side, side), self._config.near_px)
        self._sum = np.array(cut, np.float32).reshape(-1, side, side)
        self._hits = np.ones(len(cut), np.int64)

    def _spread(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The best of those rows, spread over the picture; candidates are sorted by texture already."""
        chosen = _round_robin(self._corners[rows], self._picture_px, self._config.buckets, self._config.most)
        return np.asarray(rows[chosen])


def textured(luma: Luma, avoid_px: Sequence[Array], config: LandmarkConfig) -> NDArray[np.int64]:
    """``(N, 2)`` left and top of the patches that have texture both ways, the best first, none overlapping much."""
    side, margin = config.side_px, config.near_px + 2
    height, width = luma.shape
    if min(height, width) < side + 2 * margin + 2:
        return np.zeros((0, 2), np.int64)
    half = luma[::2, ::2].astype(np.float32)  # a quarter of the memory, which a camera's actor has little of
    dx, dy = half[1:-1, 2:] - half[1:-1, :-2], half[2:, 1:-1] - half[:-2, 1:-1]
    xx, yy, xy = (_boxes(p, side // 2, side // 4) for p in (dx * dx, dy * dy, dx * dy))
    least = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    rows, columns = np.indices(least.shape)
    corners = np.column_stack([columns.ravel(), rows.ravel()]) * (side // 2) + 2
    score = np.minimum(least.ravel(), 16 * config.texture)  # beyond that place matters more
    room = np.array([width, height]) - side - margin
    usable = (score >= config.texture) & (corners >= margin).all(axis=1) & (corners <= room).all(axis=1)
    middles = np.asarray(corners + side / 2, np.float64)
    for polygon in avoid_px:
        score = np.where(inside_polygon(middles, polygon), score / 1000, score)
    corners, score = corners[usable], score[usable]
    order = np.argsort(-score, kind="stable")
    corners = corners[order]
    kept = _apart(corners, side)
    return corners[kept][_round_robin(corners[kept], (width, height), config.buckets, config.candidates)]


def _boxes(plane: Grid, side: int, step: int) -> Grid:
    """Mean over squares of ``side`` at every ``step`` px."""
    ran = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1), np.float64)
    np.cumsum(np.cumsum(plane, axis=0, dtype=np.float64), axis=1, out=ran[1:, 1:])
    sums = ran[side:, side:] - ran[:-side, side:] - ran[side:, :-side] + ran[:-side, :-side]
    return np.asarray(sums[::step, ::step] / side**2, np.float32)


def _apart(corners: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Rows, in order, that lie at least a side away from all chosen before."""
    kept: list[int] = []
    for k, corner in enumerate(corners):
        if not kept or (np.abs(corners[kept] - corner).max(axis=1) >= side).all():
            kept.append(k)
    return np.array(kept, np.int64)


def _round_robin(
    corners: NDArray[np.int64], picture_px: tuple[int, int], buckets: tuple[int, int], most: int
) -> NDArray[np.int64]:
    """Rows of the best of each part of the picture, then the second best, and so on."""
    parts: dict[tuple[int, int], list[int]] = {}
    for k, (x, y) in enumerate(corners):
        part = int(x) * buckets[0] // picture_px[0], int(y) * buckets[1] // picture_px[1]
        parts.setdefault(part, []).append(k)
    rounds = max((len(rows) for rows in parts.values()), default=0)
    chosen = [rows[i] for i in range(rounds) for rows in parts.values() if i < len(rows)]
    return np.array(chosen[:most], np.int64)
