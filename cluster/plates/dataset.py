"""Draws the pictures that the plate finder learns from into a folder: plates, surroundings, wear, H.264."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.dataset import through_h264
from cluster.plates.compose import compose
from models.training.samples import Sample, save

FIRST_SEED = 40_000
"""Training owns the seeds from here on; tests and benches stay below."""
SIZE_PX = (320, 256)
"""About the proportions of a vehicle seen from before or behind."""
CHUNK = 96
"""Pictures of one file."""
CLIP = 8
"""Pictures that go through one H.264 encoder together."""
STREAMED = 0.5
"""Share of pictures that come from a stream rather than from a still camera."""
CRF = (16, 32)


@dataclass(frozen=True, slots=True)
class Job:
    """One file to make."""

    seed: int
    folder: Path

    @property
    def path(self) -> Path:
        """Where it goes."""
        return self.folder / f"drawn-{self.seed}.npz"


def plan(pictures: int, folder: Path) -> list[Job]:
    """The files for so many pictures."""
    return [Job(FIRST_SEED + i, folder) for i in range(max(1, round(pictures / CHUNK)))]


def draw(jobs: Sequence[Job], workers: int) -> Iterator[Job]:
    """Draws what is not there yet; yields each file as it is done."""
    todo = [job for job in jobs if not job.path.is_file()]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_draw, todo)


def missing(jobs: Sequence[Job]) -> int:
    """How many files are not there yet."""
    return sum(not job.path.is_file() for job in jobs)


def pictures(seed: int, count: int) -> list[Sample]:
    """So many pictures of a seed."""
    rng = np.random.default_rng(seed)
    samples: list[Sample] = []
    while len(samples) < count:
        clip = [compose(SIZE_PX, rng) for _ in range(min(CLIP, count - len(samples)))]
        shown = [each.picture for each in clip]
        shown = _streamed(shown, rng) if rng.random() < STREAMED else shown
        for each, rgb in zip(clip, shown, strict=True):
            label = np.zeros(len(each.xyxy), np.int8)
            samples.append(Sample(np.ascontiguousarray(rgb[..., ::-1]), each.xyxy, label))
    return samples


def _draw(job: Job) -> Job:
    save(job.path, pictures(job.seed, CHUNK))
    return job


def _streamed(shown: list[NDArray[np.uint8]], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    frames = through_h264(shown, int(rng.integers(*CRF)))
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]
