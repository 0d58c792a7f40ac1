"""Trains the network: on processors or on an accelerator.

On processors: one single-threaded process a core, gradients averaged every step.

Measured on two cores: one process of two threads spends most of its time waiting between these small layers;
a step took a fifth of the processor time on one thread while other programs wanted the cores too.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn

from models.training import samples
from models.training.ahead import Ahead
from models.training.assign import Truth
from models.training.batches import PLAIN, Batches, Variation
from models.training.boxes import Grid
from models.training.loss import loss
from models.training.network import Network
from models.training.optimizer import Optimizer

log = logging.getLogger(__name__)

NOTE_STEPS = 100
"""Steps between two lines of the log, each with a checkpoint."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Attributes:
        names: Class names.
        width: Of the network.
        epochs: Times each sample is seen, time permitting.
        minutes: Processor time of each process, or time on an accelerator; a slow machine gets a shorter schedule.
        plain_share: Last part of the training, with pictures as they will come: full size, little variation.
        batch: Pictures of one process and step; few, since steps are what a short training lacks.
        workers: Processes: that learn together, or that make batches for an accelerator.
        device: ``cpu`` or the accelerator as torch names it (``cuda``).
        rate: Peak learning rate of AdamW.
        warmup_steps: Steps until the peak.
        decay: Weight decay.
        clip: Largest norm of a gradient.
        ema: Share of the old weights kept at each step in the average that is exported.
        seed: Of everything random.
        varied: How much pictures vary at first.
        plain: How much in the last part.
    """

    names: tuple[str, ...]
    width: int = 64
    epochs: int = 36
    minutes: float = 30.0
    plain_share: float = 0.35
    batch: int = 4
    workers: int = 2
    device: str = "cpu"
    rate: float = 2e-3
    warmup_steps: int = 200
    decay: float = 0.02
    clip: float = 5.0
    ema: float = 0.999
    seed: int = 0
    varied: Variation = field(default_factory=Variation)
    plain: Variation = PLAIN


def train(files: Sequence[Path], plan: Plan, out: Path, start: Path | None = None) -> Path:
    """Trains on the scenes' files; returns the checkpoint, written as it goes.

    Args:
        files: Written by :func:`models.training.samples.save`.
        plan: How.
        out: The checkpoint (``.pt``); the log goes beside it as ``.jsonl``.
        start: A checkpoint of the same width to go on from, instead of from nothing.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    if plan.device != "cpu":
        torch.backends.cudnn.benchmark = True  # pictures come in few sizes
        _Worker(0, files, plan, out, start).run()
        return out
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{folder}/meeting"
        arguments = (tuple(files), plan, out, start, meeting)
        spawn(_work, args=arguments, nprocs=plan.workers)  # type: ignore[no-untyped-call]
    return out


def restore(checkpoint: Path) -> tuple[Network, tuple[str, ...]]:
    """The averaged network of a checkpoint, and its class names."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    names = tuple(saved["names"])
    network = Network(len(names), saved["width"])
    network.load_state_dict(saved["weights"], strict=False)  # the norms' counters are not kept
    return network.eval(), names


def _work(rank: int, files: Sequence[Path], plan: Plan, out: Path, start: Path | None, meeting: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # the processes talk inside this machine only
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=plan.workers)
    try:
        _Worker(rank, files, plan, out, start).run()
    finally:
        distributed.destroy_process_group()


class _Worker:
    """One process that learns; all hold the same weights after every step."""

    def __init__(
        self, rank: int, files: Sequence[Path], plan: Plan, out: Path, start: Path | None = None
    ) -> None:
        torch.manual_seed(plan.seed)
        self._rank, self._plan, self._out = rank, plan, out
        self._device = torch.device(plan.device)
        loaded = [sample for file in files for sample in samples.load(file)]
        self._batches = self._fed_by(loaded)
        self._grids = cache(partial(Grid.of, device=self._device))
        network = restore(start)[0].train() if start else Network(len(plan.names), plan.width)
        self._network = network.to(self._device)
        self._parameters = list(self._network.parameters())
        self._state = {name: value for name, value in self._network.state_dict().items() if value.ndim}
        self._average = [value.clone() for value in self._state.values()]
        self._optimizer = Optimizer(self._network, plan.decay)
        self._halved = self._device.type == "cpu" and halves_pay()
        self._step, self._steps = 0, plan.epochs * self._batches.count
        self._began_s, self._elapsed_s = time.monotonic(), 0.0

    def _fed_by(self, loaded: Sequence[samples.Sample]) -> Batches | Ahead:
        plan = self._plan
        if self._device.type == "cpu":
            return Batches(loaded, plan.batch, plan.seed, self._rank, plan.workers)
        variations = (plan.varied, plan.plain)
        return Ahead(
            loaded,
            plan.batch,
            plan.seed,
            processes=plan.workers,
            device=self._device,
            variations=variations,
        )

    @property
    def progress(self) -> float:
        """0 to 1, by steps or by time, whichever is further; the same in every process."""
        return max(self._step / self._steps, self._elapsed_s / (60 * self._plan.minutes))

    def run(self) -> None:
        """To the end of the schedule."""
        parts: list[dict[str, Tensor]] = []
        while self.progress < 1:
            plain = self.progress >= 1 - self._plan.plain_share
            parts.append(self._learn(*self._batches.next(self._plan.plain if plain else self._plan.varied)))
            if self._rank == 0 and (len(parts) == NOTE_STEPS or self.progress >= 1):
                self._note({key: float(torch.stack([p[key] for p in parts]).mean()) for key in parts[0]})
                self._save()
                parts.clear()

    def _learn(self, pictures: Tensor, truth: Truth) -> dict[str, Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._halved):
            output = self._network(pictures)
        total, parts = loss(output.float(), truth, self._grids(*pictures.shape[2:]))
        self._network.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        if self._device.type == "cpu":
            self._share_gradients()
        else:
            self._elapsed_s = time.monotonic() - self._began_s
        torch.nn.utils.clip_grad_norm_(self._parameters, self._plan.clip)
        self._optimizer.step(self._rate())
        self._step += 1
        keep = min(self._plan.ema, self._step / (self._step + 20))
        torch._foreach_lerp_(self._average, list(self._state.values()), 1 - keep)
        return parts

    def _share_gradients(self) -> None:
        """Averages the processes' gradients, and their clocks, in one message."""
        elapsed = torch.tensor([time.process_time()])  # other programs' share of the machine does not count
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._parameters]
        flat = torch.cat([elapsed, *(gradient.flatten() for gradient in gradients)])
        distributed.all_reduce(flat)
        flat /= self._plan.workers
        self._elapsed_s = float(flat[0])
        for parameter, part in zip(
            self._parameters, torch.split(flat[1:], [g.numel() for g in gradients]), strict=True
        ):
            parameter.grad = part.view(parameter.shape)

    def _rate(self) -> float:
        """Linear warm-up, then a cosine to a hundredth of the peak."""
        warm = min(1.0, (self._step + 1) / self._plan.warmup_steps)
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, self.progress)))
        return self._plan.rate * warm * (0.01 + 0.99 * fall)

    def _save(self) -> None:
        weights = dict(zip(self._state, self._average, strict=True))
        partial = self._out.with_suffix(".part")
        torch.save({"weights": weights, "names": self._plan.names, "width": self._plan.width}, partial)
        partial.replace(self._out)

    def _note(self, parts: dict[str, float]) -> None:
        first = self._step <= NOTE_STEPS
        row = {
            "step": self._step,
            "of": self._steps,
            "seconds": self._elapsed_s,
            "rate": self._rate(),
            **parts,
        }
        text = json.dumps({key: round(value, 5) for key, value in row.items()})
        log.info("%s", text)
        with self._out.with_suffix(".jsonl").open("w" if first else "a") as file:
            file.write((json.dumps(asdict(self._plan)) + "\n" if first else "") + text + "\n")


def halves_pay() -> bool:
    """Whether this processor multiplies bfloat16: a step then takes 0.6 of its time; weights stay float32."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
