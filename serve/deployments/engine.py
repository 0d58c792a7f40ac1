"""A thread for an engine that takes one caller at a time, and word of whether it gets on."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

T = TypeVar("T")

HUNG_S: Final = 30.0
"""The longest run that is meant, eight frames of the largest network on one core, takes 20 s."""


class Engine:
    """Runs work in a thread of its own, so that the event loop stays free for health checks.

    Args:
        name: Of the thread.
        hung_s: A run that takes longer will never end.
        clock: Monotonic seconds.
    """

    def __init__(
        self, name: str, hung_s: float = HUNG_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._hung_s, self._clock = hung_s, clock
        self._began_s: float | None = None
        self._well_s = -math.inf

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        """Does it after what was asked for before; may be called from any thread."""
        return self._thread.submit(self._timed, work, args)

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """What the work returns or raises."""
        return await asyncio.wrap_future(self.submit(work, *args))

    async def check(self, trial: Callable[[], object] = lambda: None) -> None:
        """Serve's health check: a busy engine must have begun its run lately, an idle one does the trial.

        A trial at the end of a queue would have Serve replace whoever has much to do, and one of a large network
        costs seconds: a run that ended well lately will do.

        Raises:
            RuntimeError: If a run hangs.
        """
        now_s = self._clock()
        if (began_s := self._began_s) is not None:
            if now_s - began_s > self._hung_s:
                raise RuntimeError(
                    f"hangs: a run was to end within {self._hung_s:g} s, it has lasted {now_s - began_s:.0f} s"
                )
        elif now_s - self._well_s > self._hung_s:
            await self.run(trial)

    def _timed(self, work: Callable[..., T], args: tuple[Any, ...]) -> T:
        self._began_s = self._clock()
        try:
            done = work(*args)
            self._well_s = self._clock()
            return done
        finally:
            self._began_s = None
