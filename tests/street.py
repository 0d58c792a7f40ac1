"""A tiny street for tests: boxes on wheels drawn as flat hulls, seen by a pinhole camera, with known speeds.

No renderer and no trained detector: cars are pure red, green or blue, and :class:`ColourDetector` finds them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from flows.domain.detections import Detections
from flows.domain.inference import DetectorSpec
from flows.domain.ruleset import SpeedingRule
from flows.domain.site import CameraConfig, FileSource
from flows.scenes.camera import PinholeCamera
from flows.scenes.survey import survey
from flows.settings import Settings

STARTED_AT = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SIZE_PX = (640, 360)
FPS = 12.5
CAMERA = PinholeCamera.looking(
    (7.0, -10.0, 7.5), (0.0, 22.0, 0.0), width_px=SIZE_PX[0], height_px=SIZE_PX[1], hfov_deg=60
)
SURVEY = survey(CAMERA, 5.0, date(2026, 4, 1), "test", np.random.default_rng(1))
COLOURS = ((225, 40, 40), (40, 225, 40), (40, 60, 225))


def camera(**changes: object) -> CameraConfig:
    """The street's camera, which reports who is faster than 50 km/h."""
    made = CameraConfig(
        id="road",
        district="d",
        source=FileSource(path=Path("none.mp4")),
        detector="colour",
        calibration=SURVEY,
        rules=(SpeedingRule(limit_kmh=50, tolerance_kmh=0),),
    )
    return made.model_copy(update=changes)


@dataclass(frozen=True)
class Car:
    """A box that drives along the road.

    Attributes:
        speed_kmh: Constant.
        start_m: Where its middle is along the road at the first frame; it drives towards smaller values.
        colour: Index into ``COLOURS``; cars that are in the picture together differ.
        x_m: Middle of its lane.
    """

    speed_kmh: float
    start_m: float
    colour: int = 0
    x_m: float = 0.0

    def hull_px(self, t_s: float) -> list[tuple[float, float]] | None:
        y = self.start_m - self.speed_kmh / 3.6 * t_s
        corners = np.array(
            [(self.x_m + x, y + dy, z) for x in (-0.9, 0.9) for dy in (-2.25, 2.25) for z in (0.0, 1.5)]
        )
        px = CAMERA.project(corners)
        if np.isnan(px).any() or not (-6 < y < 70):
            return None
        return _hull([(float(u), float(v)) for u, v in px])


def draw(cars: Sequence[Car], t_s: float) -> Image.Image:
    picture = Image.new("RGB", SIZE_PX, (110, 112, 110))
    pen = ImageDraw.Draw(picture)
    for y in range(-4, 80, 4):
        ends = CAMERA.project(np.array([[(-3.5, y, 0), (3.5, y, 0)]], float))[0]
        if not np.isnan(ends).any():
            pen.line([tuple(p) for p in ends], fill=(150, 150, 150))
    for car in sorted(cars, key=lambda c: -c.start_m):
        hull = car.hull_px(t_s)
        if hull:
            pen.polygon(hull, fill=COLOURS[car.colour])
    return picture


def write_street(path: Path, cars: Sequence[Car], seconds: float) -> Path:
    """Writes the clip; capture time begins at ``STARTED_AT``."""
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as sink:
        sink.metadata["creation_time"] = STARTED_AT.isoformat()
        stream = sink.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE_PX, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "16"}
        stream.codec_context.gop_size = 12
        for index in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_image(draw(cars, index / FPS))
            frame.pts = index * 2
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return path


def camera_yaml(camera_id: str, path: Path, *, limit_kmh: float = 50, extra: str = "") -> str:
    """A camera of a site file that watches such a clip."""
    points = ", ".join(f"[{p.px[0]}, {p.px[1]}, {p.m[0]}, {p.m[1]}]" for p in SURVEY.points)
    return f"""
  - id: {camera_id}
    source: {{path: {path}, started_at: "{STARTED_AT.isoformat()}"}}
    detector: colour
    calibration:
      points: [{points}]
      error_px: 0.5
      error_m: 0.02
      picture_px: [{SIZE_PX[0]}, {SIZE_PX[1]}]
      surveyed_on: 2026-04-01
      valid_until: 2027-04-01
      id: test
    rules: [{{kind: speeding, limit_kmh: {limit_kmh}, tolerance_kmh: 0}}]{extra}
"""


class ColourDetector:
    """Finds the cars by their colour; ``slow_s`` a picture makes it as slow as a real one."""

    def __init__(self, slow_s: float = 0.0) -> None:
        self.spec = DetectorSpec("colour", (640, 640), ("car",), "0" * 64)
        self._slow_s = slow_s

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        if self._slow_s:
            time.sleep(self._slow_s * len(pictures))
        return [self._find(picture) for picture in pictures]

    def _find(self, bgr: NDArray[np.uint8]) -> Detections:
        boxes = []
        for red, green, blue in COLOURS:
            near = (np.abs(bgr.astype(np.int16) - (blue, green, red)) < 70).all(axis=2)
            if near.sum() > 60:
                rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
                boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        n = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(n, 4),
            np.full(n, 0.9, np.float32),
            np.zeros(n, np.int32),
            self.spec.names,
        )


class HangingDetector(ColourDetector):
    """One whose first run over a picture that shows something never ends, in the process that comes first.

    Args:
        hung: File that says that it has happened.
    """

    def __init__(self, hung: Path) -> None:
        super().__init__()
        self._hung = hung

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        if pictures[0].any() and not self._hung.exists():  # health checks show nothing
            self._hung.touch()
            threading.Event().wait()
        return super().detect(pictures)


def load_hanging(name: str, settings: Settings) -> HangingDetector:
    """A loader likewise."""
    return HangingDetector(settings.home / "hung")


def load_mortal(name: str, settings: Settings) -> ColourDetector:
    """A loader whose first process dies of it."""
    died = settings.home / "died"
    if not died.exists():
        died.parent.mkdir(parents=True, exist_ok=True)
        died.touch()
        os._exit(1)
    return ColourDetector()


def load_deadly(name: str, settings: Settings) -> ColourDetector:
    """A loader of which every process dies that wants the detector ``deadly``."""
    if name == "deadly":
        os._exit(1)
    return ColourDetector()


def load_together(name: str, settings: Settings) -> ColourDetector:
    """A loader that waits for another process of its kind, and fails if none comes."""
    folder = settings.home / "together"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(os.getpid())).touch()
    for _ in range(600):
        if len(list(folder.iterdir())) > 1:
            return ColourDetector()
        time.sleep(0.2)
    raise TimeoutError("nobody else came")


def load(name: str, settings: object) -> ColourDetector:
    """A loader for the detector deployment: ``street:load``."""
    return ColourDetector(0.01)


def _hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Convex hull (monotone chain)."""
    points = sorted(set(points))

    def half(run: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        chain: list[tuple[float, float]] = []
        for p in run:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        return chain[:-1]

    return half(points) + half(points[::-1])


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
