"""Trains the two small networks that look through windscreens, on the processor."""

from __future__ import annotations

import json
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.belts.locator import INPUT_PX, LOOKS, around, looked_at
from models.belts.names import NAMES
from models.belts.rectify import LEFT_SEAT, RIGHT_SEAT, SEAT_PX, Window
from models.training.beltlooks import SCREEN_WINDOW, VEHICLE_GROW, Look

log = logging.getLogger(__name__)

NOTE_STEPS: Final = 100
PROPORTIONS: Final = (0.82, 1.25)
"""Height over width of a car seen from before and above."""
VEHICLES: Final = 0.5
"""Share of a batch that is looked at as the first time, where the vehicle is; the rest is where its windscreen is."""
FOUND_OFF: Final = 0.08
"""How far off (standard deviation) where the windscreen is taken to be, and its size, shares of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train one of the networks.

    Attributes:
        epochs: Times each look is seen, time permitting.
        minutes: Processor time at most; a slow machine gets a shorter schedule.
        batch: Looks of one step.
        rate: Peak learning rate of AdamW.
        decay: Weight decay.
        warmup: Share of the schedule until the peak.
        average: Share of the old weights kept at each step in those that are exported.
        seed: Of everything random.
    """

    epochs: int
    minutes: float
    batch: int = 32
    rate: float = 2e-3
    decay: float = 0.02
    warmup: float = 0.05
    average: float = 0.995
    seed: int = 0


class Trunk(nn.Module):
    """Plain convolutions that halve the picture, and what they see on the whole.

    Args:
        channels: Of each stage; all but ``flat`` halve it.
        outputs: Numbers told.
        flat: Stages that keep the size.
        last_px: Side of the last stage, where every place of it counts; None: only its mean does.
    """

    def __init__(
        self,
        channels: Sequence[int],
        outputs: int,
        flat: Sequence[int] = (),
        last_px: int | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for i, count in enumerate(channels):
            stride = 1 if i in flat else 2
            layers += [nn.Conv2d(before, count, 3, stride, 1, bias=False), nn.BatchNorm2d(count), nn.ReLU()]
            before = count
        self.stages = nn.Sequential(*layers)
        self.pooled = last_px is None
        self.head = nn.Linear(before * (1 if last_px is None else last_px**2), outputs)

    def forward(self, pictures: Tensor) -> Tensor:
        """``(N, 3, P, P)`` values 0 to 1 to ``(N, outputs)``."""
        # What is dark through the glass is seen as well as what is bright; how bright it was, hardly matters.
        mean = pictures.mean((1, 2, 3), keepdim=True)
        spread = ((pictures - mean) ** 2).mean((1, 2, 3), keepdim=True).sqrt()
        seen = self.stages((pictures - mean) / (spread + 0.04))
        flat: Tensor = seen.mean((2, 3)) if self.pooled else seen.flatten(1)
        out: Tensor = self.head(flat)
        return out


def seat_network() -> Trunk:
    """Judges a seat: 96 px to the logits of :data:`models.belts.names.NAMES`; 0.1 million weights."""
    return Trunk((16, 24, 40, 64, 96), len(NAMES), flat=(3,))


def windscreen_network() -> Trunk:
    """Finds a windscreen: 80 px to eight shares; 0.06 million weights."""
    return Trunk((12, 20, 32, 40), 8, last_px=INPUT_PX // 16)


def train_seats(looks: Sequence[Look], plan: Plan) -> Trunk:
    """Learns who wears a belt."""
    screens = _pictures([look.screen for look in looks])
    label = torch.from_numpy(np.array([look.label for look in looks], np.int64))
    network = seat_network()

    def batch(rows: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        side = torch.from_numpy(rng.integers(0, 2, len(rows)))
        windows = [_shaken((LEFT_SEAT, RIGHT_SEAT)[int(s)], rng) for s in side]
        theta = torch.stack(
            [
                _theta(window, mirrored=not s, turn=float(rng.normal(0, 0.03)))
                for window, s in zip(windows, side, strict=True)
            ]
        )
        pictures = _coloured(_sampled(screens[rows], theta, SEAT_PX), rng)
        return pictures, label[rows, side]

    return _learn(network, len(looks), plan, batch, functional.cross_entropy, "seats")


def train_windscreens(looks: Sequence[Look], plan: Plan) -> Trunk:
    """Learns where windscreens are."""
    vehicles = _pictures([look.vehicle for look in looks])
    corners = torch.from_numpy(np.array([look.corners for look in looks], np.float32))
    network = windscreen_network()

    def batch(rows: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        shown = [
            _box(rng) if rng.random() < VEHICLES else _found(c, rng) for c in corners[rows].double().numpy()
        ]
        boxes = torch.tensor(np.array(shown), dtype=torch.float32)
        low, size = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
        share = (corners[rows] - low) / size
        return _coloured(_cut(vehicles[rows], boxes), rng), share.flatten(1)

    def error(told: Tensor, true: Tensor) -> Tensor:
        return functional.smooth_l1_loss(told, true, beta=0.02)

    return _learn(network, len(looks), plan, batch, error, "windscreens")


def seat_logits(network: Trunk, looks: Sequence[Look]) -> NDArray[np.float64]:
    """``(N, 2, 4)`` of both seats of each look, as they are seen without disturbance."""
    screens = _pictures([look.screen for look in looks])
    out = []
    with torch.no_grad():
        for window, mirrored in ((LEFT_SEAT, True), (RIGHT_SEAT, False)):
            theta = _theta(_inside(window), mirrored)[None]
            rows = [
                network(_sampled(screens[i : i + 64], theta.expand(len(screens[i : i + 64]), 2, 3), SEAT_PX))
                for i in range(0, len(screens), 64)
            ]
            out.append(torch.cat(rows).double().numpy())
    return np.stack(out, 1)


def corner_errors(network: Trunk, looks: Sequence[Look]) -> NDArray[np.float64]:
    """``(N,)`` mean distance of the found corners from the true ones, shares of the windscreen's width."""
    vehicles = _pictures([look.vehicle for look in looks])
    boxes, found = np.tile(_looked_at(_true_box(), 1.0), (len(looks), 1)), np.empty((0, 4, 2))
    for _ in range(LOOKS):
        low, size = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
        with torch.no_grad():
            told = network(_cut(vehicles, torch.tensor(boxes, dtype=torch.float32)))
        found = told.reshape(-1, 4, 2).double().numpy() * size + low
        boxes = np.array([around(corners) for corners in found])
    true = np.array([look.corners for look in looks], float)
    width = np.linalg.norm(true[:, 1] - true[:, 0], axis=1)
    return np.asarray(np.linalg.norm(found - true, axis=2).mean(1) / width)


def fitted_scale(logits: NDArray[np.float64], label: NDArray[np.int64], car: NDArray[np.int64]) -> float:
    """The factor on the mean logits of a seat's looks that makes its probabilities come true.

    Args:
        logits: ``(N, 4)`` of each look at a seat.
        label: ``(N,)`` the truth.
        car: ``(N,)`` looks with the same number are at the same seat.
    """
    seats = np.unique(car)
    mean = np.stack([logits[car == seat].mean(0) for seat in seats])
    true = np.array([label[car == seat][0] for seat in seats])

    def surprise(scale: float) -> float:
        scaled = scale * mean
        top = scaled.max(1, keepdims=True)
        norm = top[:, 0] + np.log(np.exp(scaled - top).sum(1))
        return float((norm - scaled[np.arange(len(true)), true]).mean())

    return float(min(np.geomspace(0.2, 4.0, 61), key=surprise))


def export(network: Trunk, side_px: int, out: Path, meta: dict[str, str]) -> None:
    """Writes the ONNX file: input ``(N, 3, P, P)`` BGR 0-255, output ``(N, K)``."""
    import onnx

    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is called deprecated
        torch.onnx.export(
            _Exported(network).eval(),
            (torch.zeros(2, 3, side_px, side_px),),
            str(partial),
            dynamo=False,
            opset_version=17,
            input_names=["pictures"],
            output_names=["output"],
            dynamic_axes={"pictures": {0: "n"}, "output": {0: "n"}},
        )
    model = onnx.load(str(partial))
    onnx.helper.set_model_props(model, meta | {"licence": "Apache-2.0"})
    onnx.save(model, str(partial))
    partial.replace(out)


class _Exported(nn.Module):
    def __init__(self, network: Trunk) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        out: Tensor = self.network(pictures / 255)
        return out


def _learn(
    network: Trunk,
    count: int,
    plan: Plan,
    batch: Callable[[Tensor, np.random.Generator], tuple[Tensor, Tensor]],
    error: Callable[[Tensor, Tensor], Tensor],
    name: str,
) -> Trunk:
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.reset_parameters()
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=plan.decay)
    state = {key: value for key, value in network.state_dict().items() if value.is_floating_point()}
    average = {key: value.clone() for key, value in state.items()}
    steps = plan.epochs * max(1, count // plan.batch)
    began_s, recent = time.process_time(), 0.0
    for step, rows in enumerate(_orders(count, plan.batch, rng)):
        progress = max(step / steps, (time.process_time() - began_s) / (60 * plan.minutes))
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            warm = min(1.0, (progress + 1e-3) / plan.warmup)
            group["lr"] = plan.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        network.train()
        pictures, truth = batch(rows, rng)
        loss = error(network(pictures), truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        keep = min(plan.average, (step + 1) / (step + 21))
        for key, value in state.items():
            average[key].lerp_(value, 1 - keep)
        recent += float(loss.detach())
        if (step + 1) % NOTE_STEPS == 0:
            seconds = round(time.process_time() - began_s)
            row = {name: step + 1, "of": steps, "s": seconds, "loss": round(recent / NOTE_STEPS, 5)}
            log.info("%s", json.dumps(row))
            recent = 0.0
    network.load_state_dict(average, strict=False)  # the norms' counters are not averaged
    return network.eval()


def _orders(count: int, batch: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """Rows of one batch after another, every look once before any comes again; fewer looks than that are one batch."""
    while True:
        order = torch.from_numpy(rng.permutation(count))
        yield from (order[i : i + batch] for i in range(0, max(1, count - batch + 1), batch))


def _pictures(stack: Sequence[NDArray[np.uint8]]) -> Tensor:
    """``(N, 3, H, W)`` uint8."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(stack).transpose(0, 3, 1, 2)))


def _sampled(pictures: Tensor, theta: Tensor, side_px: int) -> Tensor:
    """Parts of pictures ``(N, 3, side, side)``, values 0 to 1."""
    grid = functional.affine_grid(theta, [len(pictures), 3, side_px, side_px], align_corners=False)
    return functional.grid_sample(pictures.float() / 255, grid, align_corners=False, padding_mode="border")


def _inside(window: Window) -> Window:
    """A window of the windscreen in shares of the picture that is kept of it."""
    x0, y0, x1, y1 = SCREEN_WINDOW
    (a, b, c, d), (w, h) = window, (x1 - x0, y1 - y0)
    return ((a - x0) / w, (b - y0) / h, (c - x0) / w, (d - y0) / h)


def _shaken(window: Window, rng: np.random.Generator) -> Window:
    """As a windscreen's corners are off."""
    x0, y0, x1, y1 = (v + float(e) for v, e in zip(window, rng.normal(0, 0.025, 4), strict=True))
    return _inside((x0, y0, x1, y1))


def _theta(window: Window, mirrored: bool, turn: float = 0.0) -> Tensor:
    """The affine map ``(2, 3)`` that shows a window (shares of the picture), sheared a little."""
    x0, y0, x1, y1 = window
    across = (x1 - x0) * (-1 if mirrored else 1)
    rows = [[across, turn, x0 + x1 - 1], [turn * 0.5, y1 - y0, y0 + y1 - 1]]
    return torch.tensor(rows, dtype=torch.float32)


def _crop(box: Tensor) -> Tensor:
    """The affine map ``(2, 3)`` that shows a box (shares of the picture)."""
    x0, y0, x1, y1 = (float(v) for v in box)
    return _theta((x0, y0, x1, y1), mirrored=False)


def _looked_at(box: Sequence[float] | NDArray[np.float64], proportion: float) -> NDArray[np.float64]:
    """What the locator looks at, in shares of the picture kept of a vehicle.

    Args:
        box: The vehicle's, in shares of that picture.
        proportion: Height over width of the vehicle.
    """
    x0, _, x1, y1 = (float(v) for v in box)
    left, top, right, bottom = looked_at((x0, 0.0, x1, y1 * proportion))
    return np.array([left, top / proportion, right, bottom / proportion])


def _true_box() -> NDArray[np.float64]:
    """The vehicle's box in shares of the picture kept of it."""
    low = VEHICLE_GROW / (1 + 2 * VEHICLE_GROW)
    return np.array([low, low, 1 - low, 1 - low])


def _box(rng: np.random.Generator) -> NDArray[np.float64]:
    """The same as a detector's box is off; pictures are kept square, so any height may be the vehicle's."""
    return _looked_at(_true_box() + rng.normal(0, 0.02, 4), float(rng.uniform(*PROPORTIONS)))


def _found(corners: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """What is looked at next, as a windscreen that was found is off."""
    low, high = corners.min(0), corners.max(0)
    middle = (low + high) / 2 + (high - low) * rng.normal(0, FOUND_OFF, 2)
    half = (high - low) / 2 * np.exp(rng.normal(0, FOUND_OFF, 2))
    return np.array(around(np.array([middle - half, middle + half])))


def _cut(pictures: Tensor, boxes: Tensor) -> Tensor:
    """Of each picture what its box (shares of it) shows: ``(N, 3, 80, 80)``, values 0 to 1."""
    return _sampled(pictures, torch.stack([_crop(box) for box in boxes]), INPUT_PX)


def _coloured(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Brighter, darker, tinted, blurred and noisier."""
    count = len(pictures)

    def drawn(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, *shape)).astype(np.float32))

    gamma = torch.exp(drawn(-0.25, 0.25, 1, 1, 1))
    gain = torch.exp(drawn(-0.3, 0.3, 1, 1, 1) + drawn(-0.06, 0.06, 3, 1, 1))
    out = pictures.clamp(1e-4, 1) ** gamma * gain + drawn(-0.05, 0.05, 1, 1, 1)
    if rng.random() < 0.5:
        share = float(rng.uniform(0.45, 0.9))
        small = functional.interpolate(out, scale_factor=share, mode="bilinear", antialias=True)
        out = functional.interpolate(small, size=out.shape[2:], mode="bilinear")
    noise = torch.from_numpy(rng.standard_normal(out.shape, np.float32))
    return (out + noise * drawn(0.0, 0.03, 1, 1, 1)).clamp(0, 1)
