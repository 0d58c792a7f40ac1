"""The torchvision back end with weights at random: loading, scaling, labels; not how well it sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.domain.errors import WeightsError
from models.detector.torchvision import TorchvisionDetector

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch")
NAME = "ssdlite320-mobilenet-v3-large"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from torchvision.models import get_model

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "ssdlite.pth"
    torch.save(get_model(NAME.replace("-", "_"), weights=None, weights_backbone=None).state_dict(), path)
    return path


def test_boxes_lie_in_the_picture_and_best_come_first(file: Path) -> None:
    detector = TorchvisionDetector(file, NAME, "abc", (320, 320), min_score=0.0)
    pictures = [
        np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8),
        np.zeros((64, 64, 3), np.uint8),
    ]
    first, second = detector.detect(pictures)
    assert detector.spec.names[3] == "car"
    for found, (height, width) in ((first, (90, 160)), (second, (64, 64))):
        assert found.xyxy.dtype == np.float32
        assert (found.xyxy >= 0).all()
        assert (found.xyxy <= [width, height, width, height]).all()
        assert (np.diff(found.score) <= 0).all()
    assert detector.detect([]) == []


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"other\.pth: expected the state dict of ssdlite320"):
        TorchvisionDetector(path, NAME, "abc", (320, 320))
