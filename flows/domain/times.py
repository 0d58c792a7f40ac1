"""Time between two times."""

from __future__ import annotations

from datetime import datetime


def lasts_s(start: datetime, end: datetime) -> float:
    """Seconds from ``start`` to ``end``; negative where the end comes first."""
    return (end - start).total_seconds()
