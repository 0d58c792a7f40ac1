"""The demo's station: what was left in its hall, and whether who is missing was found, against the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rich.table import Table

from cluster.cli.shell import counted
from cluster.demo.cameras import Clip
from cluster.demo.search import LEAST_PX, Appearance
from flows.domain.cases import SearchCase
from flows.domain.events import OBJECT_ABANDONED, OBJECT_EVENTS, Event
from flows.domain.leads import Lead
from flows.evaluation.abandoned import AbandonedScore, score_scene

SLACK: Final = timedelta(seconds=0.5)
"""The truth knows where a face is to a frame or two."""


@dataclass(frozen=True, slots=True)
class Things:
    """What was left before one camera.

    Attributes:
        clip: The camera.
        score: Its alarms against the truth.
        found: Its alarms.
    """

    clip: Clip
    score: AbandonedScore
    found: tuple[Event, ...]

    @classmethod
    def of(cls, clip: Clip, events: Sequence[Event]) -> Things:
        """From all events of a run."""
        mine = [e for e in events if e.camera_id == clip.camera.id and e.type in OBJECT_EVENTS]
        found = tuple(e for e in mine if e.type == OBJECT_ABANDONED)
        return cls(clip, score_scene(clip.truth, mine), found)


@dataclass(frozen=True, slots=True)
class Search:
    """What came of the search.

    Attributes:
        case: The case.
        leads: What was found.
        appearances: By camera of the case, when it shows who is missing near enough.
        looked: Heads looked at, by camera, whether the case covers it or not.
    """

    case: SearchCase
    leads: tuple[Lead, ...]
    appearances: Mapping[str, Appearance]
    looked: Mapping[str, int]

    def right(self, lead: Lead) -> bool:
        """Whether who is missing was there then."""
        seen = self.appearances.get(lead.camera)
        return seen is not None and seen.from_at - SLACK <= lead.at <= seen.until_at + SLACK

    @property
    def found(self) -> int:
        """Cameras that show who is missing and have told so."""
        return len({lead.camera for lead in self.leads if self.right(lead)})

    @property
    def wrong(self) -> int:
        """Leads to somebody else."""
        return sum(not self.right(lead) for lead in self.leads)

    @property
    def elsewhere(self) -> int:
        """Heads looked at where no case covers the camera: none, ever."""
        return sum(n for camera, n in self.looked.items() if camera not in self.case.cameras)


@dataclass(frozen=True, slots=True)
class Station:
    """Both."""

    things: tuple[Things, ...]
    search: Search

    @property
    def worked(self) -> bool:
        """Everything was found, and nobody was looked at outside of the case."""
        things = all(each.score.fn == 0 for each in self.things)
        return things and self.search.found == len(self.search.appearances) and not self.search.elsewhere


def station_table(station: Station) -> Table:
    """One row a thing and one a camera of the search."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("station")
    for name in ("to find", "found", "missed", "wrong"):
        table.add_column(name, justify="right")
    table.add_column("what was to be seen")
    table.add_column("what was found")
    for things in station.things:
        table.add_row(*_thing_row(things))
    for camera in station.search.case.cameras:
        table.add_row(*_search_row(station.search, camera))
    return table


def _thing_row(things: Things) -> tuple[str, ...]:
    score = things.score
    due = [e for e in things.clip.truth.events if e.type == OBJECT_ABANDONED and not e.ignore]
    seen = "\n".join(
        f"a {e.cls} put down {_placed(things.clip, e.facts)}, left {_clock(e.from_at)}" for e in due
    )
    innocent = len(things.clip.truth.innocent)
    seen += f"\n[dim]{counted(innocent, 'thing')} whose owner waits beside it[/]" if innocent else ""
    told = "\n".join(f"object abandoned {_clock(e.time)}, {_alone(e)}" for e in things.found) or "-"
    name = f"{things.clip.camera.name}\n[dim]{things.clip.camera.id}, things left behind[/]"
    return (name, *_counts(score.tp, score.fn, score.fp), seen, told)


def _placed(clip: Clip, facts: Mapping[str, object]) -> str:
    placed_s = facts["placed_s"]
    assert isinstance(placed_s, int | float)
    return _clock(clip.truth.started_at + timedelta(seconds=placed_s))


def _alone(event: Event) -> str:
    left_at = datetime.fromisoformat(str(event.data["left_at"]))
    return f"{(event.time - left_at).total_seconds():.1f} s after its owner was last near"


def _search_row(search: Search, camera: str) -> tuple[str, ...]:
    mine = [lead for lead in search.leads if lead.camera == camera]
    seen = search.appearances.get(camera)
    right = any(search.right(lead) for lead in mine)
    shown = (
        f"who is missing, {_clock(seen.from_at)} to {_clock(seen.until_at)}\n"
        f"[dim]the face up to {seen.widest_px:.0f} px wide; due from {LEAST_PX} px[/]"
        if seen
        else "-"
    )
    told = "\n".join(
        f"lead {_clock(lead.at)}, similarity {lead.likeness.similarity:.3f} "
        f"(a lead from {lead.likeness.threshold:.3f}), {lead.likeness.votes} frames agree"
        for lead in mine
    )
    counts = _counts(int(right), int(seen is not None and not right), sum(not search.right(x) for x in mine))
    return (f"[dim]{camera}, a missing person[/]", *counts, shown, told or "-")


def _counts(found: int, missed: int, wrong: int) -> tuple[str, str, str, str]:
    return (
        str(found + missed),
        str(found) if missed else f"[green]{found}[/]",
        f"[red]{missed}[/]" if missed else "0",
        f"[red]{wrong}[/]" if wrong else "0",
    )


def faces_line(search: Search) -> str:
    """Who was looked at, by the cameras' own counters, and what would have been without the case."""
    covered = ", ".join(f"{search.looked.get(camera, 0)} on {camera}" for camera in search.case.cameras)
    others = [camera for camera in search.looked if camera not in search.case.cameras]
    return (
        f"{covered} were looked at, for {search.case.id}; {search.elsewhere} on {', '.join(others)}, which no case "
        "covers: so it would be everywhere without this one"
    )


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}.{at.microsecond // 100_000}"
