"""Which lists are in force, and what they keep of those before them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from violations import AT, permits, plate, violation

from flows.casework.adjudication import Withdrawal
from flows.desks.docket import Docket, correct, held_up
from flows.domain.errors import FieldError
from flows.store.audit import AuditStore
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


def test_deciding_again_by_a_later_list_accuses_nobody_whose_permit_has_expired_since(redis_url: str) -> None:
    lists, store = ExemptionsStore(redis_url), ResultsStore(redis_url)
    lists.put(permits(-1, "123ABC02", valid_until=AT + timedelta(hours=1)))
    holder = violation()
    store.write([holder, plate(holder)])
    store.write(Docket(store, lists).sweep())
    lists.put(permits(2))
    since, until = AT - timedelta(hours=1), AT + timedelta(hours=1)
    entries = store.violations(since, until)
    (change,) = correct(store, entries, lists.lists(), "a late list", Withdrawal(), AT + timedelta(hours=3))
    assert (change.state, change.changed) == ("dismissed", False)


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


def test_a_list_that_nobody_issues_any_more_can_be_removed_and_holds_up_nobody(redis_url: str) -> None:
    """A pilot, a name misspelt once: every violation whose rule asks all lists would wait for it for ever."""
    lists, store = ExemptionsStore(redis_url), ResultsStore(redis_url)
    lists.put(permits(-48, "123ABC02", name="pilot"))
    lists.put(permits(-1))
    holder, other = (violation(n, exemptions=("*",)) for n in range(2))
    named = violation(2, exemptions=("pilot",))
    store.write([holder, other, named, plate(holder), plate(other, "999ZZZ09"), plate(named, "999ZZZ09")])
    docket = Docket(store, lists)
    store.write(docket.sweep())
    assert held_up(store, lists.lists()) == {"pilot": 3}
    lists.remove("pilot", "dana", "the pilot is over", AT + timedelta(hours=2))
    store.write(docket.sweep())
    assert (store.in_state("dismissed"), store.in_state("needs_review")) == ([holder.id], [other.id])
    assert held_up(store, lists.lists()) == {"pilot": 1}, "a site file counts on it"
    (said,) = AuditStore(redis_url).entries()
    assert (said.who, said.action, said.subject, said.why) == (
        "dana", "exemptions.removed", "pilot", "the pilot is over",
    )  # fmt: skip
    lists.put(permits(3, name="pilot"))
    store.write(docket.sweep())
    assert store.in_state("stands") == [named.id]


def test_only_a_list_in_force_can_be_removed_and_only_with_a_reason(redis_url: str) -> None:
    lists = ExemptionsStore(redis_url)
    lists.put(permits(0))
    with pytest.raises(FieldError, match=r"a list that is in force \(permits\), got 'permit'"):
        lists.remove("permit", "dana", "misspelt")
    with pytest.raises(FieldError, match="a reason"):
        lists.remove("permits", "dana", " ")
    lists.remove("permits", "dana", "nobody issues it")
    with pytest.raises(FieldError, match="there is none"):
        lists.remove("permits", "dana", "again")
    assert len(list(AuditStore(redis_url).entries())) == 1
