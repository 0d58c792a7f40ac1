from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows.casework.exemptions import KEPT
from flows.domain.errors import FieldError
from flows.domain.ruleset import RULE_KINDS
from flows.jurisdiction import JurisdictionProfile, load_profile, profile_names

MINE = """
name: mine
title: Elsewhere
timezone: {timezone}
rules:
  speeding: {{article: "7", tolerance_kmh: {tolerance}, bands: [{{above_kmh: 20, article: 7-2}}]}}
retention: {{violation_days: 30, unconfirmed_days: 3, plate_hash_days: 1}}
"""


@pytest.mark.parametrize("name", profile_names())
def test_every_built_in_profile_loads_and_says_that_counsel_has_to_confirm_it(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert not profile.confirmed
    assert (
        profile.law("speeding").article_for(profile.law("speeding").tolerance_kmh)
        != profile.law("speeding").article
    )


def test_kazakhstan() -> None:
    law = load_profile("kz").law("speeding")
    assert law.tolerance_kmh == 10
    excesses = (5, 10, 19.9, 20, 45, 75)
    articles = ["592", "592(1)", "592(1)", "592(2)", "592(3)", "592(3-1)"]
    assert [law.article_for(e).removeprefix("KoAP RK ") for e in excesses] == articles


def test_days_are_local() -> None:
    late = datetime(2026, 5, 1, 20, 0, tzinfo=UTC)
    assert load_profile("kz").local_day(late) == date(2026, 5, 2)


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(
        FieldError, match=r"jurisdiction: expected one of kz, uz or .*got 'kzz'; did you mean 'kz'"
    ):
        load_profile("kzz")


def test_a_file_beside_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.format(timezone="Asia/Almaty", tolerance=3))
    assert load_profile("mine.yaml", tmp_path).law("speeding").tolerance_kmh == 3
    with pytest.raises(FieldError, match="a profile file that exists"):
        load_profile("other.yaml", tmp_path)


@pytest.mark.parametrize(
    ("timezone", "tolerance", "message"),
    [
        ("Mars/Olympus", 3, r"line 4: mine.yaml: timezone.*time zone"),
        (
            "Asia/Almaty",
            -3,
            r"line 6: mine.yaml: rules.speeding.tolerance_kmh: expected a number of at least 0, got -3",
        ),
    ],
)
def test_mistakes_are_told_with_field_and_line(
    tmp_path: Path, timezone: str, tolerance: int, message: str
) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.format(timezone=timezone, tolerance=tolerance))
    with pytest.raises(FieldError, match=message):
        load_profile("mine.yaml", tmp_path)


@pytest.mark.parametrize("whose", ["retention", "rules.speeding.retention"])
def test_no_violation_is_kept_for_longer_than_lists_of_exempt_plates_tell_who_was_exempt_then(
    tmp_path: Path, whose: str
) -> None:
    text = MINE.format(timezone="Asia/Almaty", tolerance=3)
    if whose != "retention":
        text = text.replace(
            "tolerance_kmh", "retention: {violation_days: 30, unconfirmed_days: 3}, tolerance_kmh"
        )
    most = (KEPT - timedelta(days=30)).days  # so long after the last decision on one
    for days in (most, most + 1):
        (tmp_path / "mine.yaml").write_text(text.replace("violation_days: 30", f"violation_days: {days}", 1))
        if days == most:
            load_profile("mine.yaml", tmp_path)
    with pytest.raises(FieldError, match=rf"{whose}.violation_days: expected .*{most}, got {most + 1}"):
        load_profile("mine.yaml", tmp_path)


def test_the_law_of_a_rule_that_there_is_not_is_refused(tmp_path: Path) -> None:
    text = MINE.format(timezone="Asia/Almaty", tolerance=3)
    (tmp_path / "mine.yaml").write_text(text.replace("rules:", "rules:\n  buslane: {article: x}"))
    with pytest.raises(
        FieldError, match=r"mine.yaml: rules.buslane: expected one of .*bus_lane.*, got 'buslane'"
    ):
        load_profile("mine.yaml", tmp_path)


@pytest.mark.parametrize("name", profile_names())
def test_a_sections_speed_falls_under_the_same_parts_of_the_law_as_any_other(name: str) -> None:
    profile = load_profile(name)
    assert profile.law("section_speed") == profile.law("speeding")


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_says_something_of_every_rule_of_the_road(name: str) -> None:
    rules = {*RULE_KINDS} - {"abandoned_object"}
    assert set(load_profile(name).rules) == rules


def test_a_profile_of_a_town_names_the_country_of_its_plates(tmp_path: Path) -> None:
    text = MINE.format(timezone="Asia/Tashkent", tolerance=3)
    (tmp_path / "mine.yaml").write_text(text)
    mine = load_profile("mine.yaml", tmp_path)
    (tmp_path / "mine.yaml").write_text(text + "country: uz\n")
    theirs = load_profile("mine.yaml", tmp_path)
    assert (load_profile("kz").plates, mine.plates, theirs.plates) == ("KZ", "MINE", "UZ")
    assert theirs.version != mine.version


def test_what_is_kept_as_usual_is_no_other_version(tmp_path: Path) -> None:
    """A case's package holds the profile as it was: what came later must not make it another one."""
    text, versions = MINE.format(timezone="Asia/Almaty", tolerance=3), []
    for more in ("", ", task_days: 30", ", task_days: 31"):
        (tmp_path / "mine.yaml").write_text(
            text.replace(", plate_hash_days: 1", ", plate_hash_days: 1" + more)
        )
        versions.append(load_profile("mine.yaml", tmp_path).version)
    assert versions[0] == versions[1] != versions[2]


def test_a_profile_that_an_earlier_software_kept_is_of_the_version_that_its_cases_name() -> None:
    """Else they are exported without the law of their time. Both are as software before that age wrote them."""
    kept = """
        {"name": "xx", "title": "X", "timezone": "UTC", "country": "", "confirmed": false,
         "rules": {"speeding": {"article": "A", "tolerance_kmh": 0.0, "bands": [], "exemptions_max_age_h": null,
                                "needs_review": false, "evaluated_may_stand": false}},
         "evidence": {"pictures": 2, "clip_s": 10.0}, "searches": {},
         "retention": {"violation_days": 365, "unconfirmed_days": 30, "plate_hash_days": 1, "task_days": 30}}"""
    profile = JurisdictionProfile.model_validate_json(kept)
    other = JurisdictionProfile.model_validate({**profile.model_dump(), "exemptions_max_age_h": 12})
    assert profile.version == "xx@81f4c5a481af" != other.version


def test_a_rule_may_ask_for_other_evidence_than_the_rest(
    tmp_path: Path,
) -> None:
    text = MINE.format(timezone="Asia/Almaty", tolerance=3)
    (tmp_path / "mine.yaml").write_text(text)
    plain = load_profile("mine.yaml", tmp_path)
    (tmp_path / "mine.yaml").write_text(
        text.replace("tolerance_kmh: 3,", "tolerance_kmh: 3, evidence: {pictures: 3, clip_s: 5},")
    )
    mine = load_profile("mine.yaml", tmp_path)
    asked = [
        (law.pictures, law.clip_s) for law in (mine.evidence_for(kind) for kind in ("speeding", "red_light"))
    ]
    assert asked == [(3, 5.0), (2, 10.0)]
    assert plain.evidence_for("speeding") == plain.evidence
    assert plain.version != mine.version


@pytest.mark.parametrize("name", profile_names())
def test_every_built_in_profile_says_how_long_a_patrol_s_task_is_kept(name: str) -> None:
    assert "task_days" in load_profile(name).retention.model_fields_set
