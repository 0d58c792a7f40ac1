"""A citizen's clip: what is proposed of it, what is refused and said, and what others see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.inference import DetectorSpec
from flows.domain.reports import SERVICE_CODES
from flows.jurisdiction import load_profile
from flows.reports.found import from_json, things, to_json
from flows.reports.show import best_moment_s, lower, masked, shown
from flows.reports.watch import Seen, watch, what_is_missing
from flows.uploads.frames import ClipFrame
from flows.uploads.kinds import UploadRefused

AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
SIZE = (320, 180)
HZ = 5
Place = Callable[[float], tuple[float, float]]


def texture() -> NDArray[np.uint8]:
    """A street with corners to hold on to, larger than the picture."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(40, 216, (30, 50, 3), np.uint8)
    return np.repeat(np.repeat(coarse, 12, axis=0), 12, axis=1)


GROUND = texture()


class Scripted:
    """A detector that knows what is in the clip: its own frames, one after another."""

    spec = DetectorSpec("scripted", SIZE, ("person", "car"), "", 0.5)

    def __init__(self, cars: Place, people: Sequence[tuple[float, float]] = ()) -> None:
        self._cars, self._people, self._n = cars, people, 0

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        found = []
        for _ in pictures:
            x, y = self._cars(self._n / HZ)
            boxes = [(x, y, x + 80, y + 50), *((px, py, px + 14, py + 40) for px, py in self._people)]
            labels = [1] + [0] * len(self._people)
            xyxy = np.array(boxes, np.float32)
            found.append(
                Detections(
                    xyxy, np.full(len(boxes), 0.9, np.float32), np.array(labels, np.int32), self.spec.names
                )
            )
            self._n += 1
        return found


def clip(seconds: float, view: Place = lambda s: (20, 20)) -> Iterator[ClipFrame]:
    """Frames of a camera that looks at ``view(s)`` of the street."""
    for n in range(round(seconds * HZ)):
        x, y = (round(v) for v in view(n / HZ))
        yield ClipFrame(n / HZ, np.ascontiguousarray(GROUND[y : y + SIZE[1], x : x + SIZE[0]]))


def seen(
    service: str, seconds: float, cars: Place, view: Place = lambda s: (20, 20), people: Any = ()
) -> Seen:
    return watch(clip(seconds, view), Scripted(cars, people), service, AT, load_profile("kz"))


def still(s: float) -> tuple[float, float]:
    return (100.0 + 0.8 * np.sin(40 * s), 90.0)


def test_a_rule_that_fails_does_not_look_like_a_clip_in_which_nothing_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setattr("flows.reports.watch.StoodStill.observe", fails)
    with pytest.raises(RuntimeError, match="prohibited_stopping: ZeroDivisionError: nothing to divide by"):
        seen("prohibited_stopping", 1, still)


def test_a_vehicle_that_stands_before_a_steady_camera_is_proposed_and_no_more_than_that() -> None:
    found = seen("prohibited_stopping", 16, still)
    (proposal,) = found.proposed
    assert (proposal.rule, proposal.cls) == ("prohibited_stopping", "car")
    assert 13 <= int(proposal.measured["stood at least"].split()[0]) <= 16
    assert found.subjects() == {proposal.track}
    assert found.unknown == []


def test_one_that_drives_on_soon_is_not_and_that_is_said() -> None:
    found = seen("prohibited_stopping", 16, lambda s: still(s) if s < 6 else (100 + 12 * (s - 6), 90))
    assert (found.proposed, found.unknown) == (
        [], ["a vehicle stood, but for a shorter time than is looked for"])  # fmt: skip


def test_who_follows_a_moving_vehicle_with_the_camera_proposes_nothing() -> None:
    found = seen("prohibited_stopping", 16, still, view=lambda s: (20 + 12 * s, 20))
    assert found.proposed == []
    assert any("held still" in said or "turned" in said for said in found.unknown)


def test_a_camera_that_shakes_is_not_believed() -> None:
    rng = np.random.default_rng(1)
    steps = rng.integers(-12, 13, (200, 2))
    found = seen("prohibited_stopping", 16, still, view=lambda s: tuple(30 + steps[round(s * HZ)]))
    assert found.proposed == []
    assert found.unknown


def test_what_needs_a_survey_is_refused_by_its_name() -> None:
    found = seen("speeding", 3, lambda s: (20 + 30 * s, 90))
    assert found.proposed == []
    assert found.unknown == ["speeding: a citizen's clip comes without a survey of the camera: not judged"]
    assert len(found.subjects()) == 1, "the vehicle that shows most is what others see"
    for service in SERVICE_CODES:
        assert service in what_is_missing(service)
    assert "traffic light" in what_is_missing("red_light")
    assert "a person decides" in what_is_missing("other")


def test_only_what_the_report_is_about_can_be_recognised() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (180, 320, 3), np.uint8)
    box = (100.0, 90.0, 180.0, 140.0)
    out = masked(rgb, [lower(box)], [(150.0, 90.0, 170.0, 140.0)])
    kept = np.s_[115:138, 104:146]
    assert (out[kept] == rgb[kept]).all()
    for hidden in (np.s_[92:105, 104:176], np.s_[112:138, 152:168], np.s_[0:80, 0:320]):
        assert np.abs(out[hidden].astype(int) - rgb[hidden]).mean() > 30


@pytest.mark.slow
def test_the_clip_that_others_see_shows_it_all_the_way_and_the_still_where_it_shows_most(
    tmp_path: Path,
) -> None:
    people = [(40.0, 60.0)]
    found = seen("speeding", 4, lambda s: (20 + 40 * s, 90), people=people)
    stills = shown(clip(4), found, [best_moment_s(found)], tmp_path / "shown.mp4")
    assert stills[0].startswith(b"\xff\xd8\xff")
    with av.open(str(tmp_path / "shown.mp4")) as video:
        frames = [f.to_ndarray(format="rgb24").astype(int) for f in video.decode(video=0)]
    originals = [each.bgr[:, :, ::-1].astype(int) for each in clip(4)]
    assert len(frames) == len(originals)
    for n in (5, 10, 15):
        x, y = 20 + 40 * n / HZ, 90
        kept = np.s_[y + 25 : y + 48, round(x) + 5 : min(320, round(x) + 75)]
        person = np.s_[62:98, 42:52]
        assert np.abs(frames[n][kept] - originals[n][kept]).mean() < 14
        assert np.abs(frames[n][person] - originals[n][person]).mean() > 14


@pytest.mark.parametrize("frames", [0, 1])
def test_a_clip_with_hardly_a_frame_is_no_mistake(frames: int) -> None:
    found = watch(list(clip(4))[:frames], Scripted(still), "prohibited_stopping", AT, load_profile("kz"))
    assert found.proposed == []


def two() -> Seen:
    """The car that passes, another that stands at the right, and somebody before that one."""
    found = seen("speeding", 4, lambda s: (20 + 40 * s, 90), people=[(250.0, 100.0)])
    found.vehicles[77] = dict.fromkeys(found.people, (230.0, 100.0, 300.0, 150.0))
    found.classes[77] = "truck"
    return found


def test_what_was_found_is_kept_as_boxes_and_read_again_to_the_bit() -> None:
    found = two()
    assert from_json(to_json(found)) == found
    with pytest.raises(UploadRefused, match="cannot be read"):
        from_json(b"[]")


@pytest.mark.slow
def test_a_person_may_say_that_it_is_about_another_vehicle_and_only_that_one_is_shown_then(
    tmp_path: Path,
) -> None:
    found = two()
    (first,) = found.subjects()
    assert [(t.id, t.kept, t.cls) for t in things(found, [(1.0, "a.jpg")])] == [
        (first, True, "car"),
        (77, False, "truck"),
    ]
    originals = [each.bgr[:, :, ::-1].astype(int) for each in clip(4)]

    def off(only: tuple[int, ...] | None, where: Any) -> float:
        found.only = only
        shown(clip(4), found, [0.0], tmp_path / "shown.mp4")
        with av.open(str(tmp_path / "shown.mp4")) as video:
            frames = [f.to_ndarray(format="rgb24").astype(int) for f in video.decode(video=0)]
        return float(np.abs(frames[10][where] - originals[10][where]).mean())

    car, truck, person = np.s_[115:138, 105:175], np.s_[125:148, 270:296], np.s_[125:138, 252:262]
    assert off(None, car) < 14 < min(off(None, truck), off((77,), car), off((), car), off((), truck))
    assert off((77,), truck) < 14 < off((77,), person), "who stands before it is not what it is about"
    assert [t.kept for t in things(found, [])] == [False, True], "numbers on the picture stay as they are"
    found.only = ()
    assert [t.kept for t in things(found, [])] == [False, False]


def test_a_frame_in_which_nobody_has_looked_for_people_shows_nothing(tmp_path: Path) -> None:
    found = two()
    found.people.clear()
    shown(clip(4), found, [], tmp_path / "shown.mp4")
    with av.open(str(tmp_path / "shown.mp4")) as video:
        frame = next(f.to_ndarray(format="rgb24").astype(int) for f in video.decode(video=0))
    original = next(iter(clip(4))).bgr[:, :, ::-1].astype(int)
    assert np.abs(frame[115:138, 25:95] - original[115:138, 25:95]).mean() > 14
