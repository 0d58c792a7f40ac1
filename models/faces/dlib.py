"""The embedded pair: dlib's face detector and its residual network, built by deepface."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import weights
from models.faces.base import Face, Image, Point, unit
from models.faces.library import build

LANDMARKS: Final = "face-dlib-landmarks"
NETWORK: Final = "face-dlib"
LONGEST_PX: Final = 1000
"""Larger pictures are searched at this size: their faces are larger, too, and dlib takes a second a megapixel."""
UPSAMPLED: Final = 1
"""Doublings before the search: dlib finds faces from 80 px, so these from 40 px."""
LEAST_SCORE: Final = 0.3
"""Below it are patterns on clothes; the weakest true face of our photographs, badly blurred, has 0.58."""
CHIP_PX, CHIP_MARGIN = 150, 0.25
"""How faces were cut when the network was trained (dlib's ``dnn_face_recognition_ex``). deepface cuts them by its
own way, which finds 96.9 % of the same pairs in our photographs before the first false one; this one finds all."""
MIRRORED: Final = True
"""The mirror image is embedded, too, and the mean taken: twice the time, and a fifth more room between the least
alike pair of one person and the most alike of two."""


class DlibFinder:
    """Histograms of gradients and five landmarks: frontal faces from 40 px, upright within 20 degrees or so.

    Args:
        places: Where weights lie.

    Raises:
        WeightsError: If they are not there.
    """

    def __init__(self, places: weights.Places) -> None:
        file = weights.get(LANDMARKS, places, progress=False)
        model = build("face_detector", "dlib", file.entry.file, file, places).model
        self._detector, self._landmarks = model["face_detector"], model["sp"]
        self.version = file.sha256

    def find(self, picture: Image) -> list[Face]:
        """See :class:`models.faces.base.FaceFinder`."""
        rgb = np.ascontiguousarray(picture[..., ::-1])
        scale = min(1.0, LONGEST_PX / max(rgb.shape[:2]))
        boxes, scores, _ = self._detector.run(_shrunk(rgb, scale), UPSAMPLED)
        found = [(box, score) for box, score in zip(boxes, scores, strict=True) if score >= LEAST_SCORE]
        faces = [self._face(rgb, box, score, scale) for box, score in found]
        return sorted(faces, key=lambda face: -face.size_px)

    def _face(self, rgb: Image, box: Any, score: float, scale: float) -> Face:
        xyxy = tuple(v / scale for v in (box.left(), box.top(), box.right(), box.bottom()))
        points = [(p.x, p.y) for p in self._landmarks(rgb, _rectangle(xyxy)).parts()]
        # Parts 0 and 1 are the corners of the eye on the right of the picture, 2 and 3 of the other, 4 the nose.
        eyes = (_middle(points[2], points[3]), _middle(points[0], points[1]))
        return Face(xyxy, float(score), eyes, points[4])  # type: ignore[arg-type]


class DlibEmbedder:
    """dlib's ResNet, 128 numbers (https://dlib.net/dnn_face_recognition_ex.cpp.html).

    Args:
        places: Where weights lie.

    Raises:
        WeightsError: If they are not there.
    """

    size: Final = 128

    def __init__(self, places: weights.Places) -> None:
        landmarks = weights.get(LANDMARKS, places, progress=False)
        network = weights.get(NETWORK, places, progress=False)
        self._landmarks = build("face_detector", "dlib", landmarks.entry.file, landmarks, places).model["sp"]
        self._network = build("facial_recognition", "Dlib", network.entry.file, network, places).model.model
        self.version = hashlib.sha256((landmarks.sha256 + network.sha256).encode()).hexdigest()

    def embed(self, picture: Image, faces: Sequence[Face]) -> NDArray[np.float32]:
        """See :class:`models.faces.base.FaceEmbedder`."""
        if not faces:
            return np.zeros((0, self.size), np.float32)
        import dlib

        rgb = np.ascontiguousarray(picture[..., ::-1])
        shapes = [self._landmarks(rgb, _rectangle(face.xyxy)) for face in faces]
        chips = [dlib.get_face_chip(rgb, shape, CHIP_PX, CHIP_MARGIN) for shape in shapes]
        if MIRRORED:
            chips += [np.ascontiguousarray(chip[:, ::-1]) for chip in chips]
        rows = np.array(self._network.compute_face_descriptor(chips))
        return unit(rows.reshape(-1, len(faces), self.size).mean(0))


def _shrunk(rgb: Image, scale: float) -> Image:
    if scale == 1:
        return rgb
    from PIL import Image as Pil

    height, width = rgb.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Pil.fromarray(rgb).resize(size, Pil.Resampling.BOX))


def _rectangle(xyxy: Sequence[float]) -> Any:
    import dlib

    return dlib.rectangle(*(round(v) for v in xyxy))


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
