"""The section desk after a restart finds what it found before, and loses nothing while Redis is away."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sections import START, TERMS, manifest_of, passage

from flows.desks.sections import PATIENCE, SectionDesk
from flows.domain.errors import EvidenceAway, LostFile, StoreError
from flows.domain.events import Event
from flows.domain.passages import Passage
from flows.evidence.package import ClipIndex
from flows.jurisdiction import EvidenceLaw, load_profile
from flows.store.results import Entry

TRAVEL_S = TERMS.length_m / 100 * 3.6
NOW = START + timedelta(minutes=2)


class House:
    """Redis and an evidence store, as the desk sees them."""

    def __init__(self) -> None:
        self.written: list[Entry] = []
        self.kept: set[str] = set()
        self.owed: set[str] = set()
        self.away = False
        self.unmounted = False
        self.unreadable = ""
        self.now = NOW
        self.asked = 0
        self.manifests: dict[str, dict[str, Any]] = {}

    def comes(self, desk: SectionDesk, *passages: Passage) -> list[str]:
        """They are written, and shown to the desk; the violations that it states."""
        found = []
        for each in passages:
            n = len(self.written) + 8  # from 10 on they are no order of texts
            self.written.append(Entry(f"{NOW.timestamp() * 1000:.0f}-{n}", each.event()))
            found += desk.take(each.event())
        return violations(found)

    def captured(self, *_: Any, **__: Any) -> list[Entry]:
        return sorted(self.written, key=lambda entry: entry.event.time, reverse=True)

    def read(self, folder: str, _: str) -> bytes:
        self.asked += 1
        if self.unmounted or folder == self.unreadable:
            raise EvidenceAway("it cannot be read now")
        if folder in self.owed:
            raise LostFile(folder)
        said = next(manifest_of(p) for p in self._passages() if p.evidence == folder)
        return json.dumps(said | self.manifests.get(folder, {})).encode()

    def _passages(self) -> list[Passage]:
        known = [Passage.of(entry.event) for entry in self.written if "evidence" in entry.event.data]
        return [*known, ENTRY, LATER, EARLIER]

    def keep(self, folder: str, _: str) -> None:
        self.kept.add(folder)

    def owe(self, which: Iterable[str]) -> None:
        self.owed |= set(which)

    def pay(self) -> int:
        if self.away:
            raise StoreError("Redis is away")
        return 0

    def desk(self) -> SectionDesk:
        return SectionDesk(self, self, self, now=lambda: self.now)  # type: ignore[arg-type]


def violations(found: Iterable[Any]) -> list[str]:
    return [event.id for event in found if event.type.startswith("dome.violation.")]


ENTRY = passage("entry", 0)
LATER = passage("exit", TRAVEL_S, track=8, position_m=(3.5, 25.0))
EARLIER = passage("exit", TRAVEL_S - 0.4, track=7)  # the same car: its package waited for a plate reader


@pytest.mark.parametrize("swept", [True, False])
def test_one_drive_stays_one_violation_after_a_restart(swept: bool) -> None:
    house = House()
    desk = house.desk()
    (stated,) = house.comes(desk, ENTRY, LATER)
    assert house.comes(desk, EARLIER) == []
    desk.sweep()
    assert house.owed == {EARLIER.evidence}
    again = house.desk()
    found = violations(again.sweep()) if swept else house.comes(again, passage("entry", 90, "hash-b"))
    assert found == [stated]
    assert house.comes(again, EARLIER) == []
    assert violations(again.sweep()) == []


def test_a_twin_that_comes_right_after_a_restart_is_one_still() -> None:
    house = House()
    (stated,) = house.comes(house.desk(), ENTRY, LATER)
    again = house.desk()
    assert house.comes(again, EARLIER) == [stated]
    assert violations(again.sweep()) == []


def test_what_a_restart_finds_is_told_when_redis_blinks_meanwhile() -> None:
    house = House()
    (stated,) = house.comes(house.desk(), ENTRY, LATER)
    again, house.away = house.desk(), True
    with pytest.raises(StoreError):
        again.sweep()
    house.away = False
    assert violations(again.sweep()) == [stated]
    assert violations(again.sweep()) == []


def test_a_violation_waits_for_the_store_of_its_packages_since_it_is_told_once() -> None:
    house = House()
    desk, house.unmounted = house.desk(), True
    second = passage("entry", 90, "hash-b"), passage("exit", 90 + TRAVEL_S, "hash-b")
    assert house.comes(desk, ENTRY, LATER, *second) == []
    assert desk.sweep() == []
    assert house.asked == 2  # whoever waits behind another does not ask: a store that is away answers slowly
    house.unmounted = False
    told = desk.sweep()
    assert len(violations(told)) == 2
    assert [event.data["problems"] for event in told if "problems" in event.data] == [[], []]
    assert desk.sweep() == []


def drive(n: int) -> tuple[Passage, Passage]:
    at_s, plate = 90.0 * n, f"hash-{n}"
    return passage("entry", at_s, plate), passage("exit", at_s + TRAVEL_S, plate)


@pytest.mark.parametrize("restarted", [True, False])
def test_one_package_that_cannot_be_read_keeps_no_other_s_violation_back(restarted: bool) -> None:
    house = House()
    if restarted:  # what was told of the first drive long ago is told again
        assert len(house.comes(house.desk(), ENTRY, LATER)) == 1
    house.unreadable = LATER.evidence
    desk = house.desk()
    found = [*([] if restarted else house.comes(desk, ENTRY, LATER)), *violations(desk.sweep())]
    for n in range(1, 4):
        found += house.comes(desk, *drive(n))
    assert len([*found, *violations(desk.sweep())]) == 3
    house.unreadable = ""  # its rights are mended
    assert len(violations(desk.sweep())) == 1


def test_who_has_waited_a_day_for_a_package_is_told_of_without_it() -> None:
    house = House()
    house.unreadable = LATER.evidence
    desk = house.desk()
    assert house.comes(desk, ENTRY, LATER) == []
    house.now = NOW + PATIENCE
    violation, stored = desk.sweep()
    assert violation.data["state"] == "needs_review"
    assert stored.data["problems"] == ["exit: its package cannot be read"]
    assert desk.sweep() == []


def test_the_files_of_both_packages_are_told_those_of_the_entry_by_their_side() -> None:
    house = House()
    desk = house.desk()
    house.comes(desk, ENTRY)
    violation, stored, _ = desk.take(LATER.event())
    assert (violation.data["state"], violation.data["doubts"]) == ("stands", [])
    assert stored.data["files"] == ["gate.jpg", "entry/gate.jpg"]
    assert missing(stored) == {"law"}, "nobody knows what it asks"


def missing(stored: Event) -> set[str]:
    said: Any = stored.data["completeness"]
    return {*said["missing"]}


@pytest.mark.parametrize("side", [ENTRY, LATER])
@pytest.mark.parametrize("how", ["lost", "pictureless", "unreadable"])
def test_where_either_package_shows_nothing_a_person_looks_and_is_told_which(side: Passage, how: str) -> None:
    house = House()
    if how == "lost":
        house.owed = {side.evidence}
    else:
        house.manifests[side.evidence] = {"files": [] if how == "pictureless" else ["gate.jpg"]}
    desk = house.desk()
    house.comes(desk, ENTRY)
    violation, stored, *_ = desk.take(LATER.event())
    assert violation.data["state"] == "needs_review"
    assert f"the package of the section's {side.role}" in str(violation.data["doubts"])
    assert f"{side.role}_package" in missing(stored)


@pytest.mark.parametrize(("clip_s", "asked"), [(4.0, set()), (10.0, {"clip_short"})])
def test_a_section_is_held_to_what_the_law_asks_of_its_packages(clip_s: float, asked: set[str]) -> None:
    house = House()
    profile = load_profile("kz")
    law = profile.law("section_speed").model_copy(update={"evidence": EvidenceLaw(pictures=2, clip_s=clip_s)})
    profile = profile.model_copy(update={"rules": profile.rules | {"section_speed": law}})
    for side in (ENTRY, LATER):
        said = manifest_of(side, profile)
        film = said["files"][0] | {"name": "clip.mp4", "kind": "clip"}
        index = {"first_at": START, "pts_us": [n * 40_000 for n in range(101)], "source_pts": [None] * 101,
                 "source_time_base": "1/90000", "cut_short": []}  # fmt: skip
        clip = ClipIndex.model_validate(index).model_dump(mode="json")
        house.manifests[side.evidence] = said | {"files": [*said["files"], film], "clip": clip}
    desk = house.desk()
    house.comes(desk, ENTRY)
    violation, stored, _ = desk.take(LATER.event())
    assert missing(stored) == asked
    assert violation.data["state"] == ("needs_review" if asked else "stands")


def test_a_plate_that_cannot_be_understood_leaves_the_violation_to_a_person() -> None:
    house = House()
    house.manifests[LATER.evidence] = {"plate": {"outcome": "half read"}}
    desk = house.desk()
    house.comes(desk, ENTRY)
    violation, stored = desk.take(LATER.event())
    assert violation.data["state"] == "needs_review"
    assert stored.data["problems"] == ["exit: what its package says of the plate cannot be understood"]


def test_what_is_told_of_a_package_names_the_detectors_of_both_cameras() -> None:
    """Either may prove wrong later (``dome readjudicate --model``)."""
    house = House()
    detectors = {"entry": {"name": "old", "sha256": "ab"}, "exit": {"name": "new", "sha256": "cd"}}
    for side in (ENTRY, LATER):
        context = manifest_of(side)["context"] | {"detector": detectors[side.role]}
        house.manifests[side.evidence] = {"context": context}
    desk = house.desk()
    house.comes(desk, ENTRY)
    _, stored, *_ = desk.take(LATER.event())
    assert [stored.data["detector"], stored.data["entry_detector"]] == [detectors["exit"], detectors["entry"]]


@pytest.mark.parametrize("swept", [True, False])
def test_a_passage_that_cannot_be_understood_takes_no_other_s_violation_along(swept: bool) -> None:
    house = House()
    house.comes(house.desk(), ENTRY, LATER, passage("entry", 90, "hash-b"))
    last = passage("exit", 90 + TRAVEL_S, "hash-b")
    odd = passage("exit", 60, "hash-c").event().model_copy(update={"data": {"of": "another version"}})
    house.written.insert(0, Entry(house.written[0].place, odd.model_copy(update={"id": "an earlier one"})))
    again = house.desk()
    found = violations(again.sweep() if swept else again.take(odd))
    assert found == violations(house.desk().sweep())
    assert len(found) == 1
    assert len(house.comes(again, last)) == 1
