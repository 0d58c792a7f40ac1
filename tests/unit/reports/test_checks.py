"""Routing, duplicates, and what contradicts a claim."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from citizens import AT, report

from flows.domain.places import distance_m
from flows.domain.reports import step
from flows.domain.site import District
from flows.reports.checks import district_of, doubts, same
from flows.uploads.inspected import Inspected, exif_degrees, exif_time, iso6709


def test_reports_near_in_place_and_time_of_one_service_are_the_same() -> None:
    near = report("2", latitude=43.2403, happened_at=AT + timedelta(minutes=10))
    assert same(near, [report("1")]) == report("1")
    assert same(report("1"), [report("1")]) is None
    for changes in (
        {"latitude": 43.242},
        {"happened_at": AT + timedelta(minutes=20)},
        {"service": "speeding"},
    ):
        assert same(report("3", **changes), [report("1")]) is None
    assert same(near, [step(report("1"), "declined", "aigul", AT)]) is None


def site(**cameras: tuple[float, float, str]) -> Any:
    districts = (
        District(id="esil", polygon=((43.2, 76.9), (43.3, 76.9), (43.3, 77.0), (43.2, 77.0))),
        District(id="almaly"),
    )
    placed = [SimpleNamespace(latitude=a, longitude=o, district=d) for a, o, d in cameras.values()]
    return SimpleNamespace(districts=districts, cameras=placed)


def test_a_place_belongs_to_the_district_around_it_else_to_the_nearest_camera_s() -> None:
    known = site(a=(43.10, 76.80, "almaly"), b=(43.25, 76.95, "almaly"))
    assert district_of(43.25, 76.95, known) == "esil"
    assert district_of(43.101, 76.80, known) == "almaly"
    assert district_of(50.0, 60.0, known) == ""
    assert district_of(50.0, 60.0, site()) == ""


def test_a_border_needs_three_corners_in_degrees() -> None:
    for polygon in (((43.2, 76.9), (43.3, 76.9)), ((143.2, 76.9), (43.3, 76.9), (43.3, 77.0))):
        with pytest.raises(ValueError, match="polygon"):
            District(id="esil", polygon=polygon)


def photo(**changes: Any) -> Inspected:
    return Inspected.model_validate({"kind": "jpeg", "width_px": 100, "height_px": 100} | changes)


def test_a_file_s_own_metadata_are_held_against_the_claim() -> None:
    def said(**changes: Any) -> list[str]:
        return doubts(43.24, 76.91, AT, AT + timedelta(minutes=5), photo(**changes), "Asia/Almaty")

    assert said() == []
    assert said(latitude=43.2405, longitude=76.91, taken_at=AT) == []
    assert said(latitude=43.34, longitude=76.91) == ["taken 11.1 km from the place reported"]
    assert said(taken_at=AT - timedelta(days=3)) == ["taken 3 days before the time reported"]
    assert said(taken_local=datetime(2026, 11, 2, 13, 5)) == []  # noqa: DTZ001 - 08:05 in UTC
    assert said(taken_local=datetime(2026, 11, 2, 8, 0)) == ["taken 5.0 h before the time reported"]  # noqa: DTZ001
    assert "future" in said(taken_at=AT + timedelta(hours=1))[1]


@pytest.mark.parametrize("text", ["", "garbage", "2026:13:40 99:99:99", "0000:00:00 00:00:00", "\0" * 19])
def test_metadata_that_are_none_are_none(text: str) -> None:
    assert exif_time(text, text) == (None, None)
    assert iso6709(text) is None
    assert exif_degrees((float("nan"), 0, 0), "N") is None
    assert exif_degrees((999, 0, 0), "N") is None
    assert exif_time("0001:01:01 00:00:00", "+14:00") == (None, None)


def test_distances_are_those_of_the_earth() -> None:
    assert distance_m((0, 0), (0, 180)) == pytest.approx(20_015_000, rel=1e-3)
    assert distance_m((43.24, 76.91), (43.24, 76.91)) == 0


def test_a_claim_in_the_past_of_another_zone_is_the_same_moment() -> None:
    assert report(happened_at=AT.astimezone(UTC)).happened_at == AT
