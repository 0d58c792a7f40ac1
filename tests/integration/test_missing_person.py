"""Somebody with a real face walks through a rendered hall that four cameras see: found on each of them, nobody else is.

The real finder, embedder, tracker, camera stage and search; only detections are the scene's truth, and Ray is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from asking import Direct
from numpy.typing import NDArray
from people import Clock, Stores
from PIL import Image
from portraits import jpeg
from searching import make_case

from cluster.bench.walkers import HEAD, portrait
from cluster.demo.search import LEAST_PX, face_px
from flows.domain.cases import SearchTerms, Window, activate, authorise
from flows.domain.detections import Detections
from flows.domain.events import Event
from flows.domain.frames import ClockState, Frame
from flows.domain.site import CameraConfig
from flows.faces.searcher import FaceSearcher
from flows.faces.stage import FaceStage
from flows.faces.thresholds import built_in
from flows.scenes.kinds import hall
from flows.scenes.opengl import SceneUnavailable, require
from flows.scenes.options import SceneOptions
from flows.settings import Settings
from flows.tracking import Tracker
from models.faces.looker import FaceLooker, make

SEED, FPS, SECONDS = 5, 2.5, 24.0
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Pixels:
    """A frame's picture from an array."""

    array: NDArray[np.uint8]

    @property
    def width_px(self) -> int:
        return self.array.shape[1]

    @property
    def height_px(self) -> int:
        return self.array.shape[0]

    def region(self, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
        return self.array[y0:y1, x0:x1]


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> FaceLooker:
    return make("dlib", Settings.from_env({"DOME_HOME": str(tmp_path_factory.mktemp("home"))}))


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    left, top, right, bottom = HEAD
    path = tmp_path_factory.mktemp("head") / "head.png"
    Image.fromarray(np.ascontiguousarray(portrait()[top:bottom, left:right, ::-1])).save(path)
    return path


@pytest.mark.parametrize("pose", hall.WAYS)
async def test_a_missing_person_is_found_where_the_face_is_60_px_or_more(
    pose: str, eyes: FaceLooker, head: Path
) -> None:
    try:
        require()
    except SceneUnavailable as error:
        pytest.skip(str(error))
    begin = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
    options = SceneOptions(
        duration_s=SECONDS, fps=FPS, pose=pose, case="searched", face=head, n_pedestrians=3, started_at=begin
    )
    scene = hall.build(SEED, options)
    widest = max(face_px(scene, t) for t in np.arange(0, SECONDS, 1 / FPS))
    assert widest >= LEAST_PX, "the scene does not show what this is about"
    terms = SearchTerms(longest_days=30, votes=2)
    created = ({"deed": "created", "by": "asel", "at": begin - HOUR},)
    names = tuple(f"hall-{way.replace('_', '-')}" for way in hall.WAYS)
    window = Window(begins_at=begin - HOUR, ends_at=begin + HOUR)
    draft = make_case(cameras=names, terms=terms, steps=created, window=window, expires_at=begin + HOUR)
    case = activate(authorise(draft, "bolat", begin - HOUR), "asel", begin - HOUR)
    stores, clock = Stores(case, photos={("case-1", "p1"): jpeg(portrait())}), Clock(begin)
    stores.at = begin
    searcher = FaceSearcher(eyes, stores, built_in("dlib"), clock)
    config = CameraConfig.model_validate(
        {
            "id": f"hall-{pose.replace('_', '-')}",
            "district": "esil",
            "source": {"kind": "scene", "scene": "hall"},
        }
    )
    events: list[Event] = []
    stage, tracker = FaceStage(config, Direct(searcher), events.extend, clock), Tracker(sure_score=0.5)
    for rendered in scene.frames():
        clock.at = rendered.at
        searcher.refresh()
        await stage.refresh()
        people = [o for o in rendered.truth.objects if o.cls == "person" and o.visible > 0.2]
        found = Detections(
            np.array([o.xyxy for o in people], np.float32).reshape(-1, 4),
            np.full(len(people), 0.9, np.float32),
            np.zeros(len(people), np.int32),
            ("person",),
        )
        tracks = [t for t in tracker.step(found, rendered.at, rendered.index) if t.confirmed]
        picture = Pixels(np.ascontiguousarray(rendered.rgb[..., ::-1]))
        frame = Frame(config.id, rendered.index, rendered.at, picture, ClockState("scene", begin))  # type: ignore[arg-type]
        if stage.wants(frame.at):
            stage.look(frame, picture, tracks)  # type: ignore[arg-type]
            await stage.finish()
    assert len(events) == 1
    likeness = events[0].data["likeness"]
    assert likeness["similarity"] >= likeness["threshold"]  # type: ignore[index, call-overload, operator]
    assert stage.looked > 2
