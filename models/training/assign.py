"""Which cells answer for which object: SimOTA (YOLOX) over the few cells round each object's middle."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.training.boxes import Grid, overlap
from models.training.network import STRIDES

IOU_WEIGHT = 3.0
"""Weight of the box against the class in the cost (YOLOX)."""
MOST_CELLS = 10
"""Cells of one object at most (YOLOX)."""
NEVER = 1e6


@dataclass(frozen=True, slots=True)
class Truth:
    """The objects of a batch.

    Attributes:
        xyxy: ``(G, 4)`` px.
        label: ``(G,)`` class.
        picture: ``(G,)`` index of each object's picture in the batch.
        ignored_xyxy: ``(I, 4)`` px of what is neither object nor background.
        ignored_picture: ``(I,)``.
    """

    xyxy: Tensor
    label: Tensor
    picture: Tensor
    ignored_xyxy: Tensor
    ignored_picture: Tensor

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """All of it, in the order of the attributes."""
        return self.xyxy, self.label, self.picture, self.ignored_xyxy, self.ignored_picture


@dataclass(frozen=True, slots=True)
class Matches:
    """Cells that answer: picture, cell and object of each, ``(P,)``."""

    picture: Tensor
    cell: Tensor
    truth: Tensor


def candidates(grid: Grid, xyxy: Tensor) -> tuple[Tensor, Tensor]:
    """The 3x3 cells round each box's middle on every level.

    Returns:
        ``(G, 27)`` cell indices, and which of them lie in the picture.
    """
    middle = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    step = torch.tensor([-1, 0, 1], device=xyxy.device)
    cells, inside, first = [], [], 0
    for (rows, columns), stride in zip(grid.shapes, STRIDES, strict=True):
        x = (middle[:, 0] / stride).long()[:, None, None] + step[None, None, :]
        y = (middle[:, 1] / stride).long()[:, None, None] + step[None, :, None]
        inside.append(((x >= 0) & (x < columns) & (y >= 0) & (y < rows)).flatten(1))
        cells.append((first + y.clamp(0, rows - 1) * columns + x.clamp(0, columns - 1)).flatten(1))
        first += rows * columns
    return torch.cat(cells, 1), torch.cat(inside, 1)


@torch.no_grad()
def assign(output: Tensor, truth: Truth, grid: Grid) -> Matches:
    """Gives each object its cells.

    An object gets as many cells as its candidates' IoUs add up to; a cell wanted by two goes to the cheaper.

    Args:
        output: ``(B, N, 5 + C)`` as the network gives it.
        truth: The batch's objects.
        grid: Of the input size.
    """
    cells, inside = candidates(grid, truth.xyxy)
    rows = output[truth.picture[:, None], cells]
    iou, _ = overlap(grid.boxes(rows, cells), truth.xyxy[:, None])
    iou = iou * inside
    sure = rows[..., 4].sigmoid() * rows.gather(2, _column(truth.label, cells) + 5)[..., 0].sigmoid()
    cost = -IOU_WEIGHT * (iou + 1e-6).log() - 0.5 * (sure + 1e-6).log() + NEVER * ~inside
    wanted = iou.topk(MOST_CELLS, 1).values.sum(1).round().clamp(min=1)
    rank = cost.argsort(stable=True, dim=1).argsort(stable=True, dim=1)
    chosen = (rank < wanted[:, None]) & inside
    return _settle(chosen, cost, cells, truth.picture, output.shape[:2])


def _settle(chosen: Tensor, cost: Tensor, cells: Tensor, picture: Tensor, shape: torch.Size) -> Matches:
    """A cell wanted by several objects goes to the one with the least cost."""
    who, which = chosen.nonzero(as_tuple=True)
    cell = cells[who, which]
    key, price = picture[who] * shape[1] + cell, cost[who, which]
    best = torch.full((shape.numel(),), torch.inf, device=cost.device)
    best = best.scatter_reduce(0, key, price, "amin")
    keep = price <= best[key]
    return Matches(picture[who[keep]], cell[keep], who[keep])


def _column(label: Tensor, cells: Tensor) -> Tensor:
    """``(G, 27, 1)`` each object's class, for ``gather``."""
    return label[:, None, None].expand(-1, cells.shape[1], 1)


def ignored_cells(truth: Truth, grid: Grid, pictures: int) -> Tensor:
    """``(B, N)`` bool: cells whose middle lies in something ignored."""
    middle, box = (grid.corner + 0.5) * grid.stride, truth.ignored_xyxy[:, None]
    inside = ((middle >= box[..., :2]) & (middle <= box[..., 2:])).all(2)
    count = torch.zeros(pictures, len(middle), dtype=torch.int32, device=middle.device)
    return count.index_add_(0, truth.ignored_picture, inside.int()) > 0


def one_hot(label: Tensor, classes: int) -> Tensor:
    """``(P, classes)`` float32."""
    return functional.one_hot(label, classes).float()
