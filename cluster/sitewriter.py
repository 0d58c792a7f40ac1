"""Writes site files that people go on editing: clips with their survey, laid out as one would by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flows.domain.config import Config
from flows.domain.ruleset import Rule, RuleConfig, SignalConfig, SpeedingRule
from flows.domain.site import CalibrationConfig, RoadLine, Zone
from flows.scenes.truth import SceneTruth


@dataclass(frozen=True, slots=True)
class Road:
    """What rules refer to."""

    zones: tuple[Zone, ...] = ()
    lines: tuple[RoadLine, ...] = ()
    signals: tuple[SignalConfig, ...] = ()

    @classmethod
    def of(cls, truth: SceneTruth) -> Road:
        """What a scene states of its own road."""
        return cls(truth.zones, truth.lines, truth.signals)


@dataclass(frozen=True, slots=True)
class ClipCamera:
    """A camera whose source is a recorded clip.

    Attributes:
        id: Its id.
        name: Its name for people.
        clip: The video file.
        started_at: Capture time of the first frame.
        calibration: Its survey.
        limit_kmh: Limit of its speeding rule; None where nobody drives.
        road: Its zones, lines and signals, as the truth of a scene states them.
        rules: Its rules beside speeding.
        district: Its district.
        detector: Its detector; the default where empty.
        note: A comment for whoever reads the file.
        place: Latitude and longitude, degrees.
    """

    id: str
    name: str
    clip: Path
    started_at: datetime
    calibration: CalibrationConfig
    limit_kmh: float | None
    road: Road = field(default_factory=lambda: Road())
    rules: tuple[Rule, ...] = ()
    district: str = "demo"
    detector: str = ""
    note: str = ""
    place: tuple[float, float] | None = None


def site_text(site: str, cameras: Sequence[ClipCamera], folder: Path) -> str:
    """The text of a site file that will lie in ``folder``; clips are named relative to it."""
    districts = list(dict.fromkeys(c.district for c in cameras))
    head = [f"site: {site}", "jurisdiction: kz", f"districts: [{', '.join(districts)}]", "cameras:"]
    return "\n".join(head + [line for camera in cameras for line in _camera(camera, folder)]) + "\n"


def write_site(path: Path, site: str, cameras: Sequence[ClipCamera]) -> None:
    """Writes the site file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(site_text(site, cameras, path.absolute().parent), encoding="utf-8")


def _camera(camera: ClipCamera, folder: Path) -> list[str]:
    lines = [
        *([f"  # {camera.note}"] if camera.note else []),
        f"  - id: {camera.id}",
        f"    name: {_quoted(camera.name)}",
        f"    district: {camera.district}",
        *(
            f"    {name}: {degrees:g}"
            for name, degrees in zip(("latitude", "longitude"), camera.place or (), strict=False)
        ),
        "    source:",
        f"      path: {_quoted(_relative(camera.clip, folder))}",
        f"      started_at: {camera.started_at.isoformat()}",
    ]
    if camera.detector:
        lines.append(f"    detector: {camera.detector}")
    for name, things in (
        ("zones", camera.road.zones),
        ("lines", camera.road.lines),
        ("signals", camera.road.signals),
    ):
        lines += [f"    {name}:", *(f"      - {_flow(thing)}" for thing in things)] if things else []
    speeding = () if camera.limit_kmh is None else (SpeedingRule(limit_kmh=camera.limit_kmh),)
    rules = [f"      - {_flow(rule)}" for rule in (*speeding, *camera.rules)]
    lines += ["    rules:", *rules] if rules else []
    return lines + _calibration(camera.calibration)


def _flow(model: Config) -> str:
    """A model on one line, only what differs from its defaults."""
    given = model.model_dump(mode="json", exclude_defaults=True)
    kind = {"kind": model.kind} if isinstance(model, RuleConfig) and hasattr(model, "kind") else {}
    return json.dumps(kind | given, ensure_ascii=False).replace('"', "")


def _calibration(survey: CalibrationConfig) -> list[str]:
    width, height = survey.picture_px
    lines = [
        "    calibration:",
        *([f"      id: {_quoted(survey.id)}"] if survey.id else []),
        f"      picture_px: [{width}, {height}]",
        f"      surveyed_on: {survey.surveyed_on.isoformat()}",
        f"      valid_until: {survey.valid_until.isoformat()}",
        f"      error_px: {survey.error_px:g}",
        f"      error_m: {survey.error_m:g}",
        "      points:  # u px, v px, x m, y m",
    ]
    numbers = [(*p.px, *p.m) for p in survey.points]
    return lines + [f"        - [{u:.2f}, {v:.2f}, {x:.3f}, {y:.3f}]" for u, v, x, y in numbers]


def _relative(clip: Path, folder: Path) -> str:
    return Path(os.path.relpath(clip.absolute(), folder)).as_posix()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
