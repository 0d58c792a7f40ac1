"""A camera that is knocked at a moment, or shakes for a while: where it looks then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.scenes.camera import Array, PinholeCamera
from flows.scenes.options import SceneOptions

Angles = tuple[float, float, float]
"""Pan to the right, tilt downwards, roll clockwise as seen from behind the camera, degrees."""


def angles(options: SceneOptions, t_s: float) -> Angles:
    """How far the camera is turned from its surveyed pose at a second of the scene."""
    pan = tilt = roll = 0.0
    if options.knock_at_s is not None and options.knock_at_s <= t_s < (options.knock_until_s or np.inf):
        pan, tilt, roll = options.knock_pan_deg, options.knock_tilt_deg, options.knock_roll_deg
    begin, end = options.shake_s
    if options.shake_deg and begin <= t_s < end:
        phase = 2 * np.pi * options.shake_hz * (t_s - begin)
        # A pole sways across more than along, and not at one frequency alone.
        pan += options.shake_deg * float(np.sin(phase))
        tilt += 0.5 * options.shake_deg * float(np.sin(1.37 * phase))
    return pan, tilt, roll


def turned(camera: PinholeCamera, by: Angles) -> PinholeCamera:
    """The camera after it was turned where it is."""
    pan, tilt, roll = np.radians(by)
    about_y = _turn(-pan, 2, 0)
    about_x = _turn(tilt, 1, 2)
    about_z = _turn(-roll, 0, 1)
    return replace(camera, rotation=about_z @ about_x @ about_y @ camera.rotation)


def _turn(angle: float, a: int, b: int) -> Array:
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix
