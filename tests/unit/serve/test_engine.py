from __future__ import annotations

import asyncio
import threading

import pytest

from serve.deployments.engine import Engine


class Sluggish:
    """Work that lasts until a test lets it go; nothing but a signal passes between the threads."""

    def __init__(self) -> None:
        self.begun, self.end = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        self.end.wait(30)
        return "done"


async def test_a_busy_engine_is_healthy_whatever_waits_for_it_and_a_hanging_one_is_not() -> None:
    now_s = [100.0]
    engine, work, tried = Engine("test", 30.0, clock=lambda: now_s[0]), Sluggish(), threading.Event()
    waiting = [asyncio.ensure_future(engine.run(work)) for _ in range(3)]
    await asyncio.to_thread(work.begun.wait, 30)
    now_s[0] += 30
    await engine.check(tried.set)
    assert not tried.is_set()
    now_s[0] += 1
    with pytest.raises(RuntimeError, match=r"hangs: .* 30 s, it has lasted 31 s"):
        await engine.check(tried.set)
    work.end.set()
    assert await asyncio.gather(*waiting) == ["done"] * 3
    await engine.check(tried.set)
    assert not tried.is_set()  # it has just done well
    now_s[0] += 31
    await engine.check(tried.set)
    assert tried.is_set()


async def test_an_idle_engine_is_as_healthy_as_its_trial() -> None:
    def fail() -> None:
        raise ValueError("no pictures today")

    engine = Engine("test")
    with pytest.raises(ValueError, match="no pictures today"):
        await engine.check(fail)
    with pytest.raises(ValueError, match="no pictures today"):
        await engine.run(fail)
    assert await engine.run(sum, (1, 2)) == 3
