"""Things left behind, found against true: in rendered halls, and in footage with a list of when owners left.

A list of footage is a CSV file with the columns ``clip``, ``fps``, ``leave_frame`` and ``return_frame`` (and maybe
``scored``); a clip is the camera of the same name. Its frames are seconds since the clip's own time zero, which every
event states as ``clock.anchored_at``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import ValidationError

from flows.domain.errors import FieldError
from flows.domain.events import OBJECT_ABANDONED, OBJECT_CLOSED, Event
from flows.domain.objects import AbandonedObject
from flows.evaluation.events import TruthIndex, read_events
from flows.objects.company import covered
from flows.scenes.truth import EventTruth, SceneTruth
from flows.tracking.boxes import iou

WITHIN_S: Final = 60.0
"""An alarm later than this after the owner left is a miss."""
EARLY_S: Final = 2.0
"""So much sooner than the list says is right: the list was made by eye, and pictures are a second apart."""
COLUMNS: Final = ("clip", "fps", "leave_frame")
OVERLAP: Final = 0.15
"""Least intersection over union with the thing's box: cells are coarse, and its shadow stands with it."""


INSIDE: Final = 0.75
"""Share of a report that lies within the thing's box where so little of that is in sight that it is in doubt."""


@dataclass(frozen=True, slots=True)
class AbandonedScore:
    """What ``dome evaluate abandoned`` prints.

    Attributes:
        precision: Share of the alarms that are true; 1 without any.
        recall: Share of the things left behind that were reported in time; 1 without any.
        tp: Alarms that are true.
        fp: Alarms that are not, come too late, or tell of the same thing again.
        fn: Things left behind that were not reported.
        delay_s: ``mean``, ``median`` and ``max`` time from the owner's leaving to the alarm; empty without any.
        closed: Things reported and taken again whose end was told; of footage, within a minute of ``return_frame``.
        outcome_right: Of these, those of which it was rightly told whether the owner or another took them; None of
            footage, whose list does not say who came.
        missed: What was not reported, in words.
        wrong: Ids of the alarms that are not true.
    """

    precision: float
    recall: float
    tp: int
    fp: int
    fn: int
    delay_s: dict[str, float] = field(default_factory=dict)
    closed: int = 0
    outcome_right: int | None = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Tally:
    delays_s: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    closed: int = 0
    right: int = 0

    def score(self) -> AbandonedScore:
        tp, fp, fn = len(self.delays_s), len(self.wrong), len(self.missed)
        delays = np.array(self.delays_s)
        return AbandonedScore(
            precision=tp / (tp + fp) if tp + fp else 1.0,
            recall=tp / (tp + fn) if tp + fn else 1.0,
            tp=tp,
            fp=fp,
            fn=fn,
            delay_s={
                "mean": round(float(delays.mean()), 2),
                "median": round(float(np.median(delays)), 2),
                "max": round(float(delays.max()), 2),
            }
            if tp
            else {},
            closed=self.closed,
            outcome_right=self.right,
            missed=self.missed,
            wrong=self.wrong,
        )


def evaluate_abandoned(truth: Path, events: Path) -> AbandonedScore:
    """Scores events against a scene's truth (``.json``) or a list of footage (``.csv``).

    Raises:
        FieldError: If a file cannot be read as what it should be.
    """
    found = read_events(events)
    if truth.suffix.lower() == ".csv":
        return score_footage(list(footage(truth)), found)
    try:
        scene = SceneTruth.model_validate_json(truth.read_bytes())
    except (OSError, ValidationError) as error:
        raise FieldError(
            "--truth", "a scene's truth (.json) or a list of footage (.csv)", f"{truth}: {error}"
        ) from None
    return score_scene(scene, found)


@dataclass(frozen=True, slots=True)
class Footage:
    """One thing left behind in a clip.

    Attributes:
        clip: The clip's name without its suffix, which is the camera's id.
        left_s: When its owner left, seconds since the clip's time zero.
        back_s: When somebody came back to it; None if nobody did.
        scored: Whether it is asked for.
    """

    clip: str
    left_s: float
    back_s: float | None
    scored: bool = True


def footage(path: Path) -> Iterator[Footage]:
    """The rows of a list of footage; clips in which nothing is left have an empty ``leave_frame``.

    Raises:
        FieldError: If a column or a number is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise FieldError("--truth", "a readable file", f"{path}: {error.strerror}") from None
    if not rows:
        raise FieldError(
            "--truth", f"a header with {', '.join(COLUMNS)} and rows below it", f"nothing in {path}"
        )
    for column in COLUMNS:
        if column not in rows[0]:
            raise FieldError(f"--truth: column {column}", "to be there", f"{', '.join(map(str, rows[0]))}")
    for line, row in enumerate(rows, start=2):
        if not (row["leave_frame"] or "").strip():
            continue
        try:
            fps = float(row["fps"])
            back = (row.get("return_frame") or "").strip()
            yield Footage(
                Path(row["clip"]).stem,
                float(row["leave_frame"]) / fps,
                float(back) / fps if back else None,
                (row.get("scored") or "yes").strip().lower() != "no",
            )
        except (ValueError, ZeroDivisionError):
            raise FieldError(
                "--truth", "numbers in fps, leave_frame and return_frame", dict(row), line=line
            ) from None


def score_footage(truth: Sequence[Footage], events: Sequence[Event]) -> AbandonedScore:
    """Alarms of each camera against the clip of its name; of cameras that the list does not name, all are wrong."""
    tally = _Tally()
    alarms = [e for e in events if e.type == OBJECT_ABANDONED]
    ends = {str(e.data.get("object")): e for e in events if e.type == OBJECT_CLOSED}
    used: set[str] = set()
    for one in truth:
        mine = [
            (e, _since_zero_s(e) - one.left_s) for e in alarms if e.camera_id == one.clip and e.id not in used
        ]
        fits = [(e, delay_s) for e, delay_s in mine if -EARLY_S <= delay_s <= WITHIN_S]
        if fits:
            event, delay_s = min(fits, key=lambda fit: fit[1])
            used.add(event.id)
            if one.scored:
                tally.delays_s.append(delay_s)
                tally.closed += one.back_s is not None and _is_soon(ends.get(event.id), one.back_s)
        elif one.scored:
            tally.missed.append(f"{one.clip}: owner left at {one.left_s:g} s")
    tally.wrong = [e.id for e in alarms if e.id not in used]
    return replace(tally.score(), outcome_right=None)


def _is_soon(end: Event | None, back_s: float) -> bool:
    return end is not None and -EARLY_S <= _since_zero_s(end) - back_s <= WITHIN_S


def _since_zero_s(event: Event) -> float:
    anchored = event.data.get("clock", {})
    zero = anchored.get("anchored_at") if isinstance(anchored, dict) else None
    if not isinstance(zero, str):
        raise FieldError(f"event {event.id}: data.clock.anchored_at", "the clip's time zero", zero)
    return (event.time - datetime.fromisoformat(zero)).total_seconds()


def score_scene(truth: SceneTruth, events: Sequence[Event]) -> AbandonedScore:
    """Alarms against the things of a rendered hall, by where they stand and when.

    A thing may be due for sure and, at another time, in doubt; it is told once, whichever comes first.
    """
    tally, index = _Tally(), TruthIndex(truth)
    due = sorted((e for e in truth.events if e.type == OBJECT_ABANDONED), key=lambda e: e.ignore)
    ends = {
        str(AbandonedObject.model_validate(e.data).object): AbandonedObject.model_validate(e.data)
        for e in events
        if e.type == OBJECT_CLOSED
    }
    told: set[int] = set()
    for event in sorted((e for e in events if e.type == OBJECT_ABANDONED), key=lambda e: e.time):
        payload = AbandonedObject.model_validate(event.data)
        track = _thing_at(index, event.time, payload.xyxy)
        one = next((e for e in due if e.track == track and _is_in_time(event, e)), None)
        if one is None:
            doubtful = [e for e in due if e.ignore and e.track not in told and _is_in_time(event, e)]
            one = next((e for e in doubtful if _is_piece_of(index, event, payload, e.track)), None)
            track = one.track if one is not None else track
        if one is None or track in told:
            tally.wrong.append(event.id)
            continue
        told.add(track)
        if one.ignore:
            continue
        tally.delays_s.append((event.time - one.from_at).total_seconds())
        if event.id in ends and one.facts.get("outcome"):
            tally.closed += 1
            tally.right += ends[event.id].outcome == one.facts["outcome"]
    for one in due:
        if not one.ignore and one.track not in told:
            left_s = (one.from_at - truth.started_at).total_seconds()
            tally.missed.append(f"{one.cls} {one.track}: owner left at {left_s:.1f} s")
    return tally.score()


def _is_in_time(event: Event, due: EventTruth) -> bool:
    return due.from_at <= event.time <= due.until_at + timedelta(seconds=EARLY_S)


def _is_piece_of(index: TruthIndex, event: Event, told: AbandonedObject, track: int) -> bool:
    """Whether a report is of the strip that a pillar leaves of a thing: its box in the truth is the whole one."""
    box = np.array(told.xyxy)
    return any(
        thing.track == track and covered(box, by=np.array(thing.xyxy)) >= INSIDE
        for thing in index.objects_at(event.time)
    )


def _thing_at(index: TruthIndex, at: datetime, xyxy: tuple[float, float, float, float]) -> int:
    """The track of what stands in a box; -1 if nothing that was put down does."""
    best, track = OVERLAP, -1
    for thing in index.objects_at(at):
        if thing.cls == "person":
            continue
        overlap = iou(thing.xyxy, xyxy)
        if overlap > best:
            best, track = overlap, thing.track
    return track
