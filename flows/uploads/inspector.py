"""Asks the helper about files; starts it again when it is gone. Nothing here decodes."""

from __future__ import annotations

import json
import select
import subprocess
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

from flows.domain.errors import DomeError
from flows.uploads.inspected import Inspected
from flows.uploads.kinds import HEAD_BYTES, Limits, UploadRefused, kind_of

START_S: Final = 30.0
"""The helper imports its decoders first; a busy machine takes seconds."""
LINE_BYTES: Final = 16 * 1024


class HelperAway(DomeError):
    """The helper cannot be had now; the same file may be tried again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that was decoded.

    Attributes:
        inspected: What it says and is.
        preview: JPEG of its (first) picture, without metadata.
        rgb: The same as bare pixels, ``(height, width, 3)`` uint8, upright.
    """

    inspected: Inspected
    preview: bytes
    rgb: NDArray[np.uint8]


class Inspector:
    """One helper process, used by one thread at a time; a pool has several.

    Args:
        limits: What may be sent.
        command: Starts the helper.
    """

    def __init__(self, limits: Limits | None = None, command: Callable[[], list[str]] | None = None) -> None:
        self.limits = limits or Limits()
        self._command = command or (lambda: [sys.executable, "-m", "flows.uploads.helper"])
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self.starts = 0
        """Times the helper was started: more than once means that it died."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the helper."""
        with self._lock:
            self._end()

    def inspect(self, path: Path) -> Seen:
        """Looks at a file.

        Raises:
            UploadRefused: If it is not accepted; says why.
            HelperAway: If the helper cannot be started or fell silent.
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
            preview = Path(folder) / "preview.jpg"
            told = self._ask({"path": str(path), "kind": kind, "preview": str(preview)} | asdict(self.limits))
            if "inspected" not in told:
                raise UploadRefused(str(told.get("refused") or "it is damaged"))
            return self._seen(told["inspected"], preview)

    @staticmethod
    def _seen(told: object, preview: Path) -> Seen:
        """What a child says may be what a stranger's file made it say: it is checked like anything from outside."""
        try:
            inspected = Inspected.model_validate(told)
            data, pixels = preview.read_bytes(), preview.with_suffix(".rgb").read_bytes()
        except (ValidationError, OSError):
            raise UploadRefused("it is damaged: its decoder said nonsense") from None
        width, height = inspected.pixels_px
        if (
            len(data) != inspected.preview_bytes
            or data[:3] != b"\xff\xd8\xff"
            or not 0 < width * height * 3 == len(pixels)
        ):
            raise UploadRefused("it is damaged: its decoder said nonsense")
        return Seen(inspected, data, np.frombuffer(pixels, np.uint8).reshape(height, width, 3))

    def _ask(self, asked: dict[str, object]) -> dict[str, object]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
            # The first answer also waits for the helper's imports.
            wait_s = self.limits.wall_s + (START_S if self._asked == 0 else 5.0)
            if not select.select([process.stdout], [], [], wait_s)[0]:
                raise HelperAway(f"the helper for uploads said nothing for {wait_s:g} s")
            line = process.stdout.readline(LINE_BYTES)
            told = json.loads(line)
        except (OSError, ValueError, HelperAway) as error:
            self._end()
            if isinstance(error, HelperAway):
                raise
            raise HelperAway(f"the helper for uploads is gone: {error}") from error
        self._asked += 1
        return told if isinstance(told, dict) else {}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            try:
                self._process = subprocess.Popen(
                    self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
            except OSError as error:
                raise HelperAway(f"the helper for uploads cannot be started: {error}") from error
            self.starts, self._asked = self.starts + 1, 0
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
