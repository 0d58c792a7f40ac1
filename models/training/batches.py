"""Batches of varied pictures from samples in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.detector.letterbox import PAD_VALUE
from models.training.assign import Truth
from models.training.network import STRIDES
from models.training.samples import IGNORED, Sample

LEAST_HEIGHT_PX = 4.0
"""Objects lower than this after scaling are ignored: half a cell of the finest level tells nothing."""
LEAST_LEFT = 0.35
"""Share of an object that must be inside a crop; below, it is ignored."""
NOISE_VALUES = 1 << 20
"""Normal values made once; each picture takes another stretch of them."""


@dataclass(frozen=True, slots=True)
class Variation:
    """How much pictures vary.

    A batch holds either pictures with small objects, of which a part is cut out, or ones with large objects,
    which are made smaller: both cost half, and objects keep the sizes that a camera shows.

    Attributes:
        crop_px: Width and height cut out round some object; None: the whole picture.
        scales: Of pictures with large objects.
        gain: Brightness, factor up or down (natural logarithm).
        tint: Gain of each colour channel.
        gamma: Exponent.
        grey: Share of pictures without colour (night cameras).
        noise: Standard deviation at most, 0 to 1.
        mirrored: Half of the pictures are shown as in a mirror; not where letters tell something.
    """

    crop_px: tuple[int, int] | None = (288, 192)
    scales: tuple[float, ...] = (0.62, 0.77)
    gain: float = 0.3
    tint: float = 0.08
    gamma: float = 0.25
    grey: float = 0.05
    noise: float = 0.02
    mirrored: bool = True


PLAIN = Variation(None, (1.0,), gain=0.1, tint=0.03, gamma=0.1, grey=0.02, noise=0.01)
"""For the last part of the training: pictures as they will come."""


class Batches:
    """Shuffled, flipped, cut or scaled, coloured batches; the same seed gives the same batches.

    Args:
        samples: In memory; all pictures of one size.
        batch: Pictures a batch.
        seed: Of everything random.
        rank: Which of the processes this is: each takes its own share of every epoch.
        workers: Number of processes.
    """

    def __init__(
        self, samples: Sequence[Sample], batch: int, seed: int, rank: int = 0, workers: int = 1
    ) -> None:
        self._samples, self._batch, self._rank, self._workers = samples, batch, rank, workers
        self._shared = np.random.default_rng(seed)  # draws the same in every process: order and size
        self._rng = np.random.default_rng([seed, rank])
        self._noise = self._rng.standard_normal(NOISE_VALUES, np.float32)
        heights = np.array([_typical_height(sample) for sample in samples])
        self._large = heights > np.median(heights)
        self._waiting: list[NDArray[np.intp]] = []

    @property
    def count(self) -> int:
        """Batches of one process and epoch."""
        return sum(int(pool.sum()) // (self._batch * self._workers) for pool in (self._large, ~self._large))

    def next(self, variation: Variation) -> tuple[Tensor, Truth]:
        """The next batch; a new epoch begins by itself, and what fills no batch waits for another order.

        Returns:
            ``(B, 3, H, W)`` float32 BGR 0-1, padded to a multiple of 32, and the objects.
        """
        if not self._waiting:
            self._waiting = self._epoch()
        chosen = self._waiting.pop()
        scale = float(self._shared.choice(variation.scales))
        if self._large[chosen[0]]:
            return self._make(chosen, variation, None, scale)
        return self._make(chosen, variation, variation.crop_px, 1.0)

    def _epoch(self) -> list[NDArray[np.intp]]:
        """This process's share of an epoch's batches, in order; large and small objects do not mix."""
        batches = []
        for pool in (self._large, ~self._large):
            order = self._shared.permutation(np.flatnonzero(pool))
            together = self._batch * self._workers
            rows = order[: len(order) // together * together].reshape(-1, self._workers, self._batch)
            batches += list(rows[:, self._rank])
        return [batches[i] for i in self._shared.permutation(len(batches))]

    def _make(
        self,
        chosen: NDArray[np.intp],
        variation: Variation,
        crop_px: tuple[int, int] | None,
        scale: float,
    ) -> tuple[Tensor, Truth]:
        made = [self._one(self._samples[index], variation, crop_px) for index in chosen]
        whole = torch.from_numpy(np.stack([picture for picture, _, _ in made])).permute(0, 3, 1, 2)
        small, factors = _scaled(whole, scale)
        coloured = [self._coloured(picture, variation) for picture in small.permute(0, 2, 3, 1).numpy()]
        pictures = torch.from_numpy(np.stack(coloured)).permute(0, 3, 1, 2)
        owner = np.repeat(np.arange(len(made)), [len(label) for _, _, label in made])
        xyxy = torch.from_numpy(np.concatenate([xyxy for _, xyxy, _ in made])) * factors
        label = torch.from_numpy(np.concatenate([label for _, _, label in made])).long()
        return _padded(pictures), _truth(xyxy, label, torch.from_numpy(owner))

    def _one(
        self, sample: Sample, variation: Variation, crop_px: tuple[int, int] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int8]]:
        """Picture ``(h, w, 3)``, boxes and labels of one sample, cut and mirrored."""
        picture, xyxy, label = sample.picture, sample.xyxy, sample.label
        if crop_px is not None:
            picture, xyxy, label = self._cut(sample, crop_px)
        if variation.mirrored and self._rng.random() < 0.5:
            picture, xyxy = picture[:, ::-1], _mirrored(xyxy, picture.shape[1])
        return picture, xyxy, label

    def _cut(
        self, sample: Sample, crop_px: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int8]]:
        size = np.array(crop_px)
        room = np.array(sample.picture.shape[1::-1]) - size
        middle = self._rng.uniform(0, room + size)
        wanted = np.flatnonzero(sample.label != IGNORED)
        if len(wanted):
            x0, y0, x1, y1 = sample.xyxy[self._rng.choice(wanted)]
            middle = np.array([x0 + x1, y0 + y1]) / 2 + self._rng.uniform(-0.4, 0.4, 2) * size
        left, top = np.clip(middle - size / 2, 0, room).astype(int)
        picture = sample.picture[top : top + size[1], left : left + size[0]]
        return picture, *_clipped(sample, np.array([left, top]), size)

    def _coloured(self, picture: NDArray[np.uint8], v: Variation) -> NDArray[np.float32]:
        """By a table for each channel: a power of every pixel would cost a tenth of the whole training."""
        uniform = self._rng.uniform
        gain = np.exp(uniform(-v.gain, v.gain) + uniform(-v.tint, v.tint, 3))
        curve = (np.arange(256, dtype=np.float32) / 255) ** np.exp(uniform(-v.gamma, v.gamma))
        table = (curve * gain[:, None]).astype(np.float32)
        if self._rng.random() < v.grey:
            picture = np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
        out = np.stack([table[channel][picture[..., channel]] for channel in range(3)], axis=2)
        strength, first = uniform(0, v.noise), int(self._rng.integers(NOISE_VALUES - out.size))
        out += np.float32(strength) * self._noise[first : first + out.size].reshape(out.shape)
        return np.clip(out, 0, 1, out=out)


def _typical_height(sample: Sample) -> float:
    """Median height of its objects, px; infinite without any."""
    wanted = sample.xyxy[sample.label != IGNORED]
    return float(np.median(wanted[:, 3] - wanted[:, 1])) if len(wanted) else float("inf")


def _mirrored(xyxy: NDArray[np.float32], width_px: int) -> NDArray[np.float32]:
    return np.stack([width_px - xyxy[:, 2], xyxy[:, 1], width_px - xyxy[:, 0], xyxy[:, 3]], axis=1)


def _clipped(
    sample: Sample, corner: NDArray[np.int_], size: NDArray[np.int_]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Boxes and labels as a crop shows them."""
    moved = sample.xyxy - np.tile(corner, 2)
    clipped = np.clip(moved, 0, np.tile(size, 2)).astype(np.float32)
    whole, left = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (moved, clipped))
    share = left / np.maximum(whole, 1e-6)
    label = np.where(share < LEAST_LEFT, np.int8(IGNORED), sample.label)
    return clipped[share > 0], label[share > 0]


def _scaled(pictures: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """The batch, of bytes, at another size; the width becomes a multiple of 32. Also the boxes' factors."""
    height, width = pictures.shape[2:]
    if scale == 1.0:
        return pictures, torch.ones(4)
    new_width = round(width * scale / STRIDES[-1]) * STRIDES[-1]
    new_height = round(height * new_width / width)
    small = functional.interpolate(pictures, (new_height, new_width), mode="bilinear", antialias=True)
    return small, torch.tensor([new_width / width, new_height / height] * 2)


def _padded(pictures: Tensor) -> Tensor:
    height, width = pictures.shape[2:]
    pad = (0, -width % STRIDES[-1], 0, -height % STRIDES[-1])
    padded = functional.pad(pictures, pad, value=PAD_VALUE / 255)
    return padded.contiguous(memory_format=torch.channels_last)


def _truth(xyxy: Tensor, label: Tensor, picture: Tensor) -> Truth:
    seen = (label != IGNORED) & (xyxy[:, 3] - xyxy[:, 1] >= LEAST_HEIGHT_PX)
    return Truth(xyxy[seen], label[seen], picture[seen], xyxy[~seen], picture[~seen])
