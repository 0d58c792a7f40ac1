"""The audit log looked after: its seals, and what verification finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from auditlog import FakeLog
from searching import DAY, HOUR, T0

from flows.casework.auditing import Seals, figures, verify, whole
from flows.domain.audit import GENESIS, Action, AuditEntry


def problems(log: FakeLog, seals: Seals) -> list[str]:
    noted = log.sealed()
    held = seals.all()
    rows, head = whole(log)
    return verify(rows, head, held, noted)


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
    assert verify(whole(log)[0], head, seals.all(), log.sealed()) == [
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
