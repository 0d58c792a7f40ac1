"""Writes site files that people go on editing: clips with their survey, laid out as one would by hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flows.domain.site import CalibrationConfig


@dataclass(frozen=True, slots=True)
class ClipCamera:
    """A camera whose source is a recorded clip.

    Attributes:
        id: Its id.
        name: Its name for people.
        clip: The video file.
        started_at: Capture time of the first frame.
        calibration: Its survey.
        limit_kmh: Limit of its speeding rule.
        district: Its district.
        detector: Its detector; the default where empty.
    """

    id: str
    name: str
    clip: Path
    started_at: datetime
    calibration: CalibrationConfig
    limit_kmh: float
    district: str = "demo"
    detector: str = ""


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
        f"  - id: {camera.id}",
        f"    name: {_quoted(camera.name)}",
        f"    district: {camera.district}",
        "    source:",
        f"      path: {_quoted(_relative(camera.clip, folder))}",
        f"      started_at: {camera.started_at.isoformat()}",
    ]
    if camera.detector:
        lines.append(f"    detector: {camera.detector}")
    lines.append(f"    rules: [{{kind: speeding, limit_kmh: {camera.limit_kmh:g}}}]")
    return lines + _calibration(camera.calibration)


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
