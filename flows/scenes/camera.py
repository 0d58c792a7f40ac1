"""The pinhole camera of a rendered scene: exact geometry between metres and pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEAR_M = 0.3
"""Nothing closer than this is drawn: no lens hood is nearer, and projection stays well-conditioned."""
FAR_M = 1500.0
"""Beyond the sky dome of the scenes."""


@dataclass(frozen=True, eq=False)
class PinholeCamera:
    """A camera without distortion.

    World: metres, right-handed, z up, ground at z = 0. Camera axes: x right, y down, z forward.
    Pixels: continuous, (0, 0) is the top-left corner of the top-left pixel, u right, v down.

    Attributes:
        width_px: Picture width.
        height_px: Picture height.
        focal_px: Focal length, equal on both axes.
        centre_px: Principal point.
        position_m: ``(3,)`` place of the optical centre in the world.
        rotation: ``(3, 3)``; ``rotation @ (point - position_m)`` is the point in camera axes.
    """

    width_px: int
    height_px: int
    focal_px: float
    centre_px: tuple[float, float]
    position_m: Array
    rotation: Array

    @classmethod
    def looking(
        cls,
        position_m: tuple[float, float, float],
        target_m: tuple[float, float, float],
        *,
        width_px: int,
        height_px: int,
        hfov_deg: float,
    ) -> PinholeCamera:
        """A level-horizon camera at ``position_m`` whose optical axis passes through ``target_m``."""
        position = np.asarray(position_m, float)
        forward = np.asarray(target_m, float) - position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        focal_px = width_px / 2 / np.tan(np.radians(hfov_deg) / 2)
        centre_px = (width_px / 2, height_px / 2)
        return cls(
            width_px, height_px, float(focal_px), centre_px, position, np.stack([right, down, forward])
        )

    @property
    def intrinsics(self) -> Array:
        """The ``(3, 3)`` matrix K."""
        cx, cy = self.centre_px
        return np.array([[self.focal_px, 0, cx], [0, self.focal_px, cy], [0, 0, 1]])

    @property
    def ground_to_px(self) -> Array:
        """The ``(3, 3)`` homography of the ground: ``(x_m, y_m, 1)`` to homogeneous pixels."""
        r = self.rotation
        return self.intrinsics @ np.column_stack([r[:, 0], r[:, 1], -r @ self.position_m])

    def to_camera(self, points_m: Array) -> Array:
        """World points ``(..., 3)`` in camera axes; the last coordinate is the depth in metres."""
        turned: Array = (np.asarray(points_m, float) - self.position_m) @ self.rotation.T
        return turned

    def project(self, points_m: Array) -> Array:
        """World points ``(..., 3)`` to pixels ``(..., 2)``; nan behind the near plane."""
        return self.to_pixels(self.to_camera(points_m))

    def to_pixels(self, in_camera: Array) -> Array:
        """Points in camera axes ``(..., 3)`` to pixels ``(..., 2)``; nan behind the near plane."""
        depth = np.where(in_camera[..., 2:] >= NEAR_M * (1 - 1e-9), in_camera[..., 2:], np.nan)
        px: Array = in_camera[..., :2] / depth * self.focal_px + np.array(self.centre_px)
        return px

    def ground_point(self, px: Array) -> Array:
        """Pixels ``(..., 2)`` to the ground ``(..., 2)`` in metres; nan at or above the horizon."""
        px = np.asarray(px, float)
        cx, cy = self.centre_px
        rays = np.stack([px[..., 0] - cx, px[..., 1] - cy, np.full(px.shape[:-1], self.focal_px)], -1)
        rays = rays @ self.rotation
        reach = np.where(rays[..., 2:] < -1e-9, -self.position_m[2] / rays[..., 2:], np.nan)
        ground: Array = self.position_m[:2] + rays[..., :2] * reach
        return ground

    def inside(self, px: Array, margin_px: float = 0.0) -> NDArray[np.bool_]:
        """Which pixels ``(..., 2)`` lie in the picture, ``margin_px`` off its border (nan is outside)."""
        u, v = px[..., 0], px[..., 1]
        with np.errstate(invalid="ignore"):
            across = (u >= margin_px) & (u <= self.width_px - margin_px)
            return np.asarray(across & (v >= margin_px) & (v <= self.height_px - margin_px))

    def clip_matrix(self) -> Array:
        """World to OpenGL clip space ``(4, 4)``, for column vectors.

        The picture's first row is OpenGL's row 0, so that a read-back needs no flip.
        """
        w, h, f = self.width_px, self.height_px, self.focal_px
        cx, cy = self.centre_px
        near, far = NEAR_M, FAR_M
        lens = np.array(
            [
                [2 * f / w, 0, 2 * cx / w - 1, 0],
                [0, 2 * f / h, 2 * cy / h - 1, 0],
                [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
                [0, 0, 1, 0],
            ]
        )
        view = np.eye(4)
        view[:3, :3] = self.rotation
        view[:3, 3] = -self.rotation @ self.position_m
        clip: Array = lens @ view
        return clip
