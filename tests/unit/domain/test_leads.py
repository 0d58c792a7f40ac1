"""A lead is confirmed by two people who do not know of each other's answer, and rejected by one."""

from __future__ import annotations

import pytest
from searching import HOUR, T0, make_lead

from flows.domain.errors import CaseError
from flows.domain.leads import Lead, confirm, deadline, dispatch, overdue, reject, view_for

AT = T0 + 2 * HOUR


def test_two_different_people_confirm_and_only_then_is_anyone_sent() -> None:
    lead = make_lead()
    with pytest.raises(CaseError, match="before two people have confirmed it"):
        dispatch(lead)
    once = confirm(lead, "dana", AT)
    assert once.state == "confirmed_once"
    with pytest.raises(CaseError, match="dana has answered already"):
        confirm(once, "dana", AT)
    with pytest.raises(CaseError, match="before two people have confirmed it"):
        dispatch(once)
    twice = confirm(once, "erlan", AT)
    assert twice.state == "confirmed"
    assert dispatch(twice).state == "dispatched"


def test_the_second_person_cannot_tell_whether_there_was_a_first() -> None:
    fresh, once = make_lead(), confirm(make_lead(), "dana", AT)
    assert view_for(once, "erlan") == view_for(fresh, "erlan")
    assert view_for(once, "dana").lead.state == "confirmed_once"


def test_others_answers_are_shown_after_ones_own() -> None:
    twice = confirm(confirm(make_lead(), "dana", AT), "erlan", AT)
    assert [a.by for a in view_for(twice, "erlan").others] == ["dana"]
    assert view_for(twice, "fatima").others == ()
    assert view_for(twice, "fatima").lead.answers == ()


@pytest.mark.parametrize("confirmations", [0, 1, 2, 3])
def test_one_person_rejects_at_any_point(confirmations: int) -> None:
    lead: Lead = make_lead()
    for by in ("dana", "erlan")[:confirmations]:
        lead = confirm(lead, by, AT)
    if confirmations == 3:
        lead = dispatch(lead)
    rejected = reject(lead, "dana", AT)
    assert rejected.state == "rejected"
    for answer in (lambda: confirm(rejected, "fatima", AT), lambda: reject(rejected, "fatima", AT)):
        with pytest.raises(CaseError, match="rejected"):
            answer()
    with pytest.raises(CaseError, match="got rejected"):
        dispatch(rejected)


def test_an_unconfirmed_lead_is_over_after_its_hours_or_with_its_case() -> None:
    lead = make_lead()
    assert lead.deadline_at == lead.at + 72 * HOUR
    once = confirm(lead, "dana", AT)
    assert not overdue(once, lead.deadline_at - HOUR)
    assert overdue(once, lead.deadline_at)
    with pytest.raises(CaseError, match="expected an answer before"):
        confirm(once, "erlan", lead.deadline_at)
    assert not overdue(confirm(once, "erlan", AT), lead.deadline_at)
    assert deadline(T0, 72, T0 + HOUR) == T0 + HOUR


def test_what_suppresses_a_look_alike_lives_no_longer_than_the_lead_would_have() -> None:
    lead = make_lead()
    rejected = reject(confirm(lead, "dana", AT), "erlan", AT)
    assert rejected.deadline_at == lead.deadline_at
    assert not overdue(rejected, lead.deadline_at - HOUR)
    assert overdue(rejected, lead.deadline_at)


def test_one_lead_a_case_and_track_whenever_it_is_said_at_the_same_moment() -> None:
    assert make_lead().id == make_lead().id
    assert len({make_lead().id, make_lead(track=8).id, make_lead(case="case-2").id}) == 3
