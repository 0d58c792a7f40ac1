from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from rich.console import Console

from cluster.demo import clips, exempt, report
from cluster.demo.cameras import CAMERAS, Clip, DemoCamera
from flows import scenes
from flows.domain.errors import DomeError
from flows.domain.events import SPEEDING, Event, KeyMoment, Measured, Violation
from flows.domain.plates import PlateRecord, plate_event
from flows.domain.status import CameraStatus, ResultsStatus, Summary
from flows.settings import Settings
from flows.store.redis_server import redis_beside
from flows.store.results import ResultsStore

OPTIONS = {
    "duration_s": 6,
    "width_px": 640,
    "height_px": 360,
    "fps": 5,
    "pose": "gantry",
    "speed_range_kmh": (90, 100),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A grey clip with a real scene's truth."""
    folder = tmp_path_factory.mktemp("clip")
    truth = scenes.build("road", seed=3, **OPTIONS).truth()
    made = Clip(
        DemoCamera("cam", "A camera", "north", "road", 3, OPTIONS), folder / "a.mp4", folder / "a.json"
    )
    made.truth_file.write_text(truth.model_dump_json())
    with av.open(str(made.video), "w") as sink:
        stream = sink.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for i in range(len(truth.frames)):
            grey = np.full((360, 640, 3), 8 * i, np.uint8)
            sink.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        sink.mux(stream.encode(None))
    return made


def violation(clip: Clip, error_kmh: float = 0.5) -> Event:
    """What a good rule would say of the first speeder."""
    truth = clip.truth
    due = max(truth.events, key=lambda e: e.until_at - e.from_at)
    rows = [(f.at, o) for f in truth.frames for o in f.objects if o.track == due.track and not o.ignore]
    moments = [
        KeyMoment(name=n, at=at, xyxy=o.xyxy) for n, (at, o) in (("first", rows[0]), ("last", rows[-1]))
    ]
    speed = due.speed_kmh + error_kmh
    data = Violation(
        rule="speeding",
        rule_version="1",
        track=1,
        cls=due.cls,
        measured={"speed": Measured(value=speed, low=speed - 1, high=speed + 1, unit="km/h")},
        threshold={"limit_kmh": 60.0, "tolerance_kmh": 10.0},
        moments=moments,
        trace=[((at - rows[0][0]).total_seconds(), o.x_m, o.y_m) for at, o in rows],
    )
    return Event.of(
        SPEEDING, camera_id="cam", district="north", at=moments[-1].at, data=data.model_dump(mode="json")
    )


def leave_results(folder: Path, events: list[Event], state: str = "ended") -> None:
    (folder / "events.jsonl").write_text("".join(e.model_dump_json() + "\n" for e in events))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    status = CameraStatus.model_validate({"camera_id": "cam", "state": state})
    summary = Summary(
        site="demo",
        started_at=at,
        ended_at=at + timedelta(seconds=42),
        cameras={"cam": status},
        results=ResultsStatus(),
    )
    (folder / "summary.json").write_text(summary.model_dump_json())


def text_of(outcome: report.Outcome, folder: Path) -> str:
    console = Console(file=io.StringIO(), width=200)
    report.show(outcome, console, folder / "site.yaml")
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_table_compares_with_the_truth(clip: Clip, tmp_path: Path) -> None:
    found = violation(clip)
    leave_results(tmp_path, [found])
    package = tmp_path / "evidence" / "cam" / "2026-06-01" / found.id
    package.mkdir(parents=True)
    (package / "manifest.json").write_text("{}")

    outcome = report.compare([clip], tmp_path, tmp_path / "evidence", tolerance_kmh=10)

    camera = outcome.cameras[0]
    due = [e for e in clip.truth.events if e.speed_kmh > 70]
    assert (camera.score.tp, camera.score.fn, camera.score.fp) == (1, len(due) - 1, 0)
    assert camera.packages == 1
    assert outcome.worked
    text = text_of(outcome, tmp_path)
    assert "0.50 / 0.50 km/h" in text
    assert "1 package" in text
    assert "dome run" in text


@pytest.mark.slow
def test_the_table_says_what_became_of_them(clip: Clip, tmp_path: Path) -> None:
    leave_results(tmp_path, [violation(clip)])

    outcome = report.compare(
        [clip], tmp_path, tmp_path, tolerance_kmh=10, states={"cam": {"stands": 2, "needs_review": 1}}
    )

    assert "needs review 1, stands 2" in text_of(outcome, tmp_path)


@pytest.mark.slow
def test_the_demo_s_list_decides_what_depends_on_lists(clip: Clip, tmp_path: Path) -> None:
    """Its red lights would wait for a list for ever; the file is one that dome exemptions load takes."""
    from flows.casework.exemptions import read_exemptions

    settings = Settings.from_env({"DOME_HOME": str(tmp_path / "home")})
    listed = exempt.demo_list([clip])
    exempt.put_in_force(listed, tmp_path / "exemptions.yaml", settings)
    assert read_exemptions(tmp_path / "exemptions.yaml").entries == listed.entries

    at = clip.truth.started_at + timedelta(seconds=3)
    found = violation(clip)
    waits = {"exemptions": ["demo"], "exemptions_max_age_h": 24.0, "state": "undecided"}
    red = Event.of(
        "dome.violation.red_light.v1", camera_id="cam", district="north", at=at, data=found.data | waits
    )
    read = plate_event(red, PlateRecord(outcome="read", text="123ABC02", confident=True))
    with redis_beside(settings) as url:
        ResultsStore(url).write([found, red, read])
    assert exempt.states([found, red], settings) == {"cam": {"stands": 2}}


@pytest.mark.slow
def test_the_picture_shows_the_moment(clip: Clip, tmp_path: Path) -> None:
    leave_results(tmp_path, [violation(clip)])

    outcome = report.compare([clip], tmp_path, tmp_path, tolerance_kmh=10)

    from PIL import Image

    assert outcome.picture == tmp_path / "violation.png"
    with Image.open(outcome.picture) as picture:
        assert picture.size == (640, 360)
        colours = np.asarray(picture).reshape(-1, 3).astype(int)
    reddish = (colours[:, 0] > 200) & (colours[:, 1] < 120) & (colours[:, 2] < 120)
    assert reddish.sum() > 100, "the vehicle is marked"


@pytest.mark.slow
def test_a_frame_is_found_by_its_time(clip: Clip) -> None:
    grey = report.frame_at(clip.video, timedelta(seconds=2.0))

    assert abs(float(grey.mean()) - 80) < 4, "frame 10 of 5 a second"


def test_nothing_found_is_no_success(clip: Clip, tmp_path: Path) -> None:
    leave_results(tmp_path, [])

    outcome = report.compare([clip], tmp_path, tmp_path, tolerance_kmh=10)

    assert not outcome.worked
    assert outcome.picture is None
    text_of(outcome, tmp_path)


@pytest.mark.slow
def test_a_failed_camera_is_no_success(clip: Clip, tmp_path: Path) -> None:
    leave_results(tmp_path, [violation(clip)], state="failed")

    assert not report.compare([clip], tmp_path, tmp_path, tolerance_kmh=10).worked


def test_clips_are_rendered_once(clip: Clip, tmp_path: Path, monkeypatch) -> None:
    rendered: list[str] = []

    def render(wanted: Clip, _: object) -> str:
        rendered.append(wanted.camera.id)
        wanted.video.write_bytes(clip.video.read_bytes())
        wanted.truth_file.write_bytes(clip.truth_file.read_bytes())
        return ""

    monkeypatch.setattr(clips, "render", render)
    first = clips.prepare(CAMERAS, tmp_path, None)
    again = clips.prepare(CAMERAS, tmp_path, None)

    assert sorted(rendered) == sorted(c.id for c in CAMERAS)
    assert [c.video for c in first] == [c.video for c in again]


def test_a_changed_recipe_is_rendered_again(clip: Clip, tmp_path: Path) -> None:
    one = clips._clip(DemoCamera("a", "a", "d", "road", 1), tmp_path)
    other = clips._clip(DemoCamera("a", "a", "d", "road", 2), tmp_path)

    assert one.video != other.video


def test_clips_of_other_scene_code_are_stale(clip: Clip, tmp_path: Path, monkeypatch) -> None:
    one = clips._clip(DemoCamera("a", "a", "d", "road", 1), tmp_path)
    monkeypatch.setattr(clips, "scenes_sha256", lambda: "changed")

    assert clips._clip(DemoCamera("a", "a", "d", "road", 1), tmp_path).video != one.video


def test_without_opengl_and_without_packaged_clips_it_says_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(clips, "render", lambda *_: "no OpenGL")
    monkeypatch.setattr(clips, "PACKAGED", tmp_path / "none")

    with pytest.raises(DomeError, match="the package carries no clip"):
        clips.prepare(CAMERAS, tmp_path, None)
