from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from quick import first

from flows.domain.site import GateConfig
from flows.pictures.gating import Admission, Gate

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
HEIGHT, WIDTH = 360, 640
FPS = 12.5
FOOTAGE = Path(__file__).parents[3].parent / "shared" / "data" / "footage"


def street(seed: int = 0) -> NDArray[np.float32]:
    """A textured still picture: blocks of different grey, fine grain on top."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.uniform(50, 190, (18, 32)), np.ones((20, 20)))
    return (blocks + rng.normal(0, 6, (HEIGHT, WIDTH))).astype(np.float32)


GRAIN = [np.random.default_rng(1000 + i).normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32) for i in range(24)]


def seen(picture: NDArray[np.float32], index: int, noise: float = 2.5) -> NDArray[np.uint8]:
    """The picture as a sensor sees it."""
    return np.clip(picture + noise * GRAIN[index % 24], 0, 255).astype(np.uint8)


def at(index: int) -> datetime:
    return START + timedelta(seconds=index / FPS)


def verdict(gate: Gate, luma: NDArray[np.uint8], at: datetime, tracks: bool) -> Admission:
    return gate.decide(lambda: luma, at, tracks)


def reasons(gate: Gate, pictures: Iterator[NDArray[np.uint8]], tracks: bool = False) -> list[str]:
    return [verdict(gate, luma, at(i), tracks).reason for i, luma in enumerate(pictures)]


@pytest.mark.parametrize("noise", [0.0, 2.5, 8.0])
def test_a_still_camera_passes_keep_alives_only_however_noisy(noise: float) -> None:
    ground = street()
    gate = Gate(GateConfig())
    got = reasons(gate, (seen(ground, i, noise) for i in range(200)))
    assert Counter(got[25:])["motion"] == 0
    assert Counter(got[25:]).keys() == {"still", "keep-alive"}
    passed = [i for i, r in enumerate(got) if r != "still"]
    assert all(b - a <= 25 for a, b in pairwise(passed))
    assert gate.share > 0.85


@pytest.mark.slow
@pytest.mark.parametrize(
    "light",
    [
        pytest.param(lambda i: (1.0, 0.15 * i), id="dawn"),
        pytest.param(lambda i: (1.0 + 0.2 * np.sin(i / 40), 0.0), id="clouds"),
        pytest.param(lambda i: (1.0 if i < 80 else 0.8, 0.0 if i < 80 else 20.0), id="exposure steps"),
        pytest.param(lambda i: (1.0, 12.0 * (i % 2)), id="lamps that flicker"),
    ],
)
def test_a_change_of_light_is_no_motion(light: object) -> None:
    ground = street() * 0.8

    def lit() -> Iterator[NDArray[np.uint8]]:
        for index in range(160):
            gain, offset = light(index)  # type: ignore[operator]
            yield seen(np.asarray(ground * gain + offset, np.float32), index)

    got = reasons(Gate(GateConfig()), lit())
    assert Counter(got[25:])["motion"] == 0


@pytest.mark.parametrize(
    ("size", "step_px", "contrast"),
    [
        ((9, 22), 1.2, 30),
        ((9, 22), -4.0, -30),
        ((26, 16), 6.0, 25),
        ((160, 90), 20.0, 40),
        ((16, 40), 2.0, 20),
    ],
    ids=["far pedestrian", "far dark cyclist", "far car", "near car", "pale pedestrian"],
)
def test_what_moves_passes_in_every_frame(size: tuple[int, int], step_px: float, contrast: float) -> None:
    ground = street()
    width, height = size

    def walk() -> Iterator[NDArray[np.uint8]]:
        for index in range(110):
            picture = ground.copy()
            if index >= 50:
                left = int(300 + step_px * (index - 50)) % (WIDTH - width)
                picture[200 : 200 + height, left : left + width] += contrast
            yield seen(picture, index)

    gate = Gate(GateConfig(hold_s=0.3))
    got = [verdict(gate, luma, at(i), False) for i, luma in enumerate(walk())]
    assert not any(a.reason == "motion" for a in got[25:50])
    assert all(a.passes for a in got[52:])


@pytest.mark.slow
def test_what_has_parked_becomes_background_and_is_noticed_when_it_leaves() -> None:
    ground = street()
    parked = ground.copy()
    parked[140:200, 200:310] += 50
    got = reasons(
        Gate(GateConfig()),
        (seen(parked if 40 <= i < 240 else ground, i) for i in range(260)),
    )
    assert got[40] == "motion"
    assert "motion" not in got[140:240]
    assert got[240] == "motion"


def test_a_camera_that_was_turned_is_seen_once_and_learned() -> None:
    here, there = street(0), street(1)
    got = reasons(Gate(GateConfig()), (seen(here if i < 50 else there, i) for i in range(140)))
    assert got[50] == "motion"
    assert "motion" not in got[90:]


def test_frames_pass_for_a_while_after_motion_and_while_tracks_move() -> None:
    ground = street()
    flash = ground.copy()
    flash[100:200, 100:200] += 60
    gate = Gate(GateConfig(hold_s=0.8, keep_alive_s=100))
    got = reasons(gate, (seen(flash if i == 40 else ground, i) for i in range(60)))
    assert got[40:52] == ["motion"] + ["hold"] * 10 + ["still"]
    assert reasons(gate, (seen(ground, i) for i in range(60, 64)), tracks=True) == ["tracks"] * 4


def test_frames_that_follow_closely_share_a_verdict() -> None:
    ground = street()
    gate = Gate(GateConfig(hold_s=0.0, keep_alive_s=100))
    got = []
    for index in range(100):
        picture = ground.copy()
        if index >= 80:
            picture[100:160, 100 + 5 * index : 160 + 5 * index] += 60
        got.append(verdict(gate, seen(picture, index), START + timedelta(seconds=index / 25), False).reason)
    assert set(got[50:80]) == {"still"}
    assert set(got[81:]) == {"motion"}


def test_a_gate_switched_off_passes_everything() -> None:
    gate = Gate(GateConfig(enabled=False))
    assert reasons(gate, (seen(street(), i) for i in range(5))) == ["off"] * 5
    assert gate.share == 0


def test_equal_frames_give_equal_verdicts() -> None:
    ground = street()

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for index in range(80):
            picture = ground.copy()
            picture[100:130, 4 * index : 4 * index + 20] += 4 * (index % 9)
            yield seen(picture, index, noise=4)

    assert reasons(Gate(GateConfig()), pictures()) == reasons(Gate(GateConfig()), pictures())


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (90, 160), (241, 321), (1080, 1920)])
def test_any_picture_size_is_taken_and_may_change(shape: tuple[int, int]) -> None:
    gate = Gate(GateConfig())
    for index in range(4):
        verdict(gate, np.full(shape, 100, np.uint8), at(index), False)
    assert verdict(gate, np.full((500, 900), 100, np.uint8), at(4), False).reason == "motion"


def _strong_motion(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> bool:
    """Another opinion: four blocks of 8 x 8 px changed by 30 grey levels within half a second."""
    h, w = (s // 8 * 8 for s in now.shape)

    def smooth(a: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = a[:h:2, :w].astype(np.float32).reshape(h // 8, 4, w).sum(1)
        return rows.reshape(h // 8, w // 8, 8).sum(2) / 32

    return bool((np.abs(smooth(now) - smooth(before)) > 30).sum() >= 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", first("hall", "street", "overhead"))
def test_real_footage_loses_no_moving_frame(name: str) -> None:
    path = FOOTAGE / f"{name}.mp4"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    from flows.sources.file import FileVideo

    gate = Gate(GateConfig())
    past: list[NDArray[np.uint8]] = []
    moving = lost = 0
    for frame in FileVideo("cam-1", path).frames():
        luma = frame.picture.luma().copy()
        passes = verdict(gate, luma, frame.at, False).passes
        if len(past) >= 6:
            moves = _strong_motion(past.pop(0), luma)
            moving += moves
            lost += moves and not passes
        past.append(luma)
        if frame.index >= 240:
            break
    assert moving > 50
    assert lost == 0
