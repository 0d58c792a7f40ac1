"""The audit log in Redis. Nobody writes to it alone: an entry is made by the script that makes the change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from flows.casework.auditing import Head, Row, Sealed
from flows.domain.audit import AuditEntry, Seal
from flows.domain.masking import masked
from flows.store import keys
from flows.store.connection import client, told
from flows.store.ledger import ANSWER_S, from_ms

PAGE: Final = 1000


class AuditStore:
    """Reads the log. There is no method that writes: changes write their own entries.

    Args:
        url: Of Redis; where it is away, reading raises a :class:`~flows.domain.errors.StoreError`.
    """

    def __init__(self, url: str) -> None:
        self._address, self._redis = masked(url), client(url, ANSWER_S)

    def close_connections(self) -> None:
        """Gives the connections back."""
        self._redis.close()

    def rows(self, since: int = 0) -> Iterator[Row]:
        """Entries as they stand there, unread: for who verifies them."""
        place = _after(since)
        while True:
            with told("read the audit log", self._address):
                page: Any = self._redis.xrange(keys.AUDIT, min=place, count=PAGE)
            for name, fields in page:
                yield _row(name, fields)
            if len(page) < PAGE:
                return
            place = f"({page[-1][0].decode()}"

    def entries(self, since: int = 0) -> Iterator[AuditEntry]:
        """Entries after the number ``since``, in order."""
        return map(read, self.rows(since))

    def newest(self, before: int, since: int = 0) -> Iterator[AuditEntry]:
        """Entries before the number ``before`` and after ``since``, the newest first: for people who read it."""
        place = f"({before}-1"
        while True:
            with told("read the audit log", self._address):
                page: Any = self._redis.xrevrange(keys.AUDIT, max=place, min=_after(since), count=PAGE)
            for each in page:
                yield read(_row(*each))
            if len(page) < PAGE:
                return
            place = f"({page[-1][0].decode()}"

    def head(self) -> Head:
        """What the last entry should be."""
        with told("read the audit log", self._address):
            return _head(self._redis.hmget(keys.AUDIT_HEAD, "seq", "hash"))

    def hash_of(self, seq: int) -> str:
        """The hash of the entry with that number; empty if there is none."""
        with told("read the audit log", self._address):
            found: Any = self._redis.xrange(keys.AUDIT, min=f"{seq}-1", max=f"{seq}-1")
        return found[0][1].get(b"hash", b"").decode() if found else ""

    def end(self, since: int) -> tuple[list[Row], Head]:
        """Entries after the number ``since``, and what the last one should be: both of the same moment."""
        with told("read the audit log", self._address):
            pipe = self._redis.pipeline(transaction=True)
            pipe.xrange(keys.AUDIT, min=_after(since))
            pipe.hmget(keys.AUDIT_HEAD, "seq", "hash")
            rows, head = pipe.execute()
        return [_row(*each) for each in rows], _head(head)

    def sealed(self) -> Sealed | None:
        """The newest seal, as noted when its file had been written; None if none was."""
        with told("read the newest seal", self._address):
            found: Any = self._redis.hmget(keys.AUDIT_SEALED, "seal", "sha256")
        seal, digest = found
        return (Seal.model_validate_json(seal), digest.decode()) if seal and digest else None

    def note_sealed(self, sealed: Sealed) -> None:
        """Notes the newest seal."""
        seal, digest = sealed
        with told("note the newest seal", self._address):
            self._redis.hset(keys.AUDIT_SEALED, mapping={"seal": seal.model_dump_json(), "sha256": digest})


def _after(since: int) -> str:
    return f"({since}-1" if since else "-"


def _row(name: bytes, fields: dict[bytes, bytes]) -> Row:
    return Row(name.decode(), {k.decode(): v.decode() for k, v in fields.items()})


def _head(found: Any) -> Head:
    seq, last = found
    return Head(int(seq or 0), last.decode() if last else "")


def read(row: Row) -> AuditEntry:
    """An entry from its row."""
    fields = row.fields
    said = json.loads(fields["body"])
    # Lua writes an empty table as a list.
    said["details"] = said.get("details") or {}
    return AuditEntry(seq=row.seq, at=from_ms(fields["at"]), prev=fields["prev"], hash=fields["hash"], **said)
