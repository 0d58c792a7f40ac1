"""A scene's truth as a detector sees it: boxes off by some pixels, some missed, some cut off by what is before them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.frames import ClockState, Frame, NoPixels
from flows.scenes.truth import FrameTruth, ObjectTruth, SceneTruth

NAMES: Final = ("person", "car", "truck", "bus", "motorcycle")
NOISE_PX: Final = 2.0
NOISE_SHARE: Final = 0.02
"""Standard error of an edge in a picture 1280 px wide, and as a share of the box: what the embedded detector
shows (2.2 px at 30 to 60 px of height, 3.4 px at 120 to 180 px)."""
CORRELATION: Final = 0.7
"""Of an edge's error with that of the frame before: a detector is wrong the same way for some frames."""
MISSES: Final = 0.01
LONG_MISSES: Final = 0.0015
LONG_FRAMES: Final = 5
"""Chance that a thing is missed in a frame, and that it is for some frames on end. The embedded detector misses 0.7 %
of what is asked of it within 45 m, in runs of up to six frames; this is more than twice as much."""
HALF_HIDDEN: Final = 0.6
"""Of what is less visible, the box often ends at what is before it."""
CONFUSED: Final = 0.02
"""Chance that a frame's class is another one of the same kind."""
ALIKE: Final = {"car": "truck", "truck": "bus", "bus": "truck"}


class SeenBoxes:
    """Detections of one scene's frames, given in order. Same seed, same boxes.

    Args:
        seed: Of the errors.
        width_px: Of the picture.
        height_px: Of the picture.
    """

    def __init__(self, seed: int, width_px: int = 1280, height_px: int = 720) -> None:
        self._rng = np.random.default_rng((seed, 31))
        self._scale = width_px / 1280
        self._inside = np.array([1.0, 1.0, width_px - 1.0, height_px - 1.0])
        self._drift: dict[int, NDArray[np.float64]] = {}
        self._away: dict[int, int] = {}

    def detect(self, frame: FrameTruth) -> Detections:
        """What is found in one frame."""
        boxes, scores, labels = [], [], []
        for thing in frame.objects:
            if thing.cls not in NAMES or thing.ignore or self._missed(thing):
                continue
            boxes.append(self._box(thing))
            scores.append(float(self._rng.uniform(0.75, 0.97)))
            cls = ALIKE.get(thing.cls, thing.cls) if self._rng.random() < CONFUSED else thing.cls
            labels.append(NAMES.index(cls))
        xyxy = np.array(boxes, np.float32).reshape(-1, 4)
        return Detections(xyxy, np.array(scores, np.float32), np.array(labels, np.int32), NAMES)

    def _missed(self, thing: ObjectTruth) -> bool:
        left = self._away.get(thing.track, 0)
        if left > 0:
            self._away[thing.track] = left - 1
            return True
        if self._rng.random() < LONG_MISSES:
            self._away[thing.track] = LONG_FRAMES - 1
            return True
        # The less of it is in sight, the more often it is missed.
        return bool(self._rng.random() < MISSES + max(0.0, HALF_HIDDEN - thing.visible))

    def _box(self, thing: ObjectTruth) -> NDArray[np.float64]:
        box = np.array(thing.xyxy, np.float64)
        width, height = box[2:] - box[:2]
        fresh = self._rng.normal(0, 1, 4)
        kept = self._drift.get(thing.track, fresh)
        drift = CORRELATION * kept + np.sqrt(1 - CORRELATION**2) * fresh
        self._drift[thing.track] = drift
        sigma = np.hypot(NOISE_PX * self._scale, NOISE_SHARE * np.array([width, height, width, height]))
        whole = (box[:2] > self._inside[:2]).all() and (box[2:] < self._inside[2:]).all()
        if whole and thing.visible < HALF_HIDDEN and self._rng.random() < 0.5:
            box[3] -= (1 - thing.visible) * 0.5 * height  # what stands before it hides its foot
        return np.asarray(box + drift * np.minimum(sigma, 0.2 * min(width, height)))


def frames(truth: SceneTruth, camera_id: str, seed: int) -> Iterator[tuple[Frame, Detections]]:
    """All frames of a scene without their pixels, and what is found in them."""
    boxes = SeenBoxes(seed, truth.width_px, truth.height_px)
    clock = ClockState("scene", truth.started_at, truth.fps)
    picture = NoPixels(truth.width_px, truth.height_px)
    for frame in truth.frames:
        yield Frame(camera_id, frame.index, frame.at, picture, clock), boxes.detect(frame)
