"""Urgent starts: a target that was searched for without authorisation, or whose search was rejected, is known again for
a while, and refused.

Nothing is kept of an urgent case that nobody authorised, or of a rejected one; what is left of its target are marks,
keyed digests by which a second case on the same one is told and from which nobody learns who it was. They expire.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from flows.domain.cases import ENDED, URGENT_PAUSE, PersonTarget, SearchCase, VehicleTarget
from flows.domain.errors import CaseError, FieldError
from flows.domain.platetext import normal_plate
from flows.store import keys
from flows.store.connection import told
from flows.store.ledger import Change, Ledger, from_ms, to_ms
from flows.store.vault import VARIABLE, Vault

FIELD = "marks"
"""Of a case's record: the marks of its target, until it ends."""
REJECTED: Final = "rejected"


class UrgentStarts:
    """Lets a target be searched for once without authorisation, and not again before it is authorised or long over.

    Whoever says no to a search, urgent or not, says it of any other on the same target: none begins as urgent then.

    Args:
        ledger: Of the cases.
        vault: Makes the marks; None where no key is set: what is made and rejected there is not known again.
    """

    def __init__(self, ledger: Ledger, vault: Vault | None) -> None:
        self._ledger, self._vault = ledger, vault

    def created(self, case: SearchCase, photos: Mapping[str, bytes]) -> list[list[str]]:
        """Commands that keep the marks of a new draft's target.

        Raises:
            FieldError: If it is urgent and there is no key to make marks with.
        """
        if self._vault is None:
            if not case.urgent:
                return []
            raise FieldError(
                VARIABLE, "a key by which the target of an urgent case is known again", "nothing",
                "set it, or ask for a case that is not urgent",
            )  # fmt: skip
        return [["HSET", keys.case(case.id), FIELD, json.dumps(self._made(case, photos))]]

    def stepped(self, before: SearchCase, after: SearchCase, change: Change) -> None:
        """Adds to a step what it means for its target.

        Raises:
            CaseError: If it starts without authorisation, and another one on the same target did so lately, or was
                rejected.
        """
        deed, at = after.steps[-1].deed, after.steps[-1].at
        if deed == "activated" and not after.authorised:
            self._begin(after, at, change)
        if deed == "authorised" and before.state == "active":
            change.commands += [["DEL", keys.urgent_start(mark)] for mark in self._marks(after.id)]
        if deed == "rejected":
            marks = self._marks(after.id) or self._made(
                after, {}
            )  # it may have been made where no key was set
            change.commands += _marked(marks, at, f"{after.id} {REJECTED}")
        if after.state in ENDED:
            change.commands.append(["HDEL", keys.case(after.id), FIELD])

    def _begin(self, case: SearchCase, at: datetime, change: Change) -> None:
        marks = self._marks(case.id)
        if not marks:
            raise CaseError(f"case {case.id}: expected marks of its target, got none: make a new case")
        names = [keys.urgent_start(mark) for mark in marks]
        with told("look for urgent starts", self._ledger.address):
            found: Any = self._ledger.client.mget(names)
        held = [None if value is None else value.decode() for value in found]
        for value in filter(None, held):
            until_ms, other, *why = value.split(" ")
            if at < from_ms(until_ms):
                did = "was rejected" if why else "began as urgent, and nobody authorised it"
                raise CaseError(
                    f"case {case.id}: expected authorisation before it is searched: case {other} on the "
                    f"same target {did}; have this one authorised first, or wait until "
                    f"{from_ms(until_ms).isoformat(timespec='seconds')}"
                )
        change.guards += [(["GET", name], value) for name, value in zip(names, held, strict=True)]
        change.commands += _marked(marks, at, case.id)

    def _made(self, case: SearchCase, photos: Mapping[str, bytes]) -> list[str]:
        """The marks of a target; none without a key."""
        if self._vault is None:
            return []
        return [mark for trait in traits(case, photos) for mark in self._vault.marks(trait)]

    def _marks(self, case_id: str) -> list[str]:
        with told("read a case", self._ledger.address):
            text: Any = self._ledger.client.hget(keys.case(case_id), FIELD)
        marks: list[str] = json.loads(text) if text else []
        return marks


def _marked(marks: Iterable[str], at: datetime, why: str) -> list[list[str]]:
    """Commands by which a target is known from then on, and why."""
    until = f"{to_ms(at + URGENT_PAUSE)} {why}"
    life_ms = str(round(URGENT_PAUSE.total_seconds() * 1000))
    return [["SET", keys.urgent_start(mark), until, "PX", life_ms] for mark in marks]


def traits(case: SearchCase, photos: Mapping[str, bytes]) -> list[str]:
    """By which a target is known again, however its name or plate is spelled: name, plate, and each of the photos."""
    target = case.target
    if isinstance(target, VehicleTarget):
        return [f"plate {normal_plate(target.plate)}"]
    if isinstance(target, PersonTarget):
        words = "".join(
            c if c.isalnum() else " " for c in unicodedata.normalize("NFKC", target.name).casefold()
        )
        return [f"name {' '.join(sorted(words.split()))}",
                *(f"photo {sha256(photo).hexdigest()}" for photo in photos.values())]  # fmt: skip
    return []
