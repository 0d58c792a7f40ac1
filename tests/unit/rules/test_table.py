from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.domain.ruleset import RULES, BusLaneRule, RuleConfig, SolidLineRule, SpeedingRule, kind_of
from flows.jurisdiction import load_profile, profile_names
from flows.rules import describe
from flows.rules.table import BEGIN, END, between_markers, markdown, rows

README = Path(__file__).parents[3] / "README.md"
PROFILES = [load_profile(name) for name in profile_names()]


def test_the_readme_has_the_table_that_the_rules_give() -> None:
    text = README.read_text(encoding="utf-8")
    assert between_markers(text, markdown(PROFILES)) == text, "run: dome rules --write README.md"


def test_every_rule_has_a_definition_and_every_parameter_an_explanation() -> None:
    for row in rows(PROFILES):
        assert row.definition, row.kind
        assert all(p.help for p in row.parameters), [row.kind, [p.name for p in row.parameters if not p.help]]
        assert all(article.strip("- ") for article in row.articles.values()), row


def test_parameters_come_with_units_and_defaults() -> None:
    by_kind = {row.kind: {p.name: p for p in row.parameters} for row in rows(PROFILES)}
    wrong_way = by_kind["wrong_way"]
    assert wrong_way["min_kmh"].short() == "`min_kmh` 10 km/h"
    assert wrong_way["angle_deg"].short() == "`angle_deg` 135°"
    assert wrong_way["lane"].short() == "`lane` (zone)"
    assert by_kind["prohibited_stopping"]["signal"].short() == "[`signal` (signal)]"
    assert set(by_kind["bus_lane"]) == set(BusLaneRule.model_fields) - {"kind", "classes", "exemptions"}
    assert by_kind["solid_line"]["past_m"].default == str(SolidLineRule(line="x").past_m)


def test_a_document_without_markers_is_left_alone() -> None:
    assert between_markers(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"
    with pytest.raises(ValueError, match="expected the markers"):
        between_markers("nothing here", "new")


WHOLE: dict[str, dict[str, Any]] = {
    "speeding": {"limit_kmh": 61.5, "class_limits_kmh": {"truck": 41.5}, "tolerance_kmh": 3.25, "zone": "z1"},
    "section_speed": {
        "section": "s1", "role": "entry", "gate": "g1", "length_m": 987.0, "length_error_m": 0.75, "limit_kmh": 61.5,
        "tolerance_kmh": 3.25, "clock_within_s": 0.033, "heading_deg": 77.0,
    },
    "failure_to_yield": {
        "crosswalk": "c1", "stop_line": "l1", "medians": ("m1",), "half_lane_m": 1.85, "signal": "lamp"
    },
    "stop_line": {"stop_line": "l1", "signal": "lamp", "grace_s": 0.77, "junction": "j1"},
    "red_light": {
        "stop_line": "l1", "junction": "j1", "signal": "lamp", "grace_s": 0.77, "arrow": "a1", "arrow_exit": "e1"
    },
    "wrong_way": {"lane": "l1", "min_s": 1.77, "min_m": 8.25, "min_kmh": 11.5, "angle_deg": 141.0, "overtaking": True},
    "solid_line": {"line": "l1", "past_m": 0.55, "allowed_from": "left"},
    "prohibited_turn": {"enters": "e1", "leaves": "e2", "within": "w1", "max_s": 88.0},
    "bus_lane": {
        "lane": "l1", "hours": (("07:11", "09:22"),), "days": (1, 2, 3), "free_on": (date(2026, 12, 16),), "min_m": 23.0
    },
    "prohibited_stopping": {"zone": "z1", "max_s": 66.0, "lost_s": 33.0, "signal": "lamp", "queue_s": 17.0},
    "abandoned_object": {
        "zone": "z1", "except_zones": ("z2",), "distance_m": 4.25, "distance_widths": 7.75, "away_s": 31.0,
        "gone_s": 6.5, "escalate_s": 61.0, "least_m": 0.25, "most_m": 1.35,
    },
    "seat_belt": {"seats": ("passenger",), "driver_on": "right", "looks": 7, "min_width_px": 161.0},
}  # fmt: skip
"""Every parameter with a value that no other text has; a report is a file."""


def said(value: Any) -> list[str]:
    """Words that a value is told in."""
    if isinstance(value, dict):
        return [word for pair in value.items() for each in pair for word in said(each)]
    if isinstance(value, tuple):
        return [word for each in value for word in said(each)]
    return [f"{value:g}" if isinstance(value, float) else str(value)]


@pytest.mark.parametrize("model", RULES, ids=kind_of)
def test_dome_check_tells_every_parameter(model: type[RuleConfig]) -> None:
    whole = WHOLE[kind_of(model)]
    assert set(whole) | {"kind", "classes", "exemptions", "report"} >= set(model.model_fields)
    text = describe(model(**whole, exemptions=("permits",)), PROFILES[0])
    told = dict(whole, exemptions=("permits",))
    told |= {"clock_within_s": "33 ms"} if "clock_within_s" in whole else {}
    told |= {"overtaking": "overtaking is allowed"} if "overtaking" in whole else {}
    missing = [name for name, value in told.items() if any(word not in text for word in said(value))]
    assert missing == [], text


def test_dome_check_tells_whose_plates_are_exempt_by_which_law() -> None:
    lane, kz = BusLaneRule(lane="l1"), load_profile("kz")
    assert describe(lane, kz).endswith(
        "; exempt plates by lists: those that are loaded, and then a person decides, issued at most 24 h before"
    )
    speeding = SpeedingRule(limit_kmh=60, class_limits_kmh={"truck": 50}, exemptions=("ambulances",))
    assert "faster than 70 km/h (limit 60 + tolerance 10), truck than 60 (limit 50)" in describe(speeding, kz)
    assert describe(speeding, kz).endswith("; exempt plates by lists: ambulances, issued at most 24 h before")
    assert "exempt" not in describe(SpeedingRule(limit_kmh=60), kz)
