"""Lists of violations by district, rule and state: pages of the indexes that the writing script keeps.

Each combination of a district, a rule (or any) and a state (or any) is a sorted set of its own by capture time, so
a page is read by seeking to where the last one ended: the thousandth costs what the first one does.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from flows.domain.masking import masked
from flows.domain.platetext import normal_plate
from flows.store import keys
from flows.store.connection import client, told
from flows.store.ledger import to_ms

ANSWER_S = 5.0


class Mark(NamedTuple):
    """Where a page ended: capture time and id of its last violation. Greater marks come first in lists."""

    ms: int
    id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which violations.

    Attributes:
        districts: Only of these.
        rules: Only by these; empty is any.
        states: Only in these; empty is any.
        since: Captured then or later.
        until: Captured earlier.
        plate: Only of this plate; empty is any.
        camera: Only of this camera; empty is any.
    """

    districts: Sequence[str]
    rules: Sequence[str] = ()
    states: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    plate: str = ""
    camera: str = ""

    @property
    def bounds_ms(self) -> tuple[str, str]:
        """First and last score, as Redis writes them."""
        low = "-inf" if self.since is None else str(round(self.since.timestamp() * 1000))
        high = "+inf" if self.until is None else f"({round(self.until.timestamp() * 1000)}"
        return low, high


class ViolationsStore:
    """Reads lists of violations. Safe to use from several threads; nothing connects before the first call.

    Raises:
        FieldError: If the address is malformed.
    """

    def __init__(self, url: str) -> None:
        self._address = masked(url)
        self._client = client(url, ANSWER_S)

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def districts(self) -> list[str]:
        """Districts that have events.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read districts", self._address):
            found: Any = self._client.smembers(keys.DISTRICTS)
        return sorted(name.decode() for name in found)

    def page(self, wanted: Wanted, after: Mark | None, count: int) -> list[Mark]:
        """The next ``count`` violations after a mark, newest capture first.

        Raises:
            StoreError: If Redis is away.
        """
        if wanted.plate or wanted.camera:
            return self._one_by_one(wanted, after, count)
        names = _indexes(wanted)
        with told("list violations", self._address):
            streams = [self._walk(name, wanted, after, count) for name in names]
            merged = heapq.merge(*streams, reverse=True)
            return [mark for _, mark in zip(range(count), merged, strict=False)]

    def count(self, wanted: Wanted) -> int:
        """How many there are; a plate or a camera is not asked for.

        Raises:
            StoreError: If Redis is away.
        """
        low, high = wanted.bounds_ms
        with told("count violations", self._address):
            pipe = self._client.pipeline(transaction=False)
            for name in _indexes(wanted):
                pipe.zcount(name, low, high)
            return sum(pipe.execute())

    def queued(self, districts: Sequence[str], count: int) -> list[str]:
        """Ids of violations that wait for a reviewer: the severest first, then the oldest.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read the review queue", self._address):
            pipe = self._client.pipeline(transaction=False)
            for district in districts:
                pipe.zrange(keys.review_queue(district), 0, count - 1, withscores=True)
            rows: list[tuple[float, bytes]] = [(s, i) for found in pipe.execute() for i, s in found]
        return [id.decode() for _, id in heapq.nsmallest(count, rows)]

    def waiting(self, districts: Sequence[str]) -> int:
        """How many violations wait for a reviewer.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read the review queue", self._address):
            pipe = self._client.pipeline(transaction=False)
            for district in districts:
                pipe.zcard(keys.review_queue(district))
            return sum(pipe.execute())

    def claimed_for(self, longer_than: timedelta, count: int = 100) -> list[str]:
        """Ids of violations whose claim was written longer ago, by Redis's clock, which dates claims: their reviewer
        has gone away.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read claims", self._address):
            said: Any = self._client.time()
            at = datetime.fromtimestamp(said[0], UTC) - longer_than
            found: Any = self._client.zrange(
                keys.CLAIMS, "-inf", f"({to_ms(at)}", byscore=True, offset=0, num=count  # type: ignore[arg-type]
            )  # fmt: skip
        return [id.decode() for id in found]

    def _walk(self, name: str, wanted: Wanted, after: Mark | None, count: int) -> Iterator[Mark]:
        """One index from where the last page ended. Of equal times the greater id comes first, as in Redis."""
        low, high = wanted.bounds_ms
        if after is not None and (high == "+inf" or after.ms < int(high[1:])):
            high = str(after.ms)
        offset = 0
        while True:
            rows: Any = self._client.zrange(
                name, high, low, desc=True, byscore=True, offset=offset, num=count + 1, withscores=True  # type: ignore[arg-type]
            )  # fmt: skip
            marks = (Mark(int(score), id.decode()) for id, score in rows)
            yield from (mark for mark in marks if after is None or mark < after)
            if len(rows) <= count:
                return
            offset += len(rows)

    def _one_by_one(self, wanted: Wanted, after: Mark | None, count: int) -> list[Mark]:
        """A plate has few violations, and so has a camera: each is looked at."""
        plate = normal_plate(wanted.plate)
        name = self._index_of_camera(wanted.camera) if wanted.camera else keys.violations_of_plate(plate)
        found: list[Mark] = []
        with told("list violations of a plate or a camera", self._address):
            walk = self._walk(name, wanted, after, 500)
            while chunk := [mark for _, mark in zip(range(500), walk, strict=False)]:
                pipe = self._client.pipeline(transaction=False)
                for mark in chunk:
                    pipe.hmget(keys.event(mark.id), "district", "rule", "state", "bears")
                for mark, (district, rule, state, bears) in zip(chunk, pipe.execute(), strict=True):
                    if wanted.plate and (bears is None or bears.decode() != plate):
                        continue
                    if district is not None and _is_wanted(wanted, district, rule, state):
                        found.append(mark)
                if len(found) >= count:
                    break
        return found[:count]

    def _index_of_camera(self, camera_id: str) -> str:
        """In a Redis that is older than the index of a camera's violations all of its events are looked at."""
        with told("list violations of a camera", self._address):
            whole = self._client.exists(keys.VIOLATIONS_CAMERAS)
        return keys.violations_of_camera(camera_id) if whole else keys.times("camera", camera_id)


def _indexes(wanted: Wanted) -> list[str]:
    return [
        keys.violations(district, rule, state)
        for district in wanted.districts
        for rule in wanted.rules or ("",)
        for state in wanted.states or ("",)
    ]


def _is_wanted(wanted: Wanted, district: bytes, rule: bytes, state: bytes) -> bool:
    return (
        district.decode() in wanted.districts
        and (not wanted.rules or rule.decode() in wanted.rules)
        and (not wanted.states or state.decode() in wanted.states)
    )
