"""Who wears a belt in a vehicle: the windscreen is found in each look, set upright, and both seats are voted on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.belts import BeltAnswer, BeltLook, BeltRequest, SeatAnswer
from models.belts import locator, rectify
from models.belts.locator import Locator
from models.belts.names import NAMES
from models.belts.network import Network
from models.belts.voting import VoteConfig, vote

PATH: Final = Path(__file__).parent.parent / "embedded" / "belts.onnx"
LEAST_PX: Final = 85.0
"""Narrower windscreens are too small: a belt would be less than three pixels wide."""
FLATTEST: Final = 0.12
"""Height over width of a windscreen, at least: flatter quadrangles are none."""

CUT_OFF: Final = 0.03
"""Of its width, by which a windscreen may reach beyond the picture."""


class BeltReader:
    """Looks through windscreens.

    Args:
        belts: Network that judges a seat; input ``(N, 3, 96, 96)``, output ``(N, 4)`` logits.
        windscreens: Network that finds windscreens.
        threads: Threads of one run.

    Raises:
        WeightsError: If a network is missing or no such network.
    """

    def __init__(self, belts: Path = PATH, windscreens: Path = locator.PATH, threads: int = 1) -> None:
        self._locator = Locator(windscreens, threads)
        self._network = Network(belts, threads, rectify.SEAT_PX, len(NAMES))
        self._vote = VoteConfig(scale=float(self._network.meta.get("scale", "1")))
        self._versions = {"belts": self._network.version, "windscreens": self._locator.version}

    @property
    def versions(self) -> dict[str, str]:
        """sha256 of the networks, by name."""
        return dict(self._versions)

    def look(self, request: BeltRequest) -> BeltAnswer:
        """See :class:`flows.domain.belts.BeltReaderLike`."""
        found = [(look, self.corners(look)) for look in request.looks]
        large = [(look, corners) for look, corners in found if is_windscreen(corners, look.bgr.shape)]
        wide = [(look, corners) for look, corners in large if width_px(corners) >= LEAST_PX]
        if not wide:
            nothing = SeatAnswer("unknown", "too_small" if large else "no_windscreen")
            return self._answer({"driver": nothing, "passenger": nothing}, 0)
        left, right = self._seats(wide)
        names = ("passenger", "driver") if request.driver_on == "left" else ("driver", "passenger")
        return self._answer(dict(zip(names, (left, right), strict=True)), len(wide))

    def corners(self, look: BeltLook) -> NDArray[np.float64]:
        """``(4, 2)`` corners of the windscreen in a look, px; see :class:`models.belts.locator.Locator`."""
        return self._locator.find(look.bgr, look.xyxy)

    def _seats(self, looks: Sequence[tuple[BeltLook, NDArray[np.float64]]]) -> tuple[SeatAnswer, SeatAnswer]:
        """Of the seats on the left and on the right of the picture."""
        pictures = [seat for look, corners in looks for seat in rectify.seats(look.bgr, corners)]
        logits = self._network.run(pictures).astype(float)
        return vote(logits[::2], self._vote), vote(logits[1::2], self._vote)

    def _answer(self, seats: dict[str, SeatAnswer], seen: int) -> BeltAnswer:
        return BeltAnswer(seats, seen, self._vote.unworn, self.versions)


def width_px(corners: NDArray[np.float64]) -> float:
    """Mean of the upper and lower edge."""
    low, high = corners[1] - corners[0], corners[2] - corners[3]
    return float(np.hypot(*low) + np.hypot(*high)) / 2


def is_windscreen(corners: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    """Whether four corners are in the right order, not on one line, and in a picture of this shape."""
    lower_left, lower_right, upper_right, upper_left = corners
    across = min(lower_right[0] - lower_left[0], upper_right[0] - upper_left[0])
    up = min(lower_left[1] - upper_left[1], lower_right[1] - upper_right[1])
    slack = CUT_OFF * across
    low, high = -slack, np.array([shape[1], shape[0]]) + slack
    inside = (corners >= low).all() and (corners <= high).all()
    return bool(across > 0 and up > FLATTEST * across and inside)
