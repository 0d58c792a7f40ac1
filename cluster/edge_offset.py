"""By how much a detector's boxes are off on average: the last step of ``make train``.

A tenth of an input pixel, which no overlap notices, is a third of a full-resolution one: half a per cent of a speed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.evaluate_detector import KINDS, frames_of, small_of, truth_of
from models.detector import Detector
from models.detector.nms import iou_matrix

FIRST_SEED: Final = 9_000
"""Neither trained on (from 10000) nor evaluated on (from 700)."""
SCENES: Final = 12
FRAMES: Final = 5
MIN_SCORE: Final = 0.3
MIN_IOU: Final = 0.6
MAX_HEIGHT_PX: Final = 45.0
"""Larger boxes are few and their edges off by more than this is about."""
BORDER_PX: Final = 2.0


def edge_offset(detector: Detector) -> tuple[float, float, float, float]:
    """Median of found minus true of vehicles' left, top, right and lower edges, px of the detector's input.

    Raises:
        SceneUnavailable: If this machine has no OpenGL.
    """
    rows = [
        _offsets(detector, kind, seed) for kind in KINDS for seed in range(FIRST_SEED, FIRST_SEED + SCENES)
    ]
    left, top, right, low = np.median(np.concatenate(rows), axis=0).round(3).tolist()
    return left, top, right, low


def _offsets(detector: Detector, kind: str, seed: int) -> NDArray[np.float64]:
    """``(N, 4)`` of one scene."""
    offsets = [np.zeros((0, 4))]
    for picture, objects in frames_of(kind, seed, FRAMES):
        small, sx, sy = small_of(picture, detector)
        found, truth = detector.detect([small])[0], truth_of(objects, picture.height)
        found = found[found.score >= MIN_SCORE]
        true = truth.xyxy * np.array([sx, sy, sx, sy], np.float32)
        vehicle = np.array([name != "person" for name in truth.names], bool)
        low = true[:, 3] - true[:, 1] < MAX_HEIGHT_PX
        inside = (true[:, :2] > BORDER_PX).all(axis=1)
        inside &= (true[:, 2:] < np.array([small.shape[1], small.shape[0]]) - BORDER_PX).all(axis=1)
        true = true[vehicle & low & inside & ~truth.ignore]
        if len(true) and len(found):
            overlap = iou_matrix(found.xyxy, true)
            best = overlap.argmax(axis=1)
            alike = overlap[np.arange(len(found)), best] > MIN_IOU
            offsets.append((found.xyxy - true[best])[alike].astype(np.float64))
    return np.concatenate(offsets)
