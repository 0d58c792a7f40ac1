from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.belts.locator import INPUT_PX, LOOKS, Locator
from models.belts.names import NAMES, UNWORN, WORN
from models.belts.rectify import LEFT_SEAT, RIGHT_SEAT, seats, upright
from models.training import beltlooks, belts

CORNERS = np.array([[40.0, 150.0], [260.0, 140.0], [220.0, 60.0], [80.0, 66.0]])


def picture() -> np.ndarray:
    v, u = np.mgrid[:200, :300].astype(float)
    shade = np.stack([u / 300, v / 200, (np.sin(u / 9) + np.sin(v / 7) + 2) / 4], -1)
    return (255 * shade).astype(np.uint8)


def look(car: int = 1) -> beltlooks.Look:
    return beltlooks.Look(
        np.full((beltlooks.VEHICLE_PX, beltlooks.VEHICLE_PX, 3), 40 * car % 255, np.uint8),
        np.array([[0.3, 0.6], [0.7, 0.6], [0.65, 0.4], [0.35, 0.4]], np.float32),
        upright(picture(), CORNERS, beltlooks.SCREEN_PX, beltlooks.SCREEN_WINDOW),
        np.array([WORN, UNWORN], np.int8),
        car,
    )


def test_seats_are_learnt_as_they_are_seen_in_service() -> None:
    screen = belts._pictures([look().screen])
    for window, mirrored, served in zip(
        (LEFT_SEAT, RIGHT_SEAT), (True, False), seats(picture(), CORNERS), strict=True
    ):
        theta = belts._theta(belts._inside(window), mirrored)[None]
        learnt = belts._sampled(screen, theta, 96)[0].permute(1, 2, 0).numpy() * 255
        assert np.abs(learnt - served).mean() < 6


def test_a_windscreen_is_looked_at_anew_where_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network is off by a share of what it looks at; of a car's box that is more than a belt is wide."""
    shown: list[tuple[float, ...]] = []
    locator = Locator()

    def off_by_a_tenth(_: object) -> np.ndarray:
        left, top, right, bottom = shown[-1]
        return ((CORNERS - [left, top]) / [right - left, bottom - top] + 0.1).reshape(1, 8)

    def noted(_: object, xyxy: tuple[float, ...]) -> np.ndarray:
        shown.append(xyxy)
        return np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8)

    monkeypatch.setattr("models.belts.locator.shrunk", noted)
    monkeypatch.setattr(locator._network, "run", off_by_a_tenth)
    found = locator.find(picture(), (0.0, 0.0, 300.0, 200.0))
    assert len(shown) == LOOKS
    first = 0.1 * (shown[0][3] - shown[0][1])
    assert np.abs(found - CORNERS)[:, 1].max() < 0.4 * first


def test_where_there_is_no_windscreen_looks_do_not_go_ever_farther_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    locator = Locator()
    monkeypatch.setattr(
        locator._network, "run", lambda _: np.array([[-9, 9, 9, 9, 9, -9, -9, -9]], np.float32)
    )
    found = locator.find(picture(), (0.0, 0.0, 300.0, 200.0))
    assert np.abs(found).max() < 20 * 300


def test_looks_come_back_from_disk(tmp_path: Path) -> None:
    beltlooks.save(tmp_path / "a.npz", [look(1), look(2)])
    first, second = beltlooks.load(tmp_path / "a.npz")
    assert (first.car, second.car) == (1, 2)
    assert second.label.tolist() == [WORN, UNWORN]
    assert np.abs(first.screen.astype(int) - look().screen).mean() < 4, "JPEG"


@pytest.mark.slow
def test_probabilities_come_true() -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, len(NAMES), 4000)
    # A network that is right as often as its logits say when they are halved.
    logits = rng.normal(0, 1, (4000, len(NAMES)))
    chance = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    label = np.array([rng.choice(len(NAMES), p=row) for row in chance])
    scale = belts.fitted_scale(2 * logits, label, np.arange(4000))
    assert scale == pytest.approx(0.5, rel=0.15)


@pytest.mark.slow
def test_what_is_exported_answers_as_what_was_trained(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = belts.windscreen_network().eval()
    belts.export(network, INPUT_PX, tmp_path / "w.onnx", {"kind": "windscreens"})
    shown = np.random.default_rng(2).integers(0, 255, (INPUT_PX, INPUT_PX, 3), np.uint8)
    with torch.no_grad():
        wanted = network(torch.from_numpy(shown.transpose(2, 0, 1)[None]).float() / 255)[0].numpy()
    found = Locator(tmp_path / "w.onnx")._network.run([shown])[0]
    assert found == pytest.approx(wanted, abs=1e-4)
