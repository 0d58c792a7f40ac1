"""The demo's result: each camera's expected events against the found ones, and a picture of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from cluster.cli.shell import counted
from cluster.demo.cameras import Clip
from cluster.demo.search import KEY_FILE, appearance
from cluster.demo.station import Search, Station, Things, faces_line, station_table
from cluster.picture import Caption, draw_object, draw_violation
from flows.domain.cases import SearchCase
from flows.domain.events import SPEEDING, Event, KeyMoment, Violation
from flows.domain.leads import Lead
from flows.domain.objects import AbandonedObject
from flows.domain.status import CameraStatus, Summary
from flows.evaluation.events import CLEAR_KMH, EventScore, evaluate_events, is_violation, read_events
from flows.road.ground import GroundPlane

GOOD_SHARE: Final = 0.045
"""Share of the picture that a vehicle fills in a picture that people like to look at."""


@dataclass(frozen=True, slots=True)
class CameraOutcome:
    """How one camera did.

    Attributes:
        clip: The camera, its video and truth.
        score: Its events against the truth.
        status: Its counts at the end.
        packages: Evidence packages that were stored.
        states: What became of its violations: how many stand, need a person, wait or are dismissed.
    """

    clip: Clip
    score: EventScore
    status: CameraStatus
    packages: int
    states: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the demo went.

    Attributes:
        cameras: Each camera's outcome.
        evidence: Folder of the evidence packages.
        picture: A found violation as a picture; None without any.
        seconds: What the live job took.
        station: What was found at the station; None where there is none.
        failed: Cameras of the station that failed, by id.
        left: Something that was left, as a picture; None without any.
    """

    cameras: tuple[CameraOutcome, ...]
    evidence: Path
    picture: Path | None
    seconds: float
    station: Station | None = None
    failed: tuple[str, ...] = ()
    left: Path | None = None

    @property
    def worked(self) -> bool:
        """No camera failed, and something was found where something was to be found."""
        if self.station is not None and not self.station.worked:
            return False
        failed = self.failed or any(c.status.state == "failed" for c in self.cameras)
        due = sum(c.score.tp + c.score.fn for c in self.cameras)
        return not failed and (due == 0 or sum(c.score.tp for c in self.cameras) > 0)


def events_of(folder: Path) -> list[Event]:
    """All events that a run has left in ``folder``."""
    return read_events(folder / "events.jsonl")


def violations_of(folder: Path) -> list[Event]:
    """The violations that a run has left in ``folder``."""
    return [e for e in events_of(folder) if is_violation(e)]


def compare(
    clips: Sequence[Clip],
    folder: Path,
    evidence: Path,
    tolerance_kmh: float,
    states: Mapping[str, Mapping[str, int]] | None = None,
    searched: tuple[SearchCase, Sequence[Lead]] | None = None,
) -> Outcome:
    """Scores what a run left in ``folder`` against the truth of its clips.

    Args:
        clips: The demo's clips.
        folder: Where ``events.jsonl`` and ``summary.json`` lie and the picture goes.
        evidence: Where the evidence packages lie.
        tolerance_kmh: The jurisdiction's tolerance over the limit.
        states: By camera, how many of its violations are in which state.
        searched: The search case and what it brought, where there is a station.
    """
    events = violations_of(folder)
    summary = Summary.model_validate_json((folder / "summary.json").read_bytes())
    outcomes = []
    streets = [clip for clip in clips if clip.camera.street]
    for clip in streets:
        mine = [e for e in events if e.camera_id == clip.camera.id]
        score = evaluate_events(clip.truth, mine, tolerance_kmh, CLEAR_KMH)
        packages = len(list((evidence / clip.camera.id).glob("*/*/manifest.json")))
        status = _status(summary, clip)
        became = dict((states or {}).get(clip.camera.id, {}))
        outcomes.append(CameraOutcome(clip, score, status, packages, became))
    took = (summary.ended_at - summary.started_at).total_seconds()
    halls = [clip for clip in clips if not clip.camera.street]
    looked = {id: camera.faces for id, camera in summary.cameras.items()}
    station = _station(halls, events_of(folder), looked, *searched) if searched else None
    return Outcome(
        cameras=tuple(outcomes),
        evidence=evidence,
        picture=draw_best(streets, events, folder / "violation.png"),
        seconds=took,
        station=station,
        failed=tuple(c.camera.id for c in halls if _status(summary, c).state == "failed"),
        left=draw_left(station, folder / "left.jpg") if station else None,
    )


def _status(summary: Summary, clip: Clip) -> CameraStatus:
    return summary.cameras.get(clip.camera.id) or CameraStatus(camera_id=clip.camera.id, state="failed")


def _station(
    halls: Sequence[Clip],
    events: Sequence[Event],
    looked: Mapping[str, int],
    case: SearchCase,
    leads: Sequence[Lead],
) -> Station:
    seen = {clip.camera.id: appearance(clip) for clip in halls if clip.camera.id in case.cameras}
    appearances = {camera: shown for camera, shown in seen.items() if shown is not None}
    things = tuple(Things.of(clip, events) for clip in halls if clip.camera.rules)
    return Station(things, Search(case, tuple(leads), appearances, looked))


def outcome_table(outcome: Outcome) -> Table:
    """One row a camera: expected, found, missed, wrong, errors of the speeds, evidence."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("camera")
    for name in ("to find", "found", "missed", "wrong", "speed error, mean / max", "95 % interval held"):
        table.add_column(name, justify="right")
    table.add_column("what became of them")
    table.add_column("evidence")
    for camera in outcome.cameras:
        table.add_row(*_row(camera))
        for kind, score in camera.score.by_type.items() if len(camera.score.by_type) > 1 else ():
            due = int(score["tp"] + score["fn"])
            numbers = (due, int(score["tp"]), int(score["fn"]), int(score["fp"]))
            table.add_row(f"  {kind.split('.')[2].replace('_', ' ')}", *map(str, numbers), style="dim")
    return table


def _row(camera: CameraOutcome) -> tuple[str, ...]:
    score = camera.score
    error = score.speed_error_kmh
    held = f"{score.interval_coverage:.0%}" if score.interval_coverage is not None else "-"
    return (
        f"{camera.clip.camera.name}\n[dim]{camera.clip.camera.id}, {camera.status.state}[/]",
        str(score.tp + score.fn),
        f"[green]{score.tp}[/]" if score.fn == 0 else str(score.tp),
        f"[red]{score.fn}[/]" if score.fn else "0",
        f"[red]{score.fp}[/]" if score.fp else "0",
        f"{error['mean']:.2f} / {error['max']:.2f} km/h" if error else "-",
        held,
        ", ".join(f"{state.replace('_', ' ')} {n}" for state, n in sorted(camera.states.items())) or "-",
        counted(camera.packages, "package") if camera.packages else "none",
    )


def show(outcome: Outcome, console: Console, site: Path) -> None:
    """Prints the table, where things lie, and what to try next."""
    console.print(outcome_table(outcome))
    lines = [("took", f"{outcome.seconds:.0f} s for the live job")]
    if outcome.station is not None:
        console.print()
        console.print(station_table(outcome.station))
        lines.insert(0, ("faces", faces_line(outcome.station.search)))
    if outcome.picture is not None:
        lines.append(("picture", f"{shown_path(outcome.picture)}: one of the violations found"))
    if outcome.left is not None:
        lines.append(("", f"{shown_path(outcome.left)}: what was left in the hall"))
    here, file = shown_path(site.parent), shown_path(site)
    lines += [
        ("evidence", f"{shown_path(outcome.evidence)}/CAMERA: pictures, clip, manifest of each"),
        ("exempt", f"{here}/exemptions.yaml was in force (dome exemptions load puts another there)"),
        ("files", f"{here}/events.jsonl (CloudEvents), {here}/summary.json (counts)"),
        ("next", f"dome check {file}    [dim]who is fit for evidence, and why[/]"),
        ("", f"dome run {file} --until-end    [dim]the same job; put your own cameras into the file[/]"),
        (
            "",
            f"DOME_HOME={here}/home DOME_PROBE_KEY=$(cat {here}/home/{KEY_FILE}) dome api"
            "    [dim]the console, to work through what was found[/]",
        ),
    ]
    console.print()
    for name, text in lines:
        console.print(f"[bold]{name:<9}[/] {text}", soft_wrap=True)


def shown_path(path: Path) -> str:
    """Relative to the working directory where it lies below it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def draw_best(clips: Sequence[Clip], events: Sequence[Event], out: Path) -> Path | None:
    """Draws the violation that shows best, a speed where there is one; None if there is none."""
    by_id = {clip.camera.id: clip for clip in clips}
    found = [
        (by_id[e.camera_id], e, m) for e in events if e.camera_id in by_id for m in _violation(e).moments
    ]
    if not found:
        return None
    order = [clip.camera.id for clip in clips]
    clip, event, moment = min(
        found, key=lambda f: (order.index(f[0].camera.id), f[1].type != SPEEDING, _oddness(f[0], f[2]))
    )
    truth = clip.truth
    plane = GroundPlane.fit(truth.calibration).for_picture(truth.width_px, truth.height_px)
    rgb = frame_at(clip.video, moment.at - truth.started_at)
    caption = Caption(clip.camera.name, clip.camera.district.title(), moment.at, event.id)
    draw_violation(rgb, _violation(event), moment, plane, caption).save(out, optimize=True)
    return out


def draw_left(station: Station, out: Path) -> Path | None:
    """Draws the first thing that was found to be left; None if there is none."""
    found = [(things.clip, event) for things in station.things for event in things.found]
    if not found:
        return None
    clip, event = found[0]
    truth = clip.truth
    plane = GroundPlane.fit(truth.calibration).for_picture(truth.width_px, truth.height_px)
    caption = Caption(clip.camera.name, clip.camera.district.title(), event.time, event.id)
    rgb = frame_at(clip.video, event.time - truth.started_at)
    others = bystanders(clip, event)
    draw_object(rgb, AbandonedObject.model_validate(event.data), plane, caption, others).save(out, quality=88)
    return out


def bystanders(clip: Clip, event: Event) -> list[tuple[float, float, float, float]]:
    """Boxes of everybody and everything else in the frame of an event, by the truth."""
    frame = min(clip.truth.frames, key=lambda f: abs(f.at - event.time))
    x0, y0, x1, y1 = AbandonedObject.model_validate(event.data).xyxy
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    return [
        o.xyxy
        for o in frame.objects
        if o.cls == "person" or not (o.xyxy[0] < middle_x < o.xyxy[2] and o.xyxy[1] < middle_y < o.xyxy[3])
    ]


def _violation(event: Event) -> Violation:
    return Violation.model_validate({k: v for k, v in event.data.items() if k in Violation.model_fields})


def _oddness(clip: Clip, moment: KeyMoment) -> float:
    """How far a vehicle's share of the picture is from a good one; cut-off vehicles are odder still."""
    if moment.xyxy is None:
        return float("inf")
    x0, y0, x1, y1 = moment.xyxy
    width, height = clip.truth.width_px, clip.truth.height_px
    share = (x1 - x0) * (y1 - y0) / (width * height)
    cut = min(x0, y0, width - x1, height - y1) < 0.02 * height
    return abs(float(np.log(max(share, 1e-6) / GOOD_SHARE))) + (2.0 if cut else 0.0)


def frame_at(video: Path, since_start: timedelta) -> NDArray[np.uint8]:
    """The frame shown so long after the first one, ``(H, W, 3)`` uint8 RGB."""
    wanted_s = since_start.total_seconds()
    with av.open(str(video)) as source:
        frames = source.decode(video=0)
        first = next(frames)
        best, start_s = first, first.time or 0.0
        for frame in frames:
            if abs((frame.time or 0.0) - start_s - wanted_s) > abs((best.time or 0.0) - start_s - wanted_s):
                break
            best = frame
        return best.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
