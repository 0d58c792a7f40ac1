"""What becomes of a violation that depends on lists of exempt plates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from violations import AT, package, permits, plate, violation

from flows.casework.adjudication import Case, Decision, Finding, Withdrawal, decided_so, decision_event, judge
from flows.casework.exemptions import ExemptionList
from flows.domain.events import DECISION
from flows.domain.ruleset import BusLaneRule, RedLightRule, RuleConfig, SpeedingRule, StopLineRule
from flows.jurisdiction import RuleLaw, load_profile, profile_names
from flows.rules.reporting import standing_of


def case(text: str = "123ABC02", confident: bool = True, **changes: Any) -> Case:
    event = violation(**changes)
    return Case(event, package(event), plate(event, text, confident))


def by_name(*lists: ExemptionList) -> dict[str, ExemptionList]:
    return {each.name: each for each in lists}


OTHER = permits(-1, "999ZZZ09")
STALE = permits(-25, "999ZZZ09")
PILOT = permits(1, "123ABC02", name="pilot", valid_until=AT + timedelta(hours=1)).model_copy(
    update={"removed": True}
)


@pytest.mark.parametrize(
    ("judged", "lists", "state", "reason"),
    [
        (case(), by_name(OTHER), "stands", "not_exempt"),
        (case(), by_name(permits(-1, "123 abc 02")), "dismissed", "exempt"),
        (case(), by_name(permits(100, "123ABC02")), "dismissed", "exempt"),
        (case(), by_name(permits(-1, "123ABC02", valid_until=AT)), "stands", "not_exempt"),
        (case(), by_name(STALE), "held_stale_exemptions", "stale_list"),
        (case(), by_name(permits(-25, "123ABC02")), "held_stale_exemptions", "stale_list"),
        (case(), {}, "held_stale_exemptions", "stale_list"),
        (case(""), by_name(OTHER), "needs_review", "plate_unread"),
        (case(""), by_name(STALE), "needs_review", "plate_unread"),
        (case(confident=False), by_name(permits(-1, "123ABC02")), "needs_review", "plate_unread"),
        (case("I23A8C02"), by_name(permits(-1, "123ABC02")), "needs_review", "near_exempt"),
        (case(needs_review=True), by_name(OTHER), "needs_review", "law_asks_review"),
        (case(needs_review=True), by_name(permits(-1, "123ABC02")), "dismissed", "exempt"),
        (case(exemptions_max_age_h=None), by_name(STALE), "stands", "not_exempt"),
        (case(exemptions_max_age_h=None), {}, "held_stale_exemptions", "stale_list"),
        (case(exemptions=()), {}, "stands", "independent"),
        (case(exemptions=(), needs_review=True), {}, "needs_review", "law_asks_review"),
        (case(exemptions=("*",)), {}, "held_stale_exemptions", "stale_list"),
        (case(exemptions=("*",)), by_name(OTHER, permits(-1, name="taxis")), "needs_review", "lists_unnamed"),
        (case(exemptions=("*",)), by_name(STALE, permits(-1, "123ABC02", name="taxis")), "dismissed", "exempt"),
        (case(exemptions=("*",)), by_name(STALE, permits(-1, name="taxis")), "held_stale_exemptions", "stale_list"),
        (case(exemptions=("permits", "taxis")), by_name(OTHER), "held_stale_exemptions", "stale_list"),
        (case("777AAA02", exemptions=("*",)), by_name(OTHER, PILOT), "needs_review", "lists_unnamed"),
        (case("777AAA02", n=3000, exemptions=("*",)), by_name(permits(49), PILOT), "needs_review", "lists_unnamed"),
        (case(exemptions=("*",)), by_name(OTHER, PILOT), "dismissed", "exempt"),
        (case("777AAA02", exemptions=("*",)), by_name(PILOT), "held_stale_exemptions", "stale_list"),
        (case(exemptions=("pilot",)), by_name(OTHER, PILOT), "dismissed", "exempt"),
        (case("777AAA02", exemptions=("pilot",)), by_name(OTHER, PILOT), "held_stale_exemptions", "stale_list"),
        (case(n=3000, exemptions=("pilot",)), by_name(OTHER, PILOT), "held_stale_exemptions", "stale_list"),
    ],
)  # fmt: skip
def test_a_case_is_judged(judged: Case, lists: dict[str, ExemptionList], state: str, reason: str) -> None:
    finding = judge(judged, lists)
    assert (finding.state, finding.reason) == (state, reason)


@pytest.mark.parametrize("profile", profile_names())
@pytest.mark.parametrize(
    "rule",
    [
        SpeedingRule(limit_kmh=60, exemptions=("permits",)),
        RedLightRule(stop_line="stop", junction="junction", signal="main"),
        StopLineRule(stop_line="stop", signal="main"),
    ],
    ids=["speeding, where the site file names a list", "red_light", "stop_line"],
)
def test_no_list_is_believed_at_any_age_under_whichever_rule(rule: RuleConfig, profile: str) -> None:
    """An ambulance that is over the stop line and in the junction is exempt from both, and by lists of one age."""
    asked = standing_of(rule, load_profile(profile))
    judged = case(exemptions=asked.exemptions, exemptions_max_age_h=asked.exemptions_max_age_h)
    assert asked.state == "undecided"
    assert judge(judged, by_name(STALE)).state == "held_stale_exemptions"
    assert judge(judged, by_name(OTHER)).state == ("stands" if rule.exemptions else "needs_review")


def test_a_list_that_the_law_names_is_waited_for_whatever_else_is_loaded() -> None:
    """Ambulances are loaded, permits come late: nobody with a permit is said to be on no list meanwhile."""
    kz = load_profile("kz")
    lane = kz.rules["bus_lane"].model_copy(update={"exemption_lists": ("permits", "ambulances")})
    named = kz.model_copy(update={"rules": {**kz.rules, "bus_lane": lane}})
    ambulances, rule = permits(-1, "103AMB02", name="ambulances"), BusLaneRule(lane="bus")
    assert standing_of(rule, named).exemptions == ("ambulances", "permits")
    assert (
        judge(case(exemptions=standing_of(rule, named).exemptions), by_name(ambulances)).reason
        == "stale_list"
    )
    finding = judge(case(exemptions=standing_of(rule, kz).exemptions), by_name(ambulances))
    assert (finding.state, finding.reason) == ("needs_review", "lists_unnamed")
    assert standing_of(rule.model_copy(update={"exemptions": ("taxis",)}), named).exemptions == ("taxis",)


def test_lists_that_the_law_names_have_an_age() -> None:
    with pytest.raises(ValidationError, match="exemptions_max_age_h: expected hours beside exemption_lists"):
        RuleLaw(article="1", exemption_lists=("permits",))


def test_a_decision_says_why_and_by_which_list_of_which_date() -> None:
    judged = case()
    event = decision_event(judged, judge(judged, by_name(permits(-1, "123ABC02"))))
    decision = Decision.model_validate(event.data)
    assert (event.type, event.camera_id, event.subject, event.time) == (DECISION, "lane-1", "alatau", AT)
    assert decision.violation == judged.violation.id
    assert (decision.state, decision.number, decision.by) == ("dismissed", 1, "machine")
    assert [(ref.name, ref.issued_at) for ref in decision.lists] == [("permits", AT - timedelta(hours=1))]
    assert decision.detail == "exempt on permits: a permit"
    assert (decision.rule, decision.rule_version, decision.profile) == ("bus_lane", "1", "kz@1")
    assert "123ABC02" not in event.model_dump_json()


def test_a_held_case_says_which_list_is_how_old() -> None:
    finding = judge(case(), by_name(STALE))
    assert finding.detail == "permits was issued 25.0 h before, 24 h are allowed"
    assert "never loaded" in judge(case(), {}).detail
    assert judge(case("777AAA02", exemptions=("pilot",)), by_name(PILOT)).detail == "pilot was removed"
    assert (
        judge(case("777AAA02", exemptions=("*",)), by_name(PILOT)).detail
        == "no list of exempt plates is in force"
    )


def test_equal_findings_on_equal_cases_are_one_event() -> None:
    judged = case()
    first, second = (
        decision_event(judged, judge(judged, by_name(OTHER)), AT + timedelta(hours=h)) for h in (1, 2)
    )
    assert first.id == second.id
    assert first.id != decision_event(judged, judge(judged, by_name(permits(-2, "999ZZZ09")))).id


def test_a_later_decision_keeps_the_one_before() -> None:
    judged = case()
    held = Decision.model_validate(decision_event(judged, judge(judged, {})).data)
    again = Case(judged.violation, judged.evidence, judged.read, held)
    later = Decision.model_validate(decision_event(again, judge(again, by_name(OTHER))).data)
    assert later.number == 2
    assert later.previous == {"state": "held_stale_exemptions", "reason": "stale_list"}
    assert decided_so(again, judge(again, {}))
    assert not decided_so(again, judge(again, by_name(OTHER)))


@pytest.mark.parametrize(
    ("withdrawal", "grounds"),
    [
        (Withdrawal(calibrations=["survey-7"]), "calibration:survey-7"),
        (Withdrawal(calibrations=["survey-8"]), ""),
        (Withdrawal(models=["embedded"]), "model:embedded"),
        (Withdrawal(models=["embedded@abab"]), "model:embedded@abab"),
        (Withdrawal(models=["embedded@cd"]), ""),
        (Withdrawal(models=["plates"]), "reader:plates"),
        (Withdrawal(models=["plates.finder@cdcd"]), "reader:plates.finder@cdcd"),
        (Withdrawal(models=["plates.recogniser@cd"]), ""),
        (Withdrawal(models=["plates", "embedded"]), "model:embedded"),
        (Withdrawal(rules=["bus_lane@1"]), "rule:bus_lane@1"),
        (Withdrawal(rules=["bus_lane@11"]), ""),
        (Withdrawal(rules=["speeding"]), ""),
    ],
)
def test_a_withdrawal_reaches_what_rests_on_it(withdrawal: Withdrawal, grounds: str) -> None:
    assert withdrawal.grounds(case()) == grounds


def side(survey: str, version: str, digest: str) -> dict[str, Any]:
    plate = {"versions": {"finder": digest}}
    return {"calibration": {"id": survey}, "rule_version": version, "plate": plate}


@pytest.mark.parametrize(
    ("withdrawal", "grounds"),
    [
        (Withdrawal(calibrations=["survey-a"]), "calibration:survey-a"),
        (Withdrawal(calibrations=["survey-b"]), "calibration:survey-b"),
        (Withdrawal(models=["embedded@ab"]), "model:embedded@ab"),
        (Withdrawal(models=["embedded@ef"]), "model:embedded@ef"),
        (Withdrawal(models=["embedded@00"]), ""),
        (Withdrawal(rules=["bus_lane@2"]), "rule:bus_lane@2"),
        (Withdrawal(models=["plates.finder@12"]), "reader:plates.finder@12"),
        (Withdrawal(models=["plates.finder@34"]), "reader:plates.finder@34"),
        (Withdrawal(models=["plates.finder@56"]), ""),
    ],
)
def test_a_section_rests_on_what_both_of_its_cameras_used(withdrawal: Withdrawal, grounds: str) -> None:
    event = violation()
    sides = {"entry": side("survey-a", "2", "12" * 32), "exit": side("survey-b", "1", "34" * 32)}
    stored = package(event)
    entry = {"entry_detector": {"name": "embedded", "sha256": "ef" * 32}}
    both = Case(
        event.model_copy(update={"data": event.data | sides}),
        stored.model_copy(update={"data": stored.data | entry}),
    )
    assert withdrawal.grounds(both) == grounds


def test_what_is_withdrawn_is_dismissed_whatever_the_lists_say() -> None:
    finding = judge(case(""), {}, "calibration:survey-7")
    assert finding == Finding(
        "dismissed", "withdrawn", "calibration:survey-7 was withdrawn", (), "calibration:survey-7"
    )


def test_a_network_that_a_violation_names_can_be_withdrawn() -> None:
    event = violation()
    networks = {"models": {"belts": "ef" * 32, "windscreens": "01" * 32}}
    looked = Case(event.model_copy(update={"data": event.data | networks}), package(event))
    assert Withdrawal(models=["belts@efef"]).grounds(looked) == "model:belts@efef"
    assert Withdrawal(models=["belts@00"]).grounds(looked) == ""
    assert Withdrawal(models=["embedded"]).grounds(looked) == "model:embedded"


@pytest.mark.parametrize("lists", [(), ("permits",)])
def test_what_a_withdrawn_reader_read_is_unread_until_a_person_has_read_it(lists: tuple[str, ...]) -> None:
    """The measurement holds; but whose car it was is not known, and an exempt one may be read as another."""
    read = case(exemptions=lists)
    finding = judge(read, by_name(permits(-1, "999ZZZ09")), "reader:plates")
    assert (finding.state, finding.reason) == ("needs_review", "plate_unread")
    assert finding.detail == "plates, which read the plate, was withdrawn"
    held = Decision.model_validate(decision_event(read, finding).data)
    assert Case(read.violation, read.evidence, read.read, held).plate == ""
    by_a_person = held.model_copy(update={"plate": "999ZZZ09"})
    later = Case(read.violation, read.evidence, read.read, by_a_person)
    assert judge(later, by_name(permits(-1, "999ZZZ09")), held.withdrawn).state == (
        "dismissed" if lists else "stands"
    )
