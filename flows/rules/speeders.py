"""Who has had an event of speeding at a camera: one drive is one offence, however many rules measure its lanes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

CROWD: Final = 64
"""Most vehicles whose places are remembered: a track that breaks goes on within seconds."""
NUMBERS: Final = 10_000
"""Most numbers remembered: a radar that sees a whole motorway may report hundreds while one of them is in sight."""


@dataclass(frozen=True, slots=True)
class Speeder:
    """A vehicle that has had its event: where it was and how it moved.

    Attributes:
        track: Its number then.
        at: Capture time of the middle of the measured stretch.
        last_at: Of its end.
        middle_m: ``(x, y)`` where it was in the middle, m.
        velocity_mps: Likewise how it moved.
    """

    track: int
    at: datetime
    last_at: datetime
    middle_m: tuple[float, float]
    velocity_mps: tuple[float, float]


@dataclass(slots=True)
class Speeders:
    """Those of one camera; all its speeding rules share it.

    Attributes:
        all: The last ones, newest last.
        numbers: Theirs and those of many before them, newest last.

    >>> speeders = Speeders()
    >>> for n in range(1 + CROWD):
    ...     speeders.add(Speeder(n, datetime.min, datetime.min, (0.0, 0.0), (20.0, 0.0)))
    >>> len(speeders.all), speeders.has(0), speeders.has(99)
    (64, True, False)
    """

    all: deque[Speeder] = field(default_factory=lambda: deque(maxlen=CROWD))
    numbers: dict[int, None] = field(default_factory=dict)

    def add(self, speeder: Speeder) -> None:
        """It has had its event."""
        self.all.append(speeder)
        self.numbers[speeder.track] = None
        if len(self.numbers) > NUMBERS:
            del self.numbers[next(iter(self.numbers))]

    def has(self, track: int) -> bool:
        """Whether a vehicle was reported under this number."""
        return track in self.numbers
