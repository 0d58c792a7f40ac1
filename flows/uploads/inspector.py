"""Asks the helper about files. Nothing here decodes."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from flows.uploads.asking import Helper, HelperAway
from flows.uploads.inspected import Inspected
from flows.uploads.kinds import HEAD_BYTES, Limits, UploadRefused, kind_of

START_S: Final = 30.0
"""The helper imports its decoders first; a busy machine takes seconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that was decoded.

    Attributes:
        inspected: What it says and is.
        rgb: Its (first) picture as bare pixels, ``(height, width, 3)`` uint8, upright.
    """

    inspected: Inspected
    rgb: NDArray[np.uint8]


__all__ = ["HelperAway", "Inspector", "Seen"]


class Inspector:
    """One helper process, used by one thread at a time; a pool has several.

    Args:
        limits: What may be sent.
        command: Starts the helper.
    """

    def __init__(self, limits: Limits | None = None, command: Callable[[], list[str]] | None = None) -> None:
        self.limits = limits or Limits()
        command = command or (lambda: [sys.executable, "-m", "flows.uploads.helper"])
        self._helper = Helper(command, "uploads", START_S)
        self._lock = threading.Lock()

    @property
    def starts(self) -> int:
        """Times the helper was started: more than once means that it died."""
        return self._helper.starts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the helper."""
        with self._lock:
            self._helper.end()

    def inspect(self, path: Path) -> Seen:
        """Looks at a file.

        Raises:
            UploadRefused: If it is not accepted; says why.
            HelperAway: If it cannot be decoded now, for no fault of its own.
        """
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                kind = kind_of(file.read(HEAD_BYTES))
        except OSError as error:
            raise HelperAway(f"{path.name} cannot be read: {error.strerror or error}") from error
        most = self.limits.most_bytes(kind)
        if size > most:
            raise UploadRefused(f"expected at most {most / 2**20:.0f} MB, got {size / 2**20:.1f} MB")
        with tempfile.TemporaryDirectory(prefix="dome-preview-") as folder, self._lock:
            preview = Path(folder) / "preview.rgb"
            asked = {"path": str(path), "kind": kind, "preview": str(preview)} | asdict(self.limits)
            told = self._helper.ask(asked, self.limits.wall_s + 5.0)
            if "away" in told:
                raise HelperAway(f"{path.name}: {told['away']}")
            if "inspected" not in told:
                raise UploadRefused(str(told.get("refused") or "it is damaged"))
            return self._seen(told["inspected"], preview)

    @staticmethod
    def _seen(told: object, preview: Path) -> Seen:
        """What a child says may be what a stranger's file made it say: it is checked like anything from outside."""
        try:
            inspected = Inspected.model_validate(told)
            pixels = preview.read_bytes()
        except ValidationError:
            raise UploadRefused("it is damaged: its decoder said nonsense") from None
        except OSError as error:
            raise HelperAway(f"its picture cannot be read: {error.strerror or error}") from error
        width, height = inspected.pixels_px
        if not 0 < width * height * 3 == len(pixels):
            raise UploadRefused("it is damaged: its decoder said nonsense")
        return Seen(inspected, np.frombuffer(pixels, np.uint8).reshape(height, width, 3))
