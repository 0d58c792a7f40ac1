"""Things left behind, on footage of real places and on unseen rendered halls with hard negatives.

In each hall somebody leaves a thing, and two things happen that only look like it (an owner who waits or comes back,
somebody who stands or sits, a door, a screen, a car in its bay, light that changes, what was there since the start).
Halls are rendered at seeds that nothing was built or tuned on, and run through the same pipeline object as in the live
job, with the embedded detector; the footage with the published one, since the embedded one knows rendered people only.
A hall whose survey contradicts itself by more than it states is left out and counted: no camera starts with it,
whatever happens there.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import flows.scenes
from cluster.bench import report
from cluster.bench.rules import rendered
from flows import pipeline as pipelines
from flows.domain.errors import CalibrationError, DomeError
from flows.domain.events import OBJECT_ABANDONED, Event
from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.shares import counted, wilson
from flows.domain.site import CameraConfig, FramesSource, SceneSource
from flows.evaluation.abandoned import AbandonedScore, footage, score_footage, score_scene
from flows.jurisdiction import load_profile
from flows.pipeline import CameraPipeline
from flows.scenes.kinds.hall import ALIKE, LEFT, LIGHTS, WATCHED
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.domain.inference import DetectorLike
    from flows.scenes.scene import Scene
    from flows.scenes.truth import SceneTruth

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "abandoned"
FIRST_SEED: Final = 1_034_405
"""Seeds from here on are this bench's own; scenes and rule were built at others, of late at 983001 to 1034404."""
HALLS: Final = 54
"""In about half of them the thing is in sight for long enough to be asked for."""
QUICK_HALLS: Final = 4
SHARE: Final = 0.95
"""Precision and recall to reach."""
SIZE_PX: Final = (800, 450)
FPS: Final = 3.0
LENGTH_S: Final = 48.0
"""A small camera's picture, three times a second: what is measured must not depend on a good one."""
NEGATIVES: Final = (*WATCHED, *ALIKE, *LIGHTS)
PUBLISHED: Final = "yolox-nano"


@dataclass(frozen=True, slots=True)
class HallClip:
    """One hall of the bench.

    Attributes:
        seed: Of everything random.
        case: What happens there.
    """

    seed: int
    case: str

    @property
    def kind(self) -> str:
        """Names its files: the same seed may be asked for another case."""
        return f"hall{SIZE_PX[0]}x{SIZE_PX[1]}at{FPS:g}-{self.case}"

    def scene(self) -> Scene:
        """The scene; hall, camera, people and light follow from the seed."""
        width, height = SIZE_PX
        return flows.scenes.build(
            "hall", self.seed, case=self.case, fps=FPS, duration_s=LENGTH_S, width_px=width, height_px=height
        )


@dataclass(slots=True)
class Tally:
    """What came out over all halls."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    closed: int = 0
    right: int = 0
    negatives: int = 0
    delays_s: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    left_out: int = 0
    unsurveyed: int = 0


def run(quick: bool) -> list[report.Figure]:
    """The figures; see :mod:`cluster.bench.__main__`."""
    settings = Settings.from_env()
    return [
        *footage_figures(settings),
        *hall_figures(clips(QUICK_HALLS if quick else HALLS), settings),
        cost(),
    ]


def clips(count: int, first_seed: int = FIRST_SEED) -> list[HallClip]:
    """The bench's halls: one thing that is left and two hard negatives in each, in turn."""
    made = []
    for k in range(count):
        two = NEGATIVES[2 * k % len(NEGATIVES)], NEGATIVES[(2 * k + 1) % len(NEGATIVES)]
        made.append(HallClip(first_seed + k, "+".join((LEFT[k % len(LEFT)], *two))))
    return made


def footage_figures(settings: Settings) -> list[report.Figure]:
    """The footage at a picture a second.

    Raises:
        DomeError: If it, or the published detector's weights, are not here.
    """
    if not DATA.is_dir():
        raise DomeError(f"abandoned: the footage is not at {DATA}")
    score, _ = play_footage(DATA, settings)
    detail = (
        f"{score.tp} of {score.tp + score.fn} found, {score.delay_s.get('max', 0):g} s after the owner left at most, "
        f"{score.fp} false; {PUBLISHED}, a picture a second"
    )
    return [
        report.at_least("abandoned: footage, things found within 60 s", score.recall, 1.0, "share", detail),
        report.at_most("abandoned: footage, false alarms", score.fp, 0, "alarms", detail),
    ]


def play_footage(folder: Path, settings: Settings) -> tuple[AbandonedScore, list[Event]]:
    """Every clip of a folder through the pipeline, by the rule's defaults."""
    from flows.sources.frames import FrameFolder
    from models.detector import load

    detector = load(PUBLISHED, settings)
    truth = list(footage(folder / "events.csv"))
    events: list[Event] = []
    for clip in sorted({one.clip for one in truth}):
        source = FramesSource(path=folder / clip, started_at=datetime(2026, 6, 1, tzinfo=UTC))
        camera = CameraConfig(id=clip, district="bench", source=source, rules=(AbandonedObjectRule(),))
        pipeline = CameraPipeline.build(camera, load_profile("kz"), sure_score=detector.spec.sure_score)
        events += pipelines.run(FrameFolder(clip, source), pipeline, detector)
    return score_footage(truth, events), events


def hall_figures(chosen: Sequence[HallClip], settings: Settings) -> list[report.Figure]:
    """Precision and recall on rendered halls."""
    tally = measure(chosen, settings)
    low, high = wilson(tally.tp, tally.tp + tally.fp)
    refused = ", ".join(f"{reason} {n}" for reason, n in tally.refusals.most_common(5))
    precision = report.at_least(
        "abandoned: precision",
        tally.tp / (tally.tp + tally.fp) if tally.tp + tally.fp else 0.0,
        SHARE,
        "share",
        f"{tally.tp} true, {tally.fp} false; 95 % [{low:.3f}, {high:.3f}]; {tally.negatives} hard negatives; "
        f"not taken for things: {refused or 'none'}; unseen halls, embedded detector",
    )
    late = (
        f"{sum(tally.delays_s) / len(tally.delays_s):.1f} s after the owner left"
        if tally.delays_s
        else "none"
    )
    recall = report.at_least(
        "abandoned: recall",
        tally.tp / (tally.tp + tally.fn) if tally.tp + tally.fn else 0.0,
        SHARE,
        "share",
        f"{counted(tally.tp, tally.tp + tally.fn)} found, {late} on average; "
        f"{tally.left_out} hardly seen ones and {tally.unsurveyed} halls with a bad survey left out; "
        f"{tally.right} of {tally.closed} ends told rightly",
    )
    return [precision, recall]


def measure(chosen: Sequence[HallClip], settings: Settings) -> Tally:
    """All halls, one after the other, with a line of progress each."""
    from rich.console import Console

    from models.detector import load

    console, detector, tally = Console(stderr=True), load("embedded", settings), Tally()
    for clip in chosen:
        try:
            truth, events, refusals = play(clip, detector, settings)
        except CalibrationError as error:
            tally.unsurveyed += 1
            console.print(f"hall {clip.seed} {clip.case}: left out, {error}", soft_wrap=True)
            continue
        count(clip, truth, events, tally)
        tally.refusals.update(refusals)
        console.print(f"hall {clip.seed} {clip.case}: mistakes so far {tally.fp + tally.fn}", soft_wrap=True)
    return tally


def play(
    clip: HallClip, detector: DetectorLike, settings: Settings
) -> tuple[SceneTruth, list[Event], dict[str, int]]:
    """One hall through the pipeline: its truth, the events, and what was not taken for a thing."""
    from flows.sources.file import FileVideo

    path, truth = rendered(clip, settings)
    camera = CameraConfig(
        id=f"hall-{clip.seed}",
        district="bench",
        source=SceneSource(scene="hall", seed=clip.seed),
        calibration=truth.calibration,
        zones=truth.zones,
        rules=truth.rules,
    )
    pipeline = CameraPipeline.build(camera, load_profile("kz"), sure_score=detector.spec.sure_score)
    source = FileVideo(camera.id, path, started_at=truth.started_at, clock_source="scene")
    return truth, list(pipelines.run(source, pipeline, detector)), pipeline.refusals()


def count(clip: HallClip, truth: SceneTruth, events: Sequence[Event], tally: Tally) -> None:
    """Adds one hall."""
    score = score_scene(truth, events)
    tally.tp, tally.fp, tally.fn = tally.tp + score.tp, tally.fp + score.fp, tally.fn + score.fn
    tally.closed, tally.right = tally.closed + score.closed, tally.right + (score.outcome_right or 0)
    due = [e for e in truth.events if e.type == OBJECT_ABANDONED]
    # Who waits out of sight may be reported: that is no negative.
    tally.negatives += len(
        set(NEGATIVES).intersection(clip.case.split("+")) - {e.facts.get("role") for e in due}
    )
    tally.left_out += len({e.track for e in due} - {e.track for e in due if not e.ignore})
    if score.delay_s:
        tally.delays_s.append(score.delay_s["mean"])
    tally.findings += [f"hall {clip.seed} {clip.case}: MISSED {words}" for words in score.missed]
    for event in events:
        if event.id in score.wrong:
            at_s = (event.time - truth.started_at).total_seconds()
            told = {k: event.data.get(k) for k in ("xyxy", "owner", "size_m", "placed_at", "left_at")}
            tally.findings.append(f"hall {clip.seed} {clip.case}: FALSE at {at_s:.1f} s {told}")


def cost() -> report.Figure:
    """What a look at the pixels costs: CPU time, one thread, of 1080p pictures as a decoder gives them."""
    import av
    import numpy as np

    from flows.objects import ObjectBook
    from flows.sources.picture import AvPicture

    rng = np.random.default_rng(1)
    still = rng.integers(60, 190, (108, 192, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    book, looks = ObjectBook(True), 60
    pictures = []
    for k in range(8):
        picture = still.copy()
        picture[300:700, 200 + 40 * k : 360 + 40 * k] = 30  # somebody walks
        picture[800:860, 900:960] = 20  # something stands
        # An array would be copied into FFmpeg's memory first, which no camera pays.
        pictures.append(AvPicture(av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format="yuv420p")))
    began_s = 0.0
    for k in range(looks + 10):
        if k == 10:
            began_s = time.process_time()
        book.see(pictures[k % 8], datetime.fromtimestamp(k * 0.25, UTC))
    ms = (time.process_time() - began_s) / looks * 1e3
    return report.at_most(
        "abandoned: CPU of a look at the pixels, 1080p",
        ms,
        10.0,
        "ms",
        "four looks a second by capture time, whatever the camera's rate; without decoding, with shrinking",
    )


def main() -> None:
    """A look at other halls, or the mistakes in words."""
    parser = argparse.ArgumentParser(prog="python -m cluster.bench.abandoned", description=__doc__)
    parser.add_argument("--halls", type=int, default=HALLS)
    parser.add_argument(
        "--seed", type=int, default=FIRST_SEED, help="other halls: a look, not a figure to quote"
    )
    parser.add_argument("--render", action="store_true", help="only render what is not in the cache")
    args = parser.parse_args()
    settings, chosen = Settings.from_env(), clips(args.halls, args.seed)
    if args.render:
        for clip in chosen:
            rendered(clip, settings)
        return
    from rich.console import Console

    tally = measure(chosen, settings)
    for line in tally.findings:
        Console().print(line, soft_wrap=True)
    low, high = wilson(tally.tp, tally.tp + tally.fp)
    Console().print(
        f"{tally.tp} true, {tally.fp} false (95 % [{low:.3f}, {high:.3f}]), {tally.fn} missed; "
        f"{dict(tally.refusals)}; closed {tally.closed}, right {tally.right}; {tally.unsurveyed} with a bad survey",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
