"""The demo's list of exempt plates: some of its rules wait for one before a violation is decided."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from cluster.demo.cameras import LIST, Clip
from flows.casework.exemptions import Exemption, ExemptionList
from flows.domain.events import Event
from flows.settings import Settings

ENTRIES: Final = (
    Exemption(plate="103 AMB 02", reason="ambulance station 3"),
    Exemption(plate="101 FIR 02", reason="fire brigade 1"),
)
"""Vehicles that do not drive through the demo: whoever does is held to the rules."""


def demo_list(clips: Sequence[Clip]) -> ExemptionList:
    """A list issued an hour before the first clip was taken, so that it is fresh for all of them."""
    first = min(clip.truth.started_at for clip in clips)
    return ExemptionList(name=LIST, issued_at=first - timedelta(hours=1), entries=ENTRIES)


def put_in_force(listed: ExemptionList, file: Path, settings: Settings) -> None:
    """Writes the list as a file, as ``dome exemptions load`` takes it, and puts it in force in the demo's home."""
    from flows.store.exemptions import ExemptionsStore
    from flows.store.redis_server import redis_beside

    file.write_text(_text(listed), encoding="utf-8")
    with redis_beside(settings) as url:
        store = ExemptionsStore(url)
        store.put(listed)
        store.close()


def states(violations: Sequence[Event], settings: Settings) -> Mapping[str, Counter[str]]:
    """What became of each camera's violations, counted by state; what still waited is decided first."""
    from flows.desks.docket import Docket
    from flows.store.exemptions import ExemptionsStore
    from flows.store.redis_server import redis_beside
    from flows.store.results import ResultsStore

    found: dict[str, Counter[str]] = {}
    with redis_beside(settings) as url:
        store, lists = ResultsStore(url), ExemptionsStore(url)
        store.write(Docket(store, lists).sweep())
        for entry in store.entries([event.id for event in violations]):
            found.setdefault(entry.event.camera_id, Counter())[entry.case.state] += 1
        lists.close()
        store.close()
    return found


def _text(listed: ExemptionList) -> str:
    head = [f"name: {listed.name}", f"issued_at: {listed.issued_at.isoformat()}", "entries:"]
    rows = [json.dumps({"plate": e.plate, "reason": e.reason}, ensure_ascii=False) for e in listed.entries]
    return "\n".join([*head, *(f"  - {row}" for row in rows)]) + "\n"
