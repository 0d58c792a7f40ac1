"""The docket: violations that depend on lists of exempt plates, decided as soon as they can be.

It reads what Redis holds and gives decisions as events; whoever asked writes them. Several may do so at once (the
results actor, a person's command): equal findings are one event, and of two different ones with the same number
Redis keeps the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from flows.casework.adjudication import (
    READER,
    Case,
    Finding,
    Withdrawal,
    decided_so,
    decision_event,
    judge,
    waits_for,
)
from flows.casework.exemptions import ExemptionList, Lists
from flows.domain.events import Event
from flows.domain.plates import PLATE_READ
from flows.domain.review import State, corrected
from flows.store.lines import Line
from flows.store.results import Entry, WriteReport

PATIENCE: Final = timedelta(minutes=15)
"""A plate is read some seconds after its violation, or minutes where the reader was away. After this it counts
as unread."""
WAITING: Final = ("undecided", "held_stale_exemptions")
MOST: Final = 50_000
"""Cases of each kind looked at in one sweep, the oldest first: their decisions are in memory until they are written."""
READ: Final = 500
"""Cases read at a time."""


class Archive(Protocol):
    """Where violations and decisions are (:class:`flows.store.results.ResultsStore`)."""

    def entries(self, ids: Sequence[str]) -> list[Entry]: ...
    def in_state(self, state: str, count: int | None = ...) -> list[str]: ...


class Written(Archive, Protocol):
    """Where decisions are written as well (:class:`flows.store.results.ResultsStore`)."""

    def write(self, events: Sequence[Event]) -> WriteReport: ...


class Docket:
    """Decides what waits.

    Args:
        archive: Where violations are.
        lists: Where lists are.
        now: The present.
    """

    def __init__(
        self, archive: Archive, lists: Lists, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._archive, self._lists, self._now = archive, lists, now
        self._seen: dict[str, str] | None = None
        self._held: list[str] = []
        self.counts: Counter[str] = Counter()

    def wants(self, line: Line) -> bool:
        """Whether an event may bring a decision."""
        return line.type == PLATE_READ or line.state == "undecided" or line.incomplete

    def take(self, event: Event) -> list[Event]:
        """Called when a violation, its plate or its package was written: its decision, if it can be made now.

        Raises:
            StoreError: If Redis is away; :meth:`sweep` makes up for it.
        """
        about = str(event.data.get("violation") or event.id)
        return list(self._decide([about], self._lists.lists()))

    def sweep(self) -> list[Event]:
        """Decides what waits and can be decided now. Called every half minute, and when a list was loaded until it is
        :attr:`done`.

        Raises:
            StoreError: If Redis is away.
        """
        versions = self._lists.versions()
        if versions != self._seen:
            self._held, self._seen = self._archive.in_state("held_stale_exemptions", None), versions
        waiting = self._archive.in_state("undecided", MOST) + self._held[:MOST]
        decided = list(self._decide(waiting, self._lists.lists()))
        del self._held[:MOST]
        return decided

    @property
    def done(self) -> bool:
        """Whether the last sweep has come to the end of what is held: that is looked at once, for each new list."""
        return not self._held

    def _decide(self, ids: Sequence[str], lists: Mapping[str, ExemptionList]) -> Iterator[Event]:
        for entry in _entries(self._archive, ids):
            case = entry.case
            due = case.state in WAITING and (case.read is not None or self._overdue(entry))
            if not due and not (case.state == "stands" and case.missing):
                continue
            finding = judge(case, lists)
            if not decided_so(case, finding):
                self.counts[finding.state] += 1
                yield decision_event(case, finding, self._now())

    def _overdue(self, entry: Entry) -> bool:
        return self._now() - entry.written_at > PATIENCE


def held_up(archive: Archive, lists: Mapping[str, ExemptionList]) -> Counter[str]:
    """How many violations each list holds up: too old for them, removed or never loaded; one may wait for several."""
    held = _entries(archive, archive.in_state("held_stale_exemptions", None))
    return Counter(name for entry in held for name in waits_for(entry.case, lists))


def _entries(archive: Archive, ids: Sequence[str]) -> Iterator[Entry]:
    chunks = (ids[i : i + READ] for i in range(0, len(ids), READ))
    return (entry for chunk in chunks for entry in archive.entries(chunk))


@dataclass(frozen=True, slots=True)
class Change:
    """One case that was decided again.

    Attributes:
        case: As it was.
        finding: What was found now.
        event: The new decision; None where the one that holds says the same on the same grounds.
    """

    case: Case
    finding: Finding
    event: Event | None

    @property
    def state(self) -> State:
        """What it is now: the finding, or what that makes of a violation which people have worked on."""
        return corrected(self.case.state, self.finding.state)[0]

    @property
    def changed(self) -> bool:
        """Whether it is something else now."""
        return self.case.state != self.state


def readjudicate(
    entries: Iterable[Entry],
    lists: Mapping[str, ExemptionList],
    reason: str,
    withdrawal: Withdrawal,
    decided_at: datetime,
) -> list[Change]:
    """Decides affected cases again: those that rest on what was withdrawn, and else those that depend on lists.

    What was withdrawn once stays so, whatever is asked later.

    Args:
        entries: Violations to look at.
        lists: All lists there are.
        reason: A person's, kept in each decision.
        withdrawal: What proved wrong; without any, the lists did.
        decided_at: Now.
    """
    changes = []
    for entry in entries:
        case = entry.case
        grounds = withdrawal.grounds(case) if withdrawal else ""
        undecided = case.state == "undecided" and case.read is None  # its plate may still come
        if not (grounds if withdrawal else case.lists and not undecided):
            continue
        before = case.decision.withdrawn if case.decision is not None else ""
        finding = judge(case, lists, _graver(grounds, before))
        same = decided_so(case, finding)
        event = None if same else decision_event(case, finding, decided_at, reason)
        changes.append(Change(case, finding, event))
    return changes


def correct(
    archive: Written,
    entries: Iterable[Entry],
    lists: Mapping[str, ExemptionList],
    reason: str,
    withdrawal: Withdrawal,
    decided_at: datetime,
) -> list[Change]:
    """Like :func:`readjudicate`, and writes the decisions. Cases on which somebody else decided between the reading and
    the writing are read and decided again, until none is left.

    Returns:
        What is in Redis now; cases that were deleted meanwhile are left out.

    Raises:
        StoreError: If Redis is away: some may be written all the same; do it again.
    """
    changes, left = list[Change](), list(entries)
    while left:
        found = readjudicate(left, lists, reason, withdrawal, decided_at)
        made = [change.event for change in found if change.event is not None]
        fresh = archive.write(made).fresh
        late = [str(event.data["violation"]) for event, new in zip(made, fresh, strict=True) if not new]
        changes += [change for change in found if change.case.violation.id not in late]
        left = archive.entries(late)
    return changes


def _graver(now: str, before: str) -> str:
    """Of two withdrawals the one that dismisses; without its plate reader a violation holds, and needs a person.

    >>> _graver("reader:plates", "calibration:a"), _graver("rule:speeding", "reader:plates"), _graver("", "")
    ('calibration:a', 'rule:speeding', '')
    """
    said = [each for each in (now, before) if each]
    return next((each for each in said if not each.startswith(READER)), said[0] if said else "")
