"""Packages of passages that nobody has heard of: noted on disk, so that a camera that was killed makes up for it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from flows.domain.errors import StoreError
from flows.ownfile import write_own


class Unfinished:
    """Notes of one camera, a file a package.

    Nothing but a passage's event says where its package lies, and most passages are of drivers who did nothing: a
    package whose event was never sent would stay for ever.

    Args:
        folder: The notes' own; one process at a time uses it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, package: str) -> None:
        """Called before a package is written.

        Args:
            package: Its folder in the evidence store; the last part of its name is no other's.

        Raises:
            StoreError: If that cannot be noted; the package is not to be written then.
        """
        try:
            self._folder.mkdir(exist_ok=True)
            write_own(self._note(package), package.encode())
        except OSError as error:
            raise StoreError(f"cannot note a package in {self._folder}: {error}") from error

    def done(self, package: str) -> None:
        """Called when its event was sent, or nothing of it is left."""
        self._note(package).unlink(missing_ok=True)

    def left(self) -> list[str]:
        """What an earlier process has left. Called once, at the start."""
        return [note.read_text() for note in sorted(self._folder.glob("[!.]*"))]

    def _note(self, package: str) -> Path:
        return self._folder / PurePosixPath(package).name
