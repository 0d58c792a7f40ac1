"""How well paths know where bodies are: their middles and fronts on the ground against the truth.

Unseen scenes of all kinds, boxes with a detector's errors (:mod:`cluster.bench.boxes`), the tracker and the paths of
the live job. Rules judge by these positions, so what they may be sure of follows from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

import flows.scenes
from cluster.bench import report
from cluster.bench.boxes import frames
from flows.domain.paths import Path
from flows.road.ground import GroundPlane
from flows.road.paths import PathBook
from flows.scenes.truth import FrameTruth, ObjectTruth
from flows.tracking import Tracker
from flows.tracking.boxes import iou

FIRST_SEED: Final = 930_001
KINDS: Final = ("junction", "lanes", "giveway", "buslane", "road")
POSES: Final = ("gantry", "roadside", "high")
REACH_M: Final = 45.0
"""Farther away nothing is enforced by position."""
SAME_IOU: Final = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """One path's newest waypoint beside the truth.

    Attributes:
        kind: Of the scene.
        pose: Of the camera.
        cls: Class in truth.
        range_m: From the camera.
        middle_m: Error of the body's middle.
        front_m: Error of the front's middle; nan while no heading is known.
        sd_m: Standard error that the path states.
    """

    kind: str
    pose: str
    cls: str
    range_m: float
    middle_m: float
    front_m: float
    sd_m: float


def run(quick: bool) -> list[report.Figure]:
    """The figures; see :mod:`cluster.bench.__main__`."""
    seeds = 1 if quick else 3
    places = [
        place
        for k, (kind, pose) in enumerate((kind, pose) for kind in KINDS for pose in POSES)
        for seed in range(seeds)
        for place in measure(kind, pose, FIRST_SEED + 10 * k + seed)
    ]
    return figures([p for p in places if p.range_m <= REACH_M])


def measure(kind: str, pose: str, seed: int) -> Iterator[Place]:
    """All places of one scene."""
    scene = flows.scenes.build(kind, seed=seed, pose=pose, fps=12.5, duration_s=20.0)
    truth = scene.truth()
    lengths = {actor.track: actor.body.length_m for actor in scene.world.actors}
    book, tracker = PathBook(GroundPlane.fit(truth.calibration)), Tracker()
    camera = np.array(truth.camera.position_m[:2])
    for (frame, found), shown in zip(frames(truth, "bench", seed), truth.frames, strict=True):
        tracks = [t for t in tracker.step(found, frame.at, frame.index) if t.confirmed]
        paths = book.step(tracks, truth.width_px, truth.height_px)
        for ended in tracker.ended():
            book.forget(ended)
        for path in paths.values():
            thing = _which(path, shown)
            if thing is not None and path.now.at == frame.at:
                yield _place(kind, pose, path, thing, lengths[thing.track], camera)


def _which(path: Path, shown: FrameTruth) -> ObjectTruth | None:
    box = path.now.xyxy
    if box is None:
        return None
    best = max(shown.objects, key=lambda thing: iou(box, thing.xyxy), default=None)
    return best if best is not None and iou(box, best.xyxy) >= SAME_IOU else None


def _place(
    kind: str, pose: str, path: Path, thing: ObjectTruth, length_m: float, camera_m: NDArray[np.float64]
) -> Place:
    turn = np.radians(thing.heading_deg)
    middle = np.array([thing.x_m, thing.y_m])
    front = middle + np.array([np.sin(turn), np.cos(turn)]) * length_m / 2
    now = path.now
    return Place(
        kind,
        pose,
        thing.cls,
        float(np.linalg.norm(middle - camera_m)),
        float(np.linalg.norm(now.xy_m - middle)),
        float(np.linalg.norm(path.front_m() - front)) if now.heads else float("nan"),
        now.sd_m,
    )


def figures(places: Sequence[Place]) -> list[report.Figure]:
    """Errors of all vehicles and of people, and by class in the detail."""
    vehicles = [p for p in places if p.cls != "person"]
    people = [p for p in places if p.cls == "person"]
    middles, fronts = _errors(vehicles), [p.front_m for p in vehicles if np.isfinite(p.front_m)]
    by_class = ", ".join(
        f"{cls} {np.median(_errors(rows)):.2f}/{np.percentile(_errors(rows), 95):.2f}"
        for cls in ("car", "truck", "bus", "motorcycle")
        if (rows := [p for p in vehicles if p.cls == cls])
    )
    by_pose = ", ".join(
        f"{pose} {np.median(_errors(rows)):.2f}/{np.percentile(_errors(rows), 95):.2f}"
        for pose in POSES
        if (rows := [p for p in vehicles if p.pose == pose])
    )
    how = f"{len(vehicles)} places within {REACH_M:g} m, truth boxes with noise"
    return [
        report.at_most("position: median error of a vehicle's middle", _share(middles, 50), 0.35, "m", how),
        report.at_most(
            "position: 95 % of vehicles' middles within",
            _share(middles, 95),
            1.0,
            "m",
            f"median/95 %: {by_class}; {by_pose}",
        ),
        report.at_most("position: median error of a vehicle's front", _share(fronts, 50), 0.5, "m", how),
        report.at_most(
            "position: 95 % of vehicles' fronts within",
            _share(fronts, 95),
            1.6,
            "m",
            "a body's length is its class's until something measures it",
        ),
        report.at_most(
            "position: 95 % of people's middles within",
            _share(_errors(people), 95),
            0.7,
            "m",
            f"{len(people)} places",
        ),
        report.at_most(
            "position: 95 % of the errors, in stated standard errors",
            _share([p.middle_m / p.sd_m for p in vehicles], 95),
            2.45,
            "sd",
            "2.45 if the stated errors were exact and round",
        ),
    ]


def _errors(places: Sequence[Place]) -> list[float]:
    return [p.middle_m for p in places]


def _share(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) else float("nan")
