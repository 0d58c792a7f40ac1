"""The demo's cameras: what each shows, and why it is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cluster.sitewriter import ClipCamera, Road
from flows.scenes.truth import SceneTruth


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """One rendered camera.

    Attributes:
        id: Its id in the site file.
        name: Its name for people.
        district: Its district.
        scene: Kind of scene.
        seed: Seed of the scene; chosen so that some drive too fast and some do not.
        options: Options of the scene.
    """

    id: str
    name: str
    district: str
    scene: str
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)


CLIP_S: Final = 24
"""Long enough for several vehicles, short enough for a demo of three minutes."""

CAMERAS: Final = (
    DemoCamera(
        "gantry", "Abay Avenue, gantry", "bostandyk", "road", 7,
        {"duration_s": CLIP_S, "pose": "gantry", "direction": "both", "light": "day",
         "speed_range_kmh": (45, 95), "limit_kmh": 60},
    ),
    DemoCamera(
        "crossing", "Tole Bi Street, crosswalk", "almaly", "giveway", 5,
        {"duration_s": CLIP_S, "pose": "roadside", "light": "day", "limit_kmh": 60},
    ),
    DemoCamera(
        "junction", "Al-Farabi Avenue, traffic lights", "medeu", "junction", 5,
        {"duration_s": CLIP_S, "pose": "gantry", "light": "day", "limit_kmh": 60},
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """A demo camera with its rendered video and truth."""

    camera: DemoCamera
    video: Path
    truth_file: Path

    @cached_property
    def truth(self) -> SceneTruth:
        """What the clip contains."""
        return SceneTruth.model_validate_json(self.truth_file.read_bytes())

    def site_camera(self, detector: str) -> ClipCamera:
        """The camera as the demo's site file describes it."""
        camera, truth = self.camera, self.truth
        return ClipCamera(
            id=camera.id,
            name=camera.name,
            clip=self.video,
            started_at=truth.started_at,
            calibration=truth.calibration,
            limit_kmh=truth.limit_kmh,
            road=Road.of(truth),
            rules=truth.rules,
            district=camera.district,
            detector=detector,
        )
