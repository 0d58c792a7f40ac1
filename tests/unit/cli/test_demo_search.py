"""The demo's search, and what its table says of the station."""

from __future__ import annotations

import io
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from searching import make_active, make_lead

from cluster.cli.doors import PEOPLE
from cluster.demo import clips, home_of, portrait, report, search, today
from cluster.demo.cameras import CAMERAS, Clip, DemoCamera
from cluster.demo.search import Appearance
from cluster.demo.station import Search, Station, Things, faces_line, station_table
from flows import scenes
from flows.casework.searches import new_case
from flows.domain.cases import activate, authorise, covers
from flows.domain.errors import FieldError
from flows.domain.events import OBJECT_ABANDONED, Event, Measured
from flows.domain.leads import Lead
from flows.domain.objects import AbandonedObject
from flows.jurisdiction import load_profile
from flows.scenes.truth import SceneTruth

HALL = next(camera for camera in CAMERAS if camera.id == "hall")
PASSAGE = next(camera for camera in CAMERAS if camera.id == "passage")
MORNING = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
NOW = MORNING + timedelta(hours=3)


def made(camera: DemoCamera, folder: Path) -> Clip:
    """A clip's truth without its pictures."""
    clip = Clip(camera, folder / f"{camera.id}.mp4", folder / f"{camera.id}.json", MORNING)
    truth = scenes.build(camera.scene, seed=camera.seed, **camera.options).truth()
    clip.truth_file.write_text(truth.model_dump_json())
    return clip


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return made(HALL, tmp_path_factory.mktemp("hall"))


@pytest.fixture(scope="module")
def passage(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return made(PASSAGE, tmp_path_factory.mktemp("passage"))


@pytest.mark.slow
def test_the_demo_s_case_is_lawful_and_covers_the_passage_and_nothing_else(hall: Clip, passage: Clip) -> None:
    values = search.asked(search.cameras([hall, passage]), MORNING, NOW)

    case = new_case(values, load_profile("kz"), "case-demo", NOW)

    active = activate(authorise(case, search.AUTHORISER, NOW), search.REQUESTER, NOW)
    at = MORNING + timedelta(seconds=5)
    assert covers(active, "passage", "turksib", at, NOW)
    assert not covers(active, "hall", "turksib", at, NOW), "the other camera of the same station"
    assert not covers(active, "passage", "turksib", MORNING - timedelta(hours=1), NOW), (
        "outside of the window"
    )


@pytest.mark.parametrize("missing", ["basis", "registration", "requester", "window"])
def test_without_what_the_law_asks_for_there_is_no_search(missing: str) -> None:
    values = {k: v for k, v in search.asked(["passage"], MORNING, NOW).items() if k != missing}

    with pytest.raises(FieldError, match=missing):
        new_case(values, load_profile("kz"), "case-demo", NOW)


def test_who_asks_is_not_who_authorises_and_three_people_can_look() -> None:
    assert search.REQUESTER != search.AUTHORISER
    assert PEOPLE[search.REQUESTER] == ("operator",)
    assert PEOPLE[search.AUTHORISER] == ("authoriser",)
    assert sum("operator" in roles for roles in PEOPLE.values()) >= 2, "a second operator confirms"
    assert ("patrol",) in PEOPLE.values()


def test_the_key_is_the_home_s_own_and_nobody_else_s(tmp_path: Path) -> None:
    first = home_of(tmp_path / "demo").probe_key.get_secret_value()

    path = tmp_path / "demo" / "home" / search.KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert home_of(tmp_path / "demo").probe_key.get_secret_value() == first, (
        "the console opens what the job sealed"
    )
    assert home_of(tmp_path / "other").probe_key.get_secret_value() != first


def test_a_demo_touches_no_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOME_REDIS_URL", "redis://production:6379/0")
    monkeypatch.setenv("DOME_PROBE_KEY", "theirs")

    settings = home_of(tmp_path)

    assert settings.redis_url is None
    assert settings.probe_key.get_secret_value() != "theirs"


def test_clips_are_taken_a_few_hours_ago(hall: Clip) -> None:
    original = SceneTruth.model_validate_json(hall.truth_file.read_bytes())
    moved = hall.truth
    by = MORNING - original.started_at

    assert moved.frames[7].at - original.frames[7].at == by
    assert moved.events[0].from_at - original.events[0].from_at == by
    assert moved.calibration.valid_until > MORNING.date(), (
        "a survey does not age while the clip lies in a cache"
    )
    assert hall.site_camera("embedded").started_at == MORNING


@pytest.mark.parametrize(("hour", "ago_h"), [(0, 14), (6, 20), (7, 21), (12, 6), (23, 17)])
def test_the_clips_lie_behind_by_less_than_a_day(hour: int, ago_h: int) -> None:
    now = datetime(2026, 11, 25, hour, tzinfo=UTC)

    assert now - today.last_daylight(now) == timedelta(hours=ago_h)


def test_the_hall_has_one_thing_to_find_and_one_that_is_none(hall: Clip) -> None:
    due = [e for e in hall.truth.events if e.type == OBJECT_ABANDONED and not e.ignore]

    assert len(due) == 1
    assert [i.role for i in hall.truth.innocent] == ["waits_beside"]


def test_the_passage_shows_the_face_large_enough(passage: Clip) -> None:
    shown = search.appearance(passage)

    assert shown is not None
    assert shown.widest_px >= search.LEAST_PX
    assert timedelta(0) < shown.until_at - shown.from_at < timedelta(seconds=10)
    assert passage.site_camera("embedded").rules == (), "its faces are a case's, its things nobody's"


def test_the_photo_is_the_head_s(tmp_path: Path) -> None:
    from PIL import Image

    with Image.open(portrait.head(tmp_path)) as head, Image.open(io.BytesIO(portrait.photo())) as photo:
        left, top, right, bottom = portrait.HEAD
        assert head.size == (right - left, bottom - top)
        assert photo.size == (512, 512)
    assert [p.name for p in tmp_path.iterdir()] == [f"{portrait.LOOK}.png"]


@pytest.mark.slow
def test_a_packaged_clip_names_no_path_of_whoever_rendered_it() -> None:
    for camera in CAMERAS:
        truth = SceneTruth.model_validate_json((clips.PACKAGED / f"{camera.id}.json").read_bytes())
        assert "face" not in truth.options


def alarm(hall: Clip, after_s: float) -> Event:
    """What a good rule would say of the thing that was left."""
    (due,) = (e for e in hall.truth.events if e.type == OBJECT_ABANDONED and not e.ignore)
    at = due.from_at + timedelta(seconds=after_s)
    frame = min(hall.truth.frames, key=lambda f: abs(f.at - at))
    thing = next(o for o in frame.objects if o.track == due.track)
    data = AbandonedObject(
        rule_version="1", state="abandoned", placed_at=due.from_at, left_at=due.from_at, owner="gone",
        owner_number=1, xyxy=thing.xyxy, size_m=(0.5, 0.7), confidence=0.8, position_m=(thing.x_m, thing.y_m),
        measured={"alone": Measured(value=after_s, low=after_s - 1, high=after_s + 1, unit="s")},
        threshold={"distance_m": 3.0},
    )  # fmt: skip
    return Event.of(OBJECT_ABANDONED, camera_id="hall", district="turksib", at=frame.at,
                    data=data.model_dump(mode="json"))  # fmt: skip


@pytest.mark.slow
def test_the_picture_marks_what_was_left_and_where_its_owner_would_watch_it(
    hall: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    grey = np.full((hall.truth.height_px, hall.truth.width_px, 3), 120, np.uint8)
    monkeypatch.setattr(report, "frame_at", lambda *_: grey)
    found = alarm(hall, 7.0)

    out = report.draw_left(station(hall, [found], [lead(6.2)], {}), tmp_path / "left.jpg")

    assert out is not None
    x0, y0, x1, y1 = (round(v) for v in found.data["xyxy"])  # type: ignore[union-attr]
    with Image.open(out) as picture:
        pixels = np.asarray(picture).astype(int)
    near = pixels[y0 - 12 : y1 + 12, x0 - 12 : x1 + 12]
    assert ((near[..., 0] - near[..., 2]) > 80).sum() > 50, "red corners round it"
    yellow = (pixels[..., 0] - pixels[..., 2] > 60) & (pixels[..., 1] - pixels[..., 2] > 40)
    columns = np.nonzero(yellow)[1]
    assert columns.min() < x0 - 40, "the line on the floor is farther out ..."
    assert columns.max() > x1 + 40, "... on both sides"
    for x0, y0, x1, y1 in (tuple(map(round, box)) for box in report.bystanders(hall, found)):
        assert (pixels[max(0, y0) : y1, max(0, x0) : x1].max(axis=2) > 60).mean() > 0.95, (
            "no panel covers them"
        )
    assert report.draw_left(station(hall, [], [], {}), tmp_path / "none.jpg") is None


def station(hall: Clip, events: list[Event], leads: list[Lead], looked: dict[str, int]) -> Station:
    case = make_active(NOW, cameras=("passage",))
    near = Appearance(MORNING + timedelta(seconds=5), MORNING + timedelta(seconds=8), 88.0)
    return Station((Things.of(hall, events),), Search(case, tuple(leads), {"passage": near}, looked))


def lead(at_s: float) -> Lead:
    return make_lead(camera="passage", at=MORNING + timedelta(seconds=at_s))


def text_of(station: Station) -> str:
    console = Console(file=io.StringIO(), width=220)
    console.print(station_table(station))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_compares_thing_and_lead_with_the_truth(hall: Clip) -> None:
    found = station(hall, [alarm(hall, 7.0)], [lead(6.2)], {"passage": 12, "hall": 0, "gantry": 0})

    text = text_of(found)
    assert found.worked
    assert "object abandoned" in text
    assert "waits beside it" in text
    assert "06:00:05.0 to 06:00:08.0" in text, "when the face was near enough"
    assert "lead 06:00:06.2, similarity" in text
    assert "12 on passage" in faces_line(found.search)
    assert "0 on hall, gantry, which no case covers" in faces_line(found.search)


@pytest.mark.parametrize(
    ("alarms", "leads", "looked"),
    [((), (6.2,), {}), ((7.0,), (), {}), ((7.0,), (20.0,), {}), ((7.0,), (6.2,), {"hall": 1})],
    ids=["thing missed", "person missed", "somebody else", "looked at without a case"],
)
def test_what_went_wrong_is_no_success(
    hall: Clip, alarms: tuple[float, ...], leads: tuple[float, ...], looked: dict[str, int]
) -> None:
    found = station(hall, [alarm(hall, s) for s in alarms], [lead(s) for s in leads], looked)

    assert not found.worked
