"""Opaque cursors: where the last page ended, and what was asked for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from flows.domain.errors import FieldError
from flows.store.violations import Mark

MOST = 200
"""Rows on a page."""


def cursor_of(mark: Mark, asked: object) -> str:
    """A mark as a cursor, good for the same question only.

    >>> mark_of(cursor_of(Mark(1, "a"), "q"), "q")
    Mark(ms=1, id='a')
    """
    text = json.dumps([mark.ms, mark.id, _digest(asked)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def mark_of(cursor: str, asked: object) -> Mark:
    """The mark of a cursor.

    Raises:
        FieldError: If it is none of ours, or belongs to another question.
    """
    try:
        ms, id, digest = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        good = type(ms) is int and abs(ms) < 2**53 and type(id) is str and len(id) <= 200
    except (ValueError, binascii.Error, TypeError, RecursionError):
        good, digest = False, ""
    if not good or digest != _digest(asked):
        raise FieldError("cursor", "the cursor of a page of the same question", repr(cursor[:60]),
                         "leave it out to begin anew")  # fmt: skip
    return Mark(ms, id)


def _digest(asked: object) -> str:
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
