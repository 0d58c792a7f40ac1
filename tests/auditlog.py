"""An audit log in memory, chained as the one in Redis is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from flows.casework.auditing import Head, Row, Sealed
from flows.domain.audit import GENESIS, entry_hash


class FakeLog:
    """See :class:`flows.casework.auditing.Log`.

    Args:
        actions: Of its first entries.

    Attributes:
        meanwhile: Actions that somebody takes once while all entries are read.
    """

    def __init__(self, *actions: str) -> None:
        self.held: list[Row] = []
        self.noted: Sealed | None = None
        self.meanwhile: Sequence[str] = ()
        for action in actions:
            self.note(action)

    def note(self, action: str) -> None:
        prev = self.held[-1].fields["hash"] if self.held else GENESIS
        seq, body = len(self.held) + 1, json.dumps({"who": "asel", "action": action})
        fields = {"at": "0", "body": body, "prev": prev, "hash": entry_hash(prev, seq, 0, body)}
        self.held.append(Row(f"{seq}-1", fields))

    def rows(self, since: int = 0) -> Iterator[Row]:
        yield from self.held[since:].copy()
        taken, self.meanwhile = self.meanwhile, ()
        for action in taken:
            self.note(action)

    def head(self) -> Head:
        return Head(len(self.held), self.held[-1].fields["hash"]) if self.held else Head(0, "")

    def hash_of(self, seq: int) -> str:
        return next((row.fields["hash"] for row in self.held if row.seq == seq), "")

    def end(self, since: int) -> tuple[list[Row], Head]:
        return self.held[since:], self.head()

    def sealed(self) -> Sealed | None:
        return self.noted

    def note_sealed(self, sealed: Sealed) -> None:
        self.noted = sealed
