"""A new case is complete by the law of the place, or refused with all that is missing; photos are checked first."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from searching import DAY, T0

from flows.casework.searches import LONGEST_SIDE_PX, IncompleteCase, new_case, prepared
from flows.domain.errors import FieldError
from flows.domain.probes import ProbeCheck
from flows.jurisdiction import load_profile, profile_names
from models.faces.photos import decoded

KZ = load_profile("kz")


def filled_in(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "purpose": "missing_child",
        "basis": {"law": "KPK RK 232", "document": "17-2026"},
        "target": {"kind": "person", "name": "A. B.", "probes": ["p1"]},
        "districts": ["esil"],
        "window": {"begins_at": T0.isoformat(), "ends_at": (T0 + 3 * DAY).isoformat()},
        "alert_radius_m": 1500,
        "requester": "asel",
        "expires_at": (T0 + 3 * DAY).isoformat(),
        "registration": "R-1",
    }
    return values | changes


def without(*names: str) -> dict[str, Any]:
    return {k: v for k, v in filled_in().items() if k not in names}


def test_a_complete_case_is_a_draft_under_the_terms_of_its_purpose() -> None:
    case = new_case(filled_in(), KZ, "case-1", T0)
    assert (case.state, case.requester, case.profile) == ("draft", "asel", KZ.version)
    assert case.terms == KZ.searches["missing_child"]


@pytest.mark.parametrize(
    "name",
    ["basis", "target", "window", "alert_radius_m", "requester", "expires_at", "purpose", "registration"],
)
def test_whatever_is_missing_is_refused_by_name(name: str) -> None:
    with pytest.raises(FieldError) as caught:
        new_case(without(name), KZ, "case-1", T0)
    assert caught.value.field.startswith(name)


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(IncompleteCase) as caught:
        new_case(without("basis", "alert_radius_m", "expires_at"), KZ, "case-1", T0)
    assert {p.field for p in caught.value.problems} == {"basis", "alert_radius_m", "expires_at"}


def test_what_is_wrong_with_the_whole_case_is_named_with_it() -> None:
    given = without("basis", "districts", "registration") | {"expires_at": (T0 + 8 * DAY).isoformat()}
    with pytest.raises(IncompleteCase) as caught:
        new_case(given, KZ, "case-1", T0)
    assert {p.field for p in caught.value.problems} == {"basis", "cameras", "registration", "expires_at"}


@pytest.mark.parametrize("purpose", ["", "curiosity"])
def test_what_else_is_missing_is_named_with_a_purpose_that_is_not_allowed(purpose: str) -> None:
    with pytest.raises(IncompleteCase) as caught:
        new_case(without("basis", "districts") | {"purpose": purpose}, KZ, "case-1", T0)
    assert [p.field for p in caught.value.problems] == ["purpose", "basis", "cameras"]
    with pytest.raises(IncompleteCase) as caught:
        new_case(filled_in(purpose=purpose), KZ, "case-1", T0)
    assert [p.field for p in caught.value.problems] == ["purpose"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"districts": []}, "cameras"),
        ({"expires_at": (T0 + 8 * DAY).isoformat()}, "expires_at"),
        ({"window": {"begins_at": T0.isoformat(), "ends_at": (T0 + 8 * DAY).isoformat()}}, "window.ends_at"),
        ({"purpose": "wanted_by_court_order"}, "impact_assessment"),
        ({"target": {"kind": "person", "name": "A. B.", "probes": ["p1"], "age": 9}}, "target"),
        ({"target": {"kind": "vehicle", "plate": "---"}}, "target.plate"),
        ({"state": "active"}, "state"),
        ({"terms": {"longest_days": 30}}, "terms"),
        ({"steps": []}, "steps"),
    ],
)
def test_what_the_law_does_not_allow_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as caught:
        new_case(filled_in(**changes), KZ, "case-1", T0)
    assert caught.value.field.startswith(field)


def test_a_window_however_long_is_held_to_the_limit_of_its_purpose() -> None:
    """Whoever asks for a year hears what to ask for, and not another limit first."""
    year = {"begins_at": T0.isoformat(), "ends_at": (T0 + 365 * DAY).isoformat()}
    with pytest.raises(IncompleteCase, match=r"window.ends_at: expected at most 7 days .* missing_child"):
        new_case(filled_in(window=year), KZ, "case-1", T0)


def test_a_purpose_that_the_profile_does_not_name_is_not_allowed() -> None:
    strict = KZ.model_copy(update={"searches": {"missing_child": KZ.searches["missing_child"]}})
    with pytest.raises(
        FieldError, match="purpose: expected one that profile kz allows searches for: missing_child"
    ):
        new_case(filled_in(purpose="victim_search"), strict, "case-1", T0)


@pytest.mark.parametrize("name", profile_names())
def test_missing_children_come_first_in_every_profile(name: str) -> None:
    searches = load_profile(name).searches
    child, others = searches["missing_child"], [t for p, t in searches.items() if p != "missing_child"]
    assert child.first
    assert child.grows_kmh > 0
    for other in others:
        assert not other.first
        assert child.votes < other.votes
        assert child.false_alarms_per_day > other.false_alarms_per_day
        assert child.longest_days <= other.longest_days
        assert child.kept_days < other.kept_days
        assert child.lead_hours <= other.lead_hours <= 72


# Photos


class Checker:
    """Sees as many faces as it is told to; remembers what it was shown."""

    def __init__(self, faces: int = 1) -> None:
        self.faces, self.shown = faces, list[tuple[int, ...]]()

    def check(self, bgr: NDArray[np.uint8]) -> ProbeCheck:
        self.shown.append(bgr.shape)
        problems = () if self.faces == 1 else (f"expected one face, got {self.faces}",)
        return ProbeCheck(self.faces, 100, 1, 0, problems, {})


def jpeg(width: int = 300, height: int = 200, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, "JPEG", **options)
    return out.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A picture that says how large it is, and holds nothing: whoever decoded it would fail otherwise."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("photo", "got"),
    [
        (huge_png(10_000, 10_000), "100 megapixels"),
        (b"this is a text and no picture", "something else"),
        (b"", "something else"),
        (jpeg()[:200], "something else"),
        (b"\xff\xd8" + b"0" * 20_000_001, "20.0 MB"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused_before_anybody_looks(photo: bytes, got: str) -> None:
    checker = Checker()
    with pytest.raises(FieldError, match=r"photos\.p1") as caught:
        prepared({"p1": photo}, decoded, checker)
    assert got in str(caught.value)
    assert checker.shown == []


@pytest.mark.parametrize("faces", [0, 3])
def test_a_photo_without_exactly_one_face_is_refused_by_its_name(faces: int) -> None:
    with pytest.raises(FieldError, match=rf"photos\.p2: .*got {faces}"):
        prepared({"p2": jpeg()}, decoded, Checker(faces))


@pytest.mark.slow
def test_a_photo_is_kept_upright_smaller_and_without_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the telephone on its side
    exif[0x010F] = "a telephone"
    checker = Checker()
    kept = prepared({"p1": jpeg(3000, 1500, exif=exif)}, decoded, checker)["p1"]
    picture = Image.open(io.BytesIO(kept))
    assert picture.size == (LONGEST_SIDE_PX // 2, LONGEST_SIDE_PX)
    assert checker.shown == [(LONGEST_SIDE_PX, LONGEST_SIDE_PX // 2, 3)]
    assert dict(picture.getexif()) == {}
    assert b"telephone" not in kept
    red, green, _ = picture.convert("RGB").getpixel((10, 10))  # type: ignore[misc]
    assert red > 150 > green


def test_the_window_is_counted_from_its_own_beginning() -> None:
    past = {"begins_at": (T0 - 9 * DAY).isoformat(), "ends_at": (T0 - 2 * DAY).isoformat()}
    assert new_case(filled_in(window=past), KZ, "case-1", T0).window.ends_at == T0 - 2 * DAY
    assert timedelta(days=KZ.searches["missing_child"].longest_days) == 7 * DAY
