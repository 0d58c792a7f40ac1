"""Boxes against boxes, in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def iou(a: Sequence[float] | None, b: Sequence[float] | None) -> float:
    """Intersection over union of two boxes (xyxy); 0 where there are none.

    >>> iou((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    if a is None or b is None:
        return 0.0
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inside = max(0.0, wide) * max(0.0, high)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside
    return inside / union if union > 0 else 0.0


def box_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """Intersection over union of every pair.

    Args:
        a: ``(N, 4)`` xyxy.
        b: ``(M, 4)`` xyxy.

    Returns:
        ``(N, M)`` float64, 0 where either box has no area.

    >>> box_iou(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    size = np.maximum(high - low, 0.0)
    inside = size[..., 0] * size[..., 1]
    union = _area(a)[:, None] + _area(b)[None, :] - inside
    return np.asarray(inside / np.maximum(union, 1e-9), np.float64)


def _area(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def widened(xyxy: NDArray[np.floating], share: float) -> Floats:
    """``(N, 4)`` the same boxes, larger by a share of their size on each side.

    >>> widened(np.array([[0.0, 0, 10, 20]]), 0.5).tolist()
    [[-5.0, -10.0, 15.0, 30.0]]
    """
    more = share * (xyxy[:, 2:] - xyxy[:, :2])
    return np.asarray(np.hstack([xyxy[:, :2] - more, xyxy[:, 2:] + more]), np.float64)


def to_centre(xyxy: NDArray[np.floating]) -> Floats:
    """``(N, 4)`` corners to centre x, centre y, width, height."""
    out = np.empty(xyxy.shape, np.float64)
    out[:, :2] = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    out[:, 2:] = xyxy[:, 2:] - xyxy[:, :2]
    return out


def to_corners(centre: Floats) -> Floats:
    """``(N, 4)`` centre x, centre y, width, height to corners."""
    half = centre[:, 2:] / 2
    return np.hstack([centre[:, :2] - half, centre[:, :2] + half])
