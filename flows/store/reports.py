"""Citizens' reports in Redis: each written once however often it is sent, and changed by one person at a time.

| key | type | holds |
|---|---|---|
| ``{dome}:report:ID`` | hash | ``json``: the report, ``version``, ``district``, ``channel``, ``state`` |
| ``{dome}:reports:district:D`` | sorted set | reports of a district (empty: nobody's) by when they came, ms |
| ``{dome}:reports:district:D|S`` | sorted set | those of them that are in a state, likewise |
| ``{dome}:reports:states`` | string | there where these are whole: a Redis may be older than they are |
| ``{dome}:reports:districts`` | set | districts that have reports |
| ``{dome}:reports:channel:C`` | sorted set | reports that a channel brought by when they came, ms |
| ``{dome}:reports:open`` | geo | open reports by place |
| ``{dome}:reports:todo`` | sorted set | reports that the machine has to look at, by when they came or failed, ms |
| ``{dome}:reports:due`` | sorted set | reports, and files whose report has not come yet, by when they are removed, ms |
| ``{dome}:reports:unremoved`` | set | folders of reports that are gone, until they are removed |
| ``{dome}:places`` | string | cameras and districts by place, as JSON: what reports are routed by |
| ``{dome}:nonce:CHANNEL:N`` | string | a nonce of a channel, until it may be used no more because of its age |
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from flows.domain.errors import DomeError
from flows.domain.masking import masked
from flows.domain.places import Places
from flows.domain.reports import KEPT, UNFINISHED, Report, tellings
from flows.store import keys
from flows.store.compacting import compact
from flows.store.connection import client, script, told
from flows.store.ledger import to_ms, utc_now
from flows.store.owed import STEADILY_S, Owed
from flows.store.turn import Turn
from flows.store.violations import Mark

ANSWER_S: Final = 3.0
OPEN: Final = f"{keys.PREFIX}reports:open"
TODO: Final = f"{keys.PREFIX}reports:todo"
DUE: Final = f"{keys.PREFIX}reports:due"
UNREMOVED: Final = f"{keys.PREFIX}reports:unremoved"
STATES: Final = f"{keys.PREFIX}reports:states"
PLACES: Final = f"{keys.PREFIX}places"
MOST: Final = 200
TURN_S: Final = 60.0
"""Longest that a dead process keeps others from looking at reports; a long clip takes its turn anew."""


class ReportChanged(DomeError):
    """Somebody else has changed the report meanwhile; look at it again."""

    code = "changed"


class ReportsStore:
    """Reads and writes reports. Safe to use from several threads.

    Raises:
        FieldError: If the address is malformed.
    """

    def __init__(self, url: str) -> None:
        self._address = masked(url)
        self._client = client(url, ANSWER_S)
        self._write = self._client.register_script(script("sha256", "note", "report"))
        self._remove = self._client.register_script(script("sha256", "note", "forget", "unreport"))
        self._sort = self._client.register_script(script("bystate"))
        self._turn = Turn(self._client, "reports", TURN_S)

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def owed(self, remove: Callable[[str], object]) -> Owed:
        """What is still to be removed of reports that are gone."""
        return Owed(self._client, self._address, UNREMOVED, remove, busy_s=STEADILY_S)

    def begin(self, report_id: str, at: datetime) -> None:
        """Called before a report's files are written: if the report never comes, they are removed by and by.

        Raises:
            StoreError: If Redis is away: nothing may be accepted then.
        """
        with told("begin a report", self._address):
            self._client.zadd(DUE, {report_id: to_ms(at + UNFINISHED)}, gt=True)

    def add(self, report: Report) -> Report:
        """Keeps a new report; the one that is there already where it was sent before.

        Raises:
            StoreError: If Redis is away: it may be there all the same; send it again.
        """
        if self._written([(report, None)]):
            return report
        return self.get(report.id) or report

    def replace(self, *reports: tuple[Report, Report], entries: Sequence[str] = ()) -> None:
        """Writes changed reports, all or none.

        Args:
            *reports: Each with the one that it was made from.
            entries: Of the audit log, see :func:`flows.store.ledger.entry`; written with them.

        Raises:
            ReportChanged: If one of them is of another version now, or was erased (and sent anew) meanwhile.
            StoreError: If Redis is away.
        """
        if not self._written(reports, entries):
            raise ReportChanged(
                "expected a report as you saw it, got one that was changed meanwhile; look again"
            )

    def get(self, report_id: str) -> Report | None:
        """One report, or None.

        Raises:
            StoreError: If Redis is away.
        """
        return next(iter(self.several([report_id])), None)

    def several(self, ids: Iterable[str]) -> list[Report]:
        """Reports by id, without those that are not there.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read reports", self._address):
            pipe = self._client.pipeline(transaction=False)
            for report_id in ids:
                pipe.hget(_record(report_id), "json")
            rows: list[bytes | None] = pipe.execute()
        return [Report.model_validate_json(row) for row in rows if row is not None]

    def near(self, latitude: float, longitude: float, radius_m: float) -> list[Report]:
        """Open reports round a place, the nearest first.

        Raises:
            StoreError: If Redis is away.
        """
        with told("search reports", self._address):
            ids: Any = self._client.geosearch(
                OPEN,
                longitude=longitude,
                latitude=latitude,
                radius=radius_m,
                unit="m",
                sort="ASC",
                count=MOST,
            )
        return self.several(i.decode() for i in ids)

    def page(
        self, districts: Sequence[str], after: Mark | None, count: int, states: Collection[str] = ()
    ) -> list[Report]:
        """Reports of districts after a mark, the newest first; of some states only, if any are named.

        Raises:
            StoreError: If Redis is away.
        """
        indexes = [_district(name) for name in districts]
        if states:
            with told("read reports", self._address):
                whole = self._client.exists(STATES)
            indexes = [f"{name}|{state}" for name in indexes for state in states] if whole else indexes
        return self._page(indexes, after, count, states)

    def of_channel(self, channel: str, after: Mark | None, count: int) -> list[Report]:
        """Reports that a channel brought, the newest first.

        Raises:
            StoreError: If Redis is away.
        """
        return self._page([_channel(channel)], after, count, ())

    def _page(
        self, indexes: Sequence[str], after: Mark | None, count: int, states: Collection[str]
    ) -> list[Report]:
        found: dict[str, Report] = {}  # one whose state changes meanwhile may stand in two indexes
        with told("read reports", self._address):
            merged = heapq.merge(*(self._walk(index, after) for index in indexes), reverse=True)
            while chunk := [mark for _, mark in zip(range(MOST), merged, strict=False)]:
                reports = self.several(mark.id for mark in chunk)
                found |= {report.id: report for report in reports if not states or report.state in states}
                if len(found) >= count or len(chunk) < MOST:
                    break
        return list(found.values())[:count]

    def _walk(self, index: str, after: Mark | None) -> Iterator[Mark]:
        """One index from a mark on. Of equal times the greater id comes first, as in Redis."""
        high: Any = "+inf" if after is None else str(after.ms)
        offset = 0
        while True:
            rows: Any = self._client.zrange(
                index, high, "-inf", desc=True, byscore=True, offset=offset, num=MOST, withscores=True  # type: ignore[arg-type]
            )  # fmt: skip
            marks = (Mark(int(score), name.decode()) for name, score in rows)
            yield from (mark for mark in marks if after is None or mark < after)
            if len(rows) < MOST:
                return
            offset += len(rows)

    def sort_by_state(self) -> None:
        """Puts reports from before there were indexes by state into those, once; until then lists read all reports.

        Raises:
            StoreError: If Redis is away.
        """
        with told("sort reports by state", self._address):
            if self._client.exists(STATES):
                return
            for district in self.districts():
                marks = self._walk(_district(district), None)
                while ids := [mark.id for _, mark in zip(range(MOST), marks, strict=False)]:
                    self._sort(keys=[_district(district)], args=[keys.PREFIX, *ids])
            self._client.set(STATES, "whole")

    def districts(self) -> list[str]:
        """Districts that have reports.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read reports", self._address):
            names: Any = self._client.smembers(f"{keys.PREFIX}reports:districts")
        return sorted(name.decode() for name in names)

    def unseen(self, nonce: str, seconds: int) -> bool:
        """Remembers a channel's nonce; False if it was known. See :data:`flows.domain.channels.Unseen`.

        Raises:
            StoreError: If Redis is away: nothing may be accepted then.
        """
        with told("remember a nonce", self._address):
            return bool(self._client.set(f"{keys.PREFIX}nonce:{nonce}", b"1", nx=True, ex=seconds))

    # What the machine has to do

    def mine(self) -> bool:
        """Whether it is this process's turn to look at reports; prolongs it.

        Raises:
            StoreError: If Redis is away.
        """
        with told("take a turn", self._address):
            return self._turn.mine()

    def todo(self, count: int = MOST) -> list[str]:
        """Ids of reports that the machine has to look at, the oldest first.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read what is to be done", self._address):
            ids: Any = self._client.zrange(TODO, 0, count - 1)
        return [i.decode() for i in ids]

    def waiting(self) -> int:
        """How many the machine has to look at.

        Raises:
            StoreError: If Redis is away.
        """
        with told("count what is to be done", self._address):
            return int(self._client.zcard(TODO))

    def let_go(self, report_id: str) -> None:
        """Takes a report that is no more from what is to be done.

        Raises:
            StoreError: If Redis is away.
        """
        with told("let a report go", self._address):
            self._client.zrem(TODO, report_id)

    def put_behind(self, report_id: str) -> None:
        """Has a report that could not be worked on wait behind all others that the machine has to look at.

        Raises:
            StoreError: If Redis is away.
        """
        with told("let a report wait", self._address):
            self._client.zadd(TODO, {report_id: to_ms(utc_now())}, xx=True)

    def due(self, at: datetime, count: int = MOST) -> list[str]:
        """Ids of reports (and of files whose report never came) that are to be removed by then.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read what is to be removed", self._address):
            ids: Any = self._client.zrange(DUE, "-inf", to_ms(at), byscore=True, offset=0, num=count)  # type: ignore[arg-type]
        return [i.decode() for i in ids]

    def remove(
        self, report_id: str, entry: str, folders: Iterable[str] = (), due: datetime | None = None
    ) -> bool:
        """Removes a report, with the events that told of it; whether it went.

        Args:
            report_id: Its id.
            entry: Of the audit log.
            folders: Of its files, which must go (:meth:`owed`), unless that is noted already.
            due: It goes only if it is to be removed by then: one that was sent again at this moment, or that somebody
                took a step on, stays.

        Raises:
            StoreError: If Redis is away.
        """
        held = self.get(report_id)
        events = json.dumps(tellings(held) if held is not None else [])
        by = str(to_ms(due)) if due is not None else ""
        args = [keys.PREFIX, report_id, by, json.dumps([*folders]), events, entry]
        with told("remove a report", self._address):
            return bool(self._remove(keys=[keys.EVENTS], args=args))

    def compact(self, went: bool = True) -> None:
        """Has what was removed leave the disk; see :func:`flows.store.compacting.compact`.

        Raises:
            StoreError: If Redis is away.
        """
        compact(self._client, self._address, went)

    def note(self, entry: str) -> None:
        """Writes an entry of the audit log.

        Raises:
            StoreError: If Redis is away: what was to be noted may not be done then.
        """
        with told("write the audit log", self._address):
            self._write(keys=[OPEN], args=[keys.PREFIX, json.dumps([entry])])

    # Where things are

    def put_places(self, places: Places) -> None:
        """Keeps where cameras and districts are, for whoever routes reports.

        Raises:
            StoreError: If Redis is away.
        """
        with told("write places", self._address):
            self._client.set(PLACES, places.model_dump_json())

    def places(self) -> Places:
        """Where cameras and districts are; nothing where no site has said so.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read places", self._address):
            text: Any = self._client.get(PLACES)
        return Places.model_validate_json(text) if text is not None else Places()

    def _written(self, reports: Sequence[tuple[Report, Report | None]], entries: Sequence[str] = ()) -> bool:
        args: list[str | int | float | bytes] = [keys.PREFIX, json.dumps(list(entries))]
        for report, before in reports:
            # Redis keeps places up to 85.05 degrees; farther poleward nobody reports.
            latitude = max(-85.05, min(85.05, report.latitude))
            args += [report.id, before.version if before else "", report.version, report.model_dump_json()]
            args += [report.district, mark_of(report).ms, report.longitude, latitude]
            args += ["1" if report.open else "0", own_channel(report), "1" if report.waits else "0"]
            args += [to_ms(report.changed_at + KEPT), mark_of(before or report).ms, report.state]
        with told("write reports", self._address):
            answer: Any = self._write(keys=[OPEN], args=args)
        return bool(answer == b"")


def mark_of(report: Report) -> Mark:
    """Where a report stands in lists."""
    return Mark(to_ms(report.received_at), report.id)


def own_channel(report: Report) -> str:
    """The channel whose report it is; empty once that one was forgotten and only others who told of it are left."""
    return next((r.channel for r in report.reporters if r.tracking == report.id), "")


def _record(report_id: str) -> str:
    return f"{keys.PREFIX}report:{report_id}"


def _district(name: str) -> str:
    return f"{keys.PREFIX}reports:district:{name}"


def _channel(name: str) -> str:
    return f"{keys.PREFIX}reports:channel:{name}"
