"""From a candidate to a violation with its package, or to nothing at all; and what happens while nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from evidencestore import kept_in, store_in, verify_package
from media import STARTED_AT, draw, square_at, write_video
from plate_packages import CONTEXT, READ, Reader, violation

from flows.domain.belts import SEAT_BELT, BeltAnswer, BeltRequest, SeatAnswer, candidate_of, looks_of
from flows.domain.errors import ReaderAway, ReaderFailed
from flows.domain.events import EVIDENCE_STORED, Event
from flows.domain.plates import PLATE_READ
from flows.evidence.beltstage import NO_PICTURE, BeltStage
from flows.evidence.package import Manifest
from flows.evidence.platestage import PlateStage
from flows.evidence.queue import EvidenceQueue
from flows.evidence.viewshelf import part_of
from flows.sources.file import FileVideo
from flows.store.evidence import MANIFEST, EvidenceStore

WORN = SeatAnswer("worn", "", 0.01)
BARE = BeltAnswer({"driver": SeatAnswer("unworn", "", 0.99, 0.98, 0.99), "passenger": WORN}, 2, 0.97)
BELTED = BeltAnswer({"driver": WORN, "passenger": SeatAnswer("nobody")}, 2, 0.97)
GLARE = BeltAnswer({name: SeatAnswer("unknown", "glare") for name in ("driver", "passenger")}, 2, 0.97)
EMPTY = BeltAnswer({name: SeatAnswer("nobody") for name in ("driver", "passenger")}, 2, 0.97)


class Belts:
    """Answers as told; keeps what it was asked."""

    def __init__(self, *answers: BeltAnswer | Exception) -> None:
        self.answers, self.asked = list(answers), list[BeltRequest]()

    def __call__(self, request: BeltRequest) -> BeltAnswer:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def candidate() -> Event:
    event = violation()
    data = event.data | {"rule": "seat_belt", "needs_review": True, "state": "needs_review"}
    event = event.model_copy(update={"type": SEAT_BELT, "data": data})
    return candidate_of(event, {"seats": ["driver", "passenger"], "driver_on": "left", "evaluated": {}})


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", 100)


Play = Callable[..., tuple[list[Event], EvidenceQueue, EvidenceStore]]


@pytest.fixture
def play(tmp_path: Path, clip: Path) -> Play:
    def played(
        belts: Belts | None,
        plates: Reader | None = None,
        pauses_s: tuple[float, ...] = (0.01, 0.01),
        asked: Event | None = None,
        cut: Sequence[int] = (),
    ) -> tuple[list[Event], EvidenceQueue, EvidenceStore]:
        store = store_in(tmp_path / "evidence")
        source = FileVideo("cam-1", clip, started_at=STARTED_AT)
        queue = EvidenceQueue(
            source.ring,
            store,
            CONTEXT,
            clip_s=2.0,
            plates=PlateStage(plates, "KZ", pauses_s) if plates is not None else None,
            belts=BeltStage(belts, pauses_s) if belts is not None else None,
        )
        made: list[Event] = []
        views = {moment.view for moment in looks_of(asked or candidate()) if moment.view is not None}
        for frame in source.frames():
            if frame.index in cut:
                queue.take(frame.picture, [view for view in views if view[0] == frame.at])
            if frame.index == 60:
                queue.add(asked or candidate())
            queue.keep(set(), views if frame.index < 60 else set())
            if frame.index % 10 == 0:
                made += chain.from_iterable(queue.due(frame.at))
        made += chain.from_iterable(queue.flush())
        return made, queue, store

    return played


def kept(tmp_path: Path) -> list[Path]:
    return kept_in(tmp_path / "evidence")


def test_a_missing_belt_is_a_violation_with_its_package_and_plate(play: Play) -> None:
    made, queue, store = play(Belts(BARE), Reader(READ))
    assert [e.type for e in made] == [SEAT_BELT, PLATE_READ, EVIDENCE_STORED]
    found, read, stored = made
    assert found.id == candidate().id
    assert found.data["seats"] == {"driver": "unworn", "passenger": "worn"}
    assert found.data["evidence"] == stored.data["folder"]
    assert {read.data["violation"], stored.data["violation"]} == {found.id}
    folder = str(stored.data["folder"])
    assert verify_package(store, folder) == []
    manifest = Manifest.model_validate_json(store.read(folder, MANIFEST))
    assert manifest.event == found
    assert [f.name for f in manifest.files if f.kind == "picture"] == ["m40.jpg", "m55.jpg"]
    assert queue.refusals() == {}


@pytest.mark.parametrize("beside", [0.0, 8.0], ids=["alone", "beside a nearer one"])
def test_the_classifier_gets_the_vehicle_at_full_resolution_with_its_whole_box(
    play: Play, beside: float
) -> None:
    """Pictures show nothing of a nearer vehicle; a windscreen is found from where the sides of its own are."""
    belts, asked = Belts(BELTED), candidate()
    cut = [
        moment | {"shown": [x0, y0, x1 - beside, y1]}
        for moment in cast("list[dict[str, Any]]", asked.data["moments"])
        for x0, y0, x1, y1 in [moment["xyxy"]]
    ]
    play(belts, asked=asked.model_copy(update={"data": asked.data | {"moments": cut}}))
    (request,) = belts.asked
    assert request.driver_on == "left"
    for look, index in zip(request.looks, (40, 55), strict=True):
        x0, y0, x1, y1 = look.xyxy
        assert (x1 - x0, y1 - y0) == (24, 24)
        left, top = square_at(index, 320, 240)
        there = draw(index)[top : top + 24, left : left + 24]
        shown = look.bgr[int(y0) : int(y1), int(x0) : int(x1)]
        assert np.abs(there.astype(int) - shown).mean() < 12, "the box lies on the vehicle"


@pytest.mark.parametrize(
    ("answer", "refused"),
    [(BELTED, {}), (GLARE, {"belt_glare": 1}), (EMPTY, {"nobody_seen": 1})],
    ids=["belted", "glare", "nobody seen"],
)
def test_of_whoever_did_nothing_or_cannot_be_seen_nothing_is_kept(
    play: Play, tmp_path: Path, answer: BeltAnswer, refused: dict[str, int]
) -> None:
    plates = Reader(READ)
    made, queue, _ = play(Belts(answer), plates)
    assert made == []
    assert kept(tmp_path) == []
    assert plates.asked == [], "nobody reads the plate of who did nothing"
    assert queue.refusals() == refused
    assert len(queue) == 0


def test_looks_that_were_cut_when_they_came_are_the_same_and_nothing_is_decoded_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, cut, some = Belts(BELTED), Belts(BELTED), Belts(BELTED)
    play(decoded)
    play(some, cut=[55])
    monkeypatch.setattr("flows.evidence.beltstage.Reel.still", None)
    play(cut, cut=[40, 55])
    for other in (cut, some):
        for look, again in zip(other.asked[0].looks, decoded.asked[0].looks, strict=True):
            assert look.xyxy == again.xyxy
            assert np.array_equal(look.bgr, again.bgr)


def test_what_was_cut_of_whoever_waits_is_bounded(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.evidence.queue.MAX_VIEW_BYTES", 0)
    belts = Belts(BELTED)
    play(belts, cut=[40, 55])
    assert len(belts.asked[0].looks) == 2, "they are decoded"


def test_a_classifier_that_comes_back_is_asked_again(play: Play) -> None:
    belts = Belts(ReaderAway("belts: no replica"), ReaderAway("belts: no replica"), BARE)
    made, queue, _ = play(belts)
    assert len(belts.asked) == 3
    assert [e.type for e in made] == [SEAT_BELT, EVIDENCE_STORED]
    assert queue.counts["belts_retried"] == 2
    assert queue.refusals() == {}


@pytest.mark.parametrize("error", [ReaderAway("belts: no replica"), ReaderFailed("belt classifier: boom")])
def test_a_classifier_that_stays_away_is_counted_and_accuses_nobody(
    play: Play, tmp_path: Path, error: Exception
) -> None:
    belts = Belts(error)
    made, queue, _ = play(belts)
    assert len(belts.asked) == 3
    assert made == []
    assert kept(tmp_path) == []
    assert queue.refusals() == {"belts_unavailable": 1}


def test_where_nobody_looks_candidates_are_counted(play: Play, tmp_path: Path) -> None:
    made, queue, _ = play(None)
    assert (made, kept(tmp_path)) == ([], [])
    assert queue.refusals() == {"belts_unavailable": 1}


def test_a_violation_is_told_though_its_plate_must_wait_and_is_asked_for_once(play: Play) -> None:
    belts = Belts(BARE)
    made, _, _ = play(belts, Reader(ReaderAway("plates: no replica"), ReaderAway("plates: no replica"), READ))
    assert [e.type for e in made] == [SEAT_BELT, PLATE_READ, EVIDENCE_STORED]
    assert len(belts.asked) == 1
    assert made[1].data["outcome"] == "read"


def test_what_was_cut_of_looks_that_the_recording_holds_no_more_is_not_judged(clip: Path) -> None:
    """Nothing could be shown of it."""
    source, asked = FileVideo("cam-1", clip, started_at=STARTED_AT), candidate()
    moments = looks_of(asked)
    held = {
        moment.view: frame.picture.cut(*part_of(moment.view[1]))
        for frame in source.frames()
        for moment in moments
        if moment.view is not None and moment.at == frame.at
    }
    belts = Belts(BARE)
    verdict = BeltStage(belts).judge(asked, [], held)
    assert (verdict.violation, verdict.refused) == (None, {NO_PICTURE})
    assert belts.asked == []
    assert len(held) == len(moments)
