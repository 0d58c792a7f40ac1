"""Batches made ahead by other processes, for an accelerator that learns faster than one processor prepares."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from multiprocessing.sharedctypes import Synchronized
from typing import Any, Final, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.training.assign import Truth
from models.training.batches import Batches, Variation
from models.training.samples import Sample

AHEAD: Final = 4
"""Batches that each process makes ahead; the last ones of the first variation come that much late."""


class Ahead:
    """What :class:`~models.training.batches.Batches` gives, from several processes and on a device.

    Args:
        samples: In memory; the processes share them.
        batch: Pictures a batch.
        seed: Of everything random.
        processes: That make batches.
        device: Where they are wanted.
        variations: That will be asked for.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        batch: int,
        seed: int,
        *,
        processes: int,
        device: torch.device,
        variations: Sequence[Variation],
    ) -> None:
        context = multiprocessing.get_context("fork")  # the pictures are not copied
        self._variations, self._device = list(variations), device
        self._wanted: Synchronized[int] = context.Value("i", 0)
        dataset = _Endless(samples, batch, seed, self._wanted, self._variations)
        self.count = Batches(samples, batch, seed).count
        loader = DataLoader(
            dataset,
            batch_size=None,
            num_workers=processes,
            prefetch_factor=AHEAD,
            pin_memory=device.type == "cuda",
            multiprocessing_context=context,
        )
        self._made = iter(loader)

    def next(self, variation: Variation) -> tuple[Tensor, Truth]:
        """The next batch, on the device; those made before another variation was asked for come first.

        Returns:
            As :meth:`Batches.next`, the pictures in steps of 1/255 as cameras give them.
        """
        self._wanted.value = self._variations.index(variation)
        pictures, *parts = (part.to(self._device, non_blocking=True) for part in next(self._made))
        pictures = pictures.float().div_(255).contiguous(memory_format=torch.channels_last)
        return pictures, Truth(*parts)


class _Endless(IterableDataset[tuple[Tensor, ...]]):
    """Batches for ever; each of the loader's processes takes its own share of every epoch."""

    def __init__(
        self,
        samples: Sequence[Sample],
        batch: int,
        seed: int,
        wanted: Synchronized[int],
        variations: Sequence[Variation],
    ) -> None:
        self._arguments = (samples, batch, seed)
        self._wanted, self._variations = wanted, variations

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        torch.set_num_threads(1)
        info = cast(Any, get_worker_info())  # None outside the loader's processes, where nobody iterates
        batches = Batches(*self._arguments, info.id, info.num_workers)
        while True:
            pictures, truth = batches.next(self._variations[self._wanted.value])
            yield (pictures * 255).round_().to(torch.uint8), *truth.parts
