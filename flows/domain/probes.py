"""Probes: the photos of a person who is searched for, and what makes one fit to search with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ProbeCheck:
    """What was found of a photo.

    Attributes:
        faces: Faces in it; exactly one is wanted.
        size_px: Width of the face, px; 0 without one.
        sharpness: In the checker's own measure; larger is sharper.
        yaw_deg: How far it looks aside; 0 is straight into the camera.
        problems: Why it cannot be searched with, in words that say what to do; empty if it can.
        versions: sha256 of the weights, by part.
    """

    faces: int
    size_px: float
    sharpness: float
    yaw_deg: float
    problems: tuple[str, ...]
    versions: dict[str, str]

    @property
    def accepted(self) -> bool:
        """Whether it may be searched with."""
        return not self.problems


class ProbeChecker(Protocol):
    """Whoever can see faces. Called once a photo, when it comes in, before anything is stored."""

    def check(self, bgr: NDArray[np.uint8]) -> ProbeCheck:
        """Looks at a photo.

        Args:
            bgr: ``(h, w, 3)`` uint8, upright, at most 2048 px on the longer side.
        """
        ...
