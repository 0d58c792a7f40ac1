"""What the network is taught: tight boxes, scores that say how tight, and the class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.training.assign import Truth, assign, ignored_cells, one_hot
from models.training.boxes import Grid, overlap

EDGE_WEIGHTS = (1.0, 1.0, 1.0, 2.0)
"""Left, top, right, bottom: speed is measured where a vehicle stands on the ground, so it counts double."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the parts of the loss.

    Attributes:
        giou: Overlap; drives boxes that are far off.
        edge: Absolute error of the edges relative to the box; its optimum is the median, so it adds no bias.
        score: Quality focal loss (https://arxiv.org/abs/2006.04388): objectness is taught the box's IoU, so
            that suppression keeps the tightest box.
        kind: Class.
    """

    giou: float = 2.0
    edge: float = 4.0
    score: float = 1.0
    kind: float = 1.0


def loss(
    output: Tensor, truth: Truth, grid: Grid, weights: Weights | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch, and its parts for the log, left where they were computed.

    Args:
        output: ``(B, N, 5 + C)`` as the network gives it.
        truth: The batch's objects.
        grid: Of the input size.
        weights: Of the parts.
    """
    weights = weights or Weights()
    matches = assign(output.detach(), truth, grid)
    rows, wanted = output[matches.picture, matches.cell], truth.xyxy[matches.truth]
    found = grid.boxes(rows, matches.cell)
    iou, giou = overlap(found, wanted)
    parts = {
        "giou": (1 - giou).sum(),
        "edge": _edge_error(found, wanted).sum(),
        "score": _score_loss(output, truth, grid, matches.picture, matches.cell, iou.detach().clamp(0, 1)),
        "kind": functional.binary_cross_entropy_with_logits(
            rows[:, 5:], one_hot(truth.label[matches.truth], output.shape[2] - 5), reduction="sum"
        ),
    }
    count = max(1, len(iou))
    total = torch.stack([getattr(weights, name) * part / count for name, part in parts.items()]).sum()
    log = {name: part.detach() / count for name, part in parts.items()}
    return total, log | {"iou": iou.detach().sum() / count}


def _edge_error(found: Tensor, wanted: Tensor) -> Tensor:
    """``(P,)`` weighted mean error of the edges as a share of the box's size."""
    size = (wanted[:, 2:] - wanted[:, :2]).clamp(min=2).repeat(1, 2)
    weights = torch.tensor(EDGE_WEIGHTS, device=found.device)
    return ((found - wanted).abs() / size).clamp(max=2).mul(weights).sum(1) / weights.sum()


def _score_loss(
    output: Tensor, truth: Truth, grid: Grid, picture: Tensor, cell: Tensor, quality: Tensor
) -> Tensor:
    logit = output[..., 4]
    target = torch.zeros_like(logit)
    target[picture, cell] = quality
    plain = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    weight = (target - logit.detach().sigmoid()).abs().square()
    silent = ignored_cells(truth, grid, len(output))
    silent[picture, cell] = False
    return (plain * weight * ~silent).sum()
