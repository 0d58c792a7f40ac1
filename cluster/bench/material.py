"""Real material beside the checkout (``../shared/data``): read in place, never copied."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flows.domain.errors import DomeError

SHARED: Final = Path(__file__).resolve().parents[3] / "shared" / "data"


class Absent(DomeError):
    """What a figure is measured on is not on this machine; the figure is left out, and named."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not here: put the material there, or leave this figure out")


def material(name: str) -> Path:
    """A file or folder of the material.

    Args:
        name: Its path below ``../shared/data``.

    Raises:
        Absent: If it is not there.
    """
    path = SHARED / name
    if not path.exists():
        raise Absent(path)
    return path
