"""Muon for the convolutions inside the network, AdamW for what goes in, comes out and is no matrix.

Muon makes a step of a matrix as large in every direction (https://kellerjordan.github.io/posts/muon/): in five minutes
of one core it came to mAP50 0.56 where AdamW alone came to 0.49, though each of its steps takes a fifth longer. torch
has it for matrices only, so it is handed views of the convolutions, ``(out, in * height * width)``.
"""

from __future__ import annotations

from typing import Final

from torch import nn, optim

from models.training.network import Network

MATRIX_RATE: Final = 3.0
"""Of AdamW's learning rate, as ``match_rms_adamw`` makes them alike."""


class Optimizer:
    """Steps of a network whose gradients are there.

    Args:
        network: To be taught; on its device.
        decay: Of weights; norms and biases do not decay.
    """

    def __init__(self, network: Network, decay: float) -> None:
        inner = {id(conv.weight) for conv in _inner(network)}
        parameters = list(network.parameters())
        self._matrices = [(p, nn.Parameter(p.detach().flatten(1))) for p in parameters if id(p) in inner]
        others = [p for p in parameters if id(p) not in inner]
        groups = [
            {"params": [p for p in others if p.ndim > 1], "weight_decay": decay},
            {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._adam = optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
        matrices = [matrix for _, matrix in self._matrices]
        self._muon = optim.Muon(matrices, weight_decay=decay, adjust_lr_fn="match_rms_adamw")

    def step(self, rate: float) -> None:
        """One step at AdamW's learning rate ``rate``."""
        for parameter, matrix in self._matrices:
            matrix.grad = None if parameter.grad is None else parameter.grad.flatten(1)
        for optimizer, share in ((self._adam, 1.0), (self._muon, MATRIX_RATE)):
            for group in optimizer.param_groups:
                group["lr"] = rate * share
            optimizer.step()


def _inner(network: Network) -> list[nn.Conv2d]:
    """Convolutions that neither see the picture nor say the result."""
    return [
        module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and not name.startswith("stem.0.") and not name.endswith("_out")
    ]
