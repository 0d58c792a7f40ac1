"""The desk that puts searches away: what fails of it keeps nothing else from being done."""

from __future__ import annotations

from pathlib import Path

import pytest
from auditlog import FakeLog
from searching import T0

from flows.casework.auditing import Seals
from flows.desks.searches import SearchDesk
from flows.domain.errors import StoreError


class Sweep:
    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.swept = error, 0

    def sweep(self) -> int:
        self.swept += 1
        if self.error is not None:
            raise self.error
        return 0


@pytest.mark.parametrize("error", [StoreError("Redis is away"), ValueError("a decision of another version")])
def test_every_sweep_is_made_and_the_log_is_sealed_whatever_fails(tmp_path: Path, error: Exception) -> None:
    failing, other = Sweep(error), Sweep()
    desk = SearchDesk((failing, other), FakeLog("case.created"), Seals(tmp_path), pytest.fail, lambda: T0)
    assert desk.sweep() == []
    assert (failing.swept, other.swept) == (1, 1)
    [(seal, _)] = Seals(tmp_path).all()[0]
    assert (seal.first, seal.last, seal.sealed_at) == (1, 1, T0)
    desk.sweep()
    assert len(Seals(tmp_path).all()[0]) == 1


def test_where_the_log_does_not_hold_what_was_sealed_all_searching_is_stopped_at_once(tmp_path: Path) -> None:
    log, stopped = FakeLog("case.created", "case.rejected"), list[str]()
    desk = SearchDesk((), log, Seals(tmp_path), stopped.append, lambda: T0)
    desk.sweep()
    del log.held[1]
    desk.sweep()
    assert [why[:49] for why in stopped] == ["the audit log does not hold entry 2 as seal 1 has"]
