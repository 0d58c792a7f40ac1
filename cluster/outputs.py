"""Files that a command is told to write: one that cannot be is refused before the work, and not after it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flows.domain.errors import FieldError


def check_outputs(files: Mapping[str, Path | None]) -> None:
    """Makes their folders, and leaves nothing else behind.

    Args:
        files: By the option that names each; None is not wanted.

    Raises:
        FieldError: If one cannot be written, or two are the same file.
    """
    taken: dict[str, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        other = taken.setdefault(os.path.realpath(path), option)
        if other != option:
            raise FieldError(option, f"another file than that of {other}", path)
        try:
            path.absolute().parent.mkdir(parents=True, exist_ok=True)
            there = os.path.lexists(path)
            path.open("ab").close()
            if not there:
                path.unlink()
        except OSError as error:
            raise FieldError(option, "a file that can be written", f"{path} ({error.strerror})") from error
