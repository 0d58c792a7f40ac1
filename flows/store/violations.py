"""Lists of violations by district, rule and state: pages of the indexes that the writing script keeps.

Each combination of a district, a rule (or any) and a state (or any) is a sorted set of its own by capture time, so
a page is read by seeking to where the last one ended: the thousandth costs what the first one does. A plate and a
camera have one as well; what is asked for together with them is looked up in the others, and no violation is read.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from flows.domain.masking import masked
from flows.domain.platetext import normal_plate
from flows.store import keys
from flows.store.connection import client, script, told
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
        self._sift = self._client.register_script(script("sift"))

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
        groups = self._groups(wanted)
        with told("list violations", self._address):
            walked, others = self._shortest(groups, wanted)
            streams = [self._walk(name, others, wanted, after, count) for name in walked]
            return list(islice(heapq.merge(*streams, reverse=True), count))

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

    def _walk(
        self, name: str, others: list[list[str]], wanted: Wanted, after: Mark | None, count: int
    ) -> Iterator[Mark]:
        """One index from where the last page ended: what stands in one of each group of others, too. Of equal times
        the greater id comes first, as in Redis."""
        low, high = wanted.bounds_ms
        if after is not None and (high == "+inf" or after.ms < int(high[1:])):
            high = str(after.ms)
        skip, held = 0, json.dumps(others)
        while high:
            answer: Any = self._sift(keys=[name], args=[high, skip, low, count + 1, held])
            high, skip, *rows = answer
            marks = (Mark(int(score), id.decode()) for id, score in zip(rows[::2], rows[1::2], strict=True))
            yield from (mark for mark in marks if after is None or mark < after)

    def _groups(self, wanted: Wanted) -> list[list[str]]:
        """Indexes; a violation that is wanted stands in one of each group."""
        groups = [_indexes(wanted)]
        if wanted.plate:
            groups.append([keys.violations_of_plate(normal_plate(wanted.plate))])
        if wanted.camera:
            groups.append([self._index_of_camera(wanted.camera)])
        return groups

    def _shortest(self, groups: list[list[str]], wanted: Wanted) -> tuple[list[str], list[list[str]]]:
        """The group that holds least in the time asked for, and the others: few are confirmed, of a camera with many
        violations as well as of a district with few."""
        if len(groups) == 1:
            return groups[0], []
        low, high = wanted.bounds_ms
        pipe = self._client.pipeline(transaction=False)
        for name in (name for group in groups for name in group):
            pipe.zcount(name, low, high)
        counts = iter(pipe.execute())
        sizes = [sum(islice(counts, len(group))) for group in groups]
        least = sizes.index(min(sizes))
        return groups[least], [group for n, group in enumerate(groups) if n != least]

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
