"""How sure a detector has been of late of whom it sees in one place: a bag taken for a person is never surely one."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.things import Box
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.tracking.boxes import box_iou

LEAST: Final = 1e-6
"""Of what is left to 1, if a detector is never sure before that."""


class Certainty:
    """Remembers the scores of whom a detector sees before one camera.

    A score counts from the detector's own "sure" (0) to 1: what is believed at once differs between detectors.

    Args:
        config: Thresholds.
    """

    def __init__(self, config: ObjectConfig) -> None:
        self._config = config
        self._looks: deque[tuple[float, NDArray[np.float32], NDArray[np.float32]]] = deque()

    def see(self, found: Detections, sure_score: float, at_s: float) -> None:
        """Takes what a detector found at a look, on the rule's clock."""
        people = np.array([name == "person" for name in found.class_names()], bool)
        sure = (found.score[people] - sure_score) / max(1.0 - sure_score, LEAST)
        self._looks.append((at_s, found.xyxy[people], sure))
        while abs(at_s - self._looks[0][0]) > self._config.still_s:  # clocks go back, too
            self._looks.popleft()

    def is_doubtful(self, body: Box) -> bool:
        """Whether at its best of late a detector was hardly sure of a body; not where few looks were taken."""
        return len(self._looks) >= self._config.several and self._best(body) <= self._config.doubtful

    def is_certain(self, body: Box) -> bool:
        """Whether of late a detector was as sure of a body as it is of people alone."""
        return self._best(body) >= self._config.certain

    def _best(self, body: Box) -> float:
        if not self._looks:
            return -1.0
        boxes = np.concatenate([boxes for _, boxes, _ in self._looks])
        sure = np.concatenate([sure for _, _, sure in self._looks])
        there = box_iou(body[None], boxes)[0] >= self._config.same
        return float(sure[there].max(initial=-1.0))
