from __future__ import annotations

from pathlib import Path

import pytest

from flows.domain.errors import FieldError
from models.plates import grammar
from models.plates.grammar import home_first, load, resolve
from models.plates.reading import Character, Reading

KZ = home_first("KZ")


def lines(*texts: str) -> Reading:
    return Reading.joined(Reading.of(text) for text in texts)


@pytest.mark.parametrize(
    ("seen", "country", "kind", "shown"),
    [
        ("123ABC02", "KZ", "car", "123 ABC 02"),
        ("123AB02", "KZ", "firm", "123 AB 02"),
        ("H123402", "KZ", "foreign", "H 1234 02"),
        ("D123456", "KZ", "diplomatic", "D 123 456"),
        ("A585CUO", "KZ", "car", "A 585 CUO"),
        ("A001AA", "KZ", "firm", "A 001 AA"),
        ("A123BC77", "RU", "car", "A 123 BC 77"),
        ("A123BC777", "RU", "car", "A 123 BC 777"),
        ("01A123BC", "UZ", "car", "01 A 123 BC"),
        ("08345AAT", "KG", "car", "08 345 AAT"),
    ],
)
def test_plates_of_kazakhstan_and_its_neighbours(seen: str, country: str, kind: str, shown: str) -> None:
    fit = resolve(Reading.of(seen), KZ)
    assert fit is not None
    assert (fit.country, fit.kind, fit.shown) == (country, kind, shown)


@pytest.mark.parametrize(
    ("seen", "meant"),
    [("I23ABCO2", "123ABC02"), ("1238BC02", "123BBC02"), ("123ABC0Z", None), ("12SABC02", "125ABC02")],
)
def test_lookalikes_are_told_apart_by_their_place(seen: str, meant: str | None) -> None:
    fit = resolve(Reading.of(seen), KZ[:1])
    assert fit is not None
    assert fit.text == (meant or "123ABC02")
    assert fit.changes >= 1


@pytest.mark.parametrize("letter", ["O", "B", "S", "Z", "G"])
def test_a_letter_that_may_stand_there_stays(letter: str) -> None:
    fit = resolve(Reading.of(f"123A{letter}C02"), KZ)
    assert fit is not None
    assert fit.text == f"123A{letter}C02"
    assert fit.changes == 0


@pytest.mark.parametrize("text", ["TAXI24", "77017012345", "FORSALE", "CAMRY", "12", "", "ABCDEFGH"])
def test_what_is_no_plate_fits_nothing(text: str) -> None:
    assert resolve(Reading.of(text), KZ) is None


def test_a_letter_that_is_no_lookalike_is_not_bent() -> None:
    assert resolve(Reading.of("12WABC02"), KZ[:1]) is None


def test_what_the_recogniser_itself_held_possible_may_replace_what_cannot_be() -> None:
    seen = list(Reading.of("123ABC02").characters)
    seen[2] = Character({"J": 0.6, "3": 0.35})
    fit = resolve(Reading(tuple(seen), (8,)), KZ)
    assert fit is not None
    assert fit.text == "123ABC02"
    assert fit.weakest == pytest.approx(0.35)


def test_lookalikes_that_cannot_stand_there_count_for_the_one_that_can() -> None:
    seen = list(Reading.of("123ABC02").characters)
    seen[6] = Character({"O": 0.6, "0": 0.38})
    fit = resolve(Reading(tuple(seen), (8,)), KZ)
    assert fit is not None
    assert fit.confidence == pytest.approx(0.98)


def test_two_lines_become_one_number_in_the_order_it_is_told() -> None:
    car, bike = resolve(lines("123", "ABC02"), KZ), resolve(lines("1202", "AB"), KZ)
    assert car is not None
    assert bike is not None
    assert (car.shown, bike.shown, bike.kind) == ("123 ABC 02", "12 AB 02", "motorcycle")


def test_the_mark_beside_the_number_is_no_part_of_it() -> None:
    for reading in (Reading.of("KZ123ABC02"), Reading.of("K2123ABC02"), lines("KZ123", "ABC02")):
        fit = resolve(reading, KZ)
        assert fit is not None
        assert fit.text == "123ABC02"


def test_a_plate_that_might_be_another_countrys_names_its_rival() -> None:
    fit = resolve(Reading.of("Z1440XC"), KZ)  # Z 144 OXC of Kazakhstan, or Z 1440 XC of Kyrgyzstan
    assert fit is not None
    assert fit.text == "Z144OXC"
    assert fit.rival in ("Z1440XC", "1440XC")


@pytest.mark.parametrize(
    ("home", "seen", "rival"),
    [
        ("KZ", "01123ABC", "01123ABC of UZ"),  # a car of Bishkek, or a firm of Tashkent
        ("KZ", "AB12345", "AB12345 of EU"),  # a bus of Russia, or a car of Norway
        ("KG", "01123ABC", ""),  # at home there
        ("KZ", "KG01123ABC", ""),  # it says so
    ],
)
def test_a_plate_that_two_countries_have_names_the_other_one(home: str, seen: str, rival: str) -> None:
    fit = resolve(Reading.of(seen), home_first(home))
    assert fit is not None
    assert fit.rival == rival


def test_any_text_is_taken_only_where_the_camera_stands_in_such_a_country() -> None:
    us = resolve(Reading.of("NEILDMND"), home_first("US"))
    assert us is not None
    assert (us.text, us.country) == ("NEILDMND", "US")
    assert resolve(Reading.of("NEILDMND"), home_first("KZ")) is None


@pytest.mark.parametrize(
    ("seen", "remnant"),
    [
        ("217HML1", "car"),  # 217 HML 13 without its last digit, not 217 HM 11
        ("17HML13", "car"),
        ("217HM11", ""),
        ("I23ABCO2", ""),  # letters that cannot stand there, and nothing is missing
    ],
)
def test_what_may_be_left_of_another_plate_is_said(seen: str, remnant: str) -> None:
    fit = resolve(Reading.of(seen), KZ)
    assert fit is not None
    assert fit.remnant == remnant


@pytest.mark.parametrize(
    ("home", "longer", "left", "remnant"),
    [
        ("RU", ("A123BC777",), ("A123BC77",), "car"),
        ("RU", ("AB123477",), ("B123477",), "trailer"),  # taken for the police's
        ("KG", ("01123ABC",), ("01123AB",), "car"),
        ("KG", ("B1234AB",), ("B1234A",), "car"),
        ("UZ", ("30123ABC",), ("30123AB",), "firm"),
        ("KZ", ("123ABC02",), ("23ABC02",), "car"),
        ("EU", ("AABC123",), ("ABC123",), "car"),
        ("EU", ("HHAB123",), ("HHAB12",), "other"),
        ("US", ("7ABC123",), ("7ABC12",), "other"),
    ],
)
def test_no_plate_stands_by_itself_that_a_longer_one_of_its_country_may_be_covered(
    home: str, longer: tuple[str, ...], left: tuple[str, ...], remnant: str
) -> None:
    whole, covered = resolve(lines(*longer), home_first(home)), resolve(lines(*left), home_first(home))
    assert whole is not None
    assert covered is not None
    assert (covered.country, covered.remnant) == (home, remnant)


@pytest.mark.parametrize(
    ("home", "seen"),
    [("KZ", "123ABC02"), ("KZ", "123AB02"), ("RU", "A123BC777"), ("UZ", "01A123BC"), ("EU", "B123ABCDE")],
)
def test_what_no_longer_plate_can_leave_stands(home: str, seen: str) -> None:
    fit = resolve(Reading.of(seen), home_first(home))
    assert fit is not None
    assert (fit.country, fit.remnant) == (home, "")


def test_a_missing_character_leaves_a_hole() -> None:
    places = [0.15, 0.24, 0.33, 0.46, 0.66, 0.82, 0.91]  # 123 A_C 02: the middle letter is covered
    seen = tuple(Character({c: 1.0}, at) for c, at in zip("123AC02", places, strict=True))
    covered = resolve(Reading(seen, (7,)), KZ)
    assert covered is not None
    assert covered.hole == "between A and C"


@pytest.mark.parametrize("name", grammar.names())
def test_every_grammar_is_sound(name: str) -> None:
    read = load(name)
    assert read.country == name.upper()
    assert read.forms or read.free


def test_a_wrong_pattern_is_told_with_the_sign_that_means_nothing(tmp_path: Path) -> None:
    path = tmp_path / "xx.yaml"
    path.write_text('{country: XX, title: X, letters: AB, forms: [{kind: car, pattern: "## ?L"}]}')
    with pytest.raises(FieldError, match=r"pattern '## \?L'.*got '\?'"):
        grammar.read(path)


def test_an_unknown_grammar_names_those_there_are() -> None:
    with pytest.raises(FieldError, match="one of br, eu, kg, kz"):
        load("atlantis")
