"""A ground survey: from marked points to the homography, and what their errors leave uncertain.

Sources: Hartley & Zisserman, Multiple View Geometry, 2nd ed.: normalised DLT (alg. 4.2), errors in both
pictures (4.2.3, 4.7), covariance propagation (5.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import CalibrationError
from flows.domain.site import CalibrationConfig

Array = NDArray[np.float64]

MIN_SPREAD = 10.0
"""Points must span this many stated errors across their narrowest direction, else they are a line."""
MARK_SIGMAS = 3.0
"""A point marked at the picture's edge may lie so many stated errors beyond it; one further out was marked in another
picture."""
MAX_CONDITION = 1e10
"""Condition of the whitened normal equations above which the points do not determine eight parameters."""
CHI2_QUANTILE_Z = 3.09
"""Standard normal quantile of 0.999: a survey worse than all but one of 1000 honest ones is refused."""


@dataclass(frozen=True, slots=True)
class SurveyResidual:
    """How well the surveyed points agree with one plane.

    Attributes:
        rms_px: Root mean square distance between marked and predicted points in the picture, px.
        rms_m: The same on the ground, m.
        worst_index: Index of the worst point (in stated errors).
        worst_px: Its distance in the picture, px.
        worst_m: Its distance on the ground, m.
        chi2: Sum of squared residuals in stated errors.
        dof: Degrees of freedom, ``2 N - 8``; 0 means that nothing checks the survey.
    """

    rms_px: float
    rms_m: float
    worst_index: int
    worst_px: float
    worst_m: float
    chi2: float
    dof: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What a survey determines.

    Attributes:
        h: ``(3, 3)`` homography, ground metres to picture px; third coordinate positive before the camera.
        modes: ``(8, 3, 3)`` its independent one-sigma changes within the survey's errors.
        residual: How well the points agree.
        condition: Condition of the normal equations; a large one means badly spread points.
    """

    h: Array
    modes: Array
    residual: SurveyResidual
    condition: float


def fit_survey(config: CalibrationConfig, field: str = "calibration") -> Survey:
    """Fits the homography to surveyed points by errors-in-variables least squares.

    Args:
        config: The survey.
        field: Dotted path used in error messages.

    Raises:
        CalibrationError: If the points do not determine a plane or contradict their stated errors.
    """
    px = np.array([p.px for p in config.points], np.float64).reshape(-1, 2)
    m = np.array([p.m for p in config.points], np.float64).reshape(-1, 2)
    _check_points(px, m, config, f"{field}.points")
    to_px, to_m = _normaliser(px), _normaliser(m)
    normal = _dlt(_map(to_px, px), _map(to_m, m), f"{field}.points")
    back = inverse(to_px)
    h, covariance, condition = _refine(normal, back, to_m, px, m, config)
    if not condition < MAX_CONDITION:
        raise CalibrationError(
            f"{field}.points", "points that determine the plane", f"condition {condition:.1e}",
            "survey points that form no line: near and far, left and right",
        )  # fmt: skip
    if np.any(homogeneous(m) @ h[2] <= 0):
        raise CalibrationError(
            f"{field}.points", "all points in front of the camera", "points on both sides of the horizon",
            "check the order of px and m, and the sign of each coordinate",
        )  # fmt: skip
    residual = _residual(h, px, m, config)
    _check_residual(residual, config, f"{field}.points")
    # An honest survey may look a little better than stated by chance; it is never taken for better.
    inflation = max(1.0, residual.chi2 / residual.dof) if residual.dof else 1.0
    root = _factor(covariance * inflation)
    modes = np.stack([back @ _unflatten(column) @ to_m for column in root.T])
    return Survey(h, modes, residual, condition)


def inverse(h: Array) -> Array:
    """The homography the other way."""
    return np.asarray(np.linalg.inv(h), np.float64)


def homogeneous(points: Array) -> Array:
    """``(N, 2)`` to ``(N, 3)``."""
    return np.column_stack([points, np.ones(len(points))])


def forward(h: Array, points: Array) -> Array:
    """Maps points ``(N, 2)``; nan where the third coordinate is not positive."""
    out = homogeneous(points) @ h.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(out[:, 2:] > 0, out[:, :2] / out[:, 2:], np.nan)


def _map(h: Array, points: Array) -> Array:
    out = homogeneous(points) @ h.T
    return np.asarray(out[:, :2] / out[:, 2:])


def jacobian(h: Array, points: Array) -> Array:
    """``(N, 2, 2)`` derivative of :func:`forward`."""
    out = homogeneous(points) @ h.T
    with np.errstate(divide="ignore", invalid="ignore"):
        w = np.where(out[:, 2] > 0, out[:, 2], np.nan)
        mapped = out[:, :2] / w[:, None]
        return np.asarray((h[:2, :2] - mapped[:, :, None] * h[2, :2]) / w[:, None, None])


def _normaliser(points: Array) -> Array:
    """Similarity that puts the middle at 0 and the mean distance at sqrt(2) (H&Z 4.4.4)."""
    middle = points.mean(axis=0)
    scale = math.sqrt(2) / max(float(np.linalg.norm(points - middle, axis=1).mean()), 1e-12)
    return np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])


def _unflatten(eight: Array) -> Array:
    return np.append(eight, 0.0).reshape(3, 3)


def _factor(covariance: Array) -> Array:
    """A root R with ``R Rᵀ = covariance`` that survives rounding."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _check_points(px: Array, m: Array, config: CalibrationConfig, field: str) -> None:
    if len(px) < 4:
        raise CalibrationError(
            field, "at least 4 points", len(px), "survey six or more, spread over the road"
        )
    beyond = np.maximum(-px, px - config.picture_px).max(axis=1)
    worst = int(beyond.argmax())
    if beyond[worst] > MARK_SIGMAS * config.error_px:
        raise CalibrationError(
            f"{field}.{worst}.px", "a point in the picture of {} x {} px".format(*config.picture_px),
            "{:g}, {:g}".format(*px[worst]), "picture_px is the size of the picture that it was marked in",
        )  # fmt: skip
    for what, points, error in (("px", px, config.error_px), ("m", m, config.error_m)):
        # The narrowest extent of the points, in stated errors.
        narrow = float(np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1]) / error
        if narrow < MIN_SPREAD:
            raise CalibrationError(
                field, f"points spread over an area in {what}", f"all on a line (within {narrow:.1f} errors)",
                "add points to both sides of that line",
            )  # fmt: skip


def _dlt(px: Array, m: Array, field: str) -> Array:
    """Homography m -> px of normalised points, its last element 1 (H&Z alg. 4.1)."""
    zeros = np.zeros((len(m), 3))
    ground = homogeneous(m)
    rows = np.vstack(
        [
            np.hstack([ground, zeros, -px[:, :1] * ground]),
            np.hstack([zeros, ground, -px[:, 1:] * ground]),
        ]
    )
    _, values, vectors = np.linalg.svd(rows, full_matrices=True)
    h = vectors[-1].reshape(3, 3)
    # The 8th singular value vanishes where the plane is not determined; the last element where the middle of
    # the survey lies on the horizon, which no camera can show.
    if values[7] < 1e-7 * values[0] or abs(h[2, 2]) < 1e-9 * np.abs(h).max():
        raise CalibrationError(
            field, "points that determine the plane", "three of four on one line or repeated points",
            "no three points of four may lie on one line",
        )  # fmt: skip
    return np.asarray(h / h[2, 2])


def _refine(
    normal: Array, back: Array, to_m: Array, px: Array, m: Array, config: CalibrationConfig
) -> tuple[Array, Array, float]:
    """Gauss-Newton on the errors of both pictures; ``(h, covariance of the 8, condition)``.

    The error of a ground point is carried into the picture by the map's derivative (the Sampson form of
    errors-in-variables, H&Z 4.2.6), so only the eight parameters remain unknown.
    """
    ground = homogeneous(_map(to_m, m))
    for _ in range(20):
        residual, slope = _whitened(normal, back, to_m, px, m, ground, config)
        step = np.asarray(np.linalg.lstsq(slope, residual, rcond=None)[0], np.float64)
        normal = normal + _unflatten(step)
        if float(np.abs(step).max()) < 1e-10:
            break
    _, slope = _whitened(normal, back, to_m, px, m, ground, config)
    information = slope.T @ slope
    condition = float(np.linalg.cond(information))
    covariance = np.asarray(np.linalg.pinv(information), np.float64)
    return back @ normal @ to_m, covariance, condition


def _whitened(
    normal: Array, back: Array, to_m: Array, px: Array, m: Array, ground: Array, config: CalibrationConfig
) -> tuple[Array, Array]:
    """Residuals ``(2N,)`` in stated errors and their derivative ``(2N, 8)`` by the normalised parameters."""
    h = back @ normal @ to_m
    root = _roots(h, m, config)
    mapped = _map(h, m)
    w = ground @ normal[2]
    count = len(m)
    in_normal = np.zeros((count, 3, 9))
    for row in range(3):
        in_normal[:, row, 3 * row : 3 * row + 3] = ground
    moved = np.einsum("ij,njk->nik", back, in_normal)[:, :, :8]
    derivative = (moved[:, :2] - mapped[:, :, None] * moved[:, 2:]) / w[:, None, None]
    residual = np.einsum("nij,nj->ni", root, px - mapped)
    return residual.reshape(-1), (root @ derivative).reshape(-1, 8)


def _roots(h: Array, m: Array, config: CalibrationConfig) -> Array:
    """``(N, 2, 2)`` inverse square roots of each point's covariance in the picture."""
    scale = jacobian(h, m)
    scale = np.where(np.isfinite(scale), scale, 0.0)
    spread = np.eye(2) * config.error_px**2 + config.error_m**2 * scale @ scale.transpose(0, 2, 1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(spread)))


def _residual(h: Array, px: Array, m: Array, config: CalibrationConfig) -> SurveyResidual:
    off_px = np.linalg.norm(px - forward(h, m), axis=1)
    off_m = np.linalg.norm(m - forward(inverse(h), px), axis=1)
    scaled = np.einsum("nij,nj->ni", _roots(h, m, config), px - forward(h, m))
    each = (scaled**2).sum(axis=1)
    worst = int(each.argmax())
    return SurveyResidual(
        rms_px=float(np.sqrt((off_px**2).mean())),
        rms_m=float(np.sqrt((off_m**2).mean())),
        worst_index=worst,
        worst_px=float(off_px[worst]),
        worst_m=float(off_m[worst]),
        chi2=float(each.sum()),
        dof=2 * len(px) - 8,
    )


def _check_residual(residual: SurveyResidual, config: CalibrationConfig, field: str) -> None:
    if residual.dof == 0:
        return
    limit = chi2_quantile(residual.dof)
    if not residual.chi2 <= limit:
        excess = math.sqrt(residual.chi2 / residual.dof)
        raise CalibrationError(
            f"{field}.{residual.worst_index}",
            f"points that agree within {config.error_px:g} px and {config.error_m:g} m",
            f"residuals {excess:.1f} times as large, this point {residual.worst_px:.1f} px "
            f"({residual.worst_m:.2f} m) off",
            "survey this point again, or state the errors the survey really has",
        )


def chi2_quantile(dof: int, z: float = CHI2_QUANTILE_Z) -> float:
    """Upper quantile of chi-square by Wilson & Hilferty (1931), within 2.5 % from two degrees of freedom on.

    >>> round(chi2_quantile(10), 1)  # the exact 0.999 quantile is 29.59
    29.6
    """
    a = 2.0 / (9.0 * dof)
    return dof * (1.0 - a + z * math.sqrt(a)) ** 3
