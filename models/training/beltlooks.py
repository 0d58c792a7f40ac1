"""What the belt classifier learns from: looks at windscreens with who sits behind them, kept on disk as JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.samples import decoded, encoded

VEHICLE_PX = 128
"""Side of a kept vehicle, whatever its own proportions."""
VEHICLE_GROW = 0.25
"""Surroundings kept of a vehicle on each side, shares of its box: boxes are off while learning, too."""
SCREEN_PX = (250, 125)
SCREEN_WINDOW = (-0.15, -0.15, 1.15, 1.15)
"""What is kept of a windscreen and its surroundings."""


@dataclass(frozen=True, slots=True)
class Look:
    """One vehicle in one picture.

    Attributes:
        vehicle: ``(128, 128, 3)`` uint8 BGR, its box grown by :data:`VEHICLE_GROW`.
        corners: ``(4, 2)`` float32 of its windscreen, shares of that picture.
        screen: ``(125, 250, 3)`` uint8 BGR, its windscreen upright; see :data:`SCREEN_WINDOW`.
        label: ``(2,)`` int8 of the seats on the left and on the right of the picture.
        car: Which car it is: a car is looked at several times.
    """

    vehicle: NDArray[np.uint8]
    corners: NDArray[np.float32]
    screen: NDArray[np.uint8]
    label: NDArray[np.int8]
    car: int


def save(path: Path, looks: Sequence[Look]) -> None:
    """Writes the looks of one scene; appears only when complete."""
    blobs = [encoded(picture) for look in looks for picture in (look.vehicle, look.screen)]
    partial = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as file:
        np.savez(
            file,
            jpeg=np.frombuffer(b"".join(blobs), np.uint8),
            jpeg_bytes=np.array([len(blob) for blob in blobs], np.int64),
            corners=np.array([look.corners for look in looks], np.float32).reshape(-1, 4, 2),
            label=np.array([look.label for look in looks], np.int8).reshape(-1, 2),
            car=np.array([look.car for look in looks], np.int64),
        )
    partial.replace(path)


def load(path: Path) -> list[Look]:
    """Reads the looks of one scene."""
    with np.load(path) as data:
        jpeg, ends = data["jpeg"], np.cumsum(data["jpeg_bytes"])
        parts = np.split(jpeg, ends[:-1]) if len(ends) else []
        pictures = [decoded(part.tobytes()) for part in parts]
        return [
            Look(vehicle, corners, screen, label, int(car))
            for vehicle, screen, corners, label, car in zip(
                pictures[::2], pictures[1::2], data["corners"], data["label"], data["car"], strict=True
            )
        ]
