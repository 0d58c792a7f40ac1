"""Steps of the network: every weight learns, and convolutions inside learn by matrices."""

from __future__ import annotations

import torch

from models.training.network import Network
from models.training.optimizer import MATRIX_RATE, Optimizer


def stepped(decay: float = 0.0, rate: float = 1e-3) -> tuple[dict[str, torch.Tensor], Network]:
    torch.manual_seed(0)
    network = Network(2, 16)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    for p in network.parameters():
        p.grad = torch.randn_like(p) + 2.0  # one direction is far stronger than the others
    Optimizer(network, decay).step(rate)
    return before, network


def test_every_weight_of_the_network_itself_takes_the_step() -> None:
    before, network = stepped()
    assert [name for name, p in network.named_parameters() if torch.equal(p, before[name])] == []


def test_a_convolution_within_steps_as_far_in_all_directions_and_one_at_the_edges_does_not() -> None:
    before, network = stepped()
    weights = dict(network.named_parameters())

    def spread(name: str) -> float:
        singular = torch.linalg.svdvals((weights[name].detach() - before[name]).flatten(1))
        return float(singular.max() / singular.min())

    assert spread("stage8.0.conv.weight") < 3
    assert spread("stem.0.conv.weight") > 10


def test_a_matrix_steps_by_its_share_of_the_rate() -> None:
    rate = 1e-3
    before, network = stepped(rate=rate)
    name = "stage8.0.conv.weight"
    step = dict(network.named_parameters())[name].detach() - before[name]
    assert 0.5 < float(step.square().mean().sqrt()) / (0.2 * MATRIX_RATE * rate) < 2


def test_weights_decay_and_norms_do_not() -> None:
    network = Network(2, 16)
    for p in network.parameters():
        p.grad = torch.zeros_like(p)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    Optimizer(network, decay=0.1).step(1.0)
    decayed = {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}
    assert all(name.endswith("weight") and "norm" not in name for name in decayed)
    assert len(decayed) == sum(p.ndim > 1 for p in network.parameters())
