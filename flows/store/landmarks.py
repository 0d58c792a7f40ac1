"""Keeps a live camera's landmarks over restarts: else a knock while it was away would be learnt as its place."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from flows.domain.site import CameraConfig
from flows.pictures.landmarks import Landmarks

log = logging.getLogger(__name__)


class LandmarkStore:
    """One camera's landmarks on disk, of one survey: a new survey begins anew.

    Args:
        folder: Of all cameras; made when it is needed.
        camera: The camera.
    """

    def __init__(self, folder: Path, camera: CameraConfig) -> None:
        survey = camera.calibration
        stated = survey.model_dump_json() if survey else camera.model_dump_json(include={"source"})
        number = "".join(c if c.isalnum() or c in "-_." else "-" for c in survey.id) if survey else ""
        digest = hashlib.sha256(stated.encode()).hexdigest()[:12]
        self.path = folder / f"{camera.id}-{number or 'unnamed'}-{digest}.npz"

    def load(self) -> Landmarks | None:
        """What was kept; None if there is nothing, or nothing that can be read, which is logged."""
        try:
            return Landmarks.from_bytes(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("landmarks %s cannot be used, and are learnt again: %s", self.path, error)
            return None

    def save(self, landmarks: Landmarks) -> None:
        """Keeps them, whole or not at all; what the disk refuses is logged, and learnt again at the next start."""
        part = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(landmarks.to_bytes())
            part.replace(self.path)
        except OSError as error:
            log.warning("landmarks %s cannot be kept: %s", self.path, error)
