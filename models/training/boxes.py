"""Boxes of a YOLOX output, and how well they overlap, in torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.training.network import STRIDES


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of one input size.

    Attributes:
        corner: ``(N, 2)`` x, y of each cell's top-left corner, in cells.
        stride: ``(N, 1)`` px.
        shapes: Rows and columns of each level.
    """

    corner: Tensor
    stride: Tensor
    shapes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, height_px: int, width_px: int, device: torch.device | None = None) -> Grid:
        """The grid of a network input, on the device that the network's output is on."""
        shapes = tuple((height_px // s, width_px // s) for s in STRIDES)
        corners, strides = [], []
        for (rows, columns), stride in zip(shapes, STRIDES, strict=True):
            y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
            corners.append(torch.stack([x.flatten(), y.flatten()], 1))
            strides.append(torch.full((rows * columns, 1), stride))
        return cls(torch.cat(corners).float().to(device), torch.cat(strides).float().to(device), shapes)

    def boxes(self, rows: Tensor, cells: Tensor) -> Tensor:
        """``xyxy`` px of the cells' predictions.

        Args:
            rows: ``(..., >= 4)`` x, y, log w, log h as the network gives them.
            cells: ``(...)`` index of each row's cell.
        """
        stride = self.stride[cells]
        centre = (rows[..., :2] + self.corner[cells]) * stride
        half = rows[..., 2:4].clamp(max=6).exp() * stride / 2
        return torch.cat([centre - half, centre + half], -1)


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and GIoU (https://arxiv.org/abs/1902.09630) of boxes one to one, ``(..., 4)`` each."""
    size = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    both, hull_area = size.prod(-1), hull.prod(-1).clamp(min=1e-6)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - both
    iou = both / union.clamp(min=1e-6)
    return iou, iou - (hull_area - union) / hull_area
