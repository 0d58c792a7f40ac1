"""Class-wise non-maximum suppression in plain numpy: no cv2, no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def iou_matrix(a: F32, b: F32) -> F32:
    """Intersection over union of every pair.

    Args:
        a: ``(N, 4)`` boxes ``xyxy``.
        b: ``(M, 4)`` boxes ``xyxy``.

    Returns:
        ``(N, M)`` float32; boxes without area overlap nothing.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    size = np.clip(high - low, 0, None)
    both = size[..., 0] * size[..., 1]
    area_a, area_b = (np.prod(np.clip(x[:, 2:] - x[:, :2], 0, None), axis=1) for x in (a, b))
    return np.asarray(both / np.maximum(area_a[:, None] + area_b[None, :] - both, 1e-9), np.float32)


def nms(xyxy: F32, score: F32, label: NDArray[np.int32], max_iou: float, limit: int) -> NDArray[np.intp]:
    """Indices of the boxes to keep, best score first.

    Only boxes of one class suppress one another.

    Args:
        xyxy: ``(N, 4)`` boxes.
        score: ``(N,)``.
        label: ``(N,)``.
        max_iou: Overlap above which the weaker box goes.
        limit: Candidates looked at, best first (bounds the cost on a picture full of noise).
    """
    order = np.argsort(-score, kind="stable")[:limit]
    boxes, labels = xyxy[order], label[order]
    rival = (iou_matrix(boxes, boxes) > max_iou) & (labels[:, None] == labels[None, :])
    alive = np.ones(len(order), bool)
    for i in np.flatnonzero(np.triu(rival, 1).any(axis=1)):  # most boxes suppress nothing
        if alive[i]:
            alive[i + 1 :] &= ~rival[i, i + 1 :]
    return order[alive]
