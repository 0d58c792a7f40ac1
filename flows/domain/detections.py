"""Columnar detections of one frame: the currency from detector to tracker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found in one frame.

    Attributes:
        xyxy: ``(N, 4)`` float32, corners in full-resolution pixels, continuous coordinates; the origin is the
            top-left corner of the top-left pixel.
        score: ``(N,)`` float32, usually 0 to 1.
        label: ``(N,)`` int32 index into ``names``.
        names: Class names of the model that found them (COCO spelling: person, car, truck ...).

    Raises:
        ValueError: If the columns do not agree in length or shape.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    label: NDArray[np.int32]
    names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        count = len(self.xyxy)
        if self.xyxy.shape != (count, 4) or self.score.shape != (count,) or self.label.shape != (count,):
            raise ValueError(
                f"detections: expected xyxy (N, 4), score (N,), label (N,), got "
                f"{self.xyxy.shape}, {self.score.shape}, {self.label.shape}"
            )

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.integer] | slice) -> Self:
        """Rows picked by a mask, an index array or a slice."""
        return type(self)(self.xyxy[index], self.score[index], self.label[index], self.names)

    @classmethod
    def empty(cls, names: tuple[str, ...] = ()) -> Self:
        """No detections at all."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32), names)

    def class_names(self) -> list[str]:
        """The class name of each row."""
        return [self.names[i] for i in self.label]

    def scaled(self, sx: float, sy: float) -> Self:
        """The same boxes in a picture ``sx`` times as wide and ``sy`` times as high."""
        return type(self)(
            self.xyxy * np.array([sx, sy, sx, sy], np.float32), self.score, self.label, self.names
        )
