"""The desk that puts searches away: what fails of it keeps nothing else from being done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from searching import T0

from flows.auditing import Head, Row, Seals
from flows.domain.audit import GENESIS, entry_hash
from flows.domain.errors import StoreError
from flows.search_desk import SearchDesk


class Log:
    """A log of one entry."""

    def rows(self, since: int = 0) -> Iterator[Row]:
        body = '{"who":"asel","action":"case.created"}'
        hashed = entry_hash(GENESIS, 1, 0, body)
        if since < 1:
            yield Row("1-1", {"at": "0", "body": body, "prev": GENESIS, "hash": hashed})

    def head(self) -> Head:
        return Head(1, "")


class Sweep:
    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.swept = error, 0

    def sweep(self) -> int:
        self.swept += 1
        if self.error is not None:
            raise self.error
        return 0


def test_every_sweep_is_made_and_the_log_is_sealed_whatever_fails(tmp_path: Path) -> None:
    failing, other = Sweep(StoreError("Redis is away")), Sweep()
    desk = SearchDesk((failing, other), Log(), Seals(tmp_path), lambda: T0)
    assert desk.sweep() == []
    assert (failing.swept, other.swept) == (1, 1)
    [(seal, _)] = Seals(tmp_path).all()
    assert (seal.first, seal.last, seal.sealed_at) == (1, 1, T0)
    desk.sweep()
    assert len(Seals(tmp_path).all()) == 1
