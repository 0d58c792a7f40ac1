"""Uploads on the way: files that grow piece by piece, so that a broken connection loses nothing but its last piece.

Pieces lie in the evidence store, which all replicas share already; how far an upload has come stands in Redis. So
whoever is answered by another replica, or another node, goes on where they were:

| key | type | holds |
|---|---|---|
| ``{dome}:upload:ID`` | hash | ``owner size sha256 offset``, and by the offset of each piece its name; expires |

A piece that was written but not noted (its replica died in between) is sent again and noted then.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import redis

from flows.domain.errors import DomeError, FieldError, LostFile, StoreError
from flows.domain.events import event_id
from flows.domain.masking import masked
from flows.domain.reports import UNFINISHED, folder_of
from flows.store import keys
from flows.store.connection import client, told
from flows.store.evidence import EvidenceStore
from flows.store.ledger import to_ms
from flows.store.reports import DUE, UNREMOVED
from flows.uploads.kinds import HEAD_BYTES, Limits, UploadRefused, kind_of

log = logging.getLogger(__name__)

ANSWER_S: Final = 3.0
PIECE_BYTES: Final = 8 * 2**20
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
    """Uploads of channels. Safe to use from several threads, and from several replicas.

    Args:
        url: Of Redis.
        evidence: Where pieces lie; shared by all replicas.
        limits: What may be sent.

    Raises:
        FieldError: If the address is malformed.
    """

    def __init__(self, url: str, evidence: EvidenceStore, limits: Limits | None = None) -> None:
        self._address = masked(url)
        self._redis: redis.Redis = client(url, ANSWER_S)
        self._evidence, self._limits = evidence, limits or Limits()

    def close(self) -> None:
        """Gives the connections back."""
        self._redis.close()

    def begin(self, owner: str, size: int, digest: str) -> Upload:
        """Begins an upload, or finds it again.

        Raises:
            FieldError: If it will be too large, or its hash is none.
            StoreError: If the disk is full, or Redis is away.
        """
        most = self._limits.clip_bytes
        if not 0 < size <= most:
            raise FieldError("size", f"1 to {most} bytes", size)
        if not _SHA256.fullmatch(digest):
            raise FieldError("sha256", "64 hexadecimal digits", repr(digest[:80]))
        upload_id = event_id("upload", owner, digest, size)
        held = self.find(owner, upload_id)
        if held is not None:
            return held
        free = self._evidence.free_bytes()
        if free is not None and free < RESERVE + size:
            raise StoreError("there is no room for uploads now; try again later")
        with told("begin an upload", self._address):
            pipe = self._redis.pipeline(transaction=True)
            for name, value in (("owner", owner), ("size", str(size)), ("sha256", digest), ("offset", "0")):
                pipe.hsetnx(_key(upload_id), name, value)
            self._keep(pipe, upload_id)
            pipe.execute()
        return self.find(owner, upload_id) or Upload(upload_id, 0, size, digest)

    def find(self, owner: str, upload_id: str) -> Upload | None:
        """An upload of this owner, or None: others' look as if they did not exist.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read an upload", self._address):
            row: Any = self._redis.hmget(_key(upload_id), "owner", "size", "sha256", "offset")
        if None in row or row[0].decode() != owner:
            return None
        return Upload(upload_id, int(row[3]), int(row[1]), row[2].decode())

    def append(self, owner: str, upload_id: str, offset: int, piece: bytes) -> Upload:
        """Adds a piece; it is kept when this returns. What has not grown for a day is forgotten.

        Raises:
            FieldError: If there is no such upload, or the piece is too long.
            OffsetWrong: If it does not begin where the file ends.
            UploadRefused: If its first bytes are nothing that is accepted, or it is too large for what it is.
            StoreError: If it cannot be kept now.
        """
        held = self.find(owner, upload_id)
        if held is None:
            raise FieldError("upload", "one that was begun and is not forgotten", upload_id)
        if held.offset != offset:
            raise OffsetWrong(f"expected a piece from byte {held.offset}, got one from {offset}")
        if len(piece) > min(PIECE_BYTES, held.size - offset):
            raise FieldError("piece", f"at most {min(PIECE_BYTES, held.size - offset)} bytes", len(piece))
        if not piece:
            return held
        if offset == 0 and len(piece) >= min(HEAD_BYTES, held.size):
            self._check_head(piece, held.size)
        name = f"{offset:012d}-{secrets.token_hex(4)}.part"
        self._evidence.put(folder_of(held.id), name, piece)
        self._note(held, name, len(piece))
        return Upload(held.id, offset + len(piece), held.size, held.sha256)

    @contextmanager
    def file(self, owner: str, upload_id: str) -> Iterator[Path]:
        """The whole file, on this machine as long as this lasts.

        Raises:
            FieldError: If it is not all there, or not what its hash says; it is thrown away then.
            StoreError: If it cannot be read now.
        """
        held = self.find(owner, upload_id)
        if held is None or not held.complete:
            got = "nothing" if held is None else f"{held.offset} of {held.size} bytes"
            raise FieldError("upload", "one that is complete", got)
        with tempfile.TemporaryDirectory(prefix="dome-upload-") as folder:
            path = Path(folder) / "whole"
            digest = self._joined(held, path)
            if digest != held.sha256:
                self.remove(owner, upload_id)
                raise FieldError("upload", f"sha256 {held.sha256}", digest, "send it again")
            yield path

    def remove(self, owner: str, upload_id: str) -> None:
        """Throws an upload away.

        Raises:
            StoreError: If it cannot be thrown away now; it goes by itself after a day.
        """
        held = self.find(owner, upload_id)
        if held is None:
            return
        with told("remove an upload", self._address):
            self._redis.delete(_key(held.id))
        self._evidence.remove(folder_of(held.id))
        with told("remove an upload", self._address):
            self._redis.zrem(DUE, held.id)

    def _note(self, held: Upload, name: str, length: int) -> None:
        """Writes down a piece, unless another one was written down for its place meanwhile."""
        key, offset = _key(held.id), str(held.offset)
        with told("note a piece", self._address), self._redis.pipeline(transaction=True) as pipe:
            try:
                pipe.watch(key)  # type: ignore[no-untyped-call]
                now: Any = pipe.hget(key, "offset")  # at once, as long as it only watches
                if now is not None and now.decode() == offset:
                    pipe.multi()
                    pipe.hset(key, mapping={"offset": str(held.offset + length), offset: name})
                    self._keep(pipe, held.id)
                    pipe.execute()
                    return
            except redis.WatchError:
                pass
        raise OffsetWrong(f"somebody else has sent a piece from byte {offset}; ask how far it has come")

    def _keep(self, pipe: Any, upload_id: str) -> None:
        pipe.expire(_key(upload_id), UNFINISHED)
        # Its pieces go with the files of reports that never came, soon after it cannot be found any more.
        pipe.zadd(DUE, {upload_id: to_ms(datetime.now(UTC) + UNFINISHED + timedelta(minutes=10))})
        pipe.srem(
            UNREMOVED, folder_of(upload_id)
        )  # those of an earlier one that could not go yet go with these

    def _joined(self, held: Upload, path: Path) -> str:
        """Puts the pieces together; the SHA-256 of the whole."""
        with told("read an upload", self._address):
            names: Any = self._redis.hgetall(_key(held.id))
        digest, offset = sha256(), 0
        with path.open("wb") as file:
            while offset < held.size:
                piece = self._piece(held, names.get(str(offset).encode(), b"").decode())
                digest.update(piece)
                file.write(piece)
                offset += len(piece)
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()

    def _piece(self, held: Upload, name: str) -> bytes:
        try:
            if name and (piece := self._evidence.read(folder_of(held.id), name)):
                return piece
        except LostFile as error:
            log.warning("a piece of an upload is gone: %s", error)
        with told("remove an upload", self._address):
            self._redis.delete(_key(held.id))
        hint = "begin again; replicas on several machines need one DOME_EVIDENCE that all of them reach"
        raise FieldError("upload", "pieces that are all there", f"none called {name!r}", hint)

    def _check_head(self, head: bytes, size: int) -> None:
        most = self._limits.most_bytes(kind_of(head[:HEAD_BYTES]))
        if size > most:
            raise UploadRefused(
                f"expected at most {most / 2**20:.0f} MB of that kind, got {size / 2**20:.1f} MB"
            )


def _key(upload_id: str) -> str:
    return f"{keys.PREFIX}upload:{upload_id}"
