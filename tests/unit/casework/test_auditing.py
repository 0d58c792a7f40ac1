"""The audit log looked after: its seals, and what verification finds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from auditlog import FakeLog
from searching import DAY, HOUR, T0

from flows.casework.auditing import LogCut, Row, Seals, as_object, figures, verify, whole
from flows.domain.audit import GENESIS, Action, AuditEntry
from flows.domain.errors import StoreError


def problems(log: FakeLog, seals: Seals) -> list[str]:
    noted = log.sealed()
    held, unreadable = seals.all()
    rows, head = whole(log)
    return verify(rows, head, held, noted, unreadable)


@pytest.fixture
def seals(tmp_path: Path) -> Seals:
    return Seals(tmp_path / "audit")


@pytest.fixture
def log(seals: Seals) -> FakeLog:
    """Three entries, sealed one by one."""
    made = FakeLog()
    for _ in range(3):
        made.note("case.created")
        seals.write(made, T0)
    assert problems(made, seals) == []
    return made


@pytest.mark.parametrize("gone", [[3], [2, 3], [1, 2, 3]])
def test_a_newest_seal_that_is_gone_is_found(log: FakeLog, seals: Seals, gone: list[int]) -> None:
    for number in gone:
        (seals.folder / f"seal-{number:06d}.json").unlink()
    del log.held[gone[0] - 1 :]  # with the entries that it covered, and the head
    assert "seal 3: missing; it was the newest, over the entries up to 3" in problems(log, seals)


def test_seals_go_on_from_one_that_is_gone_and_it_stays_missing(log: FakeLog, seals: Seals) -> None:
    for number in (2, 3):
        (seals.folder / f"seal-{number:06d}.json").unlink()
    log.note("case.closed")
    seal = seals.write(log, T0 + HOUR)
    assert seal is not None
    assert (seal.number, seal.first) == (4, 4)
    assert problems(log, seals) == ["seal 2: missing"]


def test_seals_go_on_where_the_newest_one_lies_and_nowhere_else(
    log: FakeLog, seals: Seals, tmp_path: Path
) -> None:
    elsewhere = Seals(tmp_path / "another machine")
    log.note("case.created")
    for first in (False, True):
        assert elsewhere.write_beside(log, T0 + HOUR, first=first) is None
    assert seals.write_beside(log, T0 + HOUR / 2, first=False) is None, "not due"
    seal = seals.write_beside(log, T0 + HOUR, first=False)
    assert seal is not None
    assert (seal.number, seal.first, seal.last) == (4, 4, 4)
    assert problems(log, seals) == []


def test_a_first_seal_is_written_where_the_log_is(seals: Seals) -> None:
    log = FakeLog("case.created")
    assert seals.write_beside(log, T0, first=False) is None
    assert seals.write_beside(log, T0, first=True) is not None
    assert problems(log, seals) == []


def test_a_newest_seal_that_was_written_anew_is_found(log: FakeLog, seals: Seals) -> None:
    path = seals.folder / "seal-000003.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    assert problems(log, seals) == ["seal 3: its file is not the one that was written"]


def test_a_seal_that_could_not_be_noted_is_none_too_many(log: FakeLog, seals: Seals) -> None:
    before = log.noted
    log.note("case.closed")
    seals.write(log, T0)
    log.noted = before
    assert problems(log, seals) == []


def test_what_is_written_while_the_log_is_read_is_no_problem(log: FakeLog, seals: Seals) -> None:
    log.meanwhile = ("case.viewed", "case.viewed")
    assert problems(log, seals) == []
    rows, head = whole(log)
    assert (len(rows), head.seq) == (5, 5)


def test_what_was_cut_off_is_one_still(log: FakeLog, seals: Seals) -> None:
    log.note("case.closed")
    head = log.head()
    del log.held[3:]
    assert verify(whole(log)[0], head, seals.all()[0], log.sealed()) == [
        "the end: expected entry 4 to be the last, got 3"
    ]


def test_a_seal_dated_ahead_is_said_and_keeps_no_other_from_being_written(
    log: FakeLog, seals: Seals, caplog: pytest.LogCaptureFixture
) -> None:
    """The clock was a year ahead when it was written, and has been set right."""
    right = T0 - 365 * DAY
    log.note("clock.set")
    seal = seals.write_if_due(log, right)
    assert seal is not None
    assert seal.number == 4
    assert "seal 3 is dated 2090-05-04" in caplog.text
    log.note("case.closed")
    assert seals.write_if_due(log, right + HOUR / 2) is None
    assert seals.write_if_due(log, right + HOUR) is not None


@pytest.mark.parametrize("step", ["fsync", "fdopen"])
def test_a_disk_that_was_full_leaves_no_half_of_a_seal_and_the_next_is_written(
    log: FakeLog, seals: Seals, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*about: object) -> None:
        raise OSError("no space left on device")

    log.note("case.closed")
    with monkeypatch.context() as disk:
        disk.setattr(os, step, full)
        with pytest.raises(StoreError, match=r"seal-000004\.json: it cannot be written: no space left"):
            seals.write_if_due(log, T0 + HOUR)
    assert len(list(seals.folder.iterdir())) == 3
    seal = seals.write_if_due(log, T0 + HOUR)
    assert seal is not None
    assert (seal.number, seal.first) == (4, 4)
    assert problems(log, seals) == []


def spoilt(seals: Seals, number: int, text: str = "") -> None:
    path = seals.folder / f"seal-{number:06d}.json"
    if path.exists():
        path.chmod(0o644)
    path.write_text(text)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_seal_that_cannot_be_read_is_one_problem_and_seals_go_on(
    log: FakeLog, seals: Seals, number: int
) -> None:
    """The fourth is the half that a full disk left, which was never noted."""
    spoilt(seals, number)
    log.note("case.closed")
    seal = seals.write_if_due(log, T0 + HOUR)
    assert seal is not None
    assert (seal.first, seal.last) == (4, 4)
    assert seals.write_if_due(log, T0 + HOUR) is None
    [problem] = problems(log, seals)
    assert problem.startswith(f"seal {number}: {seals.folder / f'seal-{number:06d}.json'} cannot be read")
    del log.held[0]
    assert "entry 1: missing (entry 2 comes in its place)" in problems(log, seals)


def test_a_seal_in_the_place_of_another_is_found(log: FakeLog, seals: Seals) -> None:
    spoilt(seals, 2, (seals.folder / "seal-000001.json").read_text())
    [problem] = problems(log, seals)
    assert problem.endswith("it says that it is seal 1")


def test_whether_a_seal_is_due_is_seen_by_the_newest_alone(log: FakeLog, seals: Seals) -> None:
    spoilt(seals, 1), spoilt(seals, 2)
    log.note("case.closed")
    assert seals.write_if_due(log, T0 + HOUR / 2) is None
    assert seals.write_if_due(log, T0 + HOUR) is not None


def test_of_two_who_seal_at_once_the_second_is_told_and_notes_nothing(log: FakeLog, seals: Seals) -> None:
    log.note("case.closed")
    before, rows = log.noted, log.rows

    def late(since: int = 0) -> Iterator[Row]:
        log.rows = rows  # type: ignore[method-assign]
        Seals(seals.folder).write(log, T0 + HOUR)
        return rows(since)

    log.rows = late  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="there is another of that number"):
        seals.write(log, T0 + 2 * HOUR)
    assert log.noted != before
    assert problems(log, seals) == []


@pytest.mark.parametrize("since", [0, 1, 5])
def test_a_log_that_came_back_from_a_backup_is_told_at_once_and_sealed_again_once_a_person_has_begun_it_anew(
    log: FakeLog, seals: Seals, since: int
) -> None:
    backup, noted = list(log.held), log.noted
    for action in ("case.rejected", "case.closed"):
        log.note(action)
    assert seals.write(log, T0) is not None
    log.held, log.noted = backup, noted
    for _ in range(since):
        log.note("lead.viewed")
    for _ in range(2):
        with pytest.raises(LogCut, match="does not hold entry 5 as seal 4 has it"):
            seals.write_if_due(log, T0)
    assert "entry 5 as seal 4 has it" in seals.lost(log)
    assert problems(log, seals) != []
    log.note("audit.begun")
    seal = seals.write(log, T0, anew=True)
    assert seal is not None
    assert (seal.number, seal.first, seal.last) == (5, 1, 4 + since)
    assert (problems(log, seals), seals.lost(log)) == ([], "")
    log.note("case.created")
    assert seals.write_if_due(log, T0 + HOUR) is not None
    assert problems(log, seals) == []
    del log.held[0]
    assert "seal 5: 1 of the" in " ".join(problems(log, seals))
    assert "seal 4" not in " ".join(problems(log, seals))


def answer(lead: str, action: Action, why: str = "", state: str = "rejected") -> AuditEntry:
    return AuditEntry(
        seq=1, at=T0, who="dana", action=action, case="case-1", subject=lead, why=why, details={"state": state},
        prev=GENESIS, hash=GENESIS,
    )  # fmt: skip


def test_each_lead_counts_once_and_only_somebody_else_is_a_false_positive() -> None:
    told = figures(
        [
            answer("a", "lead.confirmed", state="confirmed_once"),
            answer("a", "lead.confirmed", state="confirmed"),
            answer("b", "lead.confirmed", state="confirmed"),
            answer("b", "lead.rejected", "not_this_person"),
            answer("c", "lead.rejected", "bad_picture"),
            answer("d", "lead.rejected", "other"),
            answer("e", "lead.confirmed", state="confirmed_once"),
        ],
        "2090-05",
    )
    assert (told.confirmed, told.rejected, told.not_this_person) == (1, 3, 1)
    assert told.false_positive_rate == 0.5
    assert figures([answer("c", "lead.rejected", "bad_picture")], "2090-05").false_positive_rate is None


def done(action: Action, subject: str, case: str = "case-1") -> AuditEntry:
    return AuditEntry(
        seq=1, at=T0, who="dana", action=action, case=case, subject=subject, prev=GENESIS, hash=GENESIS
    )


def test_a_violation_s_package_is_no_export_of_a_search() -> None:
    log = [
        done("route.exported", ""),
        done("evidence.exported", "lead-1"),
        done("evidence.exported", "v-1", ""),
    ]
    assert as_object(figures(log, "2090-05"))["exports"] == 2


def test_a_lead_that_is_brought_again_is_refused_once() -> None:
    log = [done("lead.refused", lead) for lead in ("a", "a", "b", "a")]
    assert as_object(figures(log, "2090-05"))["leads_refused"] == 2
