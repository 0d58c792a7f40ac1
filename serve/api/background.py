"""Work that goes on beside the answers: each kind in a loop of its own that nothing ends but the replica."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from flows.backoff import Backoff
from flows.domain.errors import DomeError

log = logging.getLogger(__name__)


async def repeat(name: str, work: Callable[[], int], every_s: float) -> None:
    """Does some work in a thread again and again; at once where there was something to do.

    Args:
        name: For the log.
        work: Returns how much it did.
        every_s: Pause when there was nothing.
    """
    pause = Backoff(every_s, 30.0)
    while True:
        try:
            done = await asyncio.to_thread(work)
            pause.reset()
            if not done:
                await asyncio.sleep(every_s)
        except DomeError as error:
            log.warning("%s: %s", name, error)
            await asyncio.sleep(pause.next_s())
        except Exception:  # one mistake must not end the deliveries of a whole replica
            log.exception("%s", name)
            await asyncio.sleep(pause.next_s())


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    """Ends loops; whatever a thread is doing is waited for."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
