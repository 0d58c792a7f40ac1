"""The survey of a scene's road, with the errors that surveyors make."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from flows.domain.site import CalibrationConfig, SurveyPoint
from flows.scenes.camera import PinholeCamera

Array = NDArray[np.float64]

ERROR_PX = 0.5
"""A point marked by hand in an enlarged picture."""
ERROR_M = 0.02
"""A point measured with a total station or satellite receiver."""
POINTS = 12
FARTHEST_M = 75.0
"""Points farther away say little: a pixel is metres there."""


def survey(
    camera: PinholeCamera,
    half_m: float,
    surveyed_on: date,
    number: str,
    rng: np.random.Generator,
    y_m: tuple[float, float] = (-20.0, 140.0),
) -> CalibrationConfig:
    """Up to twelve well-spread points of the ground that the camera sees, with survey noise.

    Args:
        camera: Whose picture they are marked in.
        half_m: Half the width of the ground, about x = 0.
        surveyed_on: Day of the survey.
        number: Of its record.
        rng: Of the noise.
        y_m: Where the ground begins and ends.
    """
    places = _places(camera, half_m, y_m)
    exact_px = camera.project(np.column_stack([places, np.zeros(len(places))]))
    px = exact_px + rng.normal(0, ERROR_PX, exact_px.shape)
    metres = places + rng.normal(0, ERROR_M, places.shape)
    points = tuple(
        SurveyPoint(px=(round(float(u), 2), round(float(v), 2)), m=(round(float(x), 3), round(float(y), 3)))
        for (u, v), (x, y) in zip(px, metres, strict=True)
    )
    return CalibrationConfig(
        points=points,
        error_px=ERROR_PX,
        error_m=ERROR_M,
        picture_px=(camera.width_px, camera.height_px),
        surveyed_on=surveyed_on,
        valid_until=surveyed_on + timedelta(days=365),
        id=number,
    )


def _places(camera: PinholeCamera, half_m: float, y_m: tuple[float, float]) -> Array:
    """Ground points ``(N, 2)``: the most spread ones among all that are seen, farthest first."""
    x, y = np.meshgrid(np.linspace(-half_m, half_m, 9), np.linspace(*y_m, 161))
    grid = np.column_stack([x.ravel(), y.ravel()])
    px = camera.project(np.column_stack([grid, np.zeros(len(grid))]))
    near = np.linalg.norm(grid - camera.position_m[:2], axis=1) < FARTHEST_M
    seen = camera.inside(px, 8.0) & near
    grid, px = grid[seen], px[seen]
    chosen = [int(np.argmax(px[:, 1]))]
    gap = np.full(len(px), np.inf)
    while len(chosen) < min(POINTS, len(px)):
        gap = np.minimum(gap, np.linalg.norm(px - px[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(gap)))
    places: Array = grid[np.array(chosen)]
    return places
