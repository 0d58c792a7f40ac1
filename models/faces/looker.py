"""A pair of models as a search uses it: one picture in, the one face that is asked about out."""

from __future__ import annotations

from flows.domain.faces import SeenFace
from models import weights
from models.faces import FacePair, load
from models.faces.base import Face, Image
from models.faces.quality import quality_of


class FaceLooker:
    """Finds and embeds; keeps nothing.

    Args:
        pair: Finder and embedder.
    """

    def __init__(self, pair: FacePair) -> None:
        self._pair = pair
        self.model = f"{pair.name}@{pair.embedder.version[:12]}"

    def boxes(self, bgr: Image) -> list[tuple[float, float, float, float]]:
        """See :class:`flows.domain.faces.SeesFaces`."""
        return [face.xyxy for face in self._pair.finder.find(bgr)]

    def see(self, bgr: Image, near_xy: tuple[float, float] | None = None) -> SeenFace | None:
        """See :class:`flows.domain.faces.SeesFaces`."""
        faces = self._pair.finder.find(bgr)
        if not faces:
            return None
        face = faces[0] if near_xy is None else min(faces, key=lambda f: _far(f, bgr, near_xy))
        quality = quality_of(bgr, face)
        (vector,) = self._pair.embedder.embed(bgr, [face])
        return SeenFace(face.xyxy, quality.size_px, quality.sharpness, quality.frontality, vector)


def make(name: str, places: weights.Places) -> FaceLooker:
    """The looker of a pair's name; what deployments load."""
    return FaceLooker(load(name, places))


def _far(face: Face, bgr: Image, near_xy: tuple[float, float]) -> float:
    height, width = bgr.shape[:2]
    left, top, right, bottom = face.xyxy
    dx, dy = (left + right) / 2 - near_xy[0] * width, (top + bottom) / 2 - near_xy[1] * height
    return float(dx * dx + dy * dy)
