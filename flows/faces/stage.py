"""The camera's part: whose head is sent to be compared, when, and how many times. No Ray here.

Nobody is looked at unless an active case covers the camera at the frame's capture time and now. A track is looked
at a few times; what comes back is nothing, or hits, of which as many frames must agree as the case's terms say.
What is held of a track is forgotten with it, and what agreed for a case as soon as the case has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from flows.domain.cases import SearchCase, covers
from flows.domain.errors import FacesAway
from flows.domain.events import Event
from flows.domain.faces import AskedForFaces, FaceAnswer, FaceRequest
from flows.domain.frames import Frame, Picture
from flows.domain.leads import LeadFound
from flows.domain.site import CameraConfig
from flows.domain.tracks import Track
from flows.faces.cutting import cut, head_of
from flows.pictures.sampling import Sampler

log = logging.getLogger(__name__)

LOOKS_HZ: Final = 5.0
"""Frames a second whose pictures are held until the detector has answered: a walker's face changes no faster."""
SCOPE_S: Final = 1.0
"""Between questions for what is searched."""
SCOPE_STALE: Final = timedelta(seconds=5)
"""A scope that was not confirmed for so long covers nothing."""
SCOPE_TRIES: Final = 30
"""A file asks so often for the scope, SCOPE_S after each answer that did not come: half a minute where nobody is there,
three where somebody hangs. Then it goes on, and its people are not looked for."""
LEAST_HEAD_PX: Final = 40
"""Width of a head's region below which no face of 40 px can be in it ... """
AGAIN_S: Final = 0.8
"""A face that matched nobody is looked at again after so long, or when it has become larger."""
LARGER: Final = 1.25
GOOD_LOOK: Final = 0.25
"""Worth of a face from which not matching anybody counts: a face of 60 px, looking aside a little, has 0.4."""
MOST_LOOKS: Final = 8
"""Looks at one track that match nobody; a walker through a hall is in sight for twenty seconds."""
MOST_TRIES: Final = 60
"""Looks at one track in all: most see the back of a head."""
BUSY: Final = 4
"""Requests of a live camera under way at once; more would only grow old. In a crowd people take turns (``Seen``)."""
GONE: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Votes:
    """Frames of a track that agreed for a case, and the one of them that is shown to people.

    That is the best picture by its size, sharpness and frontality, with its own similarity. The most alike would be the
    luckiest one, perhaps a blurred one, and would say more of luck than of the face.

    Attributes:
        count: Frames.
        worth: Of the best, 0 to 1.
        hit: The best.
        at: Its capture time.
    """

    count: int
    worth: float
    hit: LeadFound
    at: datetime

    def with_one(self, worth: float, hit: LeadFound, at: datetime) -> Votes:
        """With one more frame; of equally good pictures the more alike."""
        mine = self.worth, self.hit.likeness.similarity
        best = (self.worth, self.hit, self.at)
        if (worth, hit.likeness.similarity) > mine:
            best = (worth, hit, at)
        return Votes(self.count + 1, *best)


@dataclass(slots=True)
class Seen:
    """What is known of one track while it is in sight.

    Attributes:
        looks: How often its face was seen and matched nobody.
        tries: How often it was looked at at all.
        looked_at: Capture time of the last look.
        width_px: Of the head's region then.
        seen_at: Capture time of the last sighting.
        busy: Whether a look is under way.
        next: The head in the newest frame meanwhile; sent if the look is a hit, else forgotten.
        votes: By case: what agreed.
        told: Cases that have their lead of this track.
    """

    looks: int = 0
    tries: int = 0
    looked_at: datetime | None = None
    width_px: float = 0.0
    seen_at: datetime | None = None
    busy: bool = False
    next: FaceRequest | None = None
    votes: dict[str, Votes] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    @property
    def turn(self) -> tuple[bool, float]:
        """Who goes first where not all can be looked at: who may be searched for, then whoever waits longest."""
        return not self.votes, self.looked_at.timestamp() if self.looked_at is not None else 0.0


class FaceStage:
    """One camera's faces.

    Args:
        camera: The camera.
        ask: The face search.
        publish: Takes events; they go on to the results actor.
        clock: The present, aware UTC.
    """

    def __init__(
        self,
        camera: CameraConfig,
        ask: AskedForFaces,
        publish: Callable[[list[Event]], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._camera, self._ask, self._publish, self._clock = camera, ask, publish, clock
        latitude, longitude = camera.latitude, camera.longitude
        self._place = None if latitude is None or longitude is None else (latitude, longitude)
        self._cases: tuple[SearchCase, ...] = ()
        self._confirmed: datetime | None = None
        self._away = False
        self._captured: datetime | None = None
        self._sampler = Sampler(LOOKS_HZ)
        self._seen: dict[int, Seen] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self.looked = 0
        """Heads that were looked at. Stays 0 while no case covers the camera."""
        self.errors: Counter[str] = Counter()

    async def watch_scope(self) -> None:
        """Keeps asking what is searched, for ever; cancel it to end."""
        while True:
            await self.refresh()
            await asyncio.sleep(SCOPE_S)

    async def refresh(self) -> None:
        """Asks once; without an answer the last one holds for some seconds."""
        try:
            cases = await self._ask.scope()
        except FacesAway:
            pass
        else:
            ours = [c for c in cases if self._camera.id in c.cameras or self._camera.district in c.districts]
            self._cases, self._confirmed, self._away = tuple(ours), self._clock(), False
        self._forget_the_ended()

    async def await_scope(self) -> None:
        """Until it is known what is searched now: a file loses no frame because an answer was late.

        Whoever is never answered goes on in the end, which is counted, and does not wait again until an answer came.
        """
        if self._away or self._known(self._clock()):
            return
        for _ in range(SCOPE_TRIES):
            await self.refresh()
            if self._known(self._clock()):
                return
            await asyncio.sleep(SCOPE_S)
        self._away = True
        self.errors["faces"] += 1

    def covered(self, at: datetime) -> list[SearchCase]:
        """The cases that cover a frame of this camera, now."""
        return self._covering(at, self._running(self._clock()))

    def wants(self, at: datetime) -> bool:
        """Whether a frame's picture is to be held until its people are known. Called in the decoding thread.

        A file's pictures are held on what was last said: it asks again before it looks at any.
        """
        self._captured = at
        maybe = self._running(self._clock()) if self._camera.live else list(self._cases)
        return bool(self._covering(at, maybe)) and self._sampler.takes(at)

    def look(self, frame: Frame, picture: Picture, tracks: Sequence[Track]) -> None:
        """Sends off the heads of a frame that are worth it. Called with the frame's own picture and tracks."""
        cases = self.covered(frame.at)
        if not cases:
            return
        people = [track for track in tracks if track.cls == "person" and track.last_at == frame.at]
        for track in people:
            self._seen.setdefault(track.id, Seen()).seen_at = frame.at
        for track in sorted(people, key=lambda each: self._seen[each.id].turn):
            if self._camera.live and len(self._asking) >= BUSY:
                break
            seen = self._seen[track.id]
            region = head_of(track.sightings[-1].xyxy, picture.width_px, picture.height_px)
            if region is None or not _worth_a_look(seen, frame.at, region[2] - region[0], cases):
                continue
            request = self._request(frame.at, track.id, picture, region, track)
            seen.width_px = region[2] - region[0]
            if seen.busy:
                seen.next = request
            else:
                self._send(request, seen)
        self._forget_the_gone(frame.at)

    async def finish(self) -> None:
        """Waits for what is under way."""
        while self._asking:
            await asyncio.wait(set(self._asking))

    def _known(self, now: datetime) -> bool:
        """Whether it was said lately what is searched: what has ended is not, however wrong this clock is."""
        return self._confirmed is not None and timedelta(0) <= now - self._confirmed <= SCOPE_STALE

    def _running(self, now: datetime) -> list[SearchCase]:
        """The cases that may cover frames of this camera, whatever their capture time."""
        return [case for case in self._cases if now < case.ends_at] if self._known(now) else []

    def _covering(self, at: datetime, cases: Sequence[SearchCase]) -> list[SearchCase]:
        now, id, district = self._clock(), self._camera.id, self._camera.district
        return [case for case in cases if covers(case, id, district, at, now, self._place)]

    def _request(
        self, at: datetime, track: int, picture: Picture, region: tuple[int, int, int, int], of: Track
    ) -> FaceRequest:
        left, top, right, bottom = region
        x0, y0, x1, _ = (float(v) for v in of.sightings[-1].xyxy)
        middle = ((x0 + x1) / 2 - left) / (right - left), (y0 + 0.35 * (x1 - x0) - top) / (bottom - top)
        jpeg = cut(picture, region)
        return FaceRequest(self._camera.id, self._camera.district, track, at, jpeg, middle, self._place)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _send(self, request: FaceRequest, seen: Seen) -> None:
        seen.busy, seen.looked_at, seen.next = True, request.at, None
        seen.tries += 1
        self.looked += 1
        self._start(self._looked(request, seen))

    async def _looked(self, request: FaceRequest, seen: Seen) -> None:
        try:
            answer = await self._ask.look(request)
        except FacesAway:
            self.errors["faces"] += 1
            seen.next = None
            return
        finally:
            seen.busy = False
        self._count(request, answer, seen)
        following, seen.next = seen.next, None
        if following is not None and seen.votes and self.covered(following.at):
            self._send(
                following, seen
            )  # what must agree is there already: the alert need not wait for a frame

    def _count(self, request: FaceRequest, answer: FaceAnswer, seen: Seen) -> None:
        if not answer.hits:
            seen.looks += answer.worth >= GOOD_LOOK
            return
        cases = {case.id: case for case in self.covered(request.at)}  # again: it took a while
        for hit in answer.hits:
            case = cases.get(hit.case)
            if case is None or hit.case in seen.told:
                continue
            before = seen.votes.get(hit.case)
            found = answer.worth, hit, request.at
            votes = before.with_one(*found) if before is not None else Votes(1, *found)
            seen.votes[hit.case] = votes
            if votes.count >= case.terms.votes:
                seen.told.add(hit.case)
                del seen.votes[hit.case]
                self._publish([self._lead(votes)])

    def _lead(self, votes: Votes) -> Event:
        likeness = votes.hit.likeness.model_copy(update={"votes": votes.count})
        found = votes.hit.model_copy(update={"likeness": likeness})
        return found.event(camera_id=self._camera.id, district=self._camera.district, at=votes.at)

    def _forget_the_ended(self) -> None:
        """Of whom a case looked for, nothing outlives it: no likeness, no crop, no head that waits for its look.

        Frames may not come any more, or none that a case covers: whoever asks for the scope does this.
        """
        now = self._clock()
        running = {case.id for case in self._running(now) if not self._window_is_over(case, now)}
        for seen in self._seen.values():
            seen.votes = {id: vote for id, vote in seen.votes.items() if id in running}
            seen.next = seen.next if running else None

    def _window_is_over(self, case: SearchCase, now: datetime) -> bool:
        """Whether no frame may come any more that a case allows to be searched, but for what is under way.

        By capture time, and where no frames come by the clock, which a live camera's capture time follows.
        """
        last = case.window.ends_at + SCOPE_STALE
        return (self._captured is not None and self._captured >= last) or (self._camera.live and now >= last)

    def _forget_the_gone(self, at: datetime) -> None:
        for track in [t for t, s in self._seen.items() if s.seen_at is not None and at - s.seen_at > GONE]:
            del self._seen[track]


def _worth_a_look(seen: Seen, at: datetime, width_px: float, cases: Sequence[SearchCase]) -> bool:
    if width_px < LEAST_HEAD_PX or seen.looks >= MOST_LOOKS or seen.tries >= MOST_TRIES:
        return False
    if all(case.id in seen.told for case in cases):
        return False
    if seen.looked_at is None or seen.votes or seen.busy:
        return True  # a first look, one of those that must agree, or one that may have to
    waited = (at - seen.looked_at).total_seconds() >= AGAIN_S
    return waited or width_px >= LARGER * seen.width_px
