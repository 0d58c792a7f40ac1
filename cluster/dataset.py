"""Renders the scenes that the embedded detector learns from into a folder of small pictures with boxes.

Each scene is rendered at full size a few times, seconds apart, and goes through H.264 and the cameras' own
resizing, so that a picture looks as it will to the detector. A frame gives the whole view and a closer one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from flows import scenes
from flows.scenes.kinds.hall import POSES
from flows.scenes.truth import ObjectTruth
from flows.sources.picture import AvPicture
from models.catalog import STREET_NAMES
from models.training.samples import IGNORED, Sample, save

FIRST_SEED = 10_000
"""Training owns the seeds from here on; tests, benches, demo and evaluation stay below."""
SHARES = {
    "street": 0.36,
    "junction": 0.12,
    "giveway": 0.1,
    "crossing": 0.08,
    "road": 0.07,
    "lanes": 0.07,
    "stopping": 0.05,
    "hall": 0.025,
    "left": 0.035,
    "gate": 0.03,
    "way": 0.03,
    "buslane": 0.02,
    "empty": 0.01,
}
"""Of the scenes, by kind. Junctions show turning vehicles from every side, halls people who sit, and cameras that look
people in the face those who come so near that they fill the picture. Things that were left stand in halls alone."""
OF_HALLS: Mapping[str, Callable[[int], Mapping[str, Any]]] = {
    "left": lambda seed: {"case": "from_start+left+left_in_view+short_trip", "pose": POSES[seed % 4]},
    "gate": lambda _: {"pose": "gate", "n_pedestrians": 16},
    "way": lambda seed: {"pose": f"way_{1 + seed % 4}", "case": "searched", "n_pedestrians": 14},
}
"""Views of halls, with the options of each by its seed."""
SIZE_PX = (416, 234)
"""A 16:9 picture at the detector's input size."""
SAMPLE_HZ = 0.4
"""Frames a second: 2.5 s apart, vehicles stand elsewhere or are others."""
CRF = (18, 30)
"""H.264 quality, from a good camera's to a starved one's."""
ZOOM = (0.4, 0.9)
"""Share of the width that the closer view shows."""
LEAST_LEFT = 0.35
"""Share of a box that must be inside the closer view; below, it is neither object nor background."""
LEAST_VISIBLE = 0.3
"""The same of what other things leave of it: more is taught than evaluations ask."""


@dataclass(frozen=True, slots=True)
class Job:
    """One scene to render."""

    kind: str
    seed: int
    frames: int
    folder: Path

    @property
    def file(self) -> Path:
        """Where its pictures go."""
        return self.folder / f"{self.kind}-{self.seed}.npz"


def plan(count: int, frames: int, folder: Path) -> list[Job]:
    """Which scenes: mostly random streets, every other kind that a rule is measured on, a few of nothing to find."""
    jobs = []
    for kind, share in SHARES.items():
        made = range(max(1, round(share * count)))
        jobs += [Job(kind, FIRST_SEED + i, 2 if kind == "empty" else frames, folder) for i in made]
    order = np.random.default_rng(0).permutation(len(jobs))
    return [jobs[i] for i in order]


def render(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, int]]:
    """Renders what is not there yet, in separate processes (one OpenGL context each).

    Yields:
        Each scene as it is done, with its number of pictures.
    """
    todo = [job for job in jobs if not job.file.is_file()]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        yield from zip(todo, pool.map(_render, todo), strict=True)


def missing(jobs: Sequence[Job]) -> int:
    """How many of them are not rendered yet."""
    return sum(not job.file.is_file() for job in jobs)


def _one_thread() -> None:
    os.environ["LP_NUM_THREADS"] = "1"  # Mesa's software rasteriser: one worker a process is enough


def _render(job: Job) -> int:
    rng = np.random.default_rng([job.seed, sum(map(ord, job.kind))])
    options = OF_HALLS[job.kind](job.seed) if job.kind in OF_HALLS else {}
    kind = "hall" if options else job.kind
    scene = scenes.build(kind, seed=job.seed, fps=SAMPLE_HZ, duration_s=job.frames / SAMPLE_HZ, **options)
    rendered = list(scene.frames())
    samples: list[Sample] = []
    for picture, frame in zip(
        through_h264([f.rgb for f in rendered], int(rng.integers(*CRF))), rendered, strict=True
    ):
        samples.append(_whole(picture, frame.objects))
        samples.append(_closer(picture, frame.objects, rng))
    save(job.file, samples)
    return len(samples)


def through_h264(frames: Sequence[NDArray[np.uint8]], crf: int) -> list[av.VideoFrame]:
    """Encodes and decodes ``(h, w, 3)`` RGB frames as one clip of the given quality (CRF)."""
    height, width = frames[0].shape[:2]
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = (
        width,
        height,
        "yuv420p",
        Fraction(1, 10),
    )
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "crf": str(crf)}
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = []
    for index, rgb in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.pts = index
        packets += encoder.encode(frame)
    packets += [*encoder.encode(None), None]
    return [frame for packet in packets for frame in decoder.decode(packet)]


def _whole(picture: av.VideoFrame, objects: Sequence[ObjectTruth]) -> Sample:
    scale = np.array([SIZE_PX[0] / picture.width, SIZE_PX[1] / picture.height] * 2, np.float32)
    objects = _asked(objects)
    label = np.array([_label(thing) for thing in objects], np.int8)
    xyxy = np.array([thing.xyxy for thing in objects], np.float32).reshape(-1, 4)
    return Sample(AvPicture(picture).bgr(*SIZE_PX), xyxy * scale, label)


def _closer(picture: av.VideoFrame, objects: Sequence[ObjectTruth], rng: np.random.Generator) -> Sample:
    """A part of the picture at the same size, cut round one of its objects where it has any."""
    window = _window((picture.width, picture.height), objects, rng)
    left, top, width, height = window
    part = np.ascontiguousarray(AvPicture(picture).bgr()[top : top + height, left : left + width])
    cut = av.VideoFrame.from_ndarray(part, "bgr24")
    return Sample(AvPicture(cut).bgr(*SIZE_PX), *_cut_boxes(objects, window))


def _window(
    size: tuple[int, int], objects: Sequence[ObjectTruth], rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Left, top, width and height of a closer view, full-resolution px."""
    width = round(rng.uniform(*ZOOM) * size[0])
    height = round(width * SIZE_PX[1] / SIZE_PX[0])
    wanted = [thing.xyxy for thing in objects if not thing.ignore]
    middle = np.array(size) / 2
    if wanted:
        x0, y0, x1, y1 = wanted[int(rng.integers(len(wanted)))]
        middle = np.array([x0 + x1, y0 + y1]) / 2 + rng.uniform(-0.4, 0.4, 2) * (width, height)
    left = int(np.clip(middle[0] - width / 2, 0, size[0] - width))
    top = int(np.clip(middle[1] - height / 2, 0, size[1] - height))
    return left, top, width, height


def _cut_boxes(
    objects: Sequence[ObjectTruth], window: tuple[int, int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Boxes and labels in a closer view, at the detector's size."""
    left, top, width, height = window
    objects = _asked(objects)
    xyxy = np.array([thing.xyxy for thing in objects], np.float32).reshape(-1, 4) - [left, top, left, top]
    area = np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1)
    clipped = np.clip(xyxy, 0, [width, height, width, height])
    left_over = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1) / np.maximum(area, 1e-6)
    label = np.array([_label(thing) for thing in objects], np.int8)
    label[left_over < LEAST_LEFT] = IGNORED
    inside = left_over > 0
    scale = np.array([SIZE_PX[0] / width, SIZE_PX[1] / height] * 2)
    return (clipped * scale)[inside].astype(np.float32), label[inside]


def _asked(objects: Sequence[ObjectTruth]) -> list[ObjectTruth]:
    """Without luggage, which is background: left out of the lesson, a suitcase would be taken for a person."""
    return [thing for thing in objects if thing.cls in STREET_NAMES]


def _label(thing: ObjectTruth) -> int:
    return STREET_NAMES.index(thing.cls) if thing.visible >= LEAST_VISIBLE else IGNORED
