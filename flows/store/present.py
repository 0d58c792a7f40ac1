"""The present for whoever deletes by it: this machine's clock, unless something says that it has leapt ahead.

A clock that is a year ahead for a minute would have everything deleted that the law has us keep for a year. So it is
held against that of Redis, which dates what is written, and against a steady clock, because both may be one machine's.
Nothing is deleted while they differ. A leap may be right, after a machine was away: it is believed once it has lasted
for a day, in which somebody can set the clock. Since when is noted in Redis: where a job runs for some hours at a time,
no process would last for a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import redis

from flows.domain.errors import DomeError
from flows.domain.masking import masked
from flows.store import keys
from flows.store.connection import client, told
from flows.store.ledger import ANSWER_S, Clock, from_ms, to_ms, utc_now

APART: Final = timedelta(minutes=10)
"""Two clocks that somebody sets differ by less than a second, and days are counted."""
AWAY: Final = timedelta(days=3)
"""A process that starts cannot know how long none ran; a week-end without one needs no doubt."""
LASTING: Final = timedelta(days=1)


def running_s() -> float:
    """Seconds since this machine started, with those in which it was suspended: waking up is no leap."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockDoubted(DomeError):
    """This machine's clock may be ahead: nothing is deleted by it now."""


class Present:
    """Tells the present, or that nobody knows it.

    Attributes:
        doubted: Times that it did not.

    Args:
        url: Of Redis.
        clock: This machine's.
        steady_s: Seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        url: str,
        clock: Clock = utc_now,
        steady_s: Callable[[], float] = running_s,
    ) -> None:
        self._address, self._redis = masked(url), client(url, ANSWER_S)
        self._clock, self._steady_s = clock, steady_s
        self._believed: datetime | None = None
        self._leapt: datetime | None = None
        self.doubted = 0

    def now(self) -> datetime:
        """The present.

        Raises:
            ClockDoubted: If the clocks differ by too much, or this one has leapt ahead.
            StoreError: If Redis is away.
        """
        now, steady = self._clock(), timedelta(seconds=self._steady_s())
        with told("hold the clocks against each other", self._address):
            said: Any = self._redis.time()
        theirs = datetime.fromtimestamp(said[0], UTC)
        if abs(now - theirs) > APART:
            raise self._doubt(f"it is {now:%Y-%m-%d %H:%M} here and {theirs:%Y-%m-%d %H:%M} for Redis")
        began = now - steady  # the steady clock, by this one: the same whenever it is asked, until one is set
        if self._believed is None:
            self._believed = self._last_known(now) - steady
        leapt = began - self._believed > APART
        if leapt and not self._others_believe(self._believed + steady, now) and not self._lasts(began, now):
            raise self._doubt(f"it has leapt ahead by {began - self._believed}, to {now:%Y-%m-%d %H:%M}")
        self._believed, self._leapt = began, None
        with told("note the time", self._address):
            self._redis.delete(keys.PRESENT_DOUBTED)
            with suppress(redis.exceptions.OutOfMemoryError):  # a full one gets room by what goes now
                self._redis.set(keys.PRESENT, to_ms(now))
        return now

    def _last_known(self, now: datetime) -> datetime:
        """The present, or when a process last knew it, where that is too long ago to be believed at once; where others
        doubt, whoever starts doubts with them, and does not undo their day."""
        held = self._noted(keys.PRESENT)
        most = AWAY if self._noted(keys.PRESENT_DOUBTED) is None else APART
        return held if held is not None and now - held > most else now

    def _others_believe(self, believed: datetime, now: datetime) -> bool:
        """Whether another process has: of several the first takes the note of the doubt away, after its day."""
        held = self._noted(keys.PRESENT)
        return held is not None and believed + APART < held <= now <= held + AWAY

    def _lasts(self, began: datetime, now: datetime) -> bool:
        since = self._noted(keys.PRESENT_DOUBTED)
        again = self._leapt is not None and abs(began - self._leapt) > APART
        if since is None or since > now or again:
            since = now
            with told("note the time", self._address):
                self._redis.set(keys.PRESENT_DOUBTED, to_ms(since))
        self._leapt = began
        return now - since >= LASTING

    def _noted(self, key: str) -> datetime | None:
        with told("read the time", self._address):
            held: Any = self._redis.get(key)
        return from_ms(held) if held is not None else None

    def _doubt(self, why: str) -> ClockDoubted:
        self.doubted += 1
        return ClockDoubted(
            f"nothing is deleted by this machine's clock: {why}; set the clocks right, or, if it has just been set "
            f"right, leave it for {LASTING / timedelta(hours=1):g} hours"
        )
