"""From rendered scenes to a detector that runs: the whole chain of `make train`, very small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.detector.onnx import OnnxDetector
from models.training import samples
from models.training.export import export
from models.training.samples import Sample
from models.training.trainer import Plan, restore, train

NAMES = ("person", "car")


def _scene(path: Path, seed: int) -> Path:
    """Bright boxes on dark ground."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(16):
        picture = rng.integers(0, 60, (90, 160, 3), np.uint8)
        x, y, w, h = rng.integers((5, 5, 24, 20), (100, 50, 48, 36))
        picture[y : y + h, x : x + w] = 220
        made.append(Sample(picture, np.array([[x, y, x + w, y + h]], np.float32), np.array([1], np.int8)))
    samples.save(path, made)
    return path


@pytest.mark.timeout(600)
def test_two_processes_train_one_network_that_finds_its_boxes(tmp_path: Path) -> None:
    files = [_scene(tmp_path / f"street-{seed}.npz", seed) for seed in range(4)]
    plan = Plan(NAMES, width=16, epochs=48, minutes=8, batch=4, warmup_steps=10, rate=3e-3, ema=0.9, seed=3)
    network, names = restore(train(files, plan, tmp_path / "net.pt"))
    export(network, names, (160, 160), tmp_path / "net.onnx")
    detector = OnnxDetector(tmp_path / "net.onnx", "small", "abc", min_score=0.2)
    unseen = samples.load(_scene(tmp_path / "unseen.npz", 99))
    found = detector.detect([sample.picture for sample in unseen])
    near = [len(f) and np.abs(f.xyxy[0] - s.xyxy[0]).max() < 8 for f, s in zip(found, unseen, strict=True)]
    assert np.mean(near) > 0.7
    assert (tmp_path / "net.jsonl").read_text().count("\n") >= 2
