"""Uploads on the way: files that grow piece by piece, so that a broken connection loses nothing but its last piece.

A file's own length is how far it has come; nothing else has to survive a restart. Each node keeps its own: a sender who
is answered by another node is told offset 0 and begins again.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from flows.domain.errors import DomeError, FieldError, StoreError
from flows.domain.events import event_id
from flows.uploads.kinds import HEAD_BYTES, Limits, UploadRefused, kind_of

PIECE_BYTES: Final = 8 * 2**20
FORGET_S: Final = 24 * 3600
"""An upload that has not grown for so long is gone."""
RESERVE: Final = 2 * 2**30
"""Bytes that uploads leave free on the disk: others write there as well."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class OffsetWrong(DomeError):
    """A piece that does not begin where the file ends; ask how far it has come."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload.

    Attributes:
        id: Follows from owner and contents, so that who lost it finds it again.
        offset: Bytes that are there.
        size: Bytes that there will be.
        sha256: Of the whole.
    """

    id: str
    offset: int
    size: int
    sha256: str

    @property
    def complete(self) -> bool:
        """Whether all bytes are there."""
        return self.offset == self.size


class UploadShelf:
    """Uploads of one node, in a folder of its own."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self._folder, self._limits = folder, limits or Limits()

    def begin(self, owner: str, size: int, digest: str) -> Upload:
        """Begins an upload, or finds it again.

        Raises:
            FieldError: If it will be too large, or its hash is none.
            StoreError: If the disk is full.
        """
        most = self._limits.clip_bytes
        if not 0 < size <= most:
            raise FieldError("size", f"1 to {most} bytes", size)
        if not _SHA256.fullmatch(digest):
            raise FieldError("sha256", "64 hexadecimal digits", repr(digest[:80]))
        upload_id = event_id("upload", owner, digest, size)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.forget()
            if shutil.disk_usage(self._folder).free < RESERVE + size:
                raise StoreError("there is no room for uploads now; try again later")
            with self._path(upload_id, size, digest).open("ab") as file:
                return Upload(upload_id, file.tell(), size, digest)
        except OSError as error:
            raise StoreError(f"uploads cannot be kept: {error}") from error

    def find(self, owner: str, upload_id: str) -> Upload | None:
        """An upload of this owner, or None: others' look as if they did not exist."""
        for path in self._folder.glob(f"{_plain(upload_id)}.*.part"):
            _, size, digest, _ = path.name.split(".")
            if upload_id == event_id("upload", owner, digest, size):
                return Upload(upload_id, path.stat().st_size, int(size), digest)
        return None

    def append(self, owner: str, upload_id: str, offset: int, piece: bytes) -> Upload:
        """Adds a piece; it is on the disk when this returns.

        Raises:
            FieldError: If there is no such upload, or the piece is too long.
            OffsetWrong: If it does not begin where the file ends.
            UploadRefused: If its first bytes are nothing that is accepted, or it is too large for what it is.
            StoreError: If it cannot be written.
        """
        held = self.find(owner, upload_id)
        if held is None:
            raise FieldError("upload", "one that was begun and is not forgotten", upload_id)
        if held.offset != offset:
            raise OffsetWrong(f"expected a piece from byte {held.offset}, got one from {offset}")
        if len(piece) > min(PIECE_BYTES, held.size - offset):
            raise FieldError("piece", f"at most {min(PIECE_BYTES, held.size - offset)} bytes", len(piece))
        path = self._path(held.id, held.size, held.sha256)
        if offset == 0 and len(piece) >= min(HEAD_BYTES, held.size):
            self._check_head(piece, held.size)
        try:
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"a piece cannot be kept: {error}") from error
        return Upload(held.id, offset + len(piece), held.size, held.sha256)

    def file(self, owner: str, upload_id: str) -> Path:
        """The whole file.

        Raises:
            FieldError: If it is not all there, or not what its hash says; it is thrown away then.
        """
        held = self.find(owner, upload_id)
        if held is None or not held.complete:
            got = "nothing" if held is None else f"{held.offset} of {held.size} bytes"
            raise FieldError("upload", "one that is complete", got)
        path = self._path(held.id, held.size, held.sha256)
        with path.open("rb") as file:
            digest = sha256()
            while piece := file.read(2**20):
                digest.update(piece)
        if digest.hexdigest() != held.sha256:
            path.unlink(missing_ok=True)
            raise FieldError("upload", f"sha256 {held.sha256}", digest.hexdigest(), "send it again")
        return path

    def remove(self, owner: str, upload_id: str) -> None:
        """Throws an upload away."""
        held = self.find(owner, upload_id)
        if held is not None:
            self._path(held.id, held.size, held.sha256).unlink(missing_ok=True)

    def forget(self, now_s: float | None = None) -> int:
        """Throws away what has not grown for :data:`FORGET_S`; how many."""
        first_s = (time.time() if now_s is None else now_s) - FORGET_S
        old = [path for path in self._folder.glob("*.part") if path.stat().st_mtime < first_s]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _check_head(self, head: bytes, size: int) -> None:
        most = self._limits.most_bytes(kind_of(head[:HEAD_BYTES]))
        if size > most:
            raise UploadRefused(
                f"expected at most {most / 2**20:.0f} MB of that kind, got {size / 2**20:.1f} MB"
            )

    def _path(self, upload_id: str, size: int, digest: str) -> Path:
        return self._folder / f"{_plain(upload_id)}.{size}.{digest}.part"


def _plain(upload_id: str) -> str:
    return upload_id if re.fullmatch(r"[0-9a-f-]{36}", upload_id) else "none"
