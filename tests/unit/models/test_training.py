"""What the training is made of: samples, batches, assignment, loss, export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.detector.onnx import OnnxDetector
from models.training import samples
from models.training.ahead import AHEAD, Ahead
from models.training.assign import Truth, assign, candidates
from models.training.batches import Batches, Variation
from models.training.boxes import Grid, overlap
from models.training.export import Exported, export
from models.training.loss import loss
from models.training.network import Network
from models.training.samples import IGNORED, Sample

NAMES = ("person", "car")
STILL = Variation(None, (1.0,), gain=0, tint=0, gamma=0, grey=0, noise=0)
GRID = Grid.of(64, 96)


def sample(*boxes: tuple[float, float, float, float], label: int = 1) -> Sample:
    """A black picture whose boxes are white."""
    picture = np.zeros((54, 96, 3), np.uint8)
    for x0, y0, x1, y1 in boxes:
        picture[int(y0) : int(y1), int(x0) : int(x1)] = 255
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(picture, xyxy, np.full(len(boxes), label, np.int8))


def truth(*boxes: tuple[float, float, float, float], label: int = 1) -> Truth:
    rows = torch.tensor(boxes).reshape(-1, 4).float()
    count = len(rows)
    nothing = torch.zeros(0, 4), torch.zeros(0).long()
    return Truth(rows, torch.full((count,), label), torch.zeros(count).long(), *nothing)


def silent_output() -> torch.Tensor:
    """What a network says at first: boxes of three cells, nothing sure."""
    output = torch.zeros(1, len(GRID.corner), 5 + len(NAMES))
    output[..., :2] = 0.5
    output[..., 2:4] = float(np.log(3))
    output[..., 4:] = -4
    return output


def saying(output: torch.Tensor, cell: int, box: tuple[float, float, float, float]) -> None:
    """Makes a cell predict a box."""
    stride, corner = GRID.stride[cell], GRID.corner[cell]
    xyxy = torch.tensor(box)
    output[0, cell, :2] = (xyxy[:2] + xyxy[2:]) / 2 / stride - corner
    output[0, cell, 2:4] = ((xyxy[2:] - xyxy[:2]) / stride).log()


def test_samples_come_back_as_they_were_saved(tmp_path: Path) -> None:
    kept = [sample((10, 10, 30, 40)), sample(), sample((0, 0, 8, 8), (50, 20, 90, 50), label=IGNORED)]
    samples.save(tmp_path / "a.npz", kept)
    loaded = samples.load(tmp_path / "a.npz")
    assert [len(s.label) for s in loaded] == [1, 0, 2]
    np.testing.assert_array_equal(loaded[2].xyxy, kept[2].xyxy)
    assert loaded[2].label.tolist() == [IGNORED, IGNORED]
    assert np.abs(loaded[0].picture.astype(int) - kept[0].picture).mean() < 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_boxes_follow_their_pixels_when_a_picture_is_flipped_or_scaled() -> None:
    kept = [sample((8, 16, 24, 40))] * 8
    for scales in ((1.0,), (0.67,)):
        pictures, wanted = Batches(kept, 8, seed=1).next(
            Variation(None, scales, gain=0, tint=0, gamma=0, grey=0, noise=0)
        )
        assert pictures.shape[2] % 32 == 0
        assert pictures.shape[3] % 32 == 0
        lefts = set()
        for box, index in zip(wanted.xyxy.round().int().tolist(), wanted.picture.tolist(), strict=True):
            x0, y0, x1, y1 = box
            assert pictures[index, :, y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].min() > 0.9
            assert pictures[index, :, : max(y0 - 2, 0)].max() < 0.1
            lefts.add(x0)
        assert len(lefts) == 2  # some flipped, some not


def test_boxes_follow_their_pixels_when_a_part_is_cut_out() -> None:
    kept = [sample((8, 16, 24, 40))] * 8
    pictures, wanted = Batches(kept, 8, seed=1).next(Variation((64, 32), (1.0,), 0, 0, 0, 0, 0))
    assert pictures.shape[2:] == (32, 64)
    assert len(wanted.xyxy) == 8
    for box, index in zip(wanted.xyxy.round().int().tolist(), wanted.picture.tolist(), strict=True):
        x0, y0, x1, y1 = box
        assert pictures[index, :, y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].min() > 0.9
        assert float(pictures[index].sum()) == pytest.approx(3 * (x1 - x0) * (y1 - y0))


def test_padding_is_grey() -> None:
    pictures, _ = Batches([sample()] * 2, 2, seed=0).next(STILL)
    assert pictures.shape == (2, 3, 64, 96)
    assert pictures[:, :, 54:].unique().tolist() == pytest.approx([114 / 255])


def test_each_epoch_shows_every_sample_once_to_one_of_the_processes() -> None:
    kept = [sample((4.0 * i, 0, 4.0 * i + 3, 10)) for i in range(12)]
    seen = []
    for rank in (0, 1):
        batches = Batches(kept, 3, seed=5, rank=rank, workers=2)
        assert batches.count == 2
        for _ in range(batches.count):
            _, wanted = batches.next(STILL)
            seen += [float(min(x0, 96 - x1)) for x0, _, x1, _ in wanted.xyxy]
    plain = sorted(min(4.0 * i, 96 - 4.0 * i - 3) for i in range(12))
    assert sorted(seen) == plain


@pytest.mark.slow
def test_batches_made_ahead_are_those_made_at_once_and_follow_the_wanted_variation() -> None:
    kept = [sample((4.0 * i, 0, 4.0 * i + 3, 10)) for i in range(12)]
    part = Variation((64, 32), (1.0,), gain=0, tint=0, gamma=0, grey=0, noise=0)
    ahead = Ahead(kept, 3, 5, processes=1, device=torch.device("cpu"), variations=(STILL, part))
    at_once = Batches(kept, 3, seed=5)
    assert ahead.count == at_once.count == 4
    for _ in range(5):
        (pictures, made), (plain, wanted) = ahead.next(STILL), at_once.next(STILL)
        torch.testing.assert_close(pictures, plain, atol=1 / 255, rtol=0)
        for mine, theirs in zip(made.parts, wanted.parts, strict=True):
            torch.testing.assert_close(mine, theirs)
    waiting = [ahead.next(part)[0].shape[3] for _ in range(2 * AHEAD + 2)]
    assert waiting == sorted(waiting, reverse=True)
    assert waiting[-1] == 64


def test_small_and_ignored_objects_are_neither_object_nor_background() -> None:
    kept = [Sample(np.zeros((64, 96, 3), np.uint8), np.array([[0, 0, 9, 3], [0, 0, 9, 9]], np.float32),
                   np.array([1, IGNORED], np.int8))]  # fmt: skip
    _, wanted = Batches(kept, 1, seed=0).next(STILL)
    assert len(wanted.xyxy) == 0
    assert len(wanted.ignored_xyxy) == 2


def test_candidates_lie_round_the_middle_and_in_the_picture() -> None:
    cells, inside = candidates(GRID, torch.tensor([[0.0, 0.0, 10.0, 10.0]]))
    assert inside.sum() == 3 * 4  # in the corner four of nine cells exist on every level
    middle = (GRID.corner[cells[inside]] + 0.5) * GRID.stride[cells[inside]]
    assert (middle <= 48).all()


def test_the_cell_with_the_best_box_is_chosen() -> None:
    output = silent_output()
    box = (40.0, 24.0, 60.0, 44.0)
    best = 12 * 4 + 6  # stride 8, row 4, column 6: x 48..56, y 32..40
    saying(output, best, box)
    matches = assign(output, truth(box), GRID)
    assert best in matches.cell.tolist()
    assert (matches.truth == 0).all()


def test_a_cell_wanted_by_two_objects_goes_to_the_better_one() -> None:
    output = silent_output()
    mine, other = (40.0, 24.0, 60.0, 44.0), (41.0, 25.0, 63.0, 47.0)
    cell = 12 * 4 + 6
    saying(output, cell, mine)
    matches = assign(output, truth(mine, other), GRID)
    owners = matches.truth[matches.cell == cell].tolist()
    assert owners == [0]
    assert len(set(matches.cell.tolist())) == len(matches.cell)


def test_a_perfect_box_costs_nothing_and_its_lower_edge_counts_double() -> None:
    box = (40.0, 24.0, 60.0, 44.0)
    costs = []
    for shift in (0.0, 3.0):
        output = silent_output()
        for cell in range(len(GRID.corner)):
            saying(output, cell, (box[0], box[1], box[2], box[3] + shift))
        _, parts = loss(output, truth(box), GRID)
        costs.append((parts["giou"], parts["edge"]))
    assert costs[0] == pytest.approx((0, 0), abs=1e-5)
    assert costs[1][0] > 0.1
    assert costs[1][1] == pytest.approx(3 / 20 * 2 / 5)  # the lower edge counts double among four


def test_a_picture_without_objects_teaches_silence() -> None:
    output = silent_output().requires_grad_()
    total, _ = loss(output, truth(), GRID)
    total.backward()
    assert output.grad is not None
    assert (output.grad[..., 4] > 0).all()
    assert (output.grad[..., :4] == 0).all()


def test_ignored_things_teach_nothing() -> None:
    output = silent_output().requires_grad_()
    everything = torch.tensor([[0.0, 0.0, 96.0, 64.0]])
    nothing = truth()
    hidden = Truth(nothing.xyxy, nothing.label, nothing.picture, everything, torch.zeros(1).long())
    total, _ = loss(output, hidden, GRID)
    assert float(total.detach()) == 0


def test_overlap() -> None:
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    iou, giou = overlap(a, torch.tensor([[0.0, 0.0, 2.0, 2.0], [4.0, 0.0, 6.0, 2.0]]))
    assert iou.tolist() == [1.0, 0.0]
    assert giou[1] == pytest.approx(-1 / 3)


@pytest.fixture(scope="module")
def small_network() -> Network:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = Network(len(NAMES), width=16)
    network(torch.rand(4, 3, 64, 96))  # norms that have seen something
    return network.eval()


@pytest.mark.slow
def test_the_exported_file_says_what_the_network_says(small_network: Network, tmp_path: Path) -> None:
    export(small_network, NAMES, (96, 64), tmp_path / "net.onnx")
    detector = OnnxDetector(tmp_path / "net.onnx", "net", "abc", min_score=0.0)
    assert detector.spec.names == NAMES
    assert detector.spec.input_px == (96, 64)
    for height, width in ((64, 96), (96, 64)):
        picture = np.random.default_rng(0).uniform(0, 255, (1, 3, height, width)).astype(np.float32)
        with torch.no_grad():
            wanted = Exported(small_network)(torch.from_numpy(picture)).numpy()
        found = detector._session.run(None, {"images": picture})[0]
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_network_learns_a_white_box() -> None:
    """Thirty steps on one picture: the loss falls and the box is found."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = Network(len(NAMES), width=16)
    batches = Batches([sample((40, 16, 72, 40))] * 4, 4, seed=0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    history = []
    for _ in range(30):
        pictures, wanted = batches.next(STILL)
        total, parts = loss(network(pictures), wanted, GRID)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(parts["iou"])
    assert np.mean(history[-5:]) > np.mean(history[:5]) + 0.08
