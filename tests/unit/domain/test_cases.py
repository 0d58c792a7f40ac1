"""No search runs outside its case: not before it may, not elsewhere, not after its end, and never on one's own word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from searching import DAY, HOUR, T0, make_active, make_case

from flows.domain.cases import (
    LastSeen,
    SearchTerms,
    Window,
    activate,
    authorise,
    close,
    covers,
    expire,
    forget_after,
    leaves_nothing,
    person,
    radius_m,
    reject,
)
from flows.domain.errors import CaseError, FieldError
from flows.domain.places import distance_m

NOW = T0 + HOUR


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"purpose": "curiosity"}, "purpose"),
        ({"basis": {"law": "KPK RK 232", "document": " "}}, "document"),
        ({"target": {"kind": "person", "name": "A. B.", "probes": ()}}, "probes"),
        ({"target": {"kind": "crowd"}}, "target"),
        ({"cameras": ()}, "cameras"),
        ({"requester": "Asel", "steps": ()}, "requester"),
        ({"alert_radius_m": 0}, "alert_radius_m"),
        ({"window": {"begins_at": T0, "ends_at": T0 + 31 * DAY}}, "ends_at"),
        ({"window": {"begins_at": T0, "ends_at": T0}}, "ends_at"),
        ({"terms": SearchTerms(longest_days=7)}, r"window\n.*ends_at"),
        ({"terms": SearchTerms(longest_days=30, requires=("impact_assessment",))}, "impact_assessment"),
        ({"expires_at": T0 + 31 * DAY}, "expires_at"),
        ({"expires_at": T0}, "expires_at"),
        (
            {"purpose": "wanted_by_court_order", "last_seen": LastSeen(latitude=0, longitude=0, at=T0)},
            "last_seen",
        ),
    ],
)
def test_whatever_is_missing_or_too_much_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        make_case(**changes)


def test_the_requester_never_authorises() -> None:
    with pytest.raises(CaseError, match="another person than the requester"):
        authorise(make_case(), "asel", NOW)
    urgent = activate(make_case(urgent=True), "asel", NOW)
    with pytest.raises(CaseError, match="another person than the requester"):
        authorise(urgent, "asel", NOW)


def test_a_case_is_active_only_when_authorised_unless_urgent() -> None:
    with pytest.raises(CaseError, match="have it authorised first"):
        activate(make_case(), "asel", NOW)
    active = activate(authorise(make_case(), "bolat", NOW), "asel", NOW)
    assert [(s.deed, s.by) for s in active.steps] == [
        ("created", "asel"),
        ("authorised", "bolat"),
        ("activated", "asel"),
    ]
    assert (active.state, active.version) == ("active", 2)


def test_an_urgent_case_ends_after_24_hours_unless_authorised() -> None:
    urgent = activate(make_case(urgent=True), "asel", NOW)
    last = NOW + timedelta(hours=24)
    assert urgent.ends_at == last
    assert covers(urgent, "hall-1", "esil", last - HOUR, last - timedelta(seconds=1))
    assert not covers(urgent, "hall-1", "esil", last - HOUR, last)
    with pytest.raises(CaseError, match="before its end"):
        authorise(urgent, "bolat", last)
    assert leaves_nothing(expire(urgent, last))
    kept = authorise(urgent, "bolat", last - HOUR)
    assert (kept.state, kept.ends_at) == ("active", kept.expires_at)
    assert covers(kept, "hall-1", "esil", last, last)


@pytest.mark.parametrize("state", ["closed", "expired", "rejected"])
def test_what_has_ended_stays_ended(state: str) -> None:
    active = make_active()
    over = {
        "closed": lambda: close(active, "asel", NOW, "found"),
        "expired": lambda: expire(active, active.expires_at),
        "rejected": lambda: reject(active, "bolat", NOW, "no grounds"),
    }[state]()
    assert not covers(over, "hall-1", "esil", NOW, NOW)
    for step in (
        lambda: authorise(over, "bolat", NOW),
        lambda: activate(over, "asel", NOW),
        lambda: reject(over, "bolat", NOW, "no"),
        lambda: close(over, "asel", NOW, "no"),
        lambda: expire(over, over.expires_at),
    ):
        with pytest.raises(CaseError, match=f"got {state}"):
            step()


def test_the_requester_closes_and_does_not_reject() -> None:
    with pytest.raises(CaseError, match="close it instead"):
        reject(make_case(), "asel", NOW, "mistake")
    assert close(make_case(), "asel", NOW, "mistake").state == "closed"


def test_a_case_does_not_expire_before_its_time() -> None:
    with pytest.raises(CaseError, match="expected to expire at"):
        expire(make_active(), NOW)


@pytest.mark.parametrize(
    ("camera", "district", "at", "now", "covered"),
    [
        ("hall-1", "esil", NOW, NOW, True),
        ("hall-2", "esil", NOW, NOW, False),
        ("hall-1", "esil", T0 + 8 * DAY, NOW, False),
        # In work while the case ends: captured in time, asked too late.
        ("hall-1", "esil", T0 + 7 * DAY - HOUR, T0 + 7 * DAY, False),
        # Footage from before it became active, though within the window: only where the law allows to look back.
        ("hall-1", "esil", T0 - HOUR, NOW, False),
    ],
)
def test_a_frame_is_covered_by_camera_capture_time_and_now(
    camera: str, district: str, at: Any, now: Any, covered: bool
) -> None:
    assert covers(make_active(), camera, district, at, now) is covered


def test_the_window_ends_even_if_the_case_goes_on() -> None:
    case = make_active(window=Window(begins_at=T0, ends_at=T0 + HOUR))
    assert covers(case, "hall-1", "esil", T0 + HOUR / 2, T0 + DAY)
    assert not covers(case, "hall-1", "esil", T0 + HOUR, T0 + DAY)


def test_a_district_covers_its_cameras() -> None:
    case = make_active(cameras=(), districts=("esil",))
    assert covers(case, "any", "esil", NOW, NOW)
    assert not covers(case, "any", "saryarqa", NOW, NOW)


def test_looking_back_is_for_the_law_to_allow() -> None:
    case = make_active(terms=SearchTerms(longest_days=30, look_back=True))
    assert covers(case, "hall-1", "esil", T0 - HOUR, NOW)
    assert not covers(case, "hall-1", "esil", T0 - 2 * DAY, NOW)


@pytest.mark.parametrize("state", ["draft", "authorised"])
def test_nothing_is_covered_before_it_is_active(state: str) -> None:
    case = make_case() if state == "draft" else authorise(make_case(), "bolat", T0)
    assert not covers(case, "hall-1", "esil", NOW, NOW)


def test_the_circle_round_the_last_sighting_grows_with_time() -> None:
    seen = LastSeen(latitude=43.25, longitude=76.95, at=T0, radius_m=500)
    terms = SearchTerms(longest_days=30, grows_kmh=5, most_radius_m=20_000)
    case = make_active(purpose="missing_child", last_seen=seen, terms=terms)
    assert radius_m(case, T0) == 500
    assert radius_m(case, T0 + HOUR) == pytest.approx(5500)
    assert radius_m(case, T0 + 6 * DAY) == 20_000
    assert radius_m(case, T0 - HOUR) == 500
    near, far = (43.28, 76.95), (43.40, 76.95)  # 3.3 km and 16.7 km to the north
    assert distance_m((43.25, 76.95), near) == pytest.approx(3336, abs=1)
    assert not covers(case, "hall-1", "esil", T0 + HOUR / 4, NOW, near)
    assert covers(case, "hall-1", "esil", NOW, NOW, near)
    assert not covers(case, "hall-1", "esil", NOW, NOW, far)
    assert covers(case, "hall-1", "esil", NOW, NOW, None)


def test_what_was_never_lawful_leaves_nothing_and_the_rest_goes_in_its_time() -> None:
    terms = SearchTerms(longest_days=30, kept_days=7)
    found = close(make_active(terms=terms), "asel", NOW, "found")
    assert not leaves_nothing(found)
    assert forget_after(found) == NOW + 7 * DAY
    rejected = reject(make_active(terms=terms), "bolat", NOW, "no grounds")
    assert leaves_nothing(rejected)
    assert forget_after(rejected) == NOW
    withdrawn = close(activate(make_case(urgent=True, terms=terms), "asel", T0), "asel", NOW, "pointless")
    assert leaves_nothing(withdrawn)
    assert forget_after(make_active()) is None


def test_nobody_ends_a_case_without_saying_why() -> None:
    for step in (
        lambda: reject(make_active(), "bolat", NOW, " "),
        lambda: close(make_active(), "asel", NOW, ""),
    ):
        with pytest.raises(FieldError, match="why: expected a reason"):
            step()


@pytest.mark.parametrize("name", ["", "Dana", "dana ", "system", "дана", "a" * 65, "dana\n"])
def test_who_acts_has_one_spelling_and_is_not_the_system(name: str) -> None:
    with pytest.raises(FieldError, match="by: expected a login"):
        person(name)
    assert person("dana.k@almaty") == "dana.k@almaty"
