"""Many producers, one writing thread: everybody gets their own answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from flows.domain.errors import StoreError
from flows.domain.events import Event
from flows.store.delivery import Verdict
from flows.store.writer import Writer


class FakeResults:
    """Takes bytes; those that begin with ``d`` are duplicates. Can be held up, and can break."""

    def __init__(self) -> None:
        self.turns: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.waiting, self.closed, self.drained = 0, False, 0
        self.breaks = False

    def take(self, events: Sequence[Event | bytes]) -> list[Verdict]:
        self.go.wait(10)
        if self.breaks:
            raise RuntimeError("a fault of ours")
        if events:
            self.turns.append(len(events))
        return ["duplicate" if bytes(e).startswith(b"d") else "written" for e in events]  # type: ignore[arg-type]

    def wait_s(self) -> float:
        return 0.01

    def drain(self) -> None:
        self.drained += 1
        self.waiting = max(0, self.waiting - 1)

    def close(self) -> None:
        self.closed = True


def test_submits_that_come_during_a_write_go_together_and_are_answered_apart() -> None:
    results = FakeResults()
    results.go.clear()
    writer = Writer(results)  # type: ignore[arg-type]
    acks = [writer.submit([b"d"] * i + [b"w"]) for i in range(20)]
    results.go.set()
    answers = [ack.result(10) for ack in acks]
    assert [(a.written, a.duplicates) for a in answers] == [(1, i) for i in range(20)]
    assert len(results.turns) <= 2
    writer.close()


def test_one_turn_is_bounded() -> None:
    results = FakeResults()
    results.go.clear()
    writer = Writer(results)  # type: ignore[arg-type]
    acks = [writer.submit([b"w"] * 500) for _ in range(8)]
    results.go.set()
    assert sum(ack.result(10).written for ack in acks) == 4000
    assert max(results.turns) <= 1500
    writer.close()


def test_flush_waits_for_the_backlog() -> None:
    results = FakeResults()
    results.waiting = 5
    writer = Writer(results)  # type: ignore[arg-type]
    writer.submit([b"w"])
    assert writer.flush(10)
    assert results.waiting == 0
    results.go.clear()
    writer.submit([b"w"])
    assert not writer.flush(0.01)
    results.go.set()
    writer.close()


def test_closing_answers_what_was_submitted_and_refuses_more() -> None:
    results = FakeResults()
    results.go.clear()
    writer = Writer(results)  # type: ignore[arg-type]
    ack = writer.submit([b"w"])
    results.go.set()
    writer.close()
    assert ack.result(0).written == 1
    assert results.closed
    with pytest.raises(StoreError, match="closed"):
        writer.submit([b"w"])


def test_a_fault_of_ours_is_told_to_everybody_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    results, died = FakeResults(), threading.Event()
    results.go.clear()
    results.breaks = True
    writer = Writer(results, on_death=died.set)  # type: ignore[arg-type]
    acks = [writer.submit([b"w"]) for _ in range(3)]
    results.go.set()
    for ack in acks:
        with pytest.raises(StoreError, match="a fault of ours"):
            ack.result(10)
    assert died.wait(10)
    writer._thread.join(10)
    with pytest.raises(StoreError):
        writer.submit([b"w"])
