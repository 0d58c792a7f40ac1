"""The demo's cameras: what each shows, and why it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cluster.demo import JURISDICTION
from cluster.demo.today import taken
from cluster.sitewriter import ClipCamera, Road
from flows.domain.ruleset import Rule, kind_of
from flows.jurisdiction import load_profile
from flows.scenes.truth import SceneTruth

LIST: Final = "demo"
"""The demo's list of exempt plates, which its rules name: what is on no list that nobody named, a person decides."""


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """One rendered camera.

    Attributes:
        id: Its id in the site file.
        name: Its name for people.
        district: Its district.
        scene: Kind of scene.
        seed: Seed of the scene; chosen so that some drive too fast and some do not, and that whoever wears no belt, and
            what is left in the hall, can be found: elsewhere some are missed (``python -m cluster.bench``).
        options: Options of the scene.
        rules: Whether it has the rules of its scene; a camera without any is there for searches only.
        searched: Whether who is missing (:mod:`cluster.demo.portrait`) walks through the scene.
        note: What a reader of the site file is to know of it.
        place: Latitude and longitude, degrees.
    """

    id: str
    name: str
    district: str
    scene: str
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    rules: bool = True
    searched: bool = False
    note: str = ""
    place: tuple[float, float] | None = None

    @property
    def street(self) -> bool:
        """Whether vehicles drive there, whose speed is measured."""
        return self.scene != "hall"


CLIP_S: Final = 24
"""Long enough for several vehicles, short enough for a demo of three minutes."""

_HALL: Final = {"duration_s": 44, "fps": 5, "case": "searched+left+waits_beside", "n_pedestrians": 4}
"""One hall, seen by two cameras: somebody leaves a rucksack, another waits beside theirs, a third is searched for."""

CAMERAS: Final = (
    # A long lens over two lanes: its plates can be read, and windscreens looked through.
    DemoCamera(
        "gantry", "Abay Avenue, gantry", "bostandyk", "belts", 68,
        {"duration_s": CLIP_S, "pose": "portal", "lanes": 2, "light": "day", "n_vehicles": 8,
         "case": "belted+unbelted+belted+strap+belted+belted+belted+belted",
         "speed_range_kmh": (35, 78), "limit_kmh": 50}, place=(43.2401, 76.9047),
    ),
    DemoCamera(
        "crossing", "Tole Bi Street, crosswalk", "almaly", "giveway", 5,
        {"duration_s": CLIP_S, "pose": "roadside", "light": "day", "limit_kmh": 60}, place=(43.2543, 76.9285),
    ),
    DemoCamera(
        "junction", "Al-Farabi Avenue, traffic lights", "medeu", "junction", 5,
        {"duration_s": CLIP_S, "pose": "gantry", "light": "day", "limit_kmh": 60}, place=(43.2180, 76.9285),
    ),
    DemoCamera(
        "hall", "Almaty station, hall", "turksib", "hall", 39, _HALL | {"pose": "far_right"}, searched=True,
        place=(43.3411, 76.9492),
        note="Times that fit a short clip; a station takes the defaults: away_s 30, gone_s 5, escalate_s 60",
    ),
    DemoCamera(
        "passage", "Almaty station, south passage", "turksib", "hall", 39, _HALL | {"pose": "way_1"},
        rules=False, searched=True, place=(43.3404, 76.9489),
        note="No rules: faces are looked at while an active search case covers this camera, and never else",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """A demo camera with its rendered video and truth; ``started_at``: when it is said to have been taken."""

    camera: DemoCamera
    video: Path
    truth_file: Path
    started_at: datetime | None = None

    @cached_property
    def truth(self) -> SceneTruth:
        """What the clip contains."""
        truth = SceneTruth.model_validate_json(self.truth_file.read_bytes())
        return truth if self.started_at is None else taken(truth, self.started_at)

    def site_camera(self, detector: str) -> ClipCamera:
        """The camera as the demo's site file describes it."""
        camera, truth = self.camera, self.truth
        return ClipCamera(
            id=camera.id,
            name=camera.name,
            clip=self.video,
            started_at=truth.started_at,
            calibration=truth.calibration,
            limit_kmh=truth.limit_kmh if camera.street else None,
            road=Road.of(truth) if camera.rules else Road(),
            rules=_asking(truth.rules) if camera.rules else (),
            district=camera.district,
            detector=detector,
            note=camera.note,
            place=camera.place,
        )


def _asking(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The same rules; those that the law knows exemptions from name the demo's list."""
    law = load_profile(JURISDICTION).law
    return tuple(
        rule if law(kind_of(type(rule))).exemptions_max_age_h is None else rule.model_copy(
            update={"exemptions": (LIST,)}
        )
        for rule in rules
    )  # fmt: skip
