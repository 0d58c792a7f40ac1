"""A vehicle's body moving over the ground, and the boxes that a camera then sees of it.

The lower edge of a box is not one point of the vehicle: near the camera it is the bumper's lower edge, which
hangs above the road, far away the tyres, and in oblique views another corner takes over while the vehicle
passes. Speed from the edge's middle is therefore wrong by several per cent. Here a coarse body (bumper
corners, tyre contacts, shoulders, mirrors) moves along an arc with constant acceleration, and its projected
outline is fitted to all boxes of a track at once; what is not known of the body and the survey are parameters
with priors, so their share of the error comes out in the speed's covariance. In spirit the fitted 3D boxes of
those who measure on BrnoCompSpeed (Sochor et al. 2018, Kocur & Ftacnik 2020).

Robust weights: Huber (1964), then Tukey's biweight (Beaton & Tukey 1974) with the 95 % efficient constants.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.median import median
from flows.road.ground import GroundPlane

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

HUBER: Final = 1.345
TUKEY: Final = 4.685
SETTLED: Final = 0.02
"""A step shorter than this share of the posterior's standard deviation changes nothing that is reported."""

X, Y, HEADING, SPEED, ACCELERATION, CURVATURE = range(6)
LENGTH, WIDTH, CLEARANCE, SETBACK, TAIL, SHOULDER, MIRROR, BIAS, OFFSET = range(6, 15)
SURVEY: Final = slice(15, 23)
SIZE: Final = 23
BODY: Final = slice(6, 15)


@dataclass(frozen=True, slots=True)
class BodyPrior:
    """What is known of a vehicle class's outline before it is seen; ``(mean, standard deviation)`` in metres.

    Attributes:
        length: Over the bumpers.
        width: Without mirrors.
        front_m: Height of the lower edge of the front bumper.
        rear_m: Height of the lower edge of the rear bumper or underrun guard.
        clearance_sd: Standard deviation of both heights together.
        setback: From the front bumper to the nearest tyre's contact.
        tail: The same from the rear bumper.
        shoulder: Height at which the outline is as long and as wide as the vehicle.
        mirror: How far each mirror stands out, with its spread: detectors take them in or not.
        mirror_at: Where the mirrors are: forward from the middle, share of the length, and height, m.
        taper: Width of the bumper's lower corners and the shoulders' ends, share of the width.
        track: Distance between the tyres' outer edges, share of the width.
        flank: Width of the outline over the axles, share of the width.
    """

    length: tuple[float, float]
    width: tuple[float, float]
    front_m: float
    rear_m: float
    clearance_sd: float
    setback: tuple[float, float]
    tail: tuple[float, float]
    shoulder: tuple[float, float]
    mirror: tuple[float, float]
    mirror_at: tuple[float, float]
    taper: float = 0.9
    track: float = 1.0
    flank: float = 1.0


BODIES: Final[Mapping[str, BodyPrior]] = {
    # Hatchback to van: 3.7-5.4 m, 1.65-2.1 m wide. Bumpers' lower edges are 0.15-0.25 m up, more behind. A
    # tyre is seen to touch the road a little before its axle (overhangs are 0.8-1 m).
    "car": BodyPrior(
        (4.5, 0.5),
        (1.85, 0.13),
        0.19,
        0.23,
        0.06,
        (0.85, 0.12),
        (0.85, 0.12),
        (0.60, 0.15),
        (0.13, 0.06),
        (0.18, 0.95),
    ),
    # Front underrun at most 0.4 m (UN R93), rear guard at most 0.55 m (UN R58); overhangs 1.2-1.5 m in front, behind
    # 1.2 m (tractors, short tippers) to 3.3 m (long boxes).
    "truck": BodyPrior(
        (8.0, 1.8),
        (2.42, 0.12),
        0.36,
        0.53,
        0.07,
        (1.35, 0.25),
        (2.2, 0.8),
        (1.6, 0.5),
        (0.22, 0.08),
        (0.46, 1.9),
    ),
    # City buses: 8.5-12.5 m, low bumpers, long overhangs.
    "bus": BodyPrior(
        (11.0, 1.4),
        (2.52, 0.06),
        0.30,
        0.32,
        0.06,
        (2.3, 0.4),
        (2.3, 0.4),
        (1.6, 0.5),
        (0.25, 0.08),
        (0.5, 2.2),
        0.97,
    ),
    # The wheels are the ends; a tyre's foremost point is its radius up.
    "motorcycle": BodyPrior(
        (2.1, 0.15),
        (0.75, 0.08),
        0.31,
        0.33,
        0.05,
        (0.32, 0.06),
        (0.32, 0.06),
        (0.9, 0.15),
        (0.0, 0.05),
        (0.2, 1.0),
        taper=0.2,
        track=0.2,
        flank=0.35,
    ),
}
"""Typical European dimensions, with spreads wide enough for the makes that are seen."""

UNKNOWN_BODY: Final = BodyPrior(
    (5.0, 1.5), (1.9, 0.3), 0.22, 0.28, 0.08, (1.0, 0.3), (1.0, 0.3), (0.8, 0.3), (0.1, 0.1), (0.2, 1.0)
)
"""For classes that are not in the table."""


@dataclass(frozen=True, slots=True)
class MotionPrior:
    """What is known of driving and of boxes, standard deviations.

    Attributes:
        acceleration_mps2: Free driving stays within 1; of harder braking the boxes convince.
        curvature_per_m: A curve of 50 m radius is 0.02.
        bias: Systematic misplacement of a box's lower edge, share of its height. Trained detectors are tight
            to about one per cent; the truth of a box whose lower edge is a shadowed tyre is no better.
        offset: The same in units of the edge's noise floor: a detector that sees a picture three times as
            coarse is off by a fraction of its own pixel, whatever the size of the box.
    """

    acceleration_mps2: float = 1.0
    curvature_per_m: float = 0.01
    bias: float = 0.01
    offset: float = 0.5


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of one track that a motion is fitted to.

    Attributes:
        at_s: ``(N,)`` seconds, 0 in the middle of the measured stretch.
        edges_px: ``(N, 3)`` left, right and lower edge.
        height_px: ``(N,)`` box heights.
        sigma_px: ``(N, 3)`` expected standard errors of the edges.
        floor_px: The least of them, for boxes of no size.
    """

    at_s: Array
    edges_px: Array
    height_px: Array
    sigma_px: Array
    floor_px: float


@dataclass(frozen=True, slots=True)
class Noise:
    """How much boxes really scatter, for the left, the right and the lower edge, ``(3,)`` each.

    Attributes:
        spread: Robust standard deviation of the residuals in expected ones.
        crowd: How many neighbouring residuals are worth one (first-order autoregression).
    """

    spread: Array
    crowd: Array

    @property
    def variance(self) -> Array:
        """Of one residual, as if they were independent."""
        return np.asarray(self.spread**2 * self.crowd)


@dataclass(frozen=True, slots=True)
class Motion:
    """A fitted motion.

    Attributes:
        theta: ``(23,)`` parameters, see the constants of this module.
        covariance: ``(23, 23)`` of the parameters, all causes together.
        statistical: ``(23, 23)`` what it would be were body and survey known.
        residual: ``(N, 3)`` residuals in expected standard errors.
        weight: ``(N, 3)`` robust weights, 0 to 1.
        noise: What the residuals say of the boxes.
        freedom: Independent residuals left after the fit, for Student's t.
        converged: False when the fit did not settle.
    """

    theta: Array
    covariance: Array
    statistical: Array
    residual: Array
    weight: Array
    noise: Noise
    freedom: float
    converged: bool


@dataclass(frozen=True, slots=True)
class _Outline:
    """How each of 18 points depends on the body's dimensions; the first eight can be the lower edge."""

    ends: Array
    axles: Array
    sides: Array
    mirrors: Array
    front: Array
    rear: Array
    fixed: Array
    shoulders: Array


def _outline(body: BodyPrior) -> _Outline:
    tip, tyre, mirror_end = body.taper, body.track, 2 * body.mirror_at[0]
    rows = [
        # ends, axles, sides, mirrors, front, rear, fixed, shoulders
        (1, 0, tip, 0, 1, 0, 0, 0),
        (-1, 0, tip, 0, 0, 1, 0, 0),
        (1, 1, tyre, 0, 0, 0, 0, 0),
        (-1, -1, tyre, 0, 0, 0, 0, 0),
        (1, 0, tip, 0, 0, 0, 0, 1),
        (-1, 0, tip, 0, 0, 0, 0, 1),
        (1, 1, body.flank, 0, 0, 0, 0, 1),
        (-1, -1, body.flank, 0, 0, 0, 0, 1),
        (mirror_end, 0, 1, 1, 0, 0, body.mirror_at[1], 0),
    ]
    both = np.repeat(np.array(rows, np.float64), 2, axis=0)
    both[1::2, 2:4] *= -1
    return _Outline(*both.T)


class MotionModel:
    """Boxes of one track against a body on the ground.

    Args:
        ground: The surveyed plane.
        boxes: What was seen.
        body: What is known of the vehicle's class.
        prior: What is known of driving and of boxes.
    """

    def __init__(self, ground: GroundPlane, boxes: Boxes, body: BodyPrior, prior: MotionPrior) -> None:
        self.boxes, self._body = boxes, body
        self._outline = _outline(body)
        self._camera, self._survey = ground.projection()
        self._mean = np.zeros(SIZE)
        self._mean[[LENGTH, WIDTH]] = np.log([body.length[0], body.width[0]])
        self._mean[[SETBACK, TAIL]] = body.setback[0], body.tail[0]
        self._mean[[SHOULDER, MIRROR]] = body.shoulder[0], body.mirror[0]
        sd = np.full(SIZE, np.inf)
        sd[[ACCELERATION, CURVATURE]] = prior.acceleration_mps2, prior.curvature_per_m
        sd[[LENGTH, WIDTH]] = body.length[1] / body.length[0], body.width[1] / body.width[0]
        sd[[SETBACK, TAIL]] = body.setback[1], body.tail[1]
        sd[[CLEARANCE, SHOULDER]] = body.clearance_sd, body.shoulder[1]
        sd[MIRROR], sd[BIAS], sd[SURVEY] = body.mirror[1], prior.bias, 1.0
        sd[OFFSET] = prior.offset * boxes.floor_px
        self._sd = sd

    def start(self, x_m: float, y_m: float, heading: float, speed_mps: float) -> Array:
        """Parameters to begin with: a plain motion and the class's mean body."""
        theta = self._mean.copy()
        theta[[X, Y, HEADING, SPEED]] = x_m, y_m, heading, speed_mps
        return theta

    def part(self, rows: slice) -> MotionModel:
        """The same body against some of the boxes."""
        b, model = self.boxes, copy.copy(self)
        model.boxes = Boxes(b.at_s[rows], b.edges_px[rows], b.height_px[rows], b.sigma_px[rows], b.floor_px)
        return model

    def place(self, theta: Array, at_s: Array) -> tuple[Array, Array]:
        """Middle of the body and its heading at given times.

        Args:
            theta: ``(B, 23)`` parameters.
            at_s: ``(N,)`` seconds.

        Returns:
            ``(B, N, 2)`` m and ``(B, N)`` rad.
        """
        gone = theta[:, SPEED, None] * at_s + theta[:, ACCELERATION, None] * at_s**2 / 2
        half_turn = theta[:, CURVATURE, None] * gone / 2
        chord = gone * np.sinc(half_turn / np.pi)
        bearing = theta[:, HEADING, None] + half_turn
        way = chord[..., None] * np.stack([np.cos(bearing), np.sin(bearing)], axis=-1)
        return theta[:, None, :2] + way, bearing + half_turn

    def predict(self, theta: Array) -> Array:
        """``(B, N, 3)`` left, right and lower edges, px, of the outlines of bodies ``(B, 23)``."""
        xy, heading = self.place(theta, self.boxes.at_s)
        ahead, left, up = (c[:, None] for c in self._corners(theta))
        cos, sin = np.cos(heading)[..., None], np.sin(heading)[..., None]
        camera = self._camera + np.tensordot(theta[:, SURVEY], self._survey, 1)
        x = xy[..., :1] + cos * ahead - sin * left
        y = xy[..., 1:] + sin * ahead + cos * left
        u, v, w = (
            c[:, 0] * x + c[:, 1] * y + c[:, 2] * up + c[:, 3]
            for c in np.moveaxis(camera, 1, 0)[..., None, None]
        )
        w = np.maximum(w, 1e-9)
        u, v = u / w, v[..., :8] / w[..., :8]
        low = v.max(axis=-1) + theta[:, BIAS, None] * self.boxes.height_px + theta[:, OFFSET, None]
        return np.stack([u.min(axis=-1), u.max(axis=-1), low], axis=-1)

    def _corners(self, theta: Array) -> tuple[Array, Array, Array]:
        """Points of the outlines in the bodies' axes, each ``(B, 18)``: ahead, left, up."""
        body = self._body
        front, half = np.exp(theta[:, LENGTH, None]) / 2, np.exp(theta[:, WIDTH, None]) / 2
        axles, mirror = self._outline.axles, theta[:, MIRROR, None]
        setback = np.where(axles > 0, theta[:, SETBACK, None], theta[:, TAIL, None])
        ahead = front * self._outline.ends - setback * axles
        left = half * self._outline.sides + mirror * self._outline.mirrors
        up = body.front_m * self._outline.front + body.rear_m * self._outline.rear + self._outline.fixed
        lift = theta[:, CLEARANCE, None] * (self._outline.front + self._outline.rear)
        return ahead, left, up + lift + theta[:, SHOULDER, None] * self._outline.shoulders

    def residual(self, theta: Array) -> Array:
        """``(N, 3)`` observed minus predicted edges in expected standard errors."""
        return np.asarray((self.boxes.edges_px - self.predict(theta[None])[0]) / self.boxes.sigma_px)

    def linear(self, theta: Array, free: Mask) -> tuple[Array, Array]:
        """Residuals ``(N, 3)`` and the predicted edges' slopes ``(3 N, free)``, in standard errors."""
        step = np.diag(1e-4 * np.where(np.isfinite(self._sd), self._sd, 1.0))[free]
        edges = self.predict(np.concatenate([theta[None], theta + step]))
        slope = (edges[1:] - edges[0]) / self.boxes.sigma_px / step.sum(axis=1)[:, None, None]
        residual = (self.boxes.edges_px - edges[0]) / self.boxes.sigma_px
        return residual, slope.reshape(len(step), -1).T

    def fit(self, theta: Array, free: Mask | None = None, noise: Noise | None = None) -> Motion:
        """Robust least squares from ``theta`` on.

        Args:
            theta: Where to begin.
            free: ``(23,)`` which parameters may move; all by default.
            noise: Of the boxes; estimated by default.
        """
        free = np.ones(SIZE, bool) if free is None else free
        moved, found = np.inf, noise
        for weigh, rounds in ((_huber, 6), (_tukey, 15)):
            for turn in range(rounds):
                residual, jacobian = self.linear(theta, free)
                # Fixed after a few rounds, so that the fit has something to converge to.
                if found is None or (noise is None and (weigh is _huber or turn < 3)):
                    # A start far off looks like one long error: believing in it would leave it to the priors.
                    found = _noise(residual, crowded=weigh is _tukey)
                weight = weigh(residual / found.spread) / found.variance
                theta, moved = self._step(theta, free, residual, jacobian, weight)
                if moved < SETTLED:
                    break
        assert found is not None  # there are rounds
        return self._finish(theta, free, found, moved < 10 * SETTLED)

    def _step(
        self, theta: Array, free: Mask, residual: Array, jacobian: Array, weight: Array
    ) -> tuple[Array, float]:
        """One damped Gauss-Newton step; also returns its length in standard deviations of the posterior."""
        root = np.sqrt(weight).reshape(-1)
        design = jacobian * root[:, None]
        info = self._information(free)
        normal = design.T @ design + np.diag(info)
        slope = design.T @ (residual.reshape(-1) * root) - info * (theta - self._mean)[free]
        before = self._cost(theta, residual, weight)
        damping = 0.0
        for _ in range(8):
            damped = normal + damping * np.diag(np.diag(normal))
            step = np.asarray(np.linalg.solve(damped, slope), np.float64)
            trial = theta.copy()
            trial[free] += step
            if self._cost(trial, self.residual(trial), weight) <= before * (1 + 1e-9):
                return trial, math.sqrt(max(float(step @ normal @ step), 0.0))
            damping = max(4 * damping, 1e-3)
        return theta, 0.0

    def _information(self, free: Mask) -> Array:
        return np.asarray((1.0 / self._sd**2)[free])

    def _cost(self, theta: Array, residual: Array, weight: Array) -> float:
        prior = ((theta - self._mean) / self._sd) ** 2
        return float((weight * residual**2).sum() + prior.sum())

    def _finish(self, theta: Array, free: Mask, noise: Noise, converged: bool) -> Motion:
        residual, jacobian = self.linear(theta, free)
        weight = _tukey(residual / noise.spread)
        design = jacobian * np.sqrt(weight / noise.variance).reshape(-1)[:, None]
        info = self._information(free)
        data = design.T @ design
        fitted, left = _freedom(data, info, weight, noise)
        data = data / fitted
        covariance = _embed(_inverse(data + np.diag(info)), free)
        driving = free.copy()
        driving[BODY] = driving[SURVEY] = False
        kept = driving[free]
        alone = (data + np.diag(info))[np.ix_(kept, kept)]
        statistical = _embed(_inverse(alone), driving)
        return Motion(theta, covariance, statistical, residual, weight, noise, left, converged)


def _freedom(data: Array, info: Array, weight: Array, noise: Noise) -> tuple[float, float]:
    """By how much the fit itself made the residuals' variance too small, and how many are left to tell it.

    Args:
        data: Information of the boxes on the parameters.
        info: Information of the priors.
        weight: ``(N, 3)`` robust weights.
        noise: Of the boxes.
    """
    posterior = _inverse(data + np.diag(info))
    spent = float(np.trace(posterior @ data))
    count = float((weight / noise.crowd).sum())
    return count / max(count - spent, 0.3 * count), max(count - spent, 3.0)


def _inverse(information: Array) -> Array:
    return np.asarray(np.linalg.pinv(information, hermitian=True), np.float64)


def _embed(covariance: Array, free: Mask) -> Array:
    out = np.zeros((SIZE, SIZE))
    out[np.ix_(free, free)] = covariance
    return out


def _noise(residual: Array, crowded: bool) -> Noise:
    """From residuals ``(N, 3)``: both sides together, the lower edge by itself."""
    spread = np.array([_spread(residual[:, :2])] * 2 + [_spread(residual[:, 2:])])
    if not crowded:
        return Noise(spread, np.ones(3))
    calm = np.clip(residual / spread, -3.0, 3.0)
    sides, low = _correlation(calm[:, :2]), _correlation(calm[:, 2:])
    rho = np.array([sides, sides, low])
    return Noise(spread, (1 + rho) / (1 - rho))


def _spread(residual: Array) -> float:
    """Robust standard deviation, never below a third of what is expected."""
    return max(1.4826 * median(np.abs(residual)), 0.33)


def _correlation(residual: Array) -> float:
    """Correlation of residuals ``(N, K)`` with the next ones, corrected for few samples (Kendall 1954)."""
    a, b = residual[1:], residual[:-1]
    scale = float((a * a).sum() * (b * b).sum()) ** 0.5
    raw = float((a * b).sum()) / scale if scale > 0 else 0.0
    return float(np.clip(raw + (1 + 3 * max(raw, 0.0)) / len(residual), 0.0, 0.9))


def _huber(residual: Array) -> Array:
    return HUBER / np.maximum(np.abs(residual), HUBER)


def _tukey(residual: Array) -> Array:
    return np.asarray(np.maximum(1.0 - (residual / TUKEY) ** 2, 0.0) ** 2)
