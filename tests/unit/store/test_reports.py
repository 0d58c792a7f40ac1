"""Lists of citizens' reports by state: as quick beside thousands that are closed, and right in a Redis of before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from apiclient import everything
from citizens import AT, report

from flows.domain.reports import Report, Reporter, State, routed, step
from flows.store.redis_server import EmbeddedRedis
from flows.store.reports import STATES, ReportsStore, mark_of

OPEN: tuple[State, ...] = ("received", "checked", "forwarded", "proposed")


@pytest.fixture
def server(redis_server: EmbeddedRedis) -> Any:
    held = redis.Redis.from_url(redis_server.url, decode_responses=True)
    held.flushall()
    return held


@pytest.fixture
def store(redis_server: EmbeddedRedis, server: Any) -> Iterator[ReportsStore]:
    store = ReportsStore(redis_server.url)
    yield store
    store.close()


def told(store: ReportsStore, n: int, *states: State, district: str = "esil") -> Report:
    """One that was received ``n`` minutes after :data:`citizens.AT` and went through some states."""
    at = AT + timedelta(minutes=n)
    teller = (Reporter(channel="egov", reference=str(n), at=at),)
    held = store.add(report(str(n), district=district, reporters=teller))
    for state in states:
        after = step(held, state, "machine", at)
        store.replace((after, held))
        held = after
    return held


def as_before(server: Any) -> None:
    """As a Redis that knew no lists by state."""
    server.delete(STATES, *server.scan_iter("*reports:district:*|*"))
    for name in server.scan_iter("*:report:*"):
        server.hdel(name, "state")


def test_open_reports_are_found_without_reading_those_that_are_closed(
    store: ReportsStore, server: Any
) -> None:
    old = told(store, 0)
    for n in range(1, 250):
        told(store, n, "declined")
    store.sort_by_state()
    server.config_resetstat()
    assert store.page(["esil"], None, 31, OPEN) == [old]
    assert server.info("commandstats")["cmdstat_hget"]["calls"] == 1


def test_a_list_by_state_follows_reports_from_state_to_state_and_district_to_district(
    store: ReportsStore,
) -> None:
    store.sort_by_state()
    first, second = told(store, 0, "checked"), told(store, 1, "checked", "forwarded")
    assert store.page(["esil"], None, 9, OPEN) == [second, first]
    assert store.page(["esil"], mark_of(second), 9, OPEN) == [first], "and from page to page"
    given = routed(second, "almaly", "aigul", AT)
    store.replace((given, second))
    assert (store.page(["esil"], None, 9, ["forwarded"]), store.page(["almaly"], None, 9, ["forwarded"])) == (
        [],
        [given],
    )
    done = step(given, "confirmed", "aigul", AT)
    store.replace((done, given))
    assert store.page(["esil", "almaly"], None, 9, OPEN) == [first]
    assert store.page(["esil", "almaly"], None, 9, ["confirmed"]) == [done]


def test_reports_of_a_redis_without_lists_by_state_are_put_into_them_once(
    store: ReportsStore, server: Any
) -> None:
    kept = [told(store, n, *states) for n, states in enumerate([(), ("declined",), ("checked", "forwarded")])]
    as_before(server)
    assert store.page(["esil"], None, 9, OPEN) == [kept[2], kept[0]], "until then all are read"
    moved = step(kept[2], "confirmed", "aigul", AT)
    store.replace((moved, kept[2]))
    store.sort_by_state()
    server.config_resetstat()
    assert store.page(["esil"], None, 9, OPEN) == [kept[0]]
    assert server.info("commandstats")["cmdstat_hget"]["calls"] == 1
    assert store.page(["esil"], None, 9, ["declined", "confirmed"]) == [moved, kept[1]]
    late = step(kept[0], "checked", "machine", AT)
    store.replace((late, kept[0]))
    assert store.page(["esil"], None, 9, ["received"]) == []


def test_a_report_that_is_removed_leaves_nothing_in_a_list(
    redis_server: EmbeddedRedis, store: ReportsStore
) -> None:
    gone = told(store, 0, "declined")
    assert gone.id in everything(redis_server.url)
    assert store.remove(gone.id, "{}")
    assert gone.id not in everything(redis_server.url)
