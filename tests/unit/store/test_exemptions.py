"""Which lists are in force, and what they keep of those before them."""

from __future__ import annotations

from datetime import timedelta

from violations import AT, permits, plate, violation

from flows.desks.docket import Docket
from flows.store.exemptions import ExemptionsStore
from flows.store.results import ResultsStore


def test_a_permit_that_expired_after_the_deed_counts_on_whichever_list_decides(redis_url: str) -> None:
    """An office's nightly list holds only what is valid; the one who drove the evening before had a permit."""
    lists, store = ExemptionsStore(redis_url), ResultsStore(redis_url)
    lists.put(permits(-30, "123ABC02", valid_until=AT + timedelta(hours=1)))
    holder, other = violation(0), violation(1)
    store.write([holder, other, plate(holder), plate(other, "999ZZZ09")])
    store.write(Docket(store, lists).sweep())
    assert set(store.in_state("held_stale_exemptions")) == {holder.id, other.id}
    lists.put(permits(2))
    store.write(Docket(store, lists).sweep())
    assert (store.in_state("dismissed"), store.in_state("stands")) == ([holder.id], [other.id])


def test_the_same_list_again_changes_nothing_whatever_it_keeps(redis_url: str) -> None:
    lists = ExemptionsStore(redis_url)
    lists.put(permits(-1, "123ABC02"))
    in_force = lists.put(permits(0))
    assert in_force.exempting("123ABC02", AT - timedelta(minutes=1)) is not None
    assert lists.versions() == ExemptionsStore(redis_url).versions()
    assert lists.put(permits(0)) == in_force == ExemptionsStore(redis_url).lists()["permits"]


def test_what_was_wrong_from_the_beginning_is_kept_by_nobody(redis_url: str) -> None:
    lists = ExemptionsStore(redis_url)
    lists.put(permits(-1, "123ABC02"))
    assert lists.put(permits(0), anew=True) == permits(0) == lists.lists()["permits"]
