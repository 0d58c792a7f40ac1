"""How much a face can be told by: its size, its sharpness, how far it looks into the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.faces.base import Face, Image

SEEN_PX: Final = 100
"""Width of a face in the networks' input: finer detail than that is not looked at."""
PROFILE: Final = 0.5
"""The nose's distance from between the eyes, in eye distances, at which a face is turned away by 45 degrees."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What a face is worth.

    Attributes:
        size_px: Shorter side of its box.
        sharpness: Contrast of the finest detail over the whole contrast, at the size the networks see: blurred
            and enlarged faces have little.
        frontality: 1 looks into the camera, 0 is turned away by 45 degrees or more; 0.5 where that is not known.
    """

    size_px: float
    sharpness: float
    frontality: float

    @property
    def yaw_deg(self) -> float:
        """How far it looks aside, degrees, 45 at most."""
        return float(np.degrees(np.arctan(1 - self.frontality)))


def quality_of(picture: Image, face: Face) -> Quality:
    """Measures one face of a BGR picture."""
    return Quality(face.size_px, sharpness(_cut(picture, face)), frontality(face))


def frontality(face: Face) -> float:
    """How far the nose lies between the eyes; see :class:`Quality`.

    >>> frontality(Face((0, 0, 9, 9), 1.0, ((2.0, 3.0), (6.0, 3.0)), (4.0, 6.0)))
    1.0
    >>> frontality(Face((0, 0, 9, 9), 1.0, ((2.0, 3.0), (6.0, 3.0)), (5.0, 6.0)))
    0.5
    """
    if face.eyes is None or face.nose is None:
        return 0.5
    left, right = np.array(face.eyes)
    between = right - left
    distance = float(np.linalg.norm(between))
    if distance == 0:
        return 0.0
    aside = float((np.array(face.nose) - (left + right) / 2) @ between) / distance**2
    return max(0.0, 1.0 - abs(aside) / PROFILE)


def sharpness(bgr: Image) -> float:
    """Standard deviation of the Laplacian over that of the picture; 0 where there is nothing to see.

    Args:
        bgr: ``(h, w, 3)`` uint8, a face from brow to chin.
    """
    grey = _at_seen_size(bgr)
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    contrast = float(inner.std())
    return float((4 * inner - around).std()) / contrast if contrast > 1 else 0.0


def _cut(picture: Image, face: Face) -> Image:
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(v) for v in face.xyxy)
    return picture[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]


def _at_seen_size(bgr: Image) -> NDArray[np.float32]:
    """``(h, w)`` float32 luma; enlarged faces stay smooth, as the network will see them."""
    from PIL import Image as Pil

    height, width = bgr.shape[:2]
    if not height or not width:
        return np.zeros((0, 0), np.float32)
    grey = Pil.fromarray(np.ascontiguousarray(bgr[..., ::-1])).convert("L")
    scale = SEEN_PX / width
    size = (SEEN_PX, max(3, round(height * scale)))
    return np.asarray(
        grey.resize(size, Pil.Resampling.BICUBIC if scale > 1 else Pil.Resampling.BOX), np.float32
    )
