from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.domain.belts import BeltLook, BeltRequest
from flows.domain.errors import WeightsError
from models.belts import locator, reader
from models.belts.reader import BeltReader, is_windscreen, width_px

GOOD = np.array([[40.0, 150.0], [260.0, 140.0], [220.0, 60.0], [80.0, 66.0]])
"""Lower left, lower right, upper right, upper left."""
SHAPE = (200, 300, 3)


@pytest.mark.parametrize(
    ("corners", "is_one"),
    [
        (GOOD, True),
        (GOOD[::-1], False),
        (GOOD * [1.0, 0.1], False),
        (GOOD - [0.0, 75.0], False),
        (np.add(GOOD, (60.0, 0.0)), False),
    ],
    ids=["as seen", "upside down", "flat", "above the picture", "beside the picture"],
)
def test_what_is_a_windscreen(corners: np.ndarray, is_one: bool) -> None:
    assert is_windscreen(corners, SHAPE) is is_one
    assert width_px(GOOD) == pytest.approx((220.2 + 140.1) / 2, abs=0.1)


@pytest.mark.parametrize("side_px", [24, 64])
def test_what_is_too_small_to_see_is_unknown(side_px: int) -> None:
    picture = np.full((side_px, side_px, 3), 90, np.uint8)
    looks = tuple(BeltLook(picture, (0.0, 0.0, float(side_px), float(side_px))) for _ in range(3))
    told = BeltReader().look(BeltRequest(looks))
    assert {seat.state for seat in told.seats.values()} == {"unknown"}
    assert {seat.doubt for seat in told.seats.values()} <= {"too_small", "no_windscreen"}
    assert told.seen == 0
    assert sorted(told.versions) == ["belts", "windscreens"]
    assert all(len(digest) == 64 for digest in told.versions.values())


def test_both_networks_together_are_well_below_a_megabyte() -> None:
    assert locator.PATH.stat().st_size + reader.PATH.stat().st_size < 700_000


def test_networks_that_are_missing_or_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="make train-belts"):
        BeltReader(belts=tmp_path / "belts.onnx")
    (tmp_path / "belts.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="expected an ONNX model"):
        BeltReader(belts=tmp_path / "belts.onnx")
    with pytest.raises(WeightsError, match=r"expected input \(N, 3, 96, 96\)"):
        BeltReader(belts=locator.PATH)
