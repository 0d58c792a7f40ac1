"""Files that only their owner may read: keys, and what signs somebody in."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_own(path: Path, data: bytes, *, first: bool = False) -> None:
    """Writes a file, whole or not at all, and for its owner only from its beginning.

    Args:
        path: The file; its folder is there.
        data: All of it.
        first: Of several who write one at once, the first one's holds, and one that is there stays.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if first:
            _put(part, path)
        else:
            part.replace(path)
        with suppress(OSError):  # a disk that syncs no folders
            sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes a new file's name survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(part: Path, path: Path) -> None:
    """Gives a file its name unless another has it."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        pass
    except OSError:  # a disk that knows no links
        if not path.exists():
            part.replace(path)
