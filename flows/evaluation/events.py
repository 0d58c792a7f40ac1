"""Events against a scene's truth: precision, recall, and what the measured speeds are worth.

An event belongs to the thing in the truth whose boxes it shows at its moments. What was to be found follows
from the truth and from the bound that the rule itself states: a vehicle whose true speed lies above the limit
but within the tolerance is no violation, so neither is it missed nor may it be reported.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from flows.domain.errors import FieldError
from flows.domain.events import SPEEDING, Event, KeyMoment, Violation
from flows.scenes.truth import EventTruth, ObjectTruth, SceneTruth
from flows.tracking.boxes import iou

MIN_OVERLAP = 0.3
"""Mean intersection over union at an event's moments; neighbours in a queue overlap less."""
CLEAR_KMH = 3.0
"""Speed meters for enforcement may be off by so much (OIML R 91): who is less above the bound need not be found."""
SLACK_S = 0.5
"""How far an event's moments may lie outside the time in which its vehicle is to be found: the first and last
frames, in which it is small or leaving, are not asked for but may be used."""


@dataclass(frozen=True, slots=True)
class TypeScore:
    """Counts of one event type.

    Attributes:
        tp: Events that are true.
        fp: Events that are not, or were reported before.
        fn: Violations that were not reported.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def precision(self) -> float:
        """Share of the events that are true; 1 without any."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 1.0

    @property
    def recall(self) -> float:
        """Share of the violations that were reported; 1 without any."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 1.0


@dataclass(frozen=True, slots=True)
class EventScore:
    """What ``dome evaluate events`` prints.

    Attributes:
        precision: Over all types.
        recall: Over all types.
        tp: Events that are true.
        fp: Events that are not, or were reported before.
        fn: Violations that were not reported.
        speed_error_kmh: ``mean``, ``median`` and ``max`` absolute error of the measured speeds against the
            true mean speed between the first and the last moment; empty where none was measured.
        interval_coverage: Share of the 95 % intervals that hold it; None where none was measured.
        half_width_kmh: Mean half-width of the intervals.
        by_type: ``tp``, ``fp``, ``fn``, ``precision``, ``recall`` of each type.
        missed: Tracks of the truth that were not reported, ``CLASS TRACK at SPEED km/h``.
        wrong: Ids of the events that are not true.
    """

    precision: float
    recall: float
    tp: int
    fp: int
    fn: int
    speed_error_kmh: dict[str, float] = field(default_factory=dict)
    interval_coverage: float | None = None
    half_width_kmh: float | None = None
    by_type: dict[str, dict[str, float]] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Tally:
    """What is collected over all clips."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    errors_kmh: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    half_kmh: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def score(self) -> EventScore:
        types = {t: TypeScore(c["tp"], c["fp"], c["fn"]) for t, c in sorted(self.counts.items())}
        total = TypeScore(*(sum(getattr(s, k) for s in types.values()) for k in ("tp", "fp", "fn")))
        errors = np.abs(self.errors_kmh)
        return EventScore(
            precision=total.precision,
            recall=total.recall,
            tp=total.tp,
            fp=total.fp,
            fn=total.fn,
            speed_error_kmh={
                "mean": float(errors.mean()),
                "median": float(np.median(errors)),
                "max": float(errors.max()),
            }
            if len(errors)
            else {},
            interval_coverage=float(np.mean(self.held)) if self.held else None,
            half_width_kmh=float(np.mean(self.half_kmh)) if self.half_kmh else None,
            by_type={
                name: {"tp": s.tp, "fp": s.fp, "fn": s.fn, "precision": s.precision, "recall": s.recall}
                for name, s in types.items()
            },
            missed=self.missed,
            wrong=self.wrong,
        )


class TruthIndex:
    """A scene's truth, asked by time and by track."""

    def __init__(self, truth: SceneTruth) -> None:
        self.truth = truth
        self._times = np.array([f.at.timestamp() for f in truth.frames])
        self._speeds: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for frame in truth.frames:
            for thing in frame.objects:
                self._speeds[thing.track].append((frame.at.timestamp(), thing.speed_kmh))

    def objects_at(self, at: datetime) -> Sequence[ObjectTruth]:
        """What the frame at a capture time shows; nothing where no frame is within half a frame's time."""
        if len(self._times) == 0:
            return ()
        nearest = int(np.abs(self._times - at.timestamp()).argmin())
        close = abs(self._times[nearest] - at.timestamp()) <= 0.6 / self.truth.fps
        return self.truth.frames[nearest].objects if close else ()

    def overlaps(self, moments: Sequence[KeyMoment]) -> dict[int, float]:
        """Mean intersection over union with each track at some moments."""
        total: dict[int, float] = defaultdict(float)
        for moment in moments:
            if moment.xyxy is None:
                continue
            for thing in self.objects_at(moment.at):
                total[thing.track] += iou(moment.xyxy, thing.xyxy)
        count = max(1, len(moments))
        return {track: value / count for track, value in total.items() if value / count >= MIN_OVERLAP}

    def speed_between(self, track: int, first: datetime, last: datetime) -> float | None:
        """True mean speed, km/h, between two capture times (trapezoids); None where it was not seen then."""
        rows = np.array(self._speeds.get(track, [])).reshape(-1, 2)
        edge_s = 0.6 / self.truth.fps
        seen = (rows[:, 0] >= first.timestamp() - edge_s) & (rows[:, 0] <= last.timestamp() + edge_s)
        rows = rows[seen]
        if len(rows) < 2:
            return float(rows[0, 1]) if len(rows) else None
        steps = np.diff(rows[:, 0])
        return float((steps * (rows[1:, 1] + rows[:-1, 1]) / 2).sum() / steps.sum())


def evaluate_events(
    truth: Path | SceneTruth | Sequence[Path | SceneTruth],
    events: Path | Iterable[Event],
    tolerance_kmh: float | None = None,
    margin_kmh: float = 0.0,
) -> EventScore:
    """Scores events of one or several cameras.

    Args:
        truth: Truth files (``dome scene --truth``), one a camera. With several, each camera of the events is
            taken for the one whose things its events show.
        events: A file with one CloudEvent a line (``dome run --events``), or the events.
        tolerance_kmh: Tolerance over the limit below which speeding was not asked for; by default what the
            events themselves say they were held against (0 without any).
        margin_kmh: Speeding by less than this beyond limit and tolerance need not be found: a rule that reports
            what its interval leaves no doubt of cannot find it. To be reported is right all the same.

    Raises:
        FieldError: If a file is missing or malformed; with the line where there is one.
    """
    files = [truth] if isinstance(truth, Path | SceneTruth) else list(truth)
    scenes = [TruthIndex(t if isinstance(t, SceneTruth) else read_truth(t)) for t in files]
    found = [e for e in (read_events(events) if isinstance(events, Path) else events) if is_violation(e)]
    tally = _Tally()
    by_camera: dict[str, list[Event]] = defaultdict(list)
    for event in found:
        by_camera[event.camera_id].append(event)
    cameras = _assign(by_camera, scenes)
    for index, scene in enumerate(scenes):
        mine = [e for camera, rows in by_camera.items() if cameras[camera] == index for e in rows]
        _score_scene(
            scene, mine, found if tolerance_kmh is None else [], tolerance_kmh or 0.0, margin_kmh, tally
        )
    return tally.score()


def is_violation(event: Event) -> bool:
    """Whether an event states a violation (other kinds are not scored)."""
    return event.type.startswith("dome.violation.")


def read_truth(path: Path) -> SceneTruth:
    """A scene's truth file.

    Raises:
        FieldError: If it is missing or not a truth file.
    """
    try:
        return SceneTruth.model_validate_json(_read(path, "truth"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise FieldError(f"{path}: {where}", "a scene's truth", first["msg"]) from error


def read_events(path: Path) -> list[Event]:
    """One CloudEvent a line; empty lines are skipped.

    Raises:
        FieldError: If the file is missing or a line is no event, with its number.
    """
    events = []
    for number, line in enumerate(_read(path, "events").splitlines(), 1):
        if not line.strip():
            continue
        try:
            events.append(Event.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "event"
            raise FieldError(f"{path}: {where}", "a CloudEvent", first["msg"], line=number) from error
    return events


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FieldError(what, "a readable file", f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FieldError(what, "a text file", f"{path}: not UTF-8") from error


def _assign(by_camera: Mapping[str, list[Event]], scenes: Sequence[TruthIndex]) -> dict[str, int]:
    """Which truth each camera belongs to: the one that its events overlap most."""
    out = {}
    for camera, rows in by_camera.items():
        fits = [
            sum(max(scene.overlaps(v.moments).values(), default=0.0) for v in map(_violation, rows))
            for scene in scenes
        ]
        out[camera] = int(np.argmax(fits))
    return out


def _violation(event: Event) -> Violation:
    try:
        # Rules may add facts of their own to the payload.
        known = {k: v for k, v in event.data.items() if k in Violation.model_fields}
        return Violation.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FieldError(f"events.{event.id}.data.{where}", "a violation's payload", first["msg"]) from error


def _score_scene(
    scene: TruthIndex,
    events: list[Event],
    every: Sequence[Event],
    tolerance_kmh: float,
    margin_kmh: float,
    tally: _Tally,
) -> None:
    stated = [_violation(e).threshold.get("tolerance_kmh", 0.0) for e in every if e.type == SPEEDING]
    tolerance = max(stated, default=tolerance_kmh)
    due: dict[tuple[str, int], list[EventTruth]] = defaultdict(list)
    for t in scene.truth.events:
        if t.ignore or _asked(t, tolerance + margin_kmh):
            due[t.type, t.track].append(t)
    claimed: set[tuple[str, int]] = set()
    # The best fit first: of two events on one vehicle the other one is the duplicate.
    pairs = sorted(((_best(scene, e), e) for e in events), key=lambda p: (-p[0][1], p[1].time, p[1].id))
    for (track, _), event in pairs:
        key = (event.type, track)
        expected = due.get(key, [])
        sure = [t for t in expected if not t.ignore]
        true = track >= 0 and key not in claimed and _true(scene, event, track, sure)
        if not true and any(t.ignore and _then(event, t) for t in expected):
            continue  # borderline: neither right nor wrong
        tally.counts[event.type]["tp" if true else "fp"] += 1
        if true:
            claimed.add(key)
        else:
            tally.wrong.append(event.id)
        if track >= 0:
            _measure(scene, event, track, tally)
    for key, those in due.items():
        missed = next((t for t in those if not t.ignore), None)
        if missed is not None and key not in claimed:
            tally.counts[missed.type]["fn"] += 1
            tally.missed.append(_words(missed))


def _words(missed: EventTruth) -> str:
    if missed.speed_kmh is not None:
        return f"{missed.cls} {missed.track} at {missed.speed_kmh:.1f} km/h"
    what = missed.type.split(".")[2]
    return f"{missed.cls} {missed.track}: {what} {missed.facts.get('role', '')}".rstrip()


def _asked(expected: EventTruth, tolerance_kmh: float) -> bool:
    if expected.speed_kmh is None or expected.limit_kmh is None:
        return True
    return expected.speed_kmh > expected.limit_kmh + tolerance_kmh


def _best(scene: TruthIndex, event: Event) -> tuple[int, float]:
    """The track an event shows and how well, or -1."""
    overlaps = scene.overlaps(_violation(event).moments)
    return max(overlaps.items(), key=lambda kv: (kv[1], -kv[0]), default=(-1, 0.0))


def _then(event: Event, expected: EventTruth) -> bool:
    """Whether the event's moments lie where the violation is to be found."""
    moments = _violation(event).moments
    slack = timedelta(seconds=SLACK_S)
    return moments[0].at <= expected.until_at + slack and moments[-1].at >= expected.from_at - slack


def _true(scene: TruthIndex, event: Event, track: int, expected: Sequence[EventTruth]) -> bool:
    """Whether the event is so: it was to be found, or (speeding) the vehicle did go faster than the bound."""
    violation = _violation(event)
    first, last = violation.moments[0].at, violation.moments[-1].at
    if expected:
        return any(_then(event, t) for t in expected)
    speed = scene.speed_between(track, first, last)
    bound = violation.threshold.get("limit_kmh", scene.truth.limit_kmh)
    bound += violation.threshold.get("tolerance_kmh", 0.0)
    return event.type == SPEEDING and speed is not None and speed > bound


def _measure(scene: TruthIndex, event: Event, track: int, tally: _Tally) -> None:
    violation = _violation(event)
    speed = violation.measured.get("speed")
    if speed is None or not violation.moments:
        return
    true = scene.speed_between(track, violation.moments[0].at, violation.moments[-1].at)
    if true is not None:
        tally.errors_kmh.append(speed.value - true)
        tally.held.append(speed.low <= true <= speed.high)
        tally.half_kmh.append((speed.high - speed.low) / 2)
