"""Whether a photo can be searched with: the :class:`flows.domain.probes.ProbeChecker` of a pair of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flows.domain.probes import ProbeCheck
from models.faces.base import Face, FacePair, Image
from models.faces.quality import Quality, quality_of

LEAST_SIZE_PX: Final = 80
"""From there on a smaller copy of our photographs is as alike to the original as makes no difference (0.997)."""
LEAST_SHARPNESS: Final = 0.12
"""Photographs have 0.36 to 0.74; blurred to this they are still 0.975 alike to themselves, at half of it 0.95."""
MOST_YAW_DEG: Final = 27.0
"""Beyond it dlib's finder, which knows frontal faces only, begins to lose them."""
BYSTANDER: Final = 0.25
"""A face smaller than this share of the largest is far behind it; one that is larger makes two people."""


class ProbeChecker:
    """Checks probes with the finder that will search with them; keeps nothing.

    Args:
        pair: Finder and embedder.
    """

    def __init__(self, pair: FacePair) -> None:
        self._pair = pair

    def check(self, bgr: Image) -> ProbeCheck:
        """Accepts a photo with one face, large, sharp and looking into the camera; else says what is wrong."""
        found = self._pair.finder.find(bgr)
        faces = people(found)
        if len(faces) != 1:
            return self._told(len(faces), Quality(0.0, 0.0, 1.0), (_not_one(len(faces)),))
        quality = quality_of(bgr, faces[0])
        return self._told(1, quality, _problems(quality))

    def _told(self, faces: int, quality: Quality, problems: tuple[str, ...]) -> ProbeCheck:
        versions = self._pair.versions
        return ProbeCheck(faces, quality.size_px, quality.sharpness, quality.yaw_deg, problems, versions)


def people(found: Sequence[Face]) -> list[Face]:
    """Faces, the largest first, without those of people far behind it."""
    return [face for face in found if face.size_px >= BYSTANDER * found[0].size_px]


def _not_one(faces: int) -> str:
    if faces == 0:
        return "expected one face, got none that can be found; bring a photo taken from the front"
    return f"expected one face, got {faces}; cut the photo to the one person"


def _problems(quality: Quality) -> tuple[str, ...]:
    problems = []
    if quality.size_px < LEAST_SIZE_PX:
        problems.append(
            f"expected a face of {LEAST_SIZE_PX} px or more, got {quality.size_px:.0f} px; "
            "bring a larger photo, enlarging this one does not help"
        )
    if quality.sharpness < LEAST_SHARPNESS:
        problems.append(
            f"expected a sharpness of {LEAST_SHARPNESS} or more, got {quality.sharpness:.2f}; bring a sharp photo"
        )
    if quality.yaw_deg > MOST_YAW_DEG:
        problems.append(
            f"expected a face turned aside by {MOST_YAW_DEG:.0f} degrees at most, got {quality.yaw_deg:.0f}; "
            "bring a photo taken from the front"
        )
    return tuple(problems)
