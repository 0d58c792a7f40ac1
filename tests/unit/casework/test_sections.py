"""Average speed between two cameras: pairs are found whatever the order, and refused when they cannot be."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sections import START, TERMS, passage

from flows.casework.sections import Match, SectionBook, SectionLimits, average_speed, violation_of
from flows.domain.events import Violation
from flows.domain.passages import Passage

TRUE_KMH = 100.0
TRAVEL_S = TERMS.length_m / TRUE_KMH * 3.6
BOTH_READ = {role: {"text": "123ABC02"} for role in ("entry", "exit")}


def take(book: SectionBook, *passages: Passage) -> list[Match]:
    return [match for p in passages if (match := book.take(p)) is not None]


def violations(*passages: Passage) -> set[str]:
    found = take(SectionBook(), *passages)
    return {violation_of(m, BOTH_READ).id for m in found if m.exceeds}


def test_a_drive_has_an_average_speed_with_its_interval() -> None:
    (match,) = take(SectionBook(), passage("entry", 0), passage("exit", TRAVEL_S))
    assert match.speed.value == pytest.approx(TRUE_KMH, abs=0.01)
    assert match.speed.high - match.speed.low == pytest.approx(0.36, abs=0.05)
    assert match.travel.value == pytest.approx(TRAVEL_S)
    assert match.exceeds


@pytest.mark.parametrize("part", ["length", "entry", "exit"])
def test_each_error_widens_the_interval(part: str) -> None:
    sds = {"entry": 0.02, "exit": 0.02}
    if part != "length":
        sds[part] = 0.5
    error_m = 20.0 if part == "length" else 0.5
    passages = [
        passage(role, at_s, sd_s=sds[role], length_error_m=error_m)
        for role, at_s in (("entry", 0), ("exit", TRAVEL_S))
    ]
    (match,) = take(SectionBook(), *passages)
    assert match.speed.high - match.speed.low > 2


@pytest.mark.parametrize(("kmh", "exceeds"), [(60, False), (69.9, False), (70.05, False), (70.5, True)])
def test_only_what_is_surely_over_limit_and_tolerance(kmh: float, exceeds: bool) -> None:
    (match,) = take(SectionBook(), passage("entry", 0), passage("exit", 3600 / kmh))
    assert match.exceeds is exceeds


def test_the_violation_says_what_it_rests_on() -> None:
    ends = (("entry", 0.0), ("exit", TRAVEL_S))
    (match,) = take(SectionBook(), *(passage(role, at_s, parameters={"gate": role}) for role, at_s in ends))
    event = violation_of(match, BOTH_READ)
    facts = Violation.model_validate(event.data)
    assert (event.type, event.camera_id) == ("dome.violation.section_speed.v1", "abay-exit")
    assert event.time == START + timedelta(seconds=TRAVEL_S)
    assert facts.article == "592(2)"
    assert set(facts.measured) == {"speed", "travel_time", "distance"}
    assert facts.threshold == {"limit_kmh": 60.0, "tolerance_kmh": 10.0}
    assert (facts.state, facts.needs_review, facts.profile) == ("stands", False, "kz@1")
    for role in ("entry", "exit"):
        side: Any = event.data[role]
        assert side["camera"] == f"abay-{role}"
        assert side["plate"] == {"text": "123ABC02"}
        assert side["evidence"].startswith(f"abay-{role}/")
        assert side["calibration"] == {"id": f"survey-{role}"}
        assert side["parameters"] == {"gate": role}
    assert facts.parameters == {"gate": "exit"}
    assert "hash-a" not in event.model_dump_json()


@pytest.mark.parametrize("role", ["entry", "exit"])
def test_without_the_plate_s_text_or_the_package_of_either_side_a_person_looks(role: str) -> None:
    (match,) = take(SectionBook(), passage("entry", 0), passage("exit", TRAVEL_S))
    for event in (
        violation_of(match, BOTH_READ | {role: None}),
        violation_of(match, BOTH_READ, [f"{role}_package"]),
    ):
        assert event.data["state"] == "needs_review"
        assert role in str(event.data["doubts"])


@pytest.mark.slow
def test_order_and_repetition_change_nothing() -> None:
    """Two plates, one of them there twice, a vehicle that turned off: late, doubled, in any order."""
    passages = [
        passage("entry", 0), passage("exit", TRAVEL_S),
        passage("entry", 600), passage("exit", 600 + TRAVEL_S),
        passage("entry", 5, "hash-b"), passage("entry", 300, "hash-c"),
    ]  # fmt: skip
    expected = violations(*passages)
    assert len(expected) == 2
    for order in permutations(passages):
        assert violations(*order) == expected
    rng = random.Random(1)
    for _ in range(200):
        assert violations(*rng.choices(passages, k=40), *passages) == expected


def test_the_same_passage_again_is_no_second_drive() -> None:
    book = SectionBook()
    entry, exit = passage("entry", 0), passage("exit", TRAVEL_S)
    assert len(take(book, entry, exit)) == 1
    assert take(book, exit, entry, exit) == []
    assert len(book) == 2


def test_a_vehicle_tracked_twice_at_a_gate_passed_once() -> None:
    book = SectionBook()
    twice = passage("exit", TRAVEL_S + 0.2, position_m=(4.5, 25.0))
    assert len(take(book, passage("entry", 0), passage("exit", TRAVEL_S), twice)) == 1
    assert book.refusals == {"tracked_twice": 1}


def test_several_sections_and_plates_do_not_mix() -> None:
    book = SectionBook()
    others = [passage("exit", TRAVEL_S, "hash-b"), passage("exit", TRAVEL_S, section="other")]
    assert take(book, passage("entry", 0), *others) == []


@pytest.mark.parametrize(
    ("entry", "exit", "reason"),
    [
        ({}, {"at_s": -20}, "exit_before_entry"),
        ({}, {"at_s": 500}, "too_long"),
        ({}, {"at_s": 5}, "impossible"),
        ({"speed_kmh": 40}, {"speed_kmh": 42, "at_s": TRAVEL_S}, "implausible"),
        ({"limit_kmh": 50}, {"at_s": TRAVEL_S}, "terms_differ"),
        ({"plate": ""}, {"at_s": TRAVEL_S}, "unread"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_pair_that_cannot_be_is_refused_and_counted(
    entry: dict[str, Any], exit: dict[str, Any], reason: str, late: bool
) -> None:
    book = SectionBook()
    pair = [passage("entry", **{"at_s": 0} | entry), passage("exit", **{"at_s": 0} | exit)]
    assert take(book, *(reversed(pair) if late else pair)) == []
    assert book.refusals[reason] == 1


@pytest.mark.slow
@pytest.mark.parametrize("stepped", ["entry", "exit"])
@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_an_hour_off_makes_no_violation(stepped: str, step_s: float) -> None:
    """In mid-stream one camera's clock steps: lawful drivers before and after, some slow, some standing about."""
    rng = random.Random(3)
    book = SectionBook()
    found: list[Match] = []
    for n in range(400):
        entry_s = n * 8.0
        travel_s = 3600 / rng.uniform(35, 69) if n % 10 else rng.uniform(100, 3590)
        for role, at_s in (("entry", entry_s), ("exit", entry_s + travel_s)):
            off_s = step_s if role == stepped and n > 100 else 0.0
            found += take(book, passage(role, at_s + off_s, f"plate-{n}"))
    assert len(found) > 80  # before the step all is well
    assert not any(match.exceeds for match in found)
    assert sum(book.refusals.values()) > 0


@pytest.mark.parametrize(
    ("changes", "doubt"), [({"speed_kmh": 60.0}, "clock"), ({"cls": "truck"}, "one vehicle")]
)
def test_a_doubtful_drive_is_for_a_person_to_review(changes: dict[str, Any], doubt: str) -> None:
    slow = {"speed_kmh": 60.0} if "speed_kmh" in changes else {}
    (match,) = take(SectionBook(), passage("entry", 0, **slow), passage("exit", TRAVEL_S, **changes))
    event = violation_of(match, BOTH_READ)
    assert doubt in str(event.data["doubts"])
    assert event.data["state"] == "needs_review"


def test_what_matches_nothing_any_more_is_released_once() -> None:
    book = SectionBook()
    alone, speeding = passage("entry", 0, "hash-b"), [passage("entry", 1), passage("exit", 1 + TRAVEL_S)]
    lawful = [passage("entry", 2, "hash-c"), passage("exit", 2 + 60.0, "hash-c")]
    take(book, alone, *speeding, *lawful)
    assert book.released() == []
    take(book, passage("entry", 3000, "later"))
    assert len(book) == 6  # the exit's camera may still be behind
    take(book, passage("exit", 3000, "later"))
    assert {p.id for p in book.released()} == {p.id for p in (alone, *lawful)}
    assert book.released() == []
    assert book.refusals == {"no_exit": 1, "impossible": 1}


def test_a_silent_camera_does_not_keep_passages_for_ever() -> None:
    book = SectionBook()
    book.take(passage("entry", 0), now=START)
    book.sweep(START + timedelta(hours=23))
    assert len(book) == 1
    book.sweep(START + timedelta(hours=25))
    assert len(book) == 0
    assert len(book.released()) == 1


LATER = timedelta(hours=20)


def beside_a_live_job(book: SectionBook, *passages: Passage) -> list[Match]:
    """Passages of an archive, while both cameras go on telling of now."""
    found: list[Match] = []
    for n, p in enumerate(passages):
        for role in ("entry", "exit"):
            now_s = LATER.total_seconds() + n
            book.take(passage(role, now_s, f"live-{role}-{n}"), now=START + timedelta(seconds=now_s + 5))
        match = book.take(p, now=START + LATER + timedelta(seconds=n))
        found += [match] if match is not None else []
    return found


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_an_archive_beside_a_live_job_loses_nobody_and_accuses_nobody_twice(order: tuple[int, ...]) -> None:
    book = SectionBook()
    fast = [passage("entry", 0), passage("exit", TRAVEL_S)]
    lawful = [passage("entry", 4000, "hash-c"), passage("exit", 4000 + 60, "hash-c")]
    played = [[*fast, *lawful][n] for n in order]
    found = beside_a_live_job(book, *played, *played)
    assert len({violation_of(m, {}).id for m in found if m.exceeds}) == 1
    assert sum(m.exceeds for m in found) == 1


def test_an_archive_keeps_no_passage_of_a_live_job_waiting() -> None:
    book = SectionBook()
    take(book, passage("entry", 50_000, "hash-b"), passage("exit", 50_001, "hash-c"))
    book.take(passage("entry", 0), now=START + timedelta(seconds=50_002))
    take(book, passage("entry", 60_000, "later"), passage("exit", 60_000, "later"))
    assert {p.plate for p in book.released()} == {"hash-b", "hash-c"}
    book.sweep(START + timedelta(seconds=50_003 + 86_400))
    assert [p.at for p in book.released()] == [START]


@pytest.mark.slow
def test_it_is_bounded() -> None:
    book = SectionBook(SectionLimits(most=50))
    take(book, *(passage("entry", n, f"plate-{n}") for n in range(200)))
    assert len(book) == 50
    assert book.refusals["forgotten"] == 150
    assert take(book, passage("exit", 199 + TRAVEL_S, "plate-199"))[0].exceeds


def test_the_interval_is_that_of_its_parts() -> None:
    speed, _ = average_speed(TERMS, 36.0, 0.1)
    share = 1.96 * (0.0005**2 + (0.1 / 36) ** 2) ** 0.5
    assert speed.high == pytest.approx(100 * (1 + share), abs=0.01)
