"""The ground plane: pixels to metres and back, with what the survey's errors leave uncertain.

Coordinates: the ground is z = 0 in the survey's frame, metres, z up; pixels are continuous, (0, 0) is the
top-left corner of the top-left pixel. How a survey becomes a homography is in :mod:`flows.road.survey`.

Sources: Hartley & Zisserman, Multiple View Geometry, 2nd ed.: covariance propagation (5.2), calibration from
a plane with square pixels (example 8.18).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import CalibrationError
from flows.domain.site import CalibrationConfig
from flows.road.survey import SurveyResidual, fit_survey, forward, homogeneous, inverse, jacobian

Array = NDArray[np.float64]

MAX_ASPECT_CHANGE = 0.01
"""A picture whose aspect differs more than this from the surveyed one is cropped, not scaled."""
FOCAL_RANGE = (0.25, 20.0)
"""Focal lengths, in picture widths, that a camera lens can have; outside, the plane does not reveal it."""
FALLBACK_FOCAL = 1.0
"""Picture widths; a horizontal field of 53 degrees, used where the plane does not reveal the focal length."""


@dataclass(frozen=True, slots=True)
class GroundCovariance:
    """Covariance of ground positions, m², each ``(N, 2, 2)``.

    Attributes:
        independent: From each point's own pixel error; averages out over frames.
        common: From the survey; shared by all points, does not average out.
    """

    independent: Array
    common: Array

    @property
    def total(self) -> Array:
        """Both together."""
        return self.independent + self.common


@dataclass(frozen=True)
class GroundPlane:
    """A surveyed ground plane as one camera sees it.

    Attributes:
        h: ``(3, 3)`` homography, ground metres to picture px.
        modes: ``(8, 3, 3)`` its independent one-sigma changes within the survey's errors.
        picture_px: Width and height of the picture it holds for.
        residual: How well the survey agrees with itself.
        condition: Condition of the normal equations; a large one means badly spread points.
        reach_m: Largest distance of a surveyed point from the middle of all.
        config: The survey it was fitted to.
    """

    h: Array
    modes: Array
    picture_px: tuple[int, int]
    residual: SurveyResidual
    condition: float
    reach_m: float
    config: CalibrationConfig

    @classmethod
    def fit(cls, config: CalibrationConfig, field: str = "calibration") -> Self:
        """Fits the plane to surveyed points by errors-in-variables least squares.

        Args:
            config: The survey.
            field: Dotted path used in error messages.

        Raises:
            CalibrationError: If the points do not determine a plane or contradict their stated errors.
        """
        survey = fit_survey(config, field)
        m = np.array([p.m for p in config.points], np.float64)
        return cls(
            h=survey.h,
            modes=survey.modes,
            picture_px=config.picture_px,
            residual=survey.residual,
            condition=survey.condition,
            reach_m=float(np.linalg.norm(m - m.mean(axis=0), axis=1).max()),
            config=config,
        )

    def for_picture(self, width_px: int, height_px: int) -> Self:
        """The same plane for a picture of another size and the same aspect.

        Raises:
            CalibrationError: If the aspect differs: cropped, or another lens; the survey is void.
        """
        width, height = self.picture_px
        if (width, height) == (width_px, height_px):
            return self
        sx, sy = width_px / width, height_px / height
        if abs(sx / sy - 1.0) > MAX_ASPECT_CHANGE:
            raise CalibrationError(
                "calibration.picture_px", f"the aspect of {width}x{height}", f"{width_px}x{height_px}",
                "survey again in the picture that the camera sends now",
            )  # fmt: skip
        scale = np.diag([sx, sy, 1.0])
        return replace(self, h=scale @ self.h, modes=scale @ self.modes, picture_px=(width_px, height_px))

    def displaced(self, picture: Array) -> Self:
        """The same plane where the picture is known to lie otherwise: one standard error more, not corrected for.

        Args:
            picture: ``(3, 3)`` from a point of the surveyed picture to where it is now, px.
        """
        flat, count = self.h.reshape(9), len(self.modes)
        changes = np.concatenate([self.modes, (picture @ self.h - self.h)[None]]).reshape(-1, 9)
        # A homography's scale is none of its parameters: what is left has one dimension less than there are changes.
        changes -= np.outer(changes @ flat, flat) / (flat @ flat)
        _, lengths, axes = np.linalg.svd(changes)
        return replace(self, modes=(lengths[:count, None] * axes[:count]).reshape(count, 3, 3))

    def valid_on(self, day: date) -> bool:
        """True from the day of the survey to its last day of validity (local days)."""
        return self.config.surveyed_on <= day <= self.config.valid_until

    def to_px(self, xy: Array) -> Array:
        """Ground ``(N, 2)`` m to picture ``(N, 2)`` px; nan behind the camera."""
        return forward(self.h, np.asarray(xy, np.float64))

    @cached_property
    def _back(self) -> Array:
        """``(3, 3)`` picture px to ground metres: asked for five times a box."""
        return inverse(self.h)

    def to_ground(self, px: Array) -> Array:
        """Picture ``(N, 2)`` px to ground ``(N, 2)`` m; nan on and above the horizon."""
        return forward(self._back, np.asarray(px, np.float64))

    def covariance(self, px: Array, pixel_cov: Array | float) -> GroundCovariance:
        """Covariance of :meth:`to_ground`, first order.

        Args:
            px: ``(N, 2)`` picture points.
            pixel_cov: Covariance of a picture point: a standard error in px, ``(2, 2)`` or ``(N, 2, 2)`` px².
        """
        px = np.asarray(px, np.float64)
        slope = self.jacobian(px)
        spread = np.asarray(pixel_cov, np.float64)
        spread = np.eye(2) * spread**2 if spread.ndim == 0 else spread
        own = slope @ np.broadcast_to(spread, (len(px), 2, 2)) @ slope.transpose(0, 2, 1)
        shared = self.sensitivity(px)
        return GroundCovariance(own, shared @ shared.transpose(0, 2, 1))

    def jacobian(self, px: Array) -> Array:
        """``(N, 2, 2)`` metres on the ground a pixel in the picture."""
        return jacobian(self._back, np.asarray(px, np.float64))

    def sensitivity(self, px: Array) -> Array:
        """``(N, 2, 8)`` movement of ground points, m, with each one-sigma mode of the survey's error."""
        px = np.asarray(px, np.float64)
        ground = homogeneous(self.to_ground(px))
        w = ground @ self.h[2]
        moved = np.einsum("kij,nj->nik", self.modes, ground)
        in_picture = (moved[:, :2] - px[:, :, None] * moved[:, 2:]) / w[:, None, None]
        return np.asarray(-self.jacobian(px) @ in_picture)

    def box_to_ground(self, xyxy: Array, pixel_sd: Array | float) -> tuple[Array, GroundCovariance]:
        """Where boxes touch the ground: the middle of their lower edge.

        Args:
            xyxy: ``(N, 4)`` boxes, px.
            pixel_sd: Standard error of the lower edge's middle, px; one or ``(N,)``.

        Returns:
            ``(N, 2)`` metres (nan above the horizon) and their covariance.
        """
        boxes = np.asarray(xyxy, np.float64).reshape(-1, 4)
        foot = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]])
        sd = np.broadcast_to(np.asarray(pixel_sd, np.float64), (len(boxes),))
        return self.to_ground(foot), self.covariance(foot, np.eye(2) * (sd**2)[:, None, None])

    def projection(self) -> tuple[Array, Array]:
        """Camera matrix for points above the ground; square pixels and a central principal point are assumed.

        Returns:
            ``(3, 4)`` metres to px, and ``(8, 3, 4)`` its change with each mode of the survey's error.
        """
        here = _camera(self.h, self.picture_px)
        step = 0.1  # small against the curvature of the map, large against rounding
        modes = [
            (_camera(self.h + step * m, self.picture_px) - _camera(self.h - step * m, self.picture_px))
            / (2 * step)
            for m in self.modes
        ]
        return here, np.stack(modes)

    @property
    def camera_m(self) -> tuple[Array, float]:
        """``(2,)`` the point below the camera, m, and the camera's height above it, as the plane reveals them."""
        return _centre(self.h, self.picture_px)


def _axes(h: Array, picture_px: tuple[int, int]) -> tuple[Array, Array, Array, Array]:
    """Lens ``(3, 3)``, the ground's two axes and its origin as the camera sees them, ``(3,)`` m each."""
    width, height = picture_px
    centred = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]]) @ h
    focal = _focal(centred, width)
    rays = centred / np.array([[focal], [focal], [1.0]])
    scale = (np.linalg.norm(rays[:, 0]) + np.linalg.norm(rays[:, 1])) / 2
    r1, r2, t = (rays / scale).T
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]]) * scale, r1, r2, t


def _centre(h: Array, picture_px: tuple[int, int]) -> tuple[Array, float]:
    """The ground's point below the camera, ``(2,)`` m, and the camera's height, m."""
    _, r1, r2, t = _axes(h, picture_px)
    # The camera is above the road, whichever way the survey's axes turn.
    return np.array([-float(r1 @ t), -float(r2 @ t)]), abs(float(np.cross(r1, r2) @ t))


def _camera(h: Array, picture_px: tuple[int, int]) -> Array:
    """``(3, 4)`` camera matrix; its third column is what a metre of height does."""
    lens, r1, r2, t = _axes(h, picture_px)
    r3 = np.cross(r1, r2)
    up = r3 if float(r3 @ t) < 0 else -r3
    return np.column_stack([h[:, 0], h[:, 1], lens @ up, h[:, 2]])


def _focal(centred: Array, width: int) -> float:
    """Focal length, px, that makes the plane's axes orthogonal and of equal length (H&Z example 8.18)."""
    (a1, a2), (b1, b2), (c1, c2) = centred[:, :2]
    top = np.array([2 * (a1 * a2 + b1 * b2), a1 * a1 + b1 * b1 - a2 * a2 - b2 * b2])
    low = np.array([2 * c1 * c2, c1 * c1 - c2 * c2])
    square = -float(top @ low) / max(float(low @ low), 1e-300)
    focal = math.sqrt(square) if square > 0 else 0.0
    return focal if FOCAL_RANGE[0] * width <= focal <= FOCAL_RANGE[1] * width else FALLBACK_FOCAL * width
