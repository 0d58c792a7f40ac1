"""The audit log in Redis. Nobody writes to it alone: an entry is made by the script that makes the change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from flows.domain.audit import AuditEntry


class AuditLog(Protocol):
    """Reads the log. There is no method that writes: changes write their own entries."""

    def entries(self, since: int = 0, case: str | None = None) -> Iterator[AuditEntry]:
        """Entries after the number ``since``, in order; of one case, or of all.

        Raises:
            StoreError: If Redis is away.
        """
        ...
