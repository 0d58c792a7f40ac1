from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from media import STARTED_AT, write_video

from flows.domain.events import SPEEDING, Event, KeyMoment, Violation
from flows.evidence.packing import Footage, Packing, crops_of, moments_of
from flows.sources.file import FileVideo

SHOWN, BESIDE = (40.0, 40.0, 80.0, 90.0), (-90.0, 10.0, -40.0, 60.0)


def at(frame: float) -> datetime:
    return STARTED_AT + timedelta(seconds=frame / 25)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Looks of one name, the middle one of them at a box outside of the picture, and one moment without a box."""
    looks = [
        KeyMoment(name="Look", at=at(n), xyxy=box) for n, box in ((30, SHOWN), (10, SHOWN), (20, BESIDE))
    ]
    told = Violation(rule="speeding", rule_version="1", track=7, cls="car", measured={}, threshold={},
                     moments=[*looks, KeyMoment(name="signal", at=at(5))], trace=[])  # fmt: skip
    event = Event.of(
        SPEEDING, camera_id="cam-1", district="d", at=at(30), data=told.model_dump(mode="json"), key=()
    )
    source = FileVideo(
        "cam-1", write_video(tmp_path_factory.mktemp("clip") / "a.mp4", 60), started_at=STARTED_AT
    )
    for _ in source.frames():
        pass
    packets = source.ring.since(at(0))
    return Footage(event, moments_of(event), at(0), at(50), at(20), packets, {})


def test_moments_are_shown_in_time_order_where_they_have_a_box(footage: Footage) -> None:
    assert [moment.at for moment in footage.moments] == [at(10), at(20), at(30)]


def test_moments_of_one_name_have_files_of_their_own_and_nothing_outside_is_cropped(footage: Footage) -> None:
    packing = Packing()
    packing.add_pictures(footage)
    names = [file.name for file in packing.files]
    assert names == ["look.jpg", "look-crop.jpg", "look-2.jpg", "look-3.jpg", "look-3-crop.jpg"]
    assert list(packing.contents) == names
    assert [crop.bgr.shape for crop in packing.crops] == [crop.bgr.shape for crop in crops_of(footage)]
    assert packing.crops[0].bgr.shape == (66, 52, 3), "a margin on each side"


def test_no_plate_is_read_where_a_nearer_vehicle_is_all_over_the_one_reported(footage: Footage) -> None:
    """It would be the nearer one's; the picture and its crop are in the package all the same."""
    first, beside, last = footage.moments
    covered = replace(footage, moments=[first.model_copy(update={"covered": True}), beside, last])
    packing = Packing()
    packing.add_pictures(covered)
    assert [file.name for file in packing.files if file.kind == "crop"] == [
        "look-crop.jpg",
        "look-3-crop.jpg",
    ]
    assert len(packing.crops) == len(crops_of(covered)) == 1


def test_a_crop_shows_no_more_than_it_may(footage: Footage) -> None:
    first, beside, last = footage.moments
    x0, y0, x1, y1 = SHOWN
    half = first.model_copy(update={"shown": (x0, y0, (x0 + x1) / 2, y1)})
    packing = Packing()
    packing.add_pictures(replace(footage, moments=[half, beside, last]))
    pictures = [file.xyxy for file in packing.files if file.kind == "picture"]
    assert pictures[0] == pictures[2] == SHOWN, "all of it is marked"
    narrow, whole = packing.crops
    assert narrow.bgr.shape[1] < 0.6 * whole.bgr.shape[1]
    shapes = [crop.bgr.shape for crop in crops_of(replace(footage, moments=[half, beside, last]))]
    assert shapes == [narrow.bgr.shape, whole.bgr.shape]


def test_what_is_not_held_any_more_is_named(footage: Footage) -> None:
    packing = Packing()
    packing.add_pictures(replace(footage, packets=[]))
    packing.add_clip(replace(footage, packets=[]))
    assert [problem.partition(":")[0] for problem in packing.problems] == ["picture 'Look'"] * 3 + ["clip"]
    assert (packing.files, packing.clip) == ([], None)
    assert crops_of(replace(footage, packets=[])) == []
