"""The whole path against the best bare loop, an idle camera against its decoder, a camera actor's memory."""

from __future__ import annotations

import os
import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from cluster.bench import clips
from cluster.bench.processes import cpu_s, workers
from cluster.bench.report import Figure, at_least, at_most
from cluster.live import LiveJob, LiveOptions, run_live
from cluster.session import ray_for
from flows.domain.inference import DetectorLike
from flows.domain.ruleset import SpeedingRule
from flows.domain.site import (
    CalibrationConfig,
    CameraConfig,
    District,
    FileSource,
    GateConfig,
    SiteConfig,
    SurveyPoint,
)
from flows.domain.status import CameraStatus, ResultsStatus
from flows.settings import Settings
from flows.sources.file import FileVideo

WEIGHTS: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "weights"
SIZES: Final = {"640 px": (640, 360), "1080p": (1920, 1080)}
SESSIONS: Final = 2
"""Of the bare loop: the best found on two cores (a decode thread with two single-thread sessions)."""
SERVING: Final = ("ray::ServeReplica:detector", "ray::DetectorGateway")
IDLE_CAMERAS: Final = 4
PATH_TARGET, IDLE_TARGET, USS_TARGET_MB = 0.80, 1.3, 100.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How long to measure.

    Attributes:
        rounds: Times that the bare loop and the whole path take turns, or idle cameras and decoding run side by side.
        frames: Frames of one measurement, over all cameras.
        idle_s: Seconds that idle cameras are watched in a round.
    """

    rounds: int
    frames: int
    idle_s: float


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Measures everything on a Ray of its own; makes its clips below the cache the first time."""
    scale = Scale(1, 400, 8.0) if quick else Scale(3, 1600, 20.0)
    base = Settings.from_env()
    with tempfile.TemporaryDirectory(prefix="dome-bench-") as home, ray_for():
        update = {"home": Path(home), "spool": Path(home, "spool"), "evidence": f"{home}/evidence"}
        settings = base.model_copy(update={**update, "redis_url": None, "weights": (*base.weights, WEIGHTS)})
        bench = PathBench(settings, base.cache / "bench", scale)
        figures = [bench.path(size, cameras) for size in SIZES for cameras in (1, 4)]
        figures += [bench.idle(), bench.memory()]
    return [figure.model_dump() for figure in figures]


class PathBench:
    """The measurements.

    Args:
        settings: Of the bench's own home.
        folder: Where its clips are kept.
        scale: How long to measure.
    """

    def __init__(self, settings: Settings, folder: Path, scale: Scale) -> None:
        self._settings, self._folder, self._scale = settings, folder, scale
        self._detector = _detector(settings)
        self._uss_mb = 0.0
        self._how = f"{self._detector}, {os.cpu_count()} cores"

    def path(self, size: str, cameras: int) -> Figure:
        """Frames a second of the whole path over those of the bare loop, in turn; median of the ratios."""
        clip = clips.busy(self._folder, SIZES[size], self._scale.frames // cameras)
        # Once for nothing: Serve then has the replicas that this load wants, and starts none while it is measured.
        self._whole_hz(clip, cameras)
        bare, whole = [], []
        for _ in range(self._scale.rounds):
            bare.append(self._bare_hz([clip] * cameras))
            whole.append(self._whole_hz(clip, cameras))
        ratios = [w / b for w, b in zip(whole, bare, strict=True)]
        detail = (
            f"{statistics.median(whole):.1f} against {statistics.median(bare):.1f} frames/s, "
            f"ratios {', '.join(f'{r:.2f}' for r in ratios)}; gate off, {self._how}"
        )
        name = f"whole path over bare loop, {size}, {cameras} camera{'s' if cameras > 1 else ''}"
        return at_least(name, statistics.median(ratios), PATH_TARGET, "ratio", detail)

    def idle(self) -> Figure:
        """CPU seconds of a camera that sees nothing move, with its share of Serve, over decoding alone.

        Beside one another, so that both pay for the same cold caches and the same neighbours; median of the ratios.
        """
        clip = clips.still(self._folder, SIZES["1080p"], 20 * clips.FPS)
        rounds = [self._idle_round(clip) for _ in range(self._scale.rounds)]
        camera, serving, decoding, frames, gated = (
            statistics.median(column) for column in zip(*rounds, strict=True)
        )
        ratios = [(c + s) / d for c, s, d, *_ in rounds]
        detail = (
            f"{camera + serving:.2f} (camera {camera:.2f}, Serve {serving:.2f}) against {decoding:.2f} ms "
            f"a frame, {frames:g} frames of {IDLE_CAMERAS} cameras, {gated / frames:.1%} gated, "
            f"ratios {', '.join(f'{r:.2f}' for r in ratios)}; {self._how}"
        )
        ratio = statistics.median(ratios)
        return at_most("idle camera over decoding alone, 1080p", ratio, IDLE_TARGET, "ratio", detail)

    def _idle_round(self, clip: Path) -> tuple[float, float, float, int, int]:
        """ms a frame of cameras, of Serve for them and of decoding alone; frames read, and gated ones."""
        watch = _Idle(clip, self._scale.idle_s)
        self._run([self._camera(f"idle-{i}", clip, live=True) for i in range(IDLE_CAMERAS)], watch.run)
        camera, serving = (1000 * s / watch.frames for s in (watch.camera_s, watch.serving_s))
        return camera, serving, 1000 * watch.decoding_s, watch.frames, watch.gated

    def memory(self) -> Figure:
        """The largest camera actor seen in all measurements before."""
        return at_most("camera actor, unique memory", self._uss_mb, USS_TARGET_MB, "MB", f"USS; {self._how}")

    def _whole_hz(self, clip: Path, cameras: int) -> float:
        progress = _Progress()

        def watch(job: LiveJob) -> None:
            progress.job = job

        self._run([self._camera(f"busy-{i}", clip) for i in range(cameras)], watch, progress.note)
        self._uss_mb = max(self._uss_mb, progress.uss_mb)
        return progress.hz()

    def _run(
        self,
        cameras: list[CameraConfig],
        on_ready: Callable[[LiveJob], None],
        on_progress: Callable[[list[CameraStatus], ResultsStatus], None] = lambda *_: None,
    ) -> None:
        site = SiteConfig(site="bench", districts=(District(id="bench"),), cameras=tuple(cameras))
        options = LiveOptions(until_end=True, settings=self._settings, on_ready=on_ready, poll_s=0.5)
        run_live(site, [], options, on_progress)

    def _camera(self, camera_id: str, clip: Path, live: bool = False) -> CameraConfig:
        return CameraConfig(
            id=camera_id,
            district="bench",
            source=FileSource(path=clip, loop=live),
            detector=self._detector,
            gate=GateConfig(enabled=live),
            calibration=_survey(clip),
            rules=(SpeedingRule(limit_kmh=60),),
        )

    def _bare_hz(self, files: list[Path]) -> float:
        detectors = [_published(self._detector, self._settings) for _ in range(SESSIONS)]
        pictures: queue.Queue[NDArray[np.uint8] | None] = queue.Queue(16)
        spec = detectors[0].spec

        def look(detector: Any) -> None:
            while (picture := pictures.get()) is not None:
                detector.detect([picture])

        threads = [threading.Thread(target=look, args=(each,)) for each in detectors]
        for thread in threads:
            thread.start()
        started_s, count = time.perf_counter(), 0
        for frame in (frame for path in files for frame in _frames(path)):
            pictures.put(frame.bgr(*spec.fit(frame.width_px, frame.height_px)))
            count += 1
        for _ in threads:
            pictures.put(None)
        for thread in threads:
            thread.join()
        return count / (time.perf_counter() - started_s)


@dataclass(slots=True)
class _Progress:
    """Frames finished over time, as the job's own progress reports tell."""

    job: LiveJob | None = None
    points: list[tuple[float, int]] = field(default_factory=list)
    uss_mb: float = 0.0

    def note(self, cameras: list[CameraStatus], _: ResultsStatus) -> None:
        self.points.append((time.perf_counter(), sum(c.detected for c in cameras)))
        if len(self.points) % 8 == 0:  # reading it costs the process a pause
            sizes = [p.memory_full_info().uss / 1e6 for p in workers("ray::CameraActor")]
            self.uss_mb = max([self.uss_mb, *sizes])

    def hz(self) -> float:
        """Slope from the first tenth to the last: starting and ending are not what is measured."""
        total = self.points[-1][1]
        middle = [(t, n) for t, n in self.points if 0.1 * total <= n <= 0.9 * total]
        (t0, n0), (t1, n1) = middle[0], middle[-1]
        return (n1 - n0) / (t1 - t0)


class _Idle:
    """Watches a job of idle cameras beside a bare decoder; then what serving costs without them."""

    def __init__(self, clip: Path, seconds: float) -> None:
        self._clip, self._seconds = clip, seconds
        self.frames = self.gated = 0
        self.camera_s = self.serving_s = self.decoding_s = 0.0

    def run(self, job: LiveJob) -> None:
        """Called when the job runs; stops it in the end."""
        _await(lambda: self._steady(job))
        before, serving = self._sum(job), cpu_s(*SERVING)
        self.decoding_s = _decode_cpu_s(self._clip, self._seconds)
        after = self._sum(job)
        serving = cpu_s(*SERVING) - serving
        self.frames, self.gated = after[0] - before[0], after[1] - before[1]
        self.camera_s = after[2] - before[2]
        job.stop_cameras()
        resting = cpu_s(*SERVING)
        time.sleep(self._seconds)
        self.serving_s = max(0.0, serving - (cpu_s(*SERVING) - resting))
        job.end()

    def _steady(self, job: LiveJob) -> bool:
        """Every camera has been gated for a while, and knows its landmarks.

        To a gate the first seconds are all motion; landmarks are learnt once, and kept for all starts that follow.
        """
        job.look()
        rest = [c.gated > 3 * clips.FPS and c.fitness != "learning" for c in job.statuses]
        return len(rest) == IDLE_CAMERAS and all(rest)

    def _sum(self, job: LiveJob) -> tuple[int, int, float]:
        job.look()
        cameras = job.statuses
        return (
            sum(c.frames_read for c in cameras),
            sum(c.gated for c in cameras),
            cpu_s("ray::CameraActor"),
        )


def _await(condition: Callable[[], bool], timeout_s: float = 300.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the idle cameras never came to rest")
        time.sleep(0.5)


def _frames(path: Path) -> Iterator[Any]:
    """Pictures of a file, decoded as a camera does: one thread."""
    from flows.sources.picture import AvPicture

    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in source.decode(stream):
            yield AvPicture(frame)


def _decode_cpu_s(path: Path, seconds: float) -> float:
    """CPU seconds a frame of decoding alone in this thread, at the pace at which a camera sends.

    A decoder that sleeps between frames pays for cold caches, whoever it works for: a tight loop does not.
    """
    frames = islice(_frames(path), round(seconds * clips.FPS))
    next(frames)  # to open the file is no frame's work
    started_s, due_s, count = time.thread_time(), time.monotonic(), 0
    for _ in frames:
        count += 1
        due_s += 1 / clips.FPS
        time.sleep(max(0.0, due_s - time.monotonic()))
    return (time.thread_time() - started_s) / count


def _published(name: str, settings: Settings) -> DetectorLike:
    """The detector as whoever writes a bare loop has it: the published file at its own input size, one thread."""
    from models import weights
    from models.detector.onnx import OnnxDetector

    file = weights.get(name, settings)
    names, px = file.entry.names, file.entry.input_px
    return OnnxDetector(file.path, name, file.sha256, names, px, threads=1, as_published=True)


def _detector(settings: Settings) -> str:
    """YOLOX-nano where its weights are at hand, else the embedded one."""
    from models import weights

    return "yolox-nano" if weights.find("yolox-nano", settings) else "embedded"


def _survey(clip: Path) -> CalibrationConfig:
    """A plane seen at a slant, made up: the rule shall compute, its verdicts do not matter here."""
    source = FileVideo("probe", clip)
    source.open()
    first = next(iter(source.frames()))
    source.close()
    width, height = first.picture.width_px, first.picture.height_px
    points = []
    for y_m in (5.0, 15.0, 40.0):
        scale = 12.0 / (y_m + 7.0)
        v = height * (0.25 + 0.75 * scale)
        points += [
            SurveyPoint(px=(width / 2 + x_m / 8 * width / 2 * scale, v), m=(x_m, y_m)) for x_m in (-6.0, 6.0)
        ]
    return CalibrationConfig(
        points=tuple(points),
        picture_px=(width, height),
        surveyed_on=clips.STARTED_AT.date(),
        valid_until=clips.STARTED_AT.date() + timedelta(days=365),
    )
