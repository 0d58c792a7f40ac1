"""Lists of exempt plates are read whole or not at all; every mistake is told with its line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.casework.exemptions import (
    ExemptionFileError,
    ExemptionList,
    carrying,
    check_whole,
    read_exemptions,
)
from flows.domain.errors import FieldError

NOW = datetime(2026, 9, 2, 3, 0, tzinfo=UTC)
HEAD = "name: permits\nissued_at: 2026-09-01T06:00:00+05:00\n"
CSV_HEAD = "# name: permits\n# issued_at: 2026-09-01T06:00:00+05:00\n"
YAML = HEAD + (
    "entries:\n"
    "  - {plate: 123 ABC 02, valid_from: 2026-09-01, valid_until: 2026-12-31, reason: ambulance station 3}\n"
    "  - {plate: 777 TX 02, valid_until: 2026-09-01T12:00:00+05:00, reason: taxi}\n"
)
CSV = CSV_HEAD + (
    "plate,valid_from,valid_until,reason\n"
    "123 ABC 02,2026-09-01,2026-12-31,ambulance station 3\n"
    '777 TX 02,,2026-09-01T12:00:00+05:00,"taxi"\n'
)


def read(tmp_path: Path, text: str, name: str = "list.yaml") -> ExemptionList:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_exemptions(path, NOW)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_yaml_and_csv_say_the_same(tmp_path: Path) -> None:
    yaml, csv = read(tmp_path, YAML), read(tmp_path, CSV, "list.csv")
    assert yaml == csv
    assert yaml.digest == csv.digest
    assert (yaml.name, len(yaml.entries)) == ("permits", 2)
    semicolons = CSV.replace("plate,", "plate;").replace("from,", "from;").replace("until,", "until;")
    semicolons = semicolons.replace("02,", "02;").replace("01,", "01;").replace("31,", "31;")
    semicolons = semicolons.replace(";,", ";;").replace('05:00,"', '05:00;"')
    assert read(tmp_path, semicolons, "other.csv") == yaml


@pytest.mark.parametrize(
    ("plate", "when", "exempt"),
    [
        ("123ABC02", "2026-09-01T00:00:00+05:00", True),
        ("123abc02", "2026-08-31T23:59:59+05:00", False),
        ("123 АВС 02", "2026-12-31T23:59:59+05:00", True),  # Cyrillic
        ("123ABC02", "2027-01-01T00:00:00+05:00", False),
        ("777TX02", "2026-09-01T11:59:59+05:00", True),
        ("777TX02", "2026-09-01T12:00:00+05:00", False),
        ("777TX02", "2001-01-01T00:00:00+05:00", True),
        ("124ABC02", "2026-10-01T00:00:00+05:00", False),
    ],
)
def test_a_plate_is_exempt_from_its_first_day_to_the_end_of_its_last(
    tmp_path: Path, plate: str, when: str, exempt: bool
) -> None:
    assert (read(tmp_path, YAML).exempting(plate, at(when)) is not None) is exempt


def test_a_plate_may_have_several_entries(tmp_path: Path) -> None:
    text = HEAD + "entries:\n" + "".join(
        f"  - {{plate: AAA111, valid_from: {day}, valid_until: {day}}}\n" for day in ("2026-01-01", "2026-03-01")
    )  # fmt: skip
    found = read(tmp_path, text)
    days = ("2026-01-01", "2026-02-01", "2026-03-01")
    assert [bool(found.exempting("AAA111", at(f"{d}T12:00:00+05:00"))) for d in days] == [True, False, True]


def test_a_plate_that_looks_alike_is_near(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + "entries: [{plate: 100 BOI 02}]")
    assert found.exempting("1OO80102", NOW) is None
    assert found.near("1OO80102", NOW) is not None
    assert found.near("200BOI02", NOW) is None


@pytest.mark.parametrize("read_as", ["123DVL02", "123OUL02", "123QVI02"])
def test_letters_that_no_place_tells_apart_are_near_too(tmp_path: Path, read_as: str) -> None:
    """All of them are letters of one form: the grammar leaves them as they were read."""
    found = read(tmp_path, HEAD + "entries: [{plate: 123 OVI 02}]")
    assert found.exempting(read_as, NOW) is None
    assert found.near(read_as, NOW) is not None


def test_freshness_counts_from_the_issue_to_the_capture(tmp_path: Path) -> None:
    found = read(tmp_path, YAML)
    day = timedelta(hours=24)
    assert found.fresh_for(found.issued_at + day, 24)
    assert not found.fresh_for(found.issued_at + day + timedelta(seconds=1), 24)
    assert found.fresh_for(found.issued_at - timedelta(days=300), 24)
    assert found.fresh_for(found.issued_at + timedelta(days=300), None)


@pytest.mark.parametrize(
    ("text", "field", "line", "expected", "got"),
    [
        ("issued_at: 2026-09-01T06:00:00+05:00\nentries: []\n", "name", 1, "required", "nothing"),
        ("name: permits\nentries: []\n", "issued_at", 1, "required", "nothing"),
        (HEAD, "entries", 1, "a list", "nothing"),
        ("name: Per mits\nissued_at: 2026-09-01\nentries: []", "name", 1, "lower-case", "Per mits"),
        ("name: permits\nissued_at: 2026-09-01T06:00:00\nentries: []", "issued_at", 2, "zone", "06:00:00"),
        ("name: permits\nissued_at: 2026-09-03T06:00:00Z\nentries: []", "issued_at", 2, "no later than now", "09-03"),
        (HEAD + "entries:\n - {plate: 5}", "entries.0.plate", 4, "letters and digits", "5"),
        (HEAD + "entries:\n - {plate: '!!'}", "entries.0.plate", 4, "letters and digits", "!!"),
        (HEAD + "entries:\n - {plate: AAA111, valid_from: soon}", "entries.0.valid_from", 4, "a day such as", "soon"),
        (HEAD + "entries:\n - {plate: AAA111, valid_until: 2026-09-01T06:00:00}", "entries.0.valid_until", 4,
         "with its zone", "06:00:00"),
        (HEAD + "entries:\n - {plate: AAA111, valid_from: 2026-09-02, valid_until: 2026-09-01}",
         "entries.0.valid_until", 4, "no earlier than 2026-09-02", "2026-09-01"),
        (HEAD + "entries:\n - {plat: AAA111}", "entries.0.plat", 4, "plate", "unknown key"),
        (HEAD + "entries:\n - {plate: AAA111\n - {", "list.yaml", 5, "YAML", ""),
        (HEAD + "name: taxis\nentries: []", "name", 3, "each key once", "again"),
        (HEAD + "removed: true\nentries: []", "removed", 3, "no such key", "true"),
        ("- 1", "document", 1, "a mapping", "a list"),
        ("", "list.yaml", None, "a mapping", "an empty file"),
    ],
)  # fmt: skip
def test_a_malformed_yaml_list_is_refused_with_its_field_and_line(
    tmp_path: Path, text: str, field: str, line: int | None, expected: str, got: str
) -> None:
    with pytest.raises(FieldError) as caught:
        read(tmp_path, text)
    error = caught.value
    assert field in error.field
    assert error.line == line
    assert expected in error.expected
    assert got in str(error.got)


@pytest.mark.parametrize(
    ("text", "field", "line", "expected"),
    [
        ("plate,reason\nAAA111,x\n", "name", None, "required"),
        (CSV_HEAD + "number,reason\nAAA111,x\n", "header", 3, "plate"),
        (CSV_HEAD + "plate,plate\nAAA111,x\n", "header", 3, "plate"),
        (CSV_HEAD + "plate,reason\nAAA111,x\n\nAAA112\n", "entries.1", 6, "2 cells"),
        (CSV_HEAD + "plate,reason\n,x\n", "entries.0.plate", 4, "letters and digits"),
        (CSV_HEAD + "plate,valid_from\nAAA111,2026-13-01\n", "entries.0.valid_from", 4, "a day such as"),
        (CSV_HEAD + 'plate,reason\nAAA111,"x\n', "entries", 4, "rows of CSV"),
        (CSV_HEAD, "list.csv", 2, "a header"),
    ],
)
def test_a_malformed_csv_list_is_refused_with_its_field_and_line(
    tmp_path: Path, text: str, field: str, line: int | None, expected: str
) -> None:
    with pytest.raises(FieldError) as caught:
        read(tmp_path, text, "list.csv")
    assert field in caught.value.field
    assert caught.value.line == line
    assert expected in caught.value.expected


def test_a_csv_without_its_name_and_date_says_where_they_belong(tmp_path: Path) -> None:
    with pytest.raises(ExemptionFileError) as told:
        read(tmp_path, "plate,reason\n123 ABC 02,x\n", "list.csv")
    hints = {problem.field: problem.hint for problem in told.value.problems}
    assert hints["name"] == "write '# name: permits' above the header"
    assert "# issued_at: 2026-09-01T06:00:00+05:00" in hints["issued_at"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = HEAD + "entries:\n - {plate: 5}\n - {plate: AAA111}\n - {plate: AAA111, valid_from: soon}\n"
    with pytest.raises(ExemptionFileError) as caught:
        read(tmp_path, text)
    assert [p.line for p in caught.value.problems] == [4, 6]


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(CSV.replace("station", "stat\xefon").encode("latin-1"))
    for name, expected in (("latin.csv", "UTF-8"), ("none.csv", "exists"), ("list.xlsx", ".yaml or .csv")):
        with pytest.raises(FieldError, match=expected):
            read_exemptions(tmp_path / name, NOW)


def issued(day: int, *plates: str, expired: int = 0) -> ExemptionList:
    """A list with the oldest first, as offices write it: so many that hold no more, then plates that do."""
    old = [{"plate": f"{n} OLD 02", "valid_until": "2026-08-01"} for n in range(100, 100 + expired)]
    entries = [*old, *({"plate": plate} for plate in plates)]
    return ExemptionList.model_validate(
        {"name": "permits", "issued_at": f"2026-09-0{day}T06:00:00+05:00", "entries": entries}
    )


HELD = issued(1, "123 ABC 02", "124 ABC 02", "125 ABC 02", expired=6)


@pytest.mark.parametrize(
    "fresh",
    [
        issued(2, "123 ABC 02", "124 ABC 02", expired=6),
        issued(2, "123 ABC 02", "124 ABC 02", "900 NEW 02"),
        issued(2, "123abc02", "124-ABC-02"),
    ],
    ids=["one is gone", "what has expired is gone", "otherwise spelled"],
)
def test_a_list_that_lost_some_plates_may_be_whole(fresh: ExemptionList) -> None:
    check_whole(fresh, HELD)
    check_whole(fresh, issued(1, expired=6))
    check_whole(fresh, None)


@pytest.mark.parametrize(
    "fresh",
    [issued(2, expired=6), issued(2, "123 ABC 02", expired=6), issued(2, *(f"{n} NEW 02" for n in range(100, 109)))],
    ids=["cut off after what has expired", "cut off after one", "another office's"],
)  # fmt: skip
def test_a_list_without_most_plates_that_hold_is_refused_however_long_it_is(fresh: ExemptionList) -> None:
    with pytest.raises(FieldError, match=r"2 or more of the 3 plates that are exempt now.*--fewer"):
        check_whole(fresh, HELD)


@pytest.mark.parametrize(
    "held", [None, HELD, issued(1)], ids=["the first", "one is in force", "an empty one is"]
)
def test_a_list_of_nobody_is_refused_as_well_when_it_is_the_first(held: ExemptionList | None) -> None:
    with pytest.raises(FieldError, match=r"entries: expected a plate or more, got 0.*--fewer"):
        check_whole(issued(2), held)


def test_when_all_permits_end_on_one_day_the_next_list_is_still_held_against_them() -> None:
    """A file that was cut off on the first of January would else be as good as any."""
    year = [{"plate": f"{n} ABC 02", "valid_until": "2026-12-31"} for n in range(100, 110)]
    held = listed("2026-12-31T06:00:00+05:00", *year)
    renewed = [{"plate": f"{n} ABC 02", "valid_until": "2027-12-31"} for n in range(100, 110)]
    check_whole(listed("2027-01-01T06:00:00+05:00", *renewed[:5]), held)
    with pytest.raises(FieldError, match="5 or more of the 10 plates that are exempt 30 days before"):
        check_whole(listed("2027-01-01T06:00:00+05:00", *renewed[:4]), held)
    check_whole(listed("2027-03-01T06:00:00+05:00", *renewed[:4]), held)


def test_lists_of_day_permits_are_taken_on_every_day() -> None:
    """Each is of other people, and keeps those of the days before."""
    held = None
    for day in range(40):
        issued_at = at("2026-09-01T06:00:00+05:00") + timedelta(days=day)
        today = f"{issued_at:%Y-%m-%d}"
        fresh = listed(
            issued_at.isoformat(), {"plate": f"{100 + day} ABC 02", "valid_from": today, "valid_until": today}
        )
        check_whole(fresh, held)
        held = fresh if held is None else carrying(fresh, held)


def test_a_list_in_place_of_one_that_was_removed_is_held_against_nobody() -> None:
    removed = listed("2026-09-01T07:00:00+05:00").model_copy(update={"removed": True})
    held = carrying(removed, listed("2026-09-01T06:00:00+05:00", {"valid_from": "2026-01-01"}))
    check_whole(listed("2026-09-01T08:00:00+05:00", {"plate": "900 NEW 02"}), held)


def listed(issued_at: str, *entries: dict[str, str]) -> ExemptionList:
    return ExemptionList.model_validate(
        {
            "name": "permits",
            "issued_at": issued_at,
            "entries": [{"plate": "123 ABC 02", **e} for e in entries],
        }
    )


TONIGHT = "2026-10-01T00:00:00+05:00"


@pytest.mark.parametrize(
    ("before", "now", "exempt"),
    [
        ([{"valid_until": "2026-09-30"}], [], {"09-30T23:59:50": True, "10-01T00:00:00": False}),
        ([{}], [], {"09-30T23:59:50": True, "10-01T00:00:00": False}),  # withdrawn before its time
        ([{"valid_until": "2026-09-30"}], [{"valid_from": "2026-10-01"}],
         {"09-30T23:59:50": True, "10-01T00:00:00": True}),  # renewed
        ([{"valid_from": "2026-09-15"}], [], {"09-14T23:59:59": False, "09-15T00:00:00": True}),
        ([{"valid_from": "2026-10-02"}], [], {"09-30T23:59:50": False, "10-02T00:00:00": False}),
        ([{"valid_until": "2025-08-01"}], [], {"07-01T00:00:00": False}),
    ],
    ids=["expired", "withdrawn", "renewed", "from a day", "not yet", "a year ago"],
)  # fmt: skip
def test_whoever_was_exempt_then_stays_so_when_a_later_list_is_silent(
    before: list[dict[str, str]], now: list[dict[str, str]], exempt: dict[str, bool]
) -> None:
    held = listed("2026-09-30T06:00:00+05:00", *before)
    found = carrying(listed(TONIGHT, *now), held)
    assert {m: found.exempting("123ABC02", at(f"2026-{m}+05:00")) is not None for m in exempt} == exempt


def test_what_was_kept_is_kept_on_and_let_go_when_it_can_concern_nobody() -> None:
    first = listed("2026-09-30T06:00:00+05:00", {})
    second = carrying(listed(TONIGHT), first)
    assert carrying(listed(TONIGHT), second) == second
    third = carrying(listed("2027-01-01T00:00:00+05:00"), second)
    assert third.entries == second.entries
    assert carrying(listed("2027-12-01T00:00:00+05:00"), third).entries == ()


def test_a_list_that_says_the_same_or_more_keeps_nothing() -> None:
    fresh = listed(TONIGHT, {"valid_until": "2026-12-31"})
    assert carrying(fresh, listed("2026-09-30T06:00:00+05:00", {"valid_until": "2026-09-30"})) is fresh


def test_days_are_kept_in_the_zone_of_their_own_list() -> None:
    found = carrying(
        listed("2026-10-01T12:00:00+05:00"), listed("2026-09-30T00:00:00Z", {"valid_until": "2026-09-30"})
    )
    assert found.exempting("123ABC02", at("2026-10-01T04:59:59+05:00")) is not None
    assert found.exempting("123ABC02", at("2026-10-01T05:00:00+05:00")) is None
