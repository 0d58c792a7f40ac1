"""The embedded detector's network: YOLOX's output over a small backbone of plain convolutions.

Plain 3x3 convolutions rather than YOLOX-nano's depthwise ones, which reach a tenth of the arithmetic rate in
training on CPU; ReLU rather than SiLU, since onnxruntime fuses it into the convolution. Batch norm:
standardised weights without it were tried and learnt a third as fast.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

STRIDES = (8, 16, 32)


class Conv(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 3, stride: int = 1, padding: int | None = None
    ) -> None:
        super().__init__()
        pad = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, pad, bias=False)
        self.norm = nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(self.norm(self.conv(x)))


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Conv(channels, channels), Conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.body(x))


class Stage(nn.Module):
    """Cross-stage partial block (https://arxiv.org/abs/1911.11929): half the channels are worked on."""

    def __init__(self, c_in: int, c_out: int, depth: int) -> None:
        super().__init__()
        half = c_out // 2
        self.skip, self.enter = Conv(c_in, half, 1), Conv(c_in, half, 1)
        self.body = nn.Sequential(*(Residual(half) for _ in range(depth)))
        self.leave = Conv(2 * half, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.leave(torch.cat([self.skip(x), self.body(self.enter(x))], 1)))


class Pool(nn.Module):
    """Spatial pyramid pooling, fast form: context for objects that fill the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter, self.leave = Conv(channels, channels // 2, 1), Conv(channels * 2, channels, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [cast(Tensor, self.enter(x))]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return cast(Tensor, self.leave(torch.cat(parts, 1)))


class Head(nn.Module):
    """Decoupled head of one level (YOLOX, https://arxiv.org/abs/2107.08430)."""

    def __init__(self, c_in: int, channels: int, classes: int) -> None:
        super().__init__()
        self.box = nn.Sequential(Conv(c_in, channels), Conv(channels, channels))
        self.kind = nn.Sequential(Conv(c_in, channels, 1), Conv(channels, channels))
        self.box_out = nn.Conv2d(channels, 5, 1)  # x, y, log w, log h, objectness
        self.kind_out = nn.Conv2d(channels, classes, 1)
        for out in (self.box_out, self.kind_out):
            nn.init.normal_(out.weight, std=0.01)
        # To start from: a box of three cells round its cell's middle, one cell in a hundred an object.
        start = torch.tensor([0.5, 0.5, math.log(3), math.log(3), -math.log(99)])
        self.box_out.bias = nn.Parameter(start)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.box_out(self.box(x)), self.kind_out(self.kind(x))], 1)


class Network(nn.Module):
    """Pictures to cells.

    Args:
        classes: Number of classes.
        width: Channels at stride 8; the other levels follow.

    ``forward`` takes ``(B, 3, H, W)`` float32 BGR 0-1, sides multiples of 32, and gives
    ``(B, N, 5 + classes)``: x, y (cells from the cell's corner), log w, log h (cells), then
    logits of objectness and classes.
    """

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        c4, c8, c16, c32 = width // 2, width, width * 3 // 2, width * 2
        self.stem = nn.Sequential(Conv(3, c4, 6, 4, 1), Conv(c4, c4))
        self.stage8 = nn.Sequential(Conv(c4, c8, 3, 2), Stage(c8, c8, 2))
        self.stage16 = nn.Sequential(Conv(c8, c16, 3, 2), Stage(c16, c16, 2))
        self.stage32 = nn.Sequential(Conv(c16, c32, 3, 2), Pool(c32), Stage(c32, c32, 1))
        self.narrow32, self.merge16 = Conv(c32, c16, 1), Stage(2 * c16, c16, 1)
        self.narrow16, self.merge8 = Conv(c16, c8, 1), Stage(2 * c8, c8, 1)
        self.heads = nn.ModuleList([Head(c, width * 3 // 4, classes) for c in (c8, c16, c16)])
        self.up = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, pictures: Tensor) -> Tensor:
        found = [head(x).flatten(2) for head, x in zip(self.heads, self._levels(pictures), strict=True)]
        return torch.cat(found, 2).transpose(1, 2)

    def _levels(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x8 = self.stage8(self.stem(2 * pictures - 1))
        x16 = self.stage16(x8)
        x32 = self.narrow32(self.stage32(x16))
        y16 = self.merge16(torch.cat([x16, self.up(x32)], 1))
        y8 = self.merge8(torch.cat([x8, self.up(self.narrow16(y16))], 1))
        return y8, y16, x32
