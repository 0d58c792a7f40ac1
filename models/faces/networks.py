"""deepface's other finders and embedders, which need weights from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import weights
from models.faces.base import Face, Image, Point, unit
from models.faces.library import build


@dataclass(frozen=True, slots=True)
class Network:
    """One of deepface's networks.

    Attributes:
        weights: Name in the weights registry.
        model: deepface's name for it.
        linked: Where deepface looks for the file, below its weights; the file's own name where empty.
        normalisation: deepface's name for how pictures are prepared.
    """

    weights: str
    model: str
    linked: str = ""
    normalisation: str = "base"


FINDERS: Final = {
    "yunet": Network("face-yunet", "yunet"),
    "retinaface": Network("face-retinaface", "retinaface"),
}
EMBEDDERS: Final = {
    "arcface": Network("face-arcface", "ArcFace", normalisation="ArcFace"),
    "sface": Network("face-sface", "SFace"),
    "buffalo-l": Network("face-buffalo-l", "Buffalo_L", linked="buffalo_l/webface_r50.onnx"),
}


class NetworkFinder:
    """A neural finder of deepface's.

    Args:
        name: One of :data:`FINDERS`.
        places: Where weights lie.

    Raises:
        WeightsError: If they are not there and out of reach; says which file to put where.
    """

    def __init__(self, name: str, places: weights.Places) -> None:
        self._model, self.version = _built("face_detector", FINDERS[name], places)

    def find(self, picture: Image) -> list[Face]:
        """See :class:`models.faces.base.FaceFinder`."""
        faces = [face_of(region) for region in self._model.detect_faces(np.ascontiguousarray(picture))]
        return sorted(faces, key=lambda face: -face.size_px)


class NetworkEmbedder:
    """A neural embedder of deepface's; faces are set upright by their eyes, as deepface does.

    Args:
        name: One of :data:`EMBEDDERS`.
        places: Where weights lie.

    Raises:
        WeightsError: If they are not there and out of reach; says which file to put where.
    """

    def __init__(self, name: str, places: weights.Places) -> None:
        self._network = EMBEDDERS[name]
        self._model, self.version = _built("facial_recognition", self._network, places)

    @property
    def size(self) -> int:
        """How many numbers."""
        return int(self._model.output_shape)

    def embed(self, picture: Image, faces: Sequence[Face]) -> NDArray[np.float32]:
        """See :class:`models.faces.base.FaceEmbedder`."""
        if not faces:
            return np.zeros((0, self.size), np.float32)
        rows = [np.asarray(self._model.forward(self._prepared(picture, face))) for face in faces]
        return unit(np.stack(rows).reshape(len(faces), -1))

    def _prepared(self, picture: Image, face: Face) -> NDArray[np.float32]:
        """``(1, h, w, 3)`` float32 BGR as the network wants it."""
        from deepface.modules import preprocessing

        height, width = self._model.input_shape
        upright = preprocessing.resize_image(img=_upright(picture, face), target_size=(height, width))
        prepared: NDArray[np.float32] = preprocessing.normalize_input(
            img=upright, normalization=self._network.normalisation
        )
        return prepared


def face_of(region: Any) -> Face:
    """A face from deepface's ``FacialAreaRegion``."""
    eyes: tuple[Point, Point] | None = None
    if region.left_eye is not None and region.right_eye is not None:
        first, second = sorted((region.left_eye, region.right_eye))
        eyes = (float(first[0]), float(first[1])), (float(second[0]), float(second[1]))
    nose = None if region.nose is None else (float(region.nose[0]), float(region.nose[1]))
    x, y, w, h = (float(v) for v in (region.x, region.y, region.w, region.h))
    return Face((x, y, x + w, y + h), float(region.confidence or 0), eyes, nose)


def _upright(picture: Image, face: Face) -> Image:
    from deepface.models.Detector import FacialAreaRegion
    from deepface.modules import detection

    left, top, right, bottom = (round(v) for v in face.xyxy)
    eyes = face.eyes and [(round(x), round(y)) for x, y in face.eyes]
    region = FacialAreaRegion(
        x=left,
        y=top,
        w=right - left,
        h=bottom - top,
        left_eye=eyes[1] if eyes else None,  # the person's left is on the right of the picture
        right_eye=eyes[0] if eyes else None,
        confidence=face.score,
    )
    # Not deepface's own search for eyes, which needs a detector that OpenCV 5 has no more.
    found = detection.extract_face(region, picture, bool(eyes), 0, 0, 0, "opencv")
    upright: Image = found.img
    return upright


def _built(task: Any, network: Network, places: weights.Places) -> tuple[Any, str]:
    file = weights.get(network.weights, places, progress=False)
    model = build(task, network.model, network.linked or file.entry.file, file, places)
    return model, file.sha256
