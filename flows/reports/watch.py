"""A citizen's clip through the pipeline: what may be proposed of it, and what nobody can know from it.

Nothing was surveyed where it was taken: no plane, no lines, no lights. Rules that need one of them are not guessed at;
it is said which is missing. What is proposed is for a person to look at, and never fit for evidence.

Who drives where at least two others drove the other way is no sign of the wrong way that could be proposed without
lanes: on 64 rendered clips (boxes with a detector's errors, 26 such drivers) it named one of them, and one who drove
as he should while those were the majority.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from flows.domain.detections import Detections
from flows.domain.events import OBJECT_ABANDONED, Event
from flows.domain.frames import ClockState, Frame
from flows.domain.inference import DetectorLike, detect_at_full_size
from flows.domain.ruleset import RULES, VEHICLES, AbandonedObjectRule, kind_of, places
from flows.domain.site import CameraConfig, FileSource, GateConfig
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.pictures.gating import Gate
from flows.pictures.steadiness import Steadiness, SteadyConfig
from flows.pipeline import CameraPipeline, detector_size, request_of
from flows.reports.stoodstill import PROPOSAL, StoodStill
from flows.rules import build_rules
from flows.rules.base import Rule as Observer
from flows.sources.picture import ArrayPicture
from flows.tracking import Tracker
from flows.uploads.frames import ClipFrame

BoxPx = tuple[float, float, float, float]
STEADY: Final = SteadyConfig(learns=6, learns_s=0.5)
"""A clip lasts seconds: its landmarks are learnt in the first three."""
SURE_PERSON: Final = 0.3
"""A face too many in a mosaic harms nobody."""
MISSING: Final = {"zones": "the place's lanes and zones", "lines": "its stop and solid lines",
                  "signals": "its traffic light as the camera sees it"}  # fmt: skip
SAYS: Final = {
    "camera_shakes": "the camera was not held still: nothing that stands can be told from what moves",
    "camera_moved": "the camera was turned meanwhile: what was seen before cannot be held against what came after",
}


@dataclass(frozen=True, slots=True)
class Proposed:
    """What may be a violation.

    Attributes:
        rule: The rule's kind.
        after_s: Of its moment since the clip's beginning.
        cls: The vehicle's class; empty for a thing.
        xyxy: Its box there, px.
        measured: In words.
        track: Of the vehicle; None for a thing, which stays where it is.
    """

    rule: str
    after_s: float
    cls: str
    xyxy: BoxPx
    measured: dict[str, str]
    track: int | None = None


@dataclass(slots=True)
class Seen:
    """What there is in a clip.

    Attributes:
        proposed: What may be violations.
        unknown: What cannot be known, in words.
        vehicles: Boxes of each vehicle by the times it was seen, seconds after the first frame.
        people: Boxes of everybody, by time.
        lasts_s: Time of its last frame.
        size_px: Width and height.
        classes: Of each vehicle.
        only: What alone is to be shown: vehicles by number, things left behind as -1, -2 ...; None: what the machine
            takes for the report's subject.
    """

    proposed: list[Proposed] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    vehicles: dict[int, dict[float, BoxPx]] = field(default_factory=dict)
    people: dict[float, list[BoxPx]] = field(default_factory=dict)
    lasts_s: float = 0.0
    size_px: tuple[int, int] = (0, 0)
    classes: dict[int, str] = field(default_factory=dict)
    only: tuple[int, ...] | None = None

    def left(self) -> dict[int, Proposed]:
        """Things left behind, by number."""
        return {-1 - n: p for n, p in enumerate(p for p in self.proposed if p.track is None)}

    def left_shown(self) -> list[BoxPx]:
        """Boxes of those that are to be shown."""
        return [p.xyxy for n, p in self.left().items() if self.only is None or n in self.only]

    def subjects(self) -> set[int]:
        """Vehicles that the report is about: those of what is proposed, else the one that shows most."""
        if self.only is not None:
            return {n for n in self.only if n in self.vehicles}
        named = {p.track for p in self.proposed if p.track is not None}
        if named or self.proposed or not self.vehicles:
            return named
        return {max(self.vehicles, key=lambda track: prominence(self.vehicles[track].values(), self.size_px))}


def watch(
    frames: Iterable[ClipFrame],
    detector: DetectorLike,
    service: str,
    at: datetime,
    profile: JurisdictionProfile,
) -> Seen:
    """Looks at a clip.

    Args:
        frames: Of it, in order.
        detector: Finds persons and vehicles.
        service: What is reported.
        at: When it began, as claimed.
        profile: The law of the place.

    Raises:
        RuntimeError: If a rule failed: it is not known what there is.
    """
    seen, follower = Seen(), Follower(detector.spec.sure_score)
    pipeline = _pipeline(service, profile, detector)
    events: list[Event] = []
    clock = ClockState("file-time", at)
    for index, each in enumerate(frames):
        height, width = each.bgr.shape[:2]
        seen.size_px, seen.lasts_s = (width, height), each.after_s
        frame = Frame("report", index, at + timedelta(seconds=each.after_s), ArrayPicture(each.bgr), clock)
        request = request_of([frame.picture.bgr(*detector_size(detector, frame))], frame)
        found = detect_at_full_size(detector, [request])[0][0]
        follower.see(found, frame, each.after_s, seen)
        if pipeline is not None:
            admitted = pipeline.admit(frame).passes
            events += pipeline.step(frame, found) if admitted else pipeline.skip(frame)
    if pipeline is not None:
        events += pipeline.close()
        pipeline.vouch()
        seen.unknown += _doubts(pipeline, events)
        seen.proposed += [p for e in events if (p := _proposed(e, at)) is not None and _fit(pipeline, e)]
    else:
        seen.unknown.append(what_is_missing(service))
    return seen


class Follower:
    """Who is where in each frame, whether the camera was held still or not."""

    def __init__(self, sure_score: float) -> None:
        self._tracker = Tracker(sure_score=sure_score)

    def see(self, found: Detections, frame: Frame, after_s: float, seen: Seen) -> None:
        """Notes everybody's boxes."""
        tracks: Sequence[Track] = self._tracker.step(found, frame.at, frame.index)
        for track in tracks:
            if track.cls in VEHICLES and track.last_at == frame.at:
                seen.vehicles.setdefault(track.id, {})[after_s] = _box(track.sightings[-1].xyxy)
                seen.classes[track.id] = track.cls
        seen.people[after_s] = [
            _box(box)
            for box, name, score in zip(found.xyxy, found.class_names(), found.score, strict=True)
            if name == "person" and score >= SURE_PERSON
        ]


def what_is_missing(service: str) -> str:
    """Why nothing can be told of what is reported, from a clip alone.

    >>> what_is_missing("wrong_way")
    "wrong_way: a citizen's clip comes without the place's lanes and zones and a survey of the camera: not judged"
    """
    model = next((model for model in RULES if kind_of(model) == service), None)
    if model is None:
        return f"{service}: there is no rule for it: a person decides"
    asked = [kind for field, kind in places(model).items() if model.model_fields[field].is_required()]
    needed = [MISSING[kind] for kind in dict.fromkeys(asked)]
    return f"{service}: a citizen's clip comes without {' and '.join([*needed, 'a survey of the camera'])}: not judged"


def prominence(boxes: Iterable[BoxPx], size_px: tuple[int, int]) -> float:
    """How much somebody shows: the share of the picture that they fill, more in the middle, over all sightings."""
    width, height = size_px
    total = 0.0
    for x0, y0, x1, y1 in boxes:
        off = abs((x0 + x1) / width - 1) / 2 + abs((y0 + y1) / height - 1) / 2
        total += (x1 - x0) * (y1 - y0) / (width * height) * (1 - 0.7 * min(1.0, off))
    return total


def _pipeline(service: str, profile: JurisdictionProfile, detector: DetectorLike) -> CameraPipeline | None:
    """A camera that nobody surveyed, with the rules that need no survey; None where there is none."""
    rules: tuple[AbandonedObjectRule, ...] = (AbandonedObjectRule(),) if service == "abandoned_object" else ()
    camera = CameraConfig(
        id="report", district="report", source=FileSource(path=Path("clip")), gate=GateConfig(enabled=False),
        rules=rules,
    )  # fmt: skip
    observers: list[Observer] = list(build_rules(camera, profile, None))
    if service == "prohibited_stopping":
        observers.append(StoodStill())
    if not observers:
        return None
    score = detector.spec.sure_score
    return CameraPipeline(
        camera, Gate(camera.gate), Tracker(sure_score=score), observers, 0,
        watch=Steadiness(camera, None, config=STEADY), sure_score=score,
    )  # fmt: skip


def _fit(pipeline: CameraPipeline, event: Event) -> bool:
    """Whether the camera was seen to be still. A thing left behind is told by two backgrounds, which a turn ends."""
    watch = pipeline.watch
    return watch is not None and (watch.verdict.fitness == "fit" or event.type == OBJECT_ABANDONED)


def _doubts(pipeline: CameraPipeline, events: Sequence[Event]) -> list[str]:
    said = [SAYS[reason] for reason in pipeline.refusals() if reason in SAYS]
    watch = pipeline.watch
    if (
        any(e.type == PROPOSAL for e in events)
        and watch is not None
        and watch.verdict.fitness != "fit"
        and not said
    ):
        said.append(
            "whether the camera was held still cannot be told: too short, too dark or nothing to hold on to"
        )
    if pipeline.refusals().get("stood_too_short"):
        said.append("a vehicle stood, but for a shorter time than is looked for")
    return said


def _proposed(event: Event, began_at: datetime) -> Proposed | None:
    data: dict[str, Any] = event.data
    if event.type == PROPOSAL:
        after_s = (event.time - began_at).total_seconds()
        return Proposed(
            data["rule"], after_s, data["cls"], _box(data["xyxy"]), data["measured"], int(data["track"])
        )
    if event.type == OBJECT_ABANDONED:
        moments = [m for m in data.get("moments") or () if m.get("xyxy")]
        if not moments:
            return None
        after_s = (event.time - began_at).total_seconds()
        return Proposed("abandoned_object", after_s, "", _box(moments[-1]["xyxy"]), {}, None)
    return None


def _box(values: Any) -> BoxPx:
    x0, y0, x1, y1 = (round(float(v), 1) for v in np.asarray(values, np.float64))
    return x0, y0, x1, y1
