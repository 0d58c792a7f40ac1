"""The audit log: who asked, authorised, saw, confirmed, exported or deleted what, when and why. Pure.

Entry ``n`` carries a hash over its own words and over the hash of entry ``n - 1``: whoever changes, removes or
moves one must change all that follow. Every hour the new entries are sealed: the Merkle root over them (RFC
9162) is written to a file outside of Redis, chained to the seal before, so that whoever can write to Redis alone can
neither make the whole log anew nor cut its sealed part off unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

Action = Literal[
    "case.created",
    "case.authorised",
    "case.activated",
    "case.rejected",
    "case.closed",
    "case.expired",
    "case.viewed",
    "case.forgotten",
    "case.resealed",
    "probe.viewed",
    "probe.deleted",
    "lead.made",
    "lead.refused",
    "lead.suppressed",
    "lead.viewed",
    "lead.confirmed",
    "lead.rejected",
    "lead.dispatched",
    "lead.deleted",
    "route.extended",
    "route.exported",
    "route.deleted",
    "searching.stopped",
    "searching.resumed",
    "clock.set",
    "audit.begun",
    "violation.decided",
    "violation.deleted",
    "violation.filed",
    "violation.filed_again",
    "camera.viewed",
    "evidence.exported",
    "exemptions.removed",
    "webhook.created",
    "webhook.removed",
    "webhook.revived",
    "task.made",
    "task.accepted",
    "task.arrived",
    "task.viewed",
    "task.resolved",
    "task.handed_over",
    "task.ended",
    "task.deleted",
    "report.confirmed",
    "report.declined",
    "report.closed",
    "report.forwarded",
    "report.original_viewed",
    "report.subject_chosen",
    "report.erased",
    "report.forgotten",
]

GENESIS: Final = "0" * 64
"""What the first entry follows."""


class AuditEntry(BaseModel):
    """One line of the log. It names officials and ids, never a searched person, a plate or a picture.

    Attributes:
        seq: Its number, from 1, without gaps.
        at: When, aware UTC; never earlier than the entry before.
        who: The person, or ``system``.
        action: What was done.
        case: Of which case; empty where it is about none.
        subject: The lead, the probe or the file.
        why: The person's reason.
        details: Counts and the like.
        prev: Hash of the entry before.
        hash: Its own.
    """

    model_config = ConfigDict(frozen=True)

    seq: int = Field(ge=1)
    at: AwareDatetime
    who: str
    action: Action
    case: str = ""
    subject: str = ""
    why: str = ""
    details: dict[str, JsonValue] = Field(default_factory=dict)
    prev: str = Field(pattern=r"^[0-9a-f]{64}$")
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


def entry_hash(prev: str, seq: int, at_ms: int, body: str) -> str:
    """Hash of an entry: SHA-256 over four lines. ``body`` is the JSON text as it is stored, byte for byte.

    >>> entry_hash(GENESIS, 1, 0, "{}")[:16]
    '2d02efe582aa6bec'
    """
    return hashlib.sha256(f"{prev}\n{seq}\n{at_ms}\n{body}".encode()).hexdigest()


def merkle_root(leaves: Sequence[str]) -> str:
    """Merkle tree hash of RFC 9162, section 2.1.1, over the entries' hashes; of nothing: SHA-256 of nothing.

    >>> merkle_root([]) == hashlib.sha256(b"").hexdigest()
    True
    """
    level = [hashlib.sha256(b"\x00" + bytes.fromhex(leaf)).digest() for leaf in leaves]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:  # an odd one at the end rises as it is: the same tree as RFC 9162's split
        pairs = [
            hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[len(level) - len(level) % 2 :]
    return level[0].hex()


class Seal(BaseModel):
    """What is written to a file each hour.

    Attributes:
        number: Of the seal, from 1.
        sealed_at: When.
        first: Number of the first entry that it covers: the one after the last of the seal before.
        last: Number of the last one.
        root: Merkle root over the hashes of those entries.
        hash: Hash of the last of them.
        before: SHA-256 of the file of the seal before; empty for the first.
        anew: The log begins anew with it, from entry 1: Redis had come back older than its seals, and not all that
            those before cover is there.
    """

    model_config = ConfigDict(frozen=True)

    number: int = Field(ge=1)
    sealed_at: AwareDatetime
    first: int = Field(ge=1)
    last: int = Field(ge=1)
    root: str
    hash: str
    before: str = ""
    anew: bool = False


def month_of(at: datetime) -> str:
    """The month of a time in UTC, ``YYYY-MM``."""
    return f"{at:%Y-%m}"
