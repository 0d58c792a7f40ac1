"""Somebody with a real face walks through rendered halls, each seen by four cameras: on which of them they are found.

The same search, camera stage, tracker and detector as in a job, without Ray between them; the case, its photo and its
thresholds are real, and everybody else in the hall has a drawn face.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import av
import numpy as np

from cluster.bench.report import Figure, at_least
from cluster.bench.walkers import HEAD, portrait
from cluster.demo.search import LEAST_PX, face_px
from flows.domain.cases import (
    LegalBasis,
    PersonTarget,
    SearchCase,
    SearchTerms,
    Step,
    Window,
    activate,
    authorise,
)
from flows.domain.detections import Detections
from flows.domain.events import Event
from flows.domain.faces import FaceAnswer, FaceRequest, SeesFaces
from flows.domain.frames import ClockState, Frame
from flows.domain.leads import Suppression
from flows.domain.site import CameraConfig, SceneSource
from flows.faces.searcher import FaceSearcher
from flows.faces.stage import FaceStage
from flows.faces.thresholds import built_in
from flows.pictures.jpeg import jpeg
from flows.scenes.kinds import hall
from flows.scenes.options import SceneOptions
from flows.scenes.scene import RenderedFrame, Scene
from flows.settings import Settings
from flows.sources.picture import AvPicture
from flows.store.cases import Active
from flows.tracking import Tracker
from models.evaluation.faces import Share

FIRST_SEED: Final = 1_044_001
"""Seeds from here on are this bench's own; the search was built with others."""
HALLS: Final = 6
FPS, SECONDS = 2.5, 24.0
BYSTANDERS: Final = 3
BEGIN: Final = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)

Finder = Callable[[RenderedFrame], Detections]


@dataclass(frozen=True, slots=True)
class Walk:
    """What one camera made of a hall.

    Attributes:
        seed: Of the hall.
        pose: The camera.
        widest_px: How wide the face gets in its picture.
        leads: Of the case.
        looked: Heads that were looked at.
    """

    seed: int
    pose: str
    widest_px: float
    leads: tuple[Event, ...]
    looked: int

    @property
    def asked(self) -> bool:
        """Whether the face is wide enough for them to be found."""
        return self.widest_px >= LEAST_PX


class OneCase:
    """The stores as a search sees them: one active case, nothing kept. Sealing is none: nothing leaves this process."""

    def __init__(self, case: SearchCase, photo: bytes) -> None:
        self._case, self._photo, self.now = case, photo, BEGIN

    def active(self) -> Active:
        """See :class:`flows.faces.searcher.CaseSource`; likewise below."""
        return Active("1", self.now, (self._case,))

    def probe(self, case_id: str, probe_id: str) -> bytes:
        """The photo."""
        return self._photo

    def suppressions(self, case_id: str) -> Sequence[Suppression]:
        """None."""
        return ()

    def note_unsearched(self, version: str, why: Mapping[str, str]) -> None:
        """Ends the bench: there is but one case."""
        raise AssertionError(why)

    def seal(self, data: bytes) -> str:
        """As text."""
        return data.hex()

    def open(self, token: str) -> bytes:
        """From text."""
        return bytes.fromhex(token)


class Direct:
    """The search in this process; see :class:`flows.domain.faces.AskedForFaces`."""

    def __init__(self, searcher: FaceSearcher) -> None:
        self._searcher = searcher

    async def scope(self) -> Sequence[SearchCase]:
        """The active cases."""
        return self._searcher.scope()

    async def look(self, request: FaceRequest) -> FaceAnswer:
        """Compares one head."""
        return self._searcher.look(request)


def scene_of(seed: int, pose: str, folder: Path) -> Scene:
    """A hall through which somebody with the face of scikit-image's portrait walks.

    Args:
        seed: Of hall and people.
        pose: One of :data:`flows.scenes.kinds.hall.WAYS`.
        folder: Takes the face's picture.
    """
    from PIL import Image as Pil

    left, top, right, bottom = HEAD
    head = folder / "head.png"
    Pil.fromarray(np.ascontiguousarray(portrait()[top:bottom, left:right, ::-1])).save(head)
    options = SceneOptions(
        duration_s=SECONDS, fps=FPS, pose=pose, case="searched", face=head, n_pedestrians=BYSTANDERS,
        started_at=BEGIN,
    )  # fmt: skip
    return hall.build(seed, options)


def widest_px(scene: Scene) -> float:
    """How wide the face gets in the picture, by the scene's geometry."""
    return max(face_px(scene, t_s) for t_s in np.arange(0, SECONDS, 1 / FPS))


async def walk(seed: int, pose: str, eyes: SeesFaces, find: Finder) -> Walk:
    """One camera's whole clip.

    Args:
        seed: Of the hall.
        pose: The camera.
        eyes: Of which the built-in thresholds were measured.
        find: Finds people in a frame.
    """
    with tempfile.TemporaryDirectory(prefix="dome-bench-") as folder:
        return await _walked(scene_of(seed, pose, Path(folder)), seed, pose, eyes, find)


async def _walked(scene: Scene, seed: int, pose: str, eyes: SeesFaces, find: Finder) -> Walk:
    name = f"hall-{pose.replace('_', '-')}"
    config = CameraConfig(id=name, district="bench", source=SceneSource(scene="hall"))
    stores, events = OneCase(_case(name), jpeg(portrait())), list[Event]()
    searcher = FaceSearcher(eyes, stores, built_in(eyes.model.partition("@")[0]), lambda: stores.now)
    stage = FaceStage(config, Direct(searcher), events.extend, lambda: stores.now)
    tracker = Tracker(sure_score=0.5)
    for rendered in scene.frames():
        stores.now = rendered.at
        searcher.refresh()
        await stage.refresh()
        tracks = [t for t in tracker.step(find(rendered), rendered.at, rendered.index) if t.confirmed]
        decoded = av.VideoFrame.from_ndarray(np.ascontiguousarray(rendered.rgb), "rgb24")
        picture = AvPicture(decoded.reformat(format="yuv420p"))
        frame = Frame(name, rendered.index, rendered.at, picture, ClockState("scene", BEGIN))
        if stage.wants(frame.at):
            stage.look(frame, picture, tracks)
            await stage.finish()
    return Walk(seed, pose, widest_px(scene), tuple(events), stage.looked)


def _case(camera: str) -> SearchCase:
    """An active case for one camera; its law is the bench's."""
    draft = SearchCase(
        id="bench", purpose="missing_person", basis=LegalBasis(law="bench", document="1"),
        target=PersonTarget(name="A missing person", probes=("p1",)), cameras=(camera,),
        window=Window(begins_at=BEGIN - HOUR, ends_at=BEGIN + HOUR), alert_radius_m=1000.0, requester="asel",
        expires_at=BEGIN + HOUR, terms=SearchTerms(longest_days=30, votes=2),
        steps=(Step(deed="created", by="asel", at=BEGIN - HOUR),),
    )  # fmt: skip
    return activate(authorise(draft, "bolat", BEGIN - HOUR), "asel", BEGIN - HOUR)


def embedded(settings: Settings) -> Finder:
    """People by the embedded detector."""
    from models.detector import load

    detector = load("embedded", settings)

    def find(rendered: RenderedFrame) -> Detections:
        return detector.detect([np.ascontiguousarray(rendered.rgb[..., ::-1])])[0]

    return find


def measure(halls: int, settings: Settings) -> list[Walk]:
    """Every camera of so many unseen halls, by the embedded detector and dlib's faces."""
    from models.faces.looker import make

    eyes, find = make("dlib", settings), embedded(settings)
    seeds = range(FIRST_SEED, FIRST_SEED + halls)
    return [asyncio.run(walk(seed, pose, eyes, find)) for seed in seeds for pose in hall.WAYS]


def figure(walks: Sequence[Walk]) -> Figure:
    """On how many of the cameras that show the face wide enough they are found."""
    asked = [walk for walk in walks if walk.asked]
    share = Share.of_counts(sum(bool(walk.leads) for walk in asked), len(asked))
    missed = ", ".join(f"{walk.seed} {walk.pose}" for walk in asked if not walk.leads)
    detail = (
        f"{share.hits} of {share.of}, 95 % {share.low:.2g} to {share.high:.2g}; missed: {missed or 'none'}; "
        f"left out, the face being smaller: {len(walks) - len(asked)}; embedded detector, {FPS:g} pictures a second"
    )
    name = f"missing person in halls: found on cameras that show the face {LEAST_PX} px wide or wider"
    return at_least(name, share.value, 1.0, "share", detail)
