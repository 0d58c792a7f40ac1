from __future__ import annotations

from pathlib import Path

import pytest

from flows.domain.ruleset import BusLaneRule, SolidLineRule
from flows.jurisdiction import load_profile, profile_names
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
