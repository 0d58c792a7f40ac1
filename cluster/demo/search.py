"""The demo's search: a missing person, asked for by one, authorised by another, before a camera looks at a face.

The recordings are some hours old; the law of the place lets a search for a missing person look back
(``look_back`` of the jurisdiction's profile), within its window and its cameras and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cluster.demo import portrait
from cluster.demo.cameras import Clip
from flows.domain.cases import SearchCase
from flows.domain.leads import Lead
from flows.ownfile import write_own
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.scenes.scene import Scene

KEY_FILE: Final = "probe.key"
REQUESTER: Final = "aigul"
"""An operator; who may look and confirm, see :data:`cluster.cli.doors.PEOPLE`."""
AUTHORISER: Final = "dana"
BEFORE: Final = timedelta(minutes=10)
"""The window begins so long before the recordings ..."""
AFTER: Final = timedelta(minutes=30)
"""... and ends so long after their beginning."""
LIFE: Final = timedelta(days=3)


def vault_key(home: Path) -> str:
    """The key of what is biometric in the demo's home: made there once, readable by its owner only.

    Args:
        home: ``DOME_HOME`` of the demo.
    """
    from cryptography.fernet import Fernet

    path = home / KEY_FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        write_own(path, Fernet.generate_key(), first=True)
    return path.read_text(encoding="utf-8")


def cameras(clips: Sequence[Clip]) -> tuple[str, ...]:
    """The cameras that the case names: where people come in, and no other one."""
    return tuple(clip.camera.id for clip in clips if clip.camera.searched and not clip.camera.rules)


def asked(names: Sequence[str], recorded_at: datetime, now: datetime) -> dict[str, Any]:
    """What the requester fills in; see :func:`flows.casework.searches.new_case`.

    Args:
        names: The cameras.
        recorded_at: First frame of the recordings.
        now: The present.
    """
    window = {"begins_at": recorded_at - BEFORE, "ends_at": recorded_at + AFTER}
    return {
        "purpose": "missing_person",
        "basis": {"law": "KPK RK 232", "document": "demo-17/2026"},
        "target": {"kind": "person", "name": "A missing person", "probes": ["p1"]},
        "cameras": list(names),
        "window": {name: at.isoformat() for name, at in window.items()},
        "alert_radius_m": 1000,
        "requester": REQUESTER,
        "expires_at": (now + LIFE).isoformat(),
        "registration": "demo-R-1",
    }


def open_case(clips: Sequence[Clip], jurisdiction: str, settings: Settings) -> SearchCase:
    """Asks for the search, has it authorised by another, and begins it, in the demo's home.

    Raises:
        DomeError: If the law of the place refuses it, or the photo.
    """
    from cluster.searching import searching
    from flows.casework.searches import new_case, prepared
    from flows.jurisdiction import load_profile
    from flows.store.cases import new_id
    from models.faces import load
    from models.faces.photos import decoded
    from models.faces.probe import ProbeChecker

    now = datetime.now(UTC)
    values = asked(cameras(clips), min(clip.truth.started_at for clip in clips), now)
    draft = new_case(values, load_profile(jurisdiction), new_id(), now)
    photos = prepared({"p1": portrait.photo()}, decoded, ProbeChecker(load(settings.faces, settings)))
    with searching(settings, sealed=True) as stores:
        stores.cases.create(draft, photos)
        stores.cases.authorise(draft.id, AUTHORISER, "the report and the relatives' consent were seen")
        return stores.cases.activate(draft.id, REQUESTER, "recordings of the last hours")


def leads_of(case: SearchCase, settings: Settings) -> list[Lead]:
    """What the job has found, in the order of capture: for the demo's table, which shows nobody's face."""
    from cluster.searching import searching

    with searching(settings) as stores:
        return stores.leads.raw_of_case(case.id)


FACE_M: Final = 0.15
"""Width of a face from cheek to cheek."""
LEAST_PX: Final = 60
"""Whoever shows a face so wide is to be found."""
IN_SIGHT_PX: Final = 30
"""Narrower ones cannot be: the finder begins at 40 px from ear to ear."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """When a camera shows the face of who is missing.

    Attributes:
        from_at: First frame in which it is :data:`IN_SIGHT_PX` wide or wider.
        until_at: Last one.
        widest_px: How wide it gets, :data:`LEAST_PX` or more.
    """

    from_at: datetime
    until_at: datetime
    widest_px: float


def appearance(clip: Clip) -> Appearance | None:
    """Where the scene has the face, by its geometry; None where it is never near enough."""
    import flows.scenes

    scene = flows.scenes.build(clip.camera.scene, clip.camera.seed, **clip.camera.options)
    times_s = [scene.time_of(index)[0] for index in range(scene.frame_count)]
    widths_px = [face_px(scene, t_s) for t_s in times_s]
    if max(widths_px) < LEAST_PX:
        return None
    seen_s = [t_s for t_s, px in zip(times_s, widths_px, strict=True) if px >= IN_SIGHT_PX]
    start = clip.truth.started_at
    return Appearance(
        start + timedelta(seconds=seen_s[0]), start + timedelta(seconds=seen_s[-1]), max(widths_px)
    )


def face_px(scene: Scene, t_s: float) -> float:
    """Width of the face of who is searched for in the picture then, px; 0 where it is not in it.

    Args:
        scene: A hall with the case ``searched``.
        t_s: Seconds since its beginning.
    """
    (actor,) = (actor for actor in scene.world.actors if actor.role == "searched")
    state = actor.state_at(t_s)
    turn = np.radians(state.heading_deg)
    ahead, aside = np.array([np.sin(turn), np.cos(turn)]), np.array([np.cos(turn), -np.sin(turn)])
    middle = np.array([state.x_m, state.y_m]) + 0.1 * ahead
    if ahead @ (scene.camera.position_m[:2] - middle) <= 0:
        return 0.0  # they have passed: the back of a head
    ends = [[*(middle + side * FACE_M / 2 * aside), 0.93 * actor.body.height_m] for side in (-1, 1)]
    a, b = scene.camera.project(np.array(ends))
    inside = all(0 < x < scene.camera.width_px and 0 < y < 0.92 * scene.camera.height_px for x, y in (a, b))
    return float(abs(a[0] - b[0])) if inside else 0.0
