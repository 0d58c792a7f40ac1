"""Every rule of the road on unseen scenes: precision and recall against exact truth, with hard negatives.

Scenes in which drivers offend and others only seem to (:mod:`flows.scenes.kinds`), at seeds that nothing was built
or tuned on, go through the same pipeline object as in the live job: as rendered clips with the embedded detector
(``--boxes detector``), or without pictures, as the truth's boxes with a detector's errors (``--boxes truth``), which
tells the detector's share from the rules'. Offences by less than a clear margin, hidden ones, those of vehicles on an
exemption list, and those that the clip's beginning or end leaves undecided (:func:`undecided`) are neither asked for
nor wrong.
``--hard`` asks for false reports above all, in scenes where whoever acts has lawful company: a car abreast, or a truck
that hides it for a while, in sun, at night and in the rain.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

import flows.scenes
from cluster.bench import rendering, report
from cluster.bench.boxes import frames
from flows import pipeline as pipelines
from flows.domain.events import Event, Violation
from flows.domain.ruleset import RuleConfig, SignalConfig, WrongWayRule
from flows.domain.shares import counted
from flows.domain.site import CameraConfig, GateConfig, SceneSource
from flows.evaluation.events import TruthIndex, evaluate_events
from flows.jurisdiction import load_profile
from flows.pipeline import CameraPipeline
from flows.rules import BUILDERS
from flows.scenes.company import BESIDE
from flows.scenes.judges.lanes import BEFORE_S
from flows.scenes.options import Company, Light
from flows.scenes.truth import EventTruth, SceneTruth
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.domain.inference import DetectorLike
    from flows.scenes.scene import Scene

Boxes = Literal["detector", "truth"]

FIRST_SEEDS: Final = {
    "giveway": 1_041_001,
    "junction": 1_040_001,
    "lanes": 1_042_001,
    "buslane": 1_035_001,
    "stopping": 1_036_001,
}
"""This bench's own scenes. Rules were built at small seeds and mended at 940001 to 965000, 970001 to 974020, 981001 to
988020, 1020001 to 1020033, 1032001 to 1034040 and 1037001 to 1039020."""
FPS: Final = 10.0
CLIPS: Final = {"giveway": 48, "junction": 40, "lanes": 42, "buslane": 10, "stopping": 20}
"""Scenes by kind: enough for 30 offences and 30 hard negatives of each rule."""
QUICK_CLIPS: Final = {"giveway": 4, "junction": 4, "lanes": 6, "buslane": 2, "stopping": 3}
HARD_SEED: Final = 996_001
"""First of the scenes with company; nobody looked at these or mended anything at them before they were measured."""
HARD_CLIPS: Final = {"lanes": 6, "buslane": 4, "giveway": 6, "stopping": 3, "junction": 5}
HARD_LANES: Final = {"lanes": 2, "buslane": 3, "giveway": 3, "junction": 3}
"""Lanes each way: without a next lane nobody has company."""
HARD_LIGHTS: Final[tuple[Light, ...]] = ("day", "night", "rain")
"""Of each kind's scenes, two by two: with shadows over the lanes, in the dark, and without contrast."""
PRECISION: Final = 0.98
RECALL: Final = 0.93
LEAST: Final = 30
"""Offences, and hard negatives, that a figure takes."""
PREFIX: Final = "dome.violation."
HOW: Final[dict[Boxes, str]] = {
    "detector": "rendered pictures, embedded detector",
    "truth": "no pictures: truth boxes with noise",
}
CROSSES_S: Final = 3.0
"""The truth of both rules at a light lets an offence begin so long before the front is on the line."""
DECIDES_S: Final = {"stop_line": 3.0, "red_light": 3.0}
"""So long after the front was on the line a clip must go on, or what happened there is not asked for.

Who brakes at 2 m/s² to stand up to 3.6 m beyond a line needs 1.9 s from the line on, and a crossing is judged 1 s after
it was sure (``CrossingConfig.confirms_s``): until then nobody could tell whether it was one, and which of the two. The
other rules' truth itself asks for what is to be seen after the deed, or they need no time after it.
"""
LASTS_S: Final = 4.0
"""The truth of a solid line lets an offence end so long after the vehicle was on the line."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One scene of the bench; what is None follows from the seed."""

    kind: str
    seed: int
    company: Company | None = None
    light: Light | None = None
    lanes: int | None = None

    def scene(self) -> Scene:
        """The scene; camera and everything else follow from the seed."""
        chosen = {"company": self.company, "light": self.light, "lanes": self.lanes}
        asked = {name: value for name, value in chosen.items() if value is not None}
        return flows.scenes.build(self.kind, seed=self.seed, fps=FPS, **asked)


class Renderable(Protocol):
    """A scene of a bench that is rendered once and kept."""

    @property
    def kind(self) -> str: ...

    @property
    def seed(self) -> int: ...

    def scene(self) -> Scene: ...


@dataclass(slots=True)
class Tally:
    """What one rule did over all clips.

    Attributes:
        tp: Offences that were reported.
        fp: Reports of no offence, or of one reported before.
        fn: Offences that were not.
        negatives: Vehicles that only seemed to offend.
        accused: Of these, those that were reported.
        beside: Of the negatives, lawful companions of somebody who acts ...
        beside_accused: ... and those of them that were reported.
        doubtful: Borderline, hidden or exempt ones, and ...
        late: ... those that the clip's beginning or end leaves undecided: not asked for.
        refusals: Verdicts that the rule refused, by reason.
        findings: One line for each mistake.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    negatives: int = 0
    accused: int = 0
    beside: int = 0
    beside_accused: int = 0
    doubtful: int = 0
    late: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def run(
    quick: bool, boxes: Boxes | None = None, detector: str = "embedded", hard: bool = False
) -> list[report.Figure]:
    """The figures; see :mod:`cluster.bench.__main__`. A quick look does without pictures."""
    chosen: Boxes = boxes or ("truth" if quick else "detector")
    if hard:
        return hard_figures(measure(hard_clips(), chosen, Settings.from_env(), detector), chosen)
    return figures(measure(clips(quick), chosen, Settings.from_env(), detector), chosen)


def clips(quick: bool, first_seed: int | None = None, each: int | None = None) -> list[Clip]:
    """The bench's scenes, or others from a seed on, or so many of each kind."""
    counts = QUICK_CLIPS if quick else CLIPS
    return [
        Clip(kind, (FIRST_SEEDS[kind] if first_seed is None else first_seed + 1000 * i) + k)
        for i, (kind, count) in enumerate(counts.items())
        for k in range(each or count)
    ]


def hard_clips(first_seed: int = HARD_SEED) -> list[Clip]:
    """Scenes with company, each light with a car abreast and with a truck in turn."""
    companies: tuple[Company, ...] = ("abreast", "truck")
    every = [(kind, k) for kind, count in HARD_CLIPS.items() for k in range(count)]
    return [
        Clip(kind, first_seed + at, companies[k % 2], HARD_LIGHTS[k // 2], HARD_LANES.get(kind))
        for at, (kind, k) in enumerate(every)
    ]


def measure(
    chosen: Sequence[Clip], boxes: Boxes, settings: Settings, detector_name: str = "embedded"
) -> dict[str, Tally]:
    """All clips, one after the other, with a line of progress each; what each rule did."""
    from rich.console import Console

    console = Console(stderr=True)
    detector: DetectorLike | None = None
    if boxes == "detector":
        from models.detector import load

        detector = load(detector_name, settings)
    tallies: dict[str, Tally] = {}
    for clip in chosen:
        truth, events, refusals = play(clip, detector, settings)
        for rule in sorted({rule.kind for rule in truth.rules if type(rule) in BUILDERS}):
            tally = tallies.setdefault(rule, Tally())
            count(clip, rule, truth, events, tally)
            tally.refusals.update(refusals)
        wrong = sum(len(tally.findings) for tally in tallies.values())
        console.print(f"{clip.kind} {clip.seed}: {len(events)} events; mistakes so far {wrong}")
    return tallies


def play(
    clip: Clip, detector: DetectorLike | None, settings: Settings
) -> tuple[SceneTruth, list[Event], dict[str, int]]:
    """One clip through the pipeline: its truth, the violations found, and verdicts refused by reason."""
    if detector is None:
        truth = annotated(clip, settings)
        pipeline = pipeline_of(clip, truth, _told(clip, truth, settings))
        pairs = frames(truth, pipeline.camera.id, clip.seed)
        events = [event for frame, found in pairs for event in pipeline.step(frame, found)]
        events += pipeline.close()
        pipeline.vouch()
    else:
        from flows.sources.file import FileVideo

        path, truth = rendered(clip, settings)
        pipeline = pipeline_of(clip, truth, truth.signals, detector.spec.sure_score)
        source = FileVideo(pipeline.camera.id, path, started_at=truth.started_at, clock_source="scene")
        events = list(pipelines.run(source, pipeline, detector))
    return truth, [e for e in events if e.type.startswith(PREFIX)], pipeline.refusals()


def pipeline_of(
    clip: Clip, truth: SceneTruth, signals: tuple[SignalConfig, ...], sure_score: float = 0.6
) -> CameraPipeline:
    """The camera's logic as in the live job, with every rule that the scene is made for."""
    camera = CameraConfig(
        id=f"{clip.kind}-{clip.seed}",
        district="bench",
        source=SceneSource(scene=clip.kind, seed=clip.seed),
        calibration=truth.calibration,
        gate=GateConfig(enabled=False),
        zones=truth.zones,
        lines=truth.lines,
        signals=signals,
        rules=tuple(_stated(rule) for rule in truth.rules if type(rule) in BUILDERS),
    )
    return CameraPipeline.build(camera, load_profile("kz"), sure_score=sure_score)


def _stated(rule: RuleConfig) -> RuleConfig:
    """The rule as a site file there would have it: the scenes' roads are divided by a solid line."""
    return rule.model_copy(update={"overtaking": False}) if isinstance(rule, WrongWayRule) else rule


def _told(clip: Clip, truth: SceneTruth, settings: Settings) -> tuple[SignalConfig, ...]:
    """Without pictures the lights are told by their controller, from the truth."""
    told = []
    for signal in truth.signals:
        path = _folder(settings) / f"{clip.kind}-{clip.seed}-{signal.name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{"at": f.at.isoformat(), "phase": f.signals[signal.name]} for f in truth.frames]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        told.append(SignalConfig(name=signal.name, head=signal.head, feed=str(path)))
    return tuple(told)


def annotated(clip: Clip, settings: Settings) -> SceneTruth:
    """The clip's truth without rendering it; kept as long as the scenes' code stays the same."""
    path = _folder(settings) / f"{clip.kind}-{clip.seed}-{rendering.scene_code()}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(clip.scene().truth().model_dump_json() + "\n", encoding="utf-8")
        partial.replace(path)
    return SceneTruth.model_validate_json(path.read_text(encoding="utf-8"))


def rendered(clip: Renderable, settings: Settings) -> tuple[Path, SceneTruth]:
    """The clip's video and truth."""
    return rendering.rendered(clip.scene, _folder(settings), f"{clip.kind}-{clip.seed}")


def _folder(settings: Settings) -> Path:
    return settings.cache / "bench-rules"


def count(clip: Clip, rule: str, truth: SceneTruth, events: Sequence[Event], tally: Tally) -> None:
    """Adds what one rule did in one clip."""
    type_ = f"{PREFIX}{rule}.v1"
    mine = [event for event in events if event.type == type_]
    clear = [event for event in truth.events if event.type == type_]
    due = tuple(
        event.model_copy(update={"ignore": True}) if undecided(rule, event, truth) else event
        for event in clear
    )
    alike = {one.track: one.role for one in truth.innocent if one.type == type_}
    score = evaluate_events(truth.model_copy(update={"events": due}), mine)
    tally.tp, tally.fp, tally.fn = tally.tp + score.tp, tally.fp + score.fp, tally.fn + score.fn
    tally.negatives += len(alike)
    doubtful = sum(event.ignore for event in clear)
    tally.doubtful, tally.late = tally.doubtful + doubtful, tally.late + sum(e.ignore for e in due) - doubtful
    index = TruthIndex(truth)
    accused = set()
    for event in mine:
        if event.id not in score.wrong:
            continue
        overlaps = index.overlaps(Violation.model_validate(_known(event)).moments)
        track = max(overlaps, key=overlaps.__getitem__, default=-1)
        accused.add(track)
        again = any(one.track == track and not one.ignore for one in due)
        what = "again or elsewhere" if again else alike.get(track, "ordinary traffic")
        since_s = (event.time - truth.started_at).total_seconds()
        tally.findings.append(
            f"{rule}: {clip.kind} {clip.seed}: FALSE at {since_s:.1f} s, track {track} ({what}): {_brief(event)}"
        )
    tally.accused += len(accused & set(alike))
    beside = {track for track, role in alike.items() if role == BESIDE}
    tally.beside += len(beside)
    tally.beside_accused += len(accused & beside)
    tally.findings += [f"{rule}: {clip.kind} {clip.seed}: MISSED {words}" for words in score.missed]


def undecided(rule: str, event: EventTruth, truth: SceneTruth) -> bool:
    """Whether the clip begins too late, or ends too soon, for the rule to say anything of an offence.

    Who crosses a line in the clip's first second has not been seen before it: the truth itself asks for that.
    """
    if rule == "solid_line":
        return (event.until_at - truth.frames[0].at).total_seconds() - LASTS_S < BEFORE_S
    if rule not in DECIDES_S:
        return False
    over_s = (truth.frames[-1].at - event.from_at).total_seconds() - CROSSES_S
    return over_s < DECIDES_S[rule]


def _known(event: Event) -> dict[str, object]:
    return {key: value for key, value in event.data.items() if key in Violation.model_fields}


def _brief(event: Event) -> str:
    """What an event states, in a line."""
    measured = event.data.get("measured")
    rows = measured.items() if isinstance(measured, dict) else ()
    values = [
        f"{name} {row['value']} [{row['low']}, {row['high']}] {row['unit']}"
        for name, row in rows
        if isinstance(row, dict)
    ]
    return ", ".join(values) or "no measured values"


def figures(tallies: dict[str, Tally], boxes: Boxes) -> list[report.Figure]:
    """Precision and recall of each rule, with counts and intervals."""
    how = HOW[boxes]
    rows = []
    for rule, tally in sorted(tallies.items()):
        offences, reports = tally.tp + tally.fn, tally.tp + tally.fp
        few = offences < LEAST or tally.negatives < LEAST
        note = f"; FEWER THAN {LEAST} of each" if few else ""
        rows.append(
            report.at_least(
                f"{rule}: precision",
                tally.tp / reports if reports else 0.0,
                PRECISION,
                "share",
                f"{counted(tally.tp, reports)}; {tally.accused} of {tally.negatives} hard negatives "
                f"accused; {tally.doubtful} borderline and {tally.late} at the clip's end left out; {how}{note}",
            )
        )
        refused = ", ".join(f"{reason} {n}" for reason, n in tally.refusals.most_common(4))
        rows.append(
            report.at_least(
                f"{rule}: recall",
                tally.tp / offences if offences else 0.0,
                RECALL,
                "share",
                f"{counted(tally.tp, offences)}; refused in these clips: {refused or 'none'}; {how}{note}",
            )
        )
    return rows


def hard_figures(tallies: dict[str, Tally], boxes: Boxes) -> list[report.Figure]:
    """What is reported falsely where everybody has company: each rule's counts, and all rules together.

    Recall is said and not asked for: whom a truck hides need not be reported.
    """
    how = HOW[boxes]
    rows = []
    for rule, tally in sorted(tallies.items()):
        detail = (
            f"precision {counted(tally.tp, tally.tp + tally.fp)}; recall {counted(tally.tp, tally.tp + tally.fn)}; "
            f"{tally.accused} of {tally.negatives} hard negatives and of them {tally.beside_accused} of "
            f"{tally.beside} companions accused; {tally.doubtful} borderline or hidden left out; {how}"
        )
        rows.append(report.at_most(f"{rule}: false reports in company", tally.fp, 0, "reports", detail))
    every = list(tallies.values())
    tp, fp, fn = (sum(getattr(tally, key) for tally in every) for key in ("tp", "fp", "fn"))
    beside = sum(tally.beside for tally in every)
    accused = sum(tally.beside_accused for tally in every)
    said = f"{counted(tp, tp + fp)}; recall {counted(tp, tp + fn)}; {how}"
    share = tp / (tp + fp) if tp + fp else 0.0
    return [
        *rows,
        report.at_least("all rules in company: precision", share, PRECISION, "share", said),
        report.at_most("companions accused", accused, 0, "companions", f"of {beside}; {how}"),
    ]


def main() -> None:
    """Measures and prints; a look at some kinds or with truth boxes writes nothing."""
    parser = argparse.ArgumentParser(prog="python -m cluster.bench.rules", description=__doc__)
    parser.add_argument("--boxes", choices=("detector", "truth"), default="detector")
    parser.add_argument("--detector", default="embedded", help="name in the weights registry")
    parser.add_argument("--quick", action="store_true", help="few clips: a look, not a figure to quote")
    parser.add_argument("--hard", action="store_true", help="only scenes in which everybody has company")
    parser.add_argument("--seed", type=int, help="other scenes: a look, not a figure to quote")
    parser.add_argument("--clips", type=int, help="so many scenes of each kind")
    parser.add_argument("--kind", action="append", choices=tuple(CLIPS), help="only these scenes")
    parser.add_argument("--findings", type=Path, help="write every mistake to this file, a line each")
    args = parser.parse_args()
    every = hard_clips(args.seed or HARD_SEED) if args.hard else clips(args.quick, args.seed, args.clips)
    chosen = [c for c in every if args.kind is None or c.kind in args.kind]
    tallies = measure(chosen, args.boxes, Settings.from_env(), args.detector)
    told = hard_figures if args.hard else figures
    report.show(f"rules ({args.boxes})", told(tallies, args.boxes))
    if args.findings:
        lines = [line for tally in tallies.values() for line in tally.findings]
        args.findings.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
