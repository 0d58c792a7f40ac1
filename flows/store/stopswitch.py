"""The stop switch of all searching, and the time that searches have seen: what holds for every case at once."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from typing import Any

from flows.domain.cases import SYSTEM, person, reason
from flows.domain.errors import CaseError, ChangedMeanwhile
from flows.store import keys
from flows.store.connection import told
from flows.store.ledger import Change, Ledger, Refused, entry, from_ms, to_ms


class StopSwitch:
    """Stops all searching, and lets it go on.

    Args:
        ledger: Writes what is done, with its entry of the audit log.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._redis = ledger, ledger.client

    def stopped(self) -> str:
        """Who has stopped all searching, when and why; empty while nobody has."""
        with told("ask for the stop switch", self._ledger.address):
            switch: Any = self._redis.get(keys.STOPPED)
        return said(switch.decode()) if switch else ""

    def require_movable(self) -> None:
        """Nobody could stop a search where Redis answers but takes nothing: its disk is full, its replicas are lost.

        Raises:
            StoreError: If it is so, or Redis is away.
        """
        with told("see whether searching could be stopped", self._ledger.address):
            self._redis.delete(keys.NOTHING)

    def stop_all(self, by: str, why: str) -> None:
        """Ends all searching until :meth:`resume`.

        Raises:
            CaseError: If it is on already.
            FieldError: If nobody is named, or no reason.
            StoreError: If Redis is away.
        """
        self._stop(person(by), reason(why))

    def stop_by_itself(self, why: str) -> None:
        """The system stops all searching, unless somebody has, until a person resumes it.

        Raises:
            StoreError: If Redis is away.
        """
        with suppress(CaseError):
            self._stop(SYSTEM, why)

    def _stop(self, by: str, why: str) -> None:
        switch = json.dumps({"by": by, "at": self._ledger.now().isoformat(timespec="seconds"), "why": why})
        change = Change(
            guards=[(["GET", keys.STOPPED], None)], entries=[entry(by, "searching.stopped", why=why)]
        )
        change.commands = [["SET", keys.STOPPED, switch], ["INCR", keys.CASES_VERSION]]
        try:
            self._ledger.commit(change, "stop all searching")
        except Refused as refused:
            raise CaseError(f"searching is stopped already: {said(refused.got or '')}") from None

    def resume(self, by: str, why: str) -> None:
        """Another person than the one who stopped lets searching go on.

        Raises:
            CaseError: If it is not stopped, or this person stopped it.
            FieldError: If nobody is named, or no reason.
            StoreError: If Redis is away.
        """
        person(by)
        reason(why)
        with told("read the stop switch", self._ledger.address):
            switch: Any = self._redis.get(keys.STOPPED)
        if switch is None:
            raise CaseError("searching is not stopped: there is nothing to resume")
        if json.loads(switch)["by"] == by:
            raise CaseError(
                f"searching was stopped by {by}: expected another person to resume it", code="four_eyes"
            )
        change = Change(guards=[(["GET", keys.STOPPED], switch.decode())], strict=True)
        change.entries = [entry(by, "searching.resumed", why=why)]
        change.commands = [["DEL", keys.STOPPED], ["INCR", keys.CASES_VERSION]]
        try:
            self._ledger.commit(change, "resume searching")
        except Refused:
            raise ChangedMeanwhile("the stop switch was moved meanwhile; look again") from None

    def set_clock(self, by: str, why: str) -> datetime:
        """Says that the time which the searches have seen was wrong (ahead): the present holds from now on.

        Raises:
            FieldError: If nobody is named, or no reason.
            StoreError: If Redis is away.
        """
        person(by)
        reason(why)
        with told("read the time of the searches", self._ledger.address):
            mark: Any = self._redis.get(keys.CLOCK)
        was = from_ms(mark or 0).isoformat(timespec="seconds")
        now = self._ledger.own_now()
        change = Change(
            entries=[entry(by, "clock.set", why=why, was=was, now=now.isoformat(timespec="seconds"))]
        )
        change.commands = [
            ["SET", keys.CLOCK, str(to_ms(now))],
            ["HDEL", keys.AUDIT_HEAD, "at"],  # the log's time likewise
            ["INCR", keys.CASES_VERSION],
        ]
        self._ledger.commit(change, "set the clock of the searches")
        return now


def said(switch: str) -> str:
    """Who moved it, when and why."""
    held = json.loads(switch)
    return f"{held['by']} at {held['at']}: {held['why']}"
