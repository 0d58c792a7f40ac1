"""Average speed between two cameras: passages of one plate at both ends of a section. Pure logic.

Passages may come late, twice, and in any order of the two cameras. An exit belongs to the last entry of its plate
before it, with no other exit between: whatever comes late can only put a later entry between them, and that
makes the average speed higher, so a violation that was stated is true all the same, and it is the same event.

Refused and counted, because a wrong violation is worse than a missed one:

- ``exit_before_entry``: the only near entry came after the exit: a clock stepped, or somebody drove the other way;
- ``too_long``: longer on the way than anybody who stays on the road;
- ``impossible``: faster than any vehicle: a clock stepped, or two vehicles carry one plate;
- ``implausible``: far faster on average than at either gate, likewise;
- ``terms_differ``: the two cameras state different limits, lengths or laws;
- ``no_entry``, ``no_exit``: passages that expired alone: a plate that was not read, a vehicle that turned off.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from flows.casework.adjudication import lacking
from flows.domain.events import Event, Measured, Violation
from flows.domain.passages import Passage, SectionTerms

KMH: Final = 3.6
SIDES: Final = ("entry", "exit")
COVERAGE: Final = 1.96
"""Standard errors in a 95 % interval: a sum of several small independent errors is near normal."""


@dataclass(frozen=True, slots=True)
class SectionLimits:
    """Thresholds, each with its reason.

    Attributes:
        slowest_kmh: Who is slower on average has left the section in between, or stood.
        longest_s: Nobody is waited for longer, however long the section: below an hour, so that a clock set an
            hour off pairs nothing.
        fastest_kmh: Faster than road vehicles are.
        implausible: So many times faster on average than at the faster gate is no driving.
        doubtful: So many times faster needs a person's look: many slow down before a camera, few by so much.
        same_s: Two passages of a plate at one gate within this time are one vehicle that was tracked twice.
        late_s: One camera's passages may come out of order by so much: packages are made in parallel. What comes later
            than that after it was captured is of an archive, or waited for a network, and says nothing of how far
            live cameras are; nor do those say how far an archive is, of which recordings are played in any order.
        most: Passages of one section that wait; beyond it the oldest are let go and counted.
        keep_s: Passages are let go so long after they came, even if the other camera is silent.
    """

    slowest_kmh: float = 10.0
    longest_s: float = 3000.0
    fastest_kmh: float = 300.0
    implausible: float = 2.0
    doubtful: float = 1.3
    same_s: float = 3.0
    late_s: float = 600.0
    most: int = 20_000
    keep_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Match:
    """One drive through a section.

    Attributes:
        entry: Where it began.
        exit: Where it ended.
        speed: Average speed, km/h.
        travel: Time between both gates, s.
        doubts: Why a person must look before it is final; empty if nobody need.
    """

    entry: Passage
    exit: Passage
    speed: Measured
    travel: Measured
    doubts: tuple[str, ...] = ()

    @property
    def terms(self) -> SectionTerms:
        """What held."""
        return self.exit.terms

    @property
    def exceeds(self) -> bool:
        """Whether it surely was faster than limit and tolerance."""
        return self.speed.low > self.terms.limit_kmh + self.terms.tolerance_kmh


@dataclass(slots=True)
class _Section:
    """The passages of one section that may still match."""

    plates: dict[str, list[Passage]] = field(default_factory=dict)
    order: list[tuple[datetime, str, str]] = field(default_factory=list)  # a heap: time, id, plate
    late: list[tuple[datetime, str, str]] = field(default_factory=list)  # another: of what came late
    ids: dict[str, datetime] = field(default_factory=dict)
    newest_at: dict[str, datetime] = field(default_factory=dict)
    longest_s: float = 0.0


class SectionBook:
    """All sections. Bounded; forgets what can match nothing any more.

    Args:
        limits: Thresholds; the defaults if None.
    """

    def __init__(self, limits: SectionLimits | None = None) -> None:
        self._limits = limits or SectionLimits()
        self._sections: dict[str, _Section] = {}
        self._released: list[Passage] = []
        self._paired: set[str] = set()
        self._violating: set[str] = set()
        self.refusals: Counter[str] = Counter()

    def __len__(self) -> int:
        """Passages that wait."""
        return sum(len(s.ids) for s in self._sections.values())

    def take(self, passage: Passage, now: datetime | None = None) -> Match | None:
        """Takes one passage; gives the drive that it completes.

        Args:
            passage: With its plate's hash.
            now: When it came, for letting it go; its own time if None. What comes late is let go by this alone.
        """
        if not passage.plate:
            self.refusals["unread"] += 1
            self._released.append(passage)
            return None
        section = self._sections.setdefault(passage.section, _Section())
        if passage.id in section.ids:
            return None
        known = section.plates.setdefault(passage.plate, [])
        if any(self._same(passage, other) for other in known):
            self.refusals["tracked_twice"] += 1
            self._released.append(passage)
            return None
        insort(known, passage, key=_in_order)
        section.ids[passage.id] = came_at = now or passage.at
        late = (came_at - passage.at).total_seconds() > self._limits.late_s
        heapq.heappush(section.late if late else section.order, (passage.at, passage.id, passage.plate))
        if not late:
            newest = section.newest_at.get(passage.role, passage.at)
            section.newest_at[passage.role] = max(newest, passage.at)
        section.longest_s = max(section.longest_s, self._longest_s(passage.terms))
        found = self._judged(known, passage)
        self._expire(section)
        return found

    def sweep(self, now: datetime) -> None:
        """Lets go of what came long ago. Called every now and then."""
        for section in self._sections.values():
            first = now - timedelta(seconds=self._limits.keep_s)
            for heap in (section.order, section.late):
                old = [row for row in heap if section.ids[row[1]] < first]
                heap[:] = [row for row in heap if section.ids[row[1]] >= first]
                heapq.heapify(heap)
                for _, id, plate in old:
                    self._drop(section, id, plate)

    def released(self) -> list[Passage]:
        """Passages that belong to no violation and match nothing any more, each told once: their packages can be
        removed."""
        released, self._released = self._released, []
        return released

    def _same(self, passage: Passage, other: Passage) -> bool:
        apart_s = abs((passage.at - other.at).total_seconds())
        return passage.role == other.role and apart_s <= self._limits.same_s

    def _judged(self, known: list[Passage], passage: Passage) -> Match | None:
        pair = self._pair(known, known.index(passage))
        if pair is None:
            return None
        match = self._match(*pair)
        if isinstance(match, str):
            self.refusals[match] += 1
            return None
        self._paired |= {match.entry.id, match.exit.id}
        if match.exceeds:
            self._violating |= {match.entry.id, match.exit.id}
        return match

    def _pair(self, known: list[Passage], here: int) -> tuple[Passage, Passage] | None:
        """The neighbours in time that are an entry and then an exit, one of them here."""
        before = known[here - 1] if here > 0 else None
        after = known[here + 1] if here + 1 < len(known) else None
        this = known[here]
        if this.role == "entry":
            if after is not None and after.role == "exit":
                return this, after
            wrong = before is not None and before.role == "exit" and before.id not in self._paired
        else:
            if before is not None and before.role == "entry":
                return before, this
            wrong = after is not None and after.role == "entry"
        if wrong:
            self.refusals["exit_before_entry"] += 1
        return None

    def _match(self, entry: Passage, exit: Passage) -> Match | Literal[
        "terms_differ", "too_long", "impossible", "implausible"
    ]:  # fmt: skip
        """The drive, or why there is none."""
        limits, terms = self._limits, exit.terms
        if entry.terms != terms:
            return "terms_differ"
        travel_s = (exit.at - entry.at).total_seconds()
        if travel_s > self._longest_s(terms):
            return "too_long"
        if travel_s * limits.fastest_kmh < terms.length_m * KMH:
            return "impossible"
        speed, travel = average_speed(terms, travel_s, math.hypot(entry.sd_s, exit.sd_s))
        at_gates_kmh = max(entry.speed_kmh, exit.speed_kmh)
        if speed.low > limits.implausible * at_gates_kmh:
            return "implausible"
        doubts = []
        if speed.low > limits.doubtful * at_gates_kmh:
            doubts.append("far faster on average than at either gate: see whether a clock was off")
        if entry.cls != exit.cls:
            doubts.append(f"{entry.cls} at the entry, {exit.cls} at the exit: see whether it is one vehicle")
        return Match(entry, exit, speed, travel, tuple(doubts))

    def _longest_s(self, terms: SectionTerms) -> float:
        return min(self._limits.longest_s, terms.length_m * KMH / self._limits.slowest_kmh)

    def _expire(self, section: _Section) -> None:
        """Live cameras tell in the order of time: once both are past it, nothing of theirs can match an old passage."""
        while len(section.ids) > self._limits.most:
            self.refusals["forgotten"] += 1
            heap = section.late or section.order
            self._drop(section, *heapq.heappop(heap)[1:])
        if len(section.newest_at) < 2:
            return
        past_s = section.longest_s + self._limits.late_s
        first = min(section.newest_at.values()) - timedelta(seconds=past_s)
        while section.order and section.order[0][0] < first:
            self._drop(section, *heapq.heappop(section.order)[1:])

    def _drop(self, section: _Section, id: str, plate: str) -> None:
        del section.ids[id]
        known = section.plates[plate]
        passage = next(p for p in known if p.id == id)
        known.remove(passage)
        if not known:
            del section.plates[plate]
        if passage.id not in self._paired:
            self.refusals["no_exit" if passage.role == "entry" else "no_entry"] += 1
        if passage.id not in self._violating:
            self._released.append(passage)
        self._paired.discard(passage.id)
        self._violating.discard(passage.id)


def average_speed(terms: SectionTerms, travel_s: float, sd_s: float) -> tuple[Measured, Measured]:
    """Average speed, km/h, and travel time, s, each with its 95 % interval.

    Args:
        terms: The section.
        travel_s: Time between both gates.
        sd_s: Its standard error: both passages', with both clocks'.

    >>> terms = SectionTerms(section="a", length_m=1000, length_error_m=0.5, limit_kmh=60, tolerance_kmh=10,
    ...                      articles=((0, "592"),))
    >>> speed, travel = average_speed(terms, 36.0, 0.05)
    >>> speed.value, speed.low, speed.high
    (100.0, 99.71, 100.29)
    """
    value_kmh = terms.length_m / travel_s * KMH
    share = COVERAGE * math.hypot(terms.length_error_m / terms.length_m, sd_s / travel_s)
    return _measured(value_kmh, value_kmh * share, 2, "km/h"), _measured(travel_s, COVERAGE * sd_s, 3, "s")


def violation_of(match: Match, plates: Mapping[str, Any], missing: Sequence[str] = ()) -> Event:
    """The event of a drive that :attr:`Match.exceeds`, stated for the exit camera.

    Its id follows from the exit passage, however often and in whichever order the two were told.

    Args:
        match: The drive.
        plates: What the packages say of the plate: ``entry`` and ``exit``, each as its manifest states it.
        missing: What both packages lack of what the law asks: a person must know.
    """
    entry, exit, terms = match.entry, match.exit, match.terms
    doubts = [
        *match.doubts,
        *(f"{side}: its plate's text is not at hand" for side in SIDES if not plates.get(side)),
    ]
    if lacks := lacking(missing):
        doubts.append(f"missing from the evidence: {lacks}")
    review = terms.needs_review or bool(doubts)
    payload = Violation(
        rule="section_speed",
        rule_version=exit.rule_version,
        parameters=exit.parameters,
        article=terms.article_for(match.speed.low - terms.limit_kmh),
        track=exit.track,
        cls=exit.cls,
        measured={
            "speed": match.speed,
            "travel_time": match.travel,
            "distance": _measured(terms.length_m, COVERAGE * terms.length_error_m, 2, "m"),
        },
        threshold={"limit_kmh": terms.limit_kmh, "tolerance_kmh": terms.tolerance_kmh},
        moments=list(exit.moments),
        position_m=exit.position_m,
        clock=exit.clock,
        calibration=exit.calibration,
        evidence=exit.evidence,
        exemptions=terms.exemptions,
        exemptions_max_age_h=terms.exemptions_max_age_h,
        needs_review=review,
        profile=terms.profile,
        state="undecided" if terms.exemptions else "needs_review" if review else "stands",
    )
    facts = {
        "section": terms.section,
        "doubts": doubts,
        "entry": _side(entry, plates.get("entry")),
        "exit": _side(exit, plates.get("exit")),
    }
    return Event.of(
        "dome.violation.section_speed.v1",
        camera_id=exit.camera,
        district=exit.district,
        at=exit.at,
        data=payload.model_dump(mode="json") | facts,
        key=(terms.section, exit.id),
    )


def _side(passage: Passage, plate: Any) -> dict[str, Any]:
    """One camera's part of a violation."""
    said = passage.model_dump(mode="json", exclude={"terms", "plate", "district", "track", "role"})
    return said | {"passage": said.pop("id"), "plate": plate}


def _measured(value: float, half: float, digits: int, unit: str) -> Measured:
    return Measured.of(value, value - half, value + half, unit, digits)


def _in_order(passage: Passage) -> tuple[datetime, str]:
    return passage.at, passage.id
