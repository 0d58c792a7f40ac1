"""Finds plates on a picture of a vehicle with the embedded plate network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import WeightsError
from models.detector.nms import nms
from models.detector.onnx import OnnxDetector

PATH = Path(__file__).parent.parent / "embedded" / "plates.onnx"
NAMES = ("plate",)
INPUT_PX = (416, 416)
WIDE_PX = (1024, 1024)
WIDE_FROM_PX = 640
"""Pictures wider or higher than this are also looked at more closely: a plate on a lorry, a whole street."""
MIN_SCORE = 0.25
"""Lower ones are mostly grilles and stickers; what remains must still be legible."""
MAX_IOU = 0.4
KEPT = 8

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Found:
    """One plate, or what looks like one.

    Attributes:
        xyxy: Box round its corners, px of the picture.
        score: 0 to 1.
    """

    xyxy: tuple[float, float, float, float]
    score: float


class PlateFinder:
    """Finds plates.

    Args:
        path: The network.
        threads: Threads of one run.
        min_score: Weaker ones are not reported.

    Raises:
        WeightsError: If the network is missing or no such network.
    """

    def __init__(self, path: Path = PATH, threads: int = 1, min_score: float = MIN_SCORE) -> None:
        if not path.is_file():
            raise WeightsError(
                f"{path}: the package is incomplete; install it again or run `make train-plates`"
            )
        self.version = hashlib.sha256(path.read_bytes()).hexdigest()
        self._near, self._wide = (
            OnnxDetector(path, "plates", self.version, NAMES, size, threads, min_score)
            for size in (INPUT_PX, WIDE_PX)
        )

    def find(self, picture: Image) -> list[Found]:
        """Plates on an ``(h, w, 3)`` uint8 BGR picture, best first."""
        looks = [self._near]
        if max(picture.shape[:2]) > WIDE_FROM_PX:
            looks.append(self._wide)
        found = [look.detect([picture])[0] for look in looks]
        xyxy, score = (np.concatenate([getattr(f, part) for f in found]) for part in ("xyxy", "score"))
        keep = nms(xyxy, score, np.zeros(len(score), np.int32), MAX_IOU, KEPT * len(looks))[:KEPT]
        return [Found(_box(xyxy[i]), float(score[i])) for i in keep]


def _box(row: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(v) for v in row)
    return left, top, right, bottom
