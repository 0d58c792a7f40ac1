"""Knocked and shaken cameras: the smallest knock that is noticed, how soon, false alarms, and what looking costs.

Rendered streets by every pose and light, at seeds of their own. Knocks are measured in what the survey's own stated
errors leave open at the surveyed place that suffers most (1 is the line): one of 0.7 must be let pass, one of 1.3 told.
Few frames a second: looks are two seconds apart whatever the rate, and the renderer is slow.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import numpy as np

import flows.scenes
from cluster.bench import report
from cluster.bench.clips import still
from flows.domain.events import Event
from flows.domain.frames import Frame
from flows.domain.ruleset import SpeedingRule
from flows.domain.site import CameraConfig, FileSource, SceneSource
from flows.pictures.steadiness import Allowance, Steadiness, SteadyConfig
from flows.road.ground import GroundPlane
from flows.scenes.sway import turned
from flows.scenes.truth import SceneTruth
from flows.settings import Settings
from flows.sources.file import FileVideo
from flows.sources.scene import rendered

FIRST_SEED: Final = 970_001
POSES: Final = ("gantry", "roadside", "high")
LIGHTS: Final = ("day", "dusk", "night", "rain")
FPS: Final = 6.25
CLIP_S: Final = 28.0
KNOCK_S: Final = 14.3
AXES: Final = cycle([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.6, -0.6, 0.5), (0.0, 0.0, 1.0), (-0.7, 0.7, 0.0)])
SIZES: Final = (0.0, 0.7, 1.3, 40.0)
"""Of knocks, in what the survey leaves open; 40 turns a camera by degrees."""


@dataclass(frozen=True, slots=True)
class Played:
    """One clip and what was said of its camera.

    Attributes:
        pose: Where the camera hangs.
        light: By which light.
        size: Of the knock.
        px: Of the knock, by the truth.
        told: Events, with seconds since the clip began.
        stopped_s: When the camera was first not trusted.
        looks: How many looks there were ...
        unknown: ... and how many said nothing.
    """

    pose: str
    light: str
    size: float
    px: float
    told: tuple[tuple[float, str], ...]
    stopped_s: float | None
    looks: int
    unknown: int

    def delay_s(self) -> float | None:
        """From the knock until it was told."""
        return next((at - KNOCK_S for at, what in self.told if what == "displaced"), None)


def run(quick: bool) -> list[report.Figure]:
    """The figures; see :mod:`cluster.bench.__main__`."""
    settings = Settings.from_env()
    poses, lights = (POSES[:1], LIGHTS[:1]) if quick else (POSES, LIGHTS)
    played = [knocked(p, light, size, settings) for p in poses for light in lights for size in SIZES]
    shaken = [shakes(pose, settings) for pose in poses]
    return [*_figures(played), *_shakes(shaken), _cost(settings)]


def knocked(pose: str, light: str, size: float, settings: Settings) -> Played:
    """A clip with a knock of a size."""
    seed = FIRST_SEED + 100 * POSES.index(pose) + LIGHTS.index(light)
    options: dict[str, Any] = {"pose": pose, "light": light, "duration_s": CLIP_S, "fps": FPS}
    if size:
        pan, tilt, roll = knock_of(seed, options, size)
        options |= {
            "knock_at_s": KNOCK_S,
            "knock_pan_deg": pan,
            "knock_tilt_deg": tilt,
            "knock_roll_deg": roll,
        }
    return _play(SceneSource(scene="road", seed=seed, options=options), size, settings)


def knock_of(seed: int, options: dict[str, Any], size: float) -> tuple[float, float, float]:
    """Pan, tilt and roll in degrees of a knock that is off by so much of what the survey leaves open."""
    scene = flows.scenes.build("road", seed=seed, **options)
    camera = scene.camera
    size_px = camera.width_px, camera.height_px
    allowance = Allowance(GroundPlane.fit(scene.calibration), size_px, SteadyConfig())
    m = np.array([(*p.m, 0.0) for p in scene.calibration.points])
    axis = np.array(next(AXES))

    def off(scale: float) -> float:
        pan, tilt, roll = (float(v) for v in scale * axis)
        px = turned(camera, (pan, tilt, roll)).project(m) - camera.project(m)
        return allowance.of(px).excess if np.isfinite(px).all() else np.inf

    low, high = 0.0, 30.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if off(middle) < size else (low, middle)
    pan, tilt, roll = (round(float(v), 4) for v in low * axis)
    return pan, tilt, roll


def shakes(pose: str, settings: Settings) -> Played:
    """A clip in which the camera sways for five seconds."""
    seed = FIRST_SEED + 100 * POSES.index(pose)
    options: dict[str, Any] = {"pose": pose, "light": "day", "duration_s": 24.0, "fps": 12.5}
    sway: dict[str, Any] = {"shake_deg": 0.2, "shake_s": (12.0, 17.0)}
    return _play(SceneSource(scene="road", seed=seed, options=options | sway), 0.0, settings)


def _play(source: SceneSource, size: float, settings: Settings) -> Played:
    made = rendered(source, settings)
    truth = SceneTruth.model_validate_json(made.truth.read_bytes())
    camera = CameraConfig(
        id="bench",
        district="bench",
        source=source,
        calibration=truth.calibration,
        rules=(SpeedingRule(limit_kmh=60),),
    )
    watch = Steadiness(camera, GroundPlane.fit(truth.calibration))
    told: list[tuple[float, str]] = []
    stopped_s: float | None = None
    looks = unknown = 0
    last = watch.verdict
    for frame in _frames(made.clip, truth):
        at_s = (frame.at - truth.started_at) / timedelta(seconds=1)
        watch.look(frame)
        told += [(at_s, _word(event)) for event in watch.settle(frame.at)]
        if watch.verdict is not last:
            last = watch.verdict
            looks += 1
            unknown += not last.seen
        if watch.reason and stopped_s is None:
            stopped_s = at_s
    px = truth.disturbances[0].px if truth.disturbances else 0.0
    options = source.options
    return Played(
        str(options["pose"]), str(options["light"]), size, px, tuple(told), stopped_s, looks, unknown
    )


def _frames(clip: Path, truth: SceneTruth) -> Iterator[Frame]:
    video = FileVideo("bench", clip, started_at=truth.started_at, clock_source="scene")
    yield from video.frames()


def _word(event: Event) -> str:
    return str(event.data["fitness"])


def _figures(played: list[Played]) -> list[report.Figure]:
    due = [p for p in played if p.size > 1]
    noticed = [p for p in due if p.delay_s() is not None]
    quiet = [p for p in played if p.size < 1]
    alarms = [p for p in quiet if p.told or p.stopped_s is not None]
    found = [p for p in due if p.size < 2]
    least = {
        pose: min((p.px for p in found if p.pose == pose and p.delay_s() is not None), default=float("nan"))
        for pose in dict.fromkeys(p.pose for p in found)
    }
    smallest = ", ".join(f"{pose} {px:.1f} px" for pose, px in least.items())
    missed = ", ".join(f"{p.pose} {p.light} {p.size:g}" for p in due if p.delay_s() is None)
    delays = [p.delay_s() or 0.0 for p in noticed]
    stops = [p.stopped_s - KNOCK_S for p in noticed if p.stopped_s is not None]
    looks = sum(p.looks for p in played)
    unknown = 100 * sum(p.unknown for p in played) / max(1, looks)
    by_night = [p for p in played if p.light == "night"]
    dark = 100 * sum(p.unknown for p in by_night) / max(1, sum(p.looks for p in by_night))
    return [
        report.at_least(
            "knocks noticed, 1.3 and 40 times what the survey leaves open",
            100 * len(noticed) / max(1, len(due)), 100, "%",
            f"{len(noticed)} of {len(due)}; smallest noticed: {smallest}" + (f"; missed: {missed}" if missed else ""),
        ),
        report.at_most(
            "false alarms: no knock, or 0.7 times that",
            len(alarms), 0, "clips",
            f"of {len(quiet)} clips of {CLIP_S:g} s by day, dusk, night and rain; {looks} looks, "
            f"{unknown:.1f} % unknown ({dark:.1f} % by night)",
        ),
        report.at_most(
            "until a knocked camera is not trusted any more, longest",
            max(stops, default=float("nan")), 4, "s", f"median {statistics.median(stops or [0]):.1f} s",
        ),
        report.at_most(
            "until it is told, longest",
            max(delays, default=float("nan")), 26, "s",
            f"median {statistics.median(delays or [0]):.1f} s; 20 s more where it looks somewhere else altogether",
        ),
    ]  # fmt: skip


def _shakes(played: list[Played]) -> list[report.Figure]:
    right = [p for p in played if [what for _, what in p.told] == ["shaking", "steady"]]
    stops = [p.stopped_s - 12.0 for p in played if p.stopped_s is not None]
    how = ", ".join(f"{p.pose} {p.px:.1f} px: {' '.join(w for _, w in p.told) or 'nothing'}" for p in played)
    return [
        report.at_least(
            "sways of 0.2° told from knocks", len(right), len(played), "clips",
            f"{how}; not trusted after {max(stops, default=float('nan')):.1f} s at most",
        )
    ]  # fmt: skip


def _cost(settings: Settings) -> report.Figure:
    """CPU of an idle 1080p camera's looks, spread over its frames at 25 a second."""
    clip = still(settings.cache / "bench", (1920, 1080), 500)
    camera = CameraConfig(
        id="bench", district="bench", source=FileSource(path=clip), rules=(SpeedingRule(limit_kmh=60),)
    )
    watch = Steadiness(camera, None)
    spent: list[float] = []
    for frame in FileVideo("bench", clip).frames():
        begun = time.thread_time()
        watch.look(frame)
        took = time.thread_time() - begun
        watch.settle(frame.at)
        if watch.verdict.fitness == "fit":
            spent.append(took)
    looked = [s for s in spent if s > 1e-4]
    each = 1e3 * statistics.median(looked) if looked else float("nan")
    return report.at_most(
        "looking, a frame of an idle 1080p camera",
        1e3 * sum(spent) / max(1, len(spent)), 0.06, "ms CPU",
        f"{len(looked)} looks in {len(spent)} frames, {each:.2f} ms each; the gate takes 0.06 to 0.4 ms a frame",
    )  # fmt: skip
