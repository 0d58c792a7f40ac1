"""The whole way from a rendered street to networks that the reader takes, as short as it can be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cluster.belts import studio
from flows.domain.belts import BeltLook, BeltRequest
from models.belts.reader import BeltReader
from models.training import beltlooks

pytest.importorskip("moderngl")


@pytest.mark.timeout(600)
def test_make_train_belts_in_short(tmp_path: Path) -> None:
    folder = tmp_path / "looks"
    for seed in (9001, 9002):
        beltlooks.save(folder / f"belts-{studio.FIRST_SEED + seed - 9001}.npz", studio.looks(seed, cars=6))
    options = ("--cars", str(2 * studio.CARS), "--epochs", "1", "--minutes", "0.2", "--work", str(tmp_path))
    files = ("--out", str(tmp_path / "belts.onnx"), "--windscreens", str(tmp_path / "windscreens.onnx"))
    command = [sys.executable, "-m", "cluster.train_belts", *options, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reader = BeltReader(tmp_path / "belts.onnx", tmp_path / "windscreens.onnx")
    grey = BeltLook(np.full((200, 260, 3), 90, np.uint8), (20.0, 20.0, 240.0, 180.0))
    answer = reader.look(BeltRequest((grey,) * 3))
    assert "unworn" not in {seat.state for seat in answer.seats.values()}, "nothing is seen after one epoch"


def test_looks_show_the_windscreen_where_it_is() -> None:
    looks = studio.looks(9003, cars=6)
    assert len(looks) >= 6
    for look in looks:
        inside = (look.corners > 0.02) & (look.corners < 0.98)
        assert inside.all()
        lower_left, lower_right, upper_right, upper_left = look.corners
        assert lower_right[0] - lower_left[0] > 0.2
        assert lower_left[1] > upper_left[1]
        assert lower_right[1] > upper_right[1]
