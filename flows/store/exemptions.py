"""Lists of exempt plates in Redis: one of each name is in force, and only a newer one takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.casework.exemptions import ExemptionList, carrying
from flows.domain.cases import person, reason
from flows.domain.errors import FieldError
from flows.domain.masking import masked
from flows.store import keys
from flows.store.connection import client, script, told
from flows.store.ledger import Change, Ledger, entry, utc_now

ANSWER_S = 5.0
"""A list of a hundred thousand plates has 10 MB."""


class ExemptionsStore:
    """Reads and writes the lists in force; remembers what it has read, by version.

    Raises:
        FieldError: If the address is malformed.
    """

    def __init__(self, url: str) -> None:
        self._address = masked(url)
        self._client = client(url, ANSWER_S)
        self._ledger = Ledger(url)
        self._put = self._client.register_script(script("exempt"))
        self._known: dict[str, tuple[str, ExemptionList]] = {}

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()
        self._ledger.close()

    def put(self, listed: ExemptionList, anew: bool = False) -> ExemptionList:
        """Puts a list in force, with what the one before it said of the time until then (:func:`carrying`). The same
        one again does nothing.

        Args:
            listed: The list.
            anew: Nothing of the one before it is kept: what that said was wrong.

        Returns:
            The list that is in force now.

        Raises:
            StoreError: If Redis is away.
            FieldError: If a list of that name that was issued later, or then with other contents, is in force.
        """
        before = None if anew else self.lists().get(listed.name)
        listed = listed if before is None else carrying(listed, before)
        version, json = version_of(listed), listed.model_dump_json()
        issued_ms, _, digest = version.partition("|")
        with told("write a list of exempt plates", self._address):
            held: Any = self._put(
                keys=[keys.EXEMPTIONS, keys.EXEMPTION_VERSIONS], args=[listed.name, issued_ms, digest, json]
            )
        if held.decode() != version:
            held_ms = int(held.decode().partition("|")[0])
            raise FieldError(
                "issued_at",
                f"later than the list {listed.name!r} in force ({_time(held_ms)})",
                _time(int(issued_ms)),
                "a corrected list needs a later date of issue",
            )
        return listed

    def remove(self, name: str, by: str, why: str, now: datetime | None = None) -> ExemptionList:
        """Puts a list out of force for what comes: nothing waits for it any more. Whom it exempted stays exempt from
        what was captured before. One of that name that is issued later takes its place again.

        Args:
            name: The list.
            by: The person, for the audit log, which is written first.
            why: Their reason.
            now: The present.

        Returns:
            What is left of it.

        Raises:
            StoreError: If Redis is away.
            FieldError: If there is none of that name in force, nobody is named, or no reason.
        """
        there = self.lists()
        held = there.get(name)
        if held is None or held.removed:
            names = ", ".join(sorted(n for n, each in there.items() if not each.removed))
            raise FieldError("NAME", f"a list that is in force ({names or 'there is none'})", repr(name))
        said = entry(person(by), "exemptions.removed", subject=name, why=reason(why), sha256=held.digest)
        self._ledger.commit(Change(entries=[said]), "remove a list of exempt plates")
        at = max(now or utc_now(), held.issued_at + timedelta(milliseconds=1))
        return self.put(ExemptionList(name=name, issued_at=at, entries=(), removed=True))

    def versions(self) -> dict[str, str]:
        """What is in force: name to version.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read lists of exempt plates", self._address):
            found: Any = self._client.hgetall(keys.EXEMPTION_VERSIONS)
        return {name.decode(): version.decode() for name, version in found.items()}

    def lists(self) -> Mapping[str, ExemptionList]:
        """The lists in force by name.

        Raises:
            StoreError: If Redis is away.
        """
        versions = self.versions()
        missing = [n for n, v in versions.items() if n not in self._known or self._known[n][0] != v]
        if missing:
            with told("read lists of exempt plates", self._address):
                texts: Any = self._client.hmget(keys.EXEMPTIONS, missing)
            read = [ExemptionList.model_validate_json(text) for text in texts if text is not None]
            self._known |= {found.name: (version_of(found), found) for found in read}
        return {name: self._known[name][1] for name in versions if name in self._known}


def version_of(listed: ExemptionList) -> str:
    """``issued ms|sha256``."""
    return f"{round(listed.issued_at.timestamp() * 1000)}|{listed.digest}"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
