"""Seat belts on unseen rendered vehicles: who wears one, driver and passenger, through the whole path.

Scenes of people behind windscreens (:mod:`flows.scenes.kinds.belts`) at seeds that nothing was built or trained on
are played as recordings: the embedded detector finds the vehicles, the rule names candidates, their looks are cut
from the recording, and the belt classifier judges them. Belts that nobody could see (as dark as the clothes, or
behind a glare) are not asked for; what is said of them is told beside.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import flows.scenes
from cluster.bench.accuracy import in_sight
from cluster.bench.rendering import rendered
from cluster.bench.report import Figure, at_least, at_most, show, write
from flows import pipeline as pipelines
from flows.domain.belts import BeltAnswer, BeltRequest, is_candidate, looks_of
from flows.domain.events import KeyMoment
from flows.domain.shares import counted, wilson
from flows.domain.site import CameraConfig, GateConfig, SceneSource
from flows.evaluation.events import TruthIndex
from flows.evidence.beltstage import BeltStage
from flows.jurisdiction import load_profile
from flows.pipeline import CameraPipeline
from flows.scenes.truth import SceneTruth, SeatTruth
from flows.settings import Settings
from flows.sources.file import FileVideo
from models.belts.reader import BeltReader

if TYPE_CHECKING:
    from flows.domain.inference import DetectorLike
    from flows.scenes.scene import Scene

FIRST_SEED: Final = 960_001
"""Seeds from here on are this bench's own: it was developed at 950001 (``--seed``), training begins at 60000."""
CLIPS: Final = 16
QUICK_CLIPS: Final = 2
FPS: Final = 10.0
BALANCED: Final = 0.95
MOST_UNKNOWN: Final = 0.25
"""Of belts in plain sight: a rule that mostly says nothing is of little use."""
RIGHT: Final = 0.98
"""Of accusations: what every rule must reach."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One scene of the bench; every fifth is of cars whose drivers sit on the right."""

    seed: int

    def scene(self) -> Scene:
        """The scene; camera, light and everything else follow from the seed."""
        drive = "right" if self.seed % 5 == 0 else "left"
        return flows.scenes.build("belts", seed=self.seed, fps=FPS, drive=drive)


@dataclass(frozen=True, slots=True)
class Seat:
    """What was said of one seat, beside the truth.

    Attributes:
        clip: The scene.
        true: Who sits there.
        said: ``worn``, ``unworn``, ``nobody``, ``unknown``; empty where the vehicle was never looked at.
        doubt: Why it is unknown.
        chance: Probability of a missing belt.
        role: What the car is in the scene for.
    """

    clip: int
    true: SeatTruth
    said: str
    doubt: str
    chance: float
    role: str


@dataclass(slots=True)
class Tally:
    """All seats, and how far off windscreens were found.

    Attributes:
        seats: Of every car that was in sight for a second.
        corners: Mean distance of the corners of a windscreen from the true ones, shares of its width.
        refused: Refusals by reason.
    """

    seats: list[Seat] = field(default_factory=list)
    corners: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def run(quick: bool = False) -> list[Figure]:
    """The figures; see :mod:`cluster.bench.__main__`."""
    return figures(measure(clips(quick), Settings.from_env()))


def clips(quick: bool, first_seed: int = FIRST_SEED) -> list[Clip]:
    """The bench's scenes."""
    return [Clip(first_seed + k) for k in range(QUICK_CLIPS if quick else CLIPS)]


def measure(chosen: Sequence[Clip], settings: Settings) -> Tally:
    """All clips, one after the other, with a line of progress each."""
    from rich.console import Console

    from models.detector import load

    console, detector, reader, tally = Console(stderr=True), load("embedded", settings), BeltReader(), Tally()
    for clip in chosen:
        before = len(tally.seats)
        play(clip, detector, reader, settings, tally)
        console.print(f"belts {clip.seed}: {len(tally.seats) - before} seats")
    return tally


def play(clip: Clip, detector: DetectorLike, reader: BeltReader, settings: Settings, tally: Tally) -> None:
    """One clip through the pipeline and the classifier."""
    path, truth = rendered(clip.scene, settings.cache / "bench-belts", str(clip.seed))
    scene, index = clip.scene(), TruthIndex(truth)
    pipeline = pipeline_of(clip, truth, detector.spec.sure_score)
    source = FileVideo(pipeline.camera.id, path, started_at=truth.started_at, clock_source="scene")
    answers: dict[int, BeltAnswer] = {}
    asked: list[BeltRequest] = []

    def ask(request: BeltRequest) -> BeltAnswer:
        asked.append(request)
        return reader.look(request)

    for event in pipelines.run(source, pipeline, detector):
        if not is_candidate(event):
            continue
        moments = looks_of(event)
        verdict = BeltStage(ask).judge(event, source.ring.since(moments[0].at))
        overlaps = index.overlaps(moments)
        track = max(overlaps, key=overlaps.__getitem__, default=-1)
        tally.refused.update(verdict.refused)
        if track >= 0 and asked:
            answers[track] = reader.look(asked[-1])
            tally.corners += _corner_errors(scene, truth, track, moments, asked[-1], reader)
    tally.refused.update(pipeline.refusals())
    roles = {actor.track: actor.role for actor in scene.world.actors}
    tally.seats += [
        _seat(clip, seat, answers.get(seat.track), roles[seat.track])
        for seat in truth.seats
        if seat.track in in_sight(truth)
    ]


def pipeline_of(clip: Clip, truth: SceneTruth, sure_score: float = 0.6) -> CameraPipeline:
    """The camera's logic as in the live job, with the scene's own rule."""
    camera = CameraConfig(
        id=f"belts-{clip.seed}",
        district="bench",
        source=SceneSource(scene="belts", seed=clip.seed),
        calibration=truth.calibration,
        gate=GateConfig(enabled=False),
        rules=truth.rules,
    )
    return CameraPipeline.build(camera, load_profile("kz"), sure_score=sure_score)


def _corner_errors(
    scene: Scene,
    truth: SceneTruth,
    track: int,
    moments: Sequence[KeyMoment],
    request: BeltRequest,
    reader: BeltReader,
) -> Iterator[float]:
    """How far off the corners of the windscreen are in each look."""
    actor = next(a for a in scene.world.actors if a.track == track)
    if actor.body.screen_m is None:
        return
    for moment, look in zip(moments, request.looks, strict=True):
        assert moment.xyxy is not None, "looks have boxes"
        pose = actor.state_at((moment.at - truth.started_at).total_seconds()).pose
        true = scene.camera.project(actor.body.screen_m @ pose[:3, :3].T + pose[:3, 3])
        shift = np.array(moment.xyxy[:2]) - np.array(look.xyxy[:2])
        found: NDArray[np.float64] = reader.corners(look) + shift
        width = float(np.linalg.norm(true[1] - true[0]))
        yield float(np.linalg.norm(found - true, axis=1).mean()) / width


def _seat(clip: Clip, true: SeatTruth, answer: BeltAnswer | None, role: str) -> Seat:
    if answer is None:
        return Seat(clip.seed, true, "", "", 0.0, role)
    said = answer.seats[true.seat]
    return Seat(clip.seed, true, said.state, said.doubt, said.chance, role)


def figures(tally: Tally) -> list[Figure]:
    """Balanced accuracy, the share that is unknown, and the share of accusations that are right."""
    seats = [seat for seat in tally.seats if seat.said]
    rows = [
        _balanced(name, [s for s in seats if s.true.seat in which])
        for name, which in (
            ("seat belt: balanced accuracy", ("driver", "passenger")),
            ("the same, drivers", ("driver",)),
            ("the same, passengers", ("passenger",)),
        )
    ]
    return [*rows, _unknown(seats), _right(tally.seats), _corners(tally), _looked_at(tally.seats)]


def _asked(seats: Sequence[Seat]) -> list[Seat]:
    """Those whose belt anybody could see."""
    return [seat for seat in seats if seat.true.person and seat.true.in_sight]


def _balanced(name: str, seats: Sequence[Seat]) -> Figure:
    """Mean of the shares of both kinds that are told rightly, of those of whom something is said."""
    decided = [seat for seat in _asked(seats) if seat.said in ("worn", "unworn")]
    shares, halves, words = [], [], []
    for belted, word in ((True, "worn"), (False, "unworn")):
        mine = [seat.said == word for seat in decided if seat.true.belted is belted]
        low, high = wilson(sum(mine), len(mine))
        shares.append(sum(mine) / len(mine) if mine else 0.0)
        halves.append((high - low) / 2)
        words.append(f"{sum(mine)} of {len(mine)} {'with' if belted else 'without'} a belt right")
    value, half = sum(shares) / 2, math.hypot(*halves) / 2
    detail = f"{', '.join(words)}; 95 % [{max(0.0, value - half):.3f}, {min(1.0, value + half):.3f}]"
    return at_least(name, value, BALANCED, "share", detail)


def _unknown(seats: Sequence[Seat]) -> Figure:
    asked = _asked(seats)
    silent = [seat for seat in asked if seat.said not in ("worn", "unworn")]
    reasons = Counter(seat.doubt or f"taken for {seat.said}" for seat in silent)
    said = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
    detail = f"{counted(len(silent), len(asked))} in plain sight: {said or 'none'}"
    return at_most("seat belt: unknown", len(silent) / max(1, len(asked)), MOST_UNKNOWN, "share", detail)


def _right(seats: Sequence[Seat]) -> Figure:
    """Of all seats that are accused, whoever could see what: an empty seat, a hidden belt."""
    accused = [seat for seat in seats if seat.said == "unworn"]
    right = [seat for seat in accused if seat.true.person and not seat.true.belted]
    wrong = [seat for seat in accused if seat not in right]
    why = Counter(
        "an empty seat" if not s.true.person else s.true.extra or ("plain" if s.true.in_sight else "hidden")
        for s in wrong
    )
    alike = [s for s in seats if s.true.person and s.true.belted and (s.true.extra or not s.true.in_sight)]
    hard = sum(s.said == "unworn" for s in alike)
    named = ", ".join(f"{reason} {n}" for reason, n in why.items()) or "none wrong"
    detail = (
        f"{counted(len(right), len(accused))}; wrong: {named}; {hard} of {len(alike)} belts "
        "with a strap, scarf, hand, pattern, or hidden, accused"
    )
    value = len(right) / len(accused) if accused else 0.0
    return at_least("seat belt: accusations that are right", value, RIGHT, "share", detail)


def _corners(tally: Tally) -> Figure:
    errors = np.array(tally.corners or [math.nan])
    detail = f"{len(tally.corners)} looks, 95 % within {np.quantile(errors, 0.95):.3f}"
    return at_most("windscreen: corners off", float(errors.mean()), 0.05, "of width", detail)


def _looked_at(seats: Sequence[Seat]) -> Figure:
    cars = {(seat.clip, seat.true.track) for seat in seats}
    seen = {(seat.clip, seat.true.track) for seat in seats if seat.said}
    return at_least(
        "cars looked into", len(seen) / max(1, len(cars)), 0.95, "share", f"{len(seen)} of {len(cars)}"
    )


def main() -> None:
    """Measures and prints; a look writes nothing."""
    parser = argparse.ArgumentParser(prog="python -m cluster.bench.belts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few clips: a look, not a figure to quote")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="other scenes: a look as well")
    parser.add_argument("--clips", type=int, help="so many")
    parser.add_argument("--wrong", action="store_true", help="name every seat that was told wrongly")
    args = parser.parse_args()
    chosen = clips(args.quick, args.seed)
    if args.clips is not None:
        chosen = [Clip(args.seed + k) for k in range(args.clips)]
    tally = measure(chosen, Settings.from_env())
    measured = figures(tally)
    show("belts", measured)
    if args.wrong:
        _name_wrong(tally)
    if not args.quick and args.seed == FIRST_SEED and args.clips is None:
        write("belts", measured)


def _name_wrong(tally: Tally) -> None:
    from rich.console import Console

    for seat in tally.seats:
        right = "worn" if seat.true.belted else "unworn" if seat.true.person else "nobody"
        if seat.said and seat.said not in (right, "unknown"):
            Console(width=200).print(
                f"{seat.clip} track {seat.true.track} {seat.true.seat} ({seat.role}, {seat.true.extra or 'plain'}, "
                f"{'in sight' if seat.true.in_sight else 'hidden'}): {right}, said {seat.said} {seat.chance:.3f}"
            )


if __name__ == "__main__":
    main()
