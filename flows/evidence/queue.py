"""Makes events' evidence packages: each once its clip is over, and again where nobody could read or write it.

A package is a folder with a manifest. The same recording gives the same bytes, so that a camera that starts
again makes the same package again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flows.domain.belts import is_candidate
from flows.domain.errors import LostFile, ReaderAway, ReaderFailed, StoreError
from flows.domain.events import (
    EVIDENCE_STORED,
    OBJECT_EVENTS,
    PASSAGE,
    Event,
    View,
    evidence_folder,
    with_evidence_folder,
)
from flows.domain.frames import Cutout, Picture
from flows.domain.masking import masked
from flows.domain.passages import told
from flows.domain.plates import PlateRecord, plate_event
from flows.domain.sightings import seen, unseen
from flows.evidence.beltstage import UNAVAILABLE, BeltStage
from flows.evidence.completeness import completeness
from flows.evidence.package import EvidenceContext, Manifest, sha256
from flows.evidence.packing import Footage, Packing, crops_of, moments_of
from flows.evidence.pinned import PinShelf
from flows.evidence.platestage import END_PATIENCE_S, PAUSES_S, PlateStage, has_plate
from flows.evidence.unfinished import Unfinished
from flows.evidence.viewshelf import MAX_VIEW_BYTES, ViewShelf
from flows.jurisdiction import EvidenceLaw
from flows.sources.packets import RingPacket
from flows.sources.ring import PacketRing
from flows.store.evidence import MANIFEST, EvidenceStore

log = logging.getLogger(__name__)

CLIP_S = 10.0
"""Long enough to see what led to it and what followed; a jurisdiction's profile may ask for more."""
_MARGIN = timedelta(seconds=1)
"""Shown before the first and after the last moment, however far apart these are."""
_REACH = timedelta(seconds=18)
"""The clip shows no moment longer ago than this before the last one: the ring holds 20 s, and the detector lags.
Earlier moments, which a rule has pinned, are shown by their pictures alone."""
_MAX_WAITING = 32
"""Packages waiting for the end of their clip; one more, and the oldest is made at once, cut short."""
_RETRY_BYTES = 16 << 20
"""Recording kept for packages that could not be written, as much as a ring; more, and the oldest is given up."""
LEFT_PAUSE_S = 60.0
"""Until a passage whose package is written, but that could not be told, is tried again: a full spool, or a store that
is away, may be well in a minute, and each attempt that the spool refuses is counted."""
_MAX_SIGHTINGS = 16
"""Vehicles that did nothing and wait for a reader; one more, and the oldest is let go: packages come first."""


@dataclass(slots=True)
class _Waiting(Footage):
    """A package whose clip is not over yet; it keeps the packets it needs, whatever the ring lets go."""

    views: dict[View, Cutout] = field(default_factory=dict)
    """Of a candidate: what was cut of its looks when they came."""
    unwritten: int = 0
    """Times that it could not be written."""
    asked: int = 0
    """Times that its plate was asked for and nobody answered."""
    not_before_s: float = 0.0
    """Monotonic time before which it is not to be tried again."""
    last: bool = False
    """This attempt must do, with or without the plate."""


class EvidenceQueue:
    """Packages in the making, of one camera.

    :meth:`add` is quick; :meth:`due` and :meth:`flush` decode and write, so they are run in a thread.

    Args:
        ring: The camera's encoded packets.
        store: Where packages go.
        context: What is the same for all packages of this camera.
        clip_s: Wanted length of a clip, seconds, where the context names no profile whose law asks for one.
        hash_plate: The keyed hash of a plate that is surely read; else empty.
        plates: Reads the vehicle's plate; None where nobody does.
        belts: Decides what becomes of candidates of the seat-belt rule; None where nobody does.
        pauses_s: Between attempts to write a package; one more attempt than pauses.
        unfinished: Notes of passages' packages; None where the same recording is played again after a kill.

    Attributes:
        problem: When and why the last package could not be written; empty once one could be again.
    """

    def __init__(
        self,
        ring: PacketRing,
        store: EvidenceStore,
        context: EvidenceContext,
        clip_s: float = CLIP_S,
        hash_plate: Callable[[PlateRecord | None], str] = lambda _: "",
        plates: PlateStage | None = None,
        belts: BeltStage | None = None,
        pauses_s: tuple[float, ...] = PAUSES_S,
        unfinished: Unfinished | None = None,
    ) -> None:
        self._ring, self._store, self._context = ring, store, context
        self.pins, self.views = PinShelf(ring), ViewShelf()
        self._hash_plate, self._plates, self._belts = hash_plate, plates, belts
        self._pauses_s = pauses_s
        self._unfinished = unfinished
        self._left = unfinished.left() if unfinished is not None else []
        self._left_due_s = 0.0
        self._clip_s = clip_s
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._hurried: list[_Waiting] = []
        self.counts: Counter[str] = Counter()
        self.problem = ""
        self._refused: Counter[str] = Counter()

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting) + len(self._hurried)

    def add(self, event: Event) -> None:
        """Called as soon as a rule has spoken; secures the packets of the decisive moments.

        A candidate waits like a violation. Events that are neither, or name no moments with a box in the
        picture, need no package.
        """
        moments = moments_of(event)
        if not moments:
            return
        shown = [m.at for m in moments if moments[-1].at - m.at <= _REACH]
        first, last = shown[0], shown[-1]
        middle = first + (last - first) / 2
        law = _law(event, self._context)
        half = timedelta(seconds=law.clip_s if law is not None else self._clip_s) / 2
        from_at, to_at = min(first - _MARGIN, middle - half), max(last + _MARGIN, middle + half)
        pinned = {m.at: packets for m in moments if (packets := self.pins.packets(m.at))}
        around = shown[len(shown) // 2]
        waiting = _Waiting(event, moments, from_at, to_at, around, self._ring.since(from_at), pinned)
        if unseen(event):
            waiting.from_at, waiting.to_at = first, last  # no clip
        with self._lock:
            if is_candidate(event) and _view_bytes(self._waiting) < MAX_VIEW_BYTES:
                waiting.views = self.views.of(moments)
            self._waiting.append(waiting)
            sightings = [w for w in self._waiting if unseen(w.event)]
            if len(sightings) > _MAX_SIGHTINGS:
                self._waiting.remove(sightings[0])
                self.counts["sightings_dropped"] += 1
            packages = [w for w in self._waiting if not unseen(w.event)]
            if len(packages) > _MAX_WAITING:
                self._waiting.remove(packages[0])
                self._hurried.append(packages[0])

    def take(self, picture: Picture, views: Iterable[View]) -> None:
        """Called in a step, before :meth:`add`, with the views of that frame that rules may ask for."""
        if self._belts is not None:
            self.views.take(picture, views)

    def keep(self, wanted: Set[datetime], views: Set[View] = frozenset()) -> None:
        """Called after each step with what rules want shown later, or looked at; see :mod:`flows.rules.pins`."""
        self.pins.keep(wanted)
        self.views.keep(views)

    def has_due(self, now_at: datetime) -> bool:
        """Whether :meth:`due` has anything to make. Asked after every frame: quick."""
        with self._lock:
            return bool(self._left_are_due() or self._hurried or self._over(now_at))

    def due(self, now_at: datetime) -> Iterator[list[Event]]:
        """Makes the packages whose clip is over, one after another. Called where :meth:`has_due` says so.

        Each is told before the next is made, which may wait for a reader: of a passage nothing but its event says
        where its package lies.

        Args:
            now_at: Capture time of the newest frame that was read.

        Yields:
            An ``EVIDENCE_STORED`` event for a package that was written, before it one of the plate where that was
            asked for; of a passage, the passage itself, now that its plate's hash is known; of a candidate that
            proves to be a violation, first of all that violation.
        """
        with self._lock:
            ready = self._hurried + self._over(now_at)
            self._hurried = []
            self._waiting = [w for w in self._waiting if w not in ready]
        yield from self._recovered()
        yield from self._make(ready)

    def flush(self) -> Iterator[list[Event]]:
        """Makes all packages that wait, as far as their clips go; called at the end. See :meth:`due`."""
        deadline_s = time.monotonic() + END_PATIENCE_S
        while ready := self._all():  # those that failed wait for another attempt
            soonest_s = min(deadline_s, *(w.not_before_s for w in ready))
            time.sleep(max(0.0, soonest_s - time.monotonic()))
            for waiting in ready:
                waiting.last = time.monotonic() >= deadline_s
            yield from self._make(ready)

    def _over(self, now_at: datetime) -> list[_Waiting]:
        """Those whose clip is over and that need not wait for another attempt."""
        now_s = time.monotonic()
        over = [w for w in self._waiting if w.to_at <= now_at or self._ring.ended]
        return [w for w in over if w.not_before_s <= now_s]

    def _all(self) -> list[_Waiting]:
        with self._lock:
            every, self._waiting, self._hurried = self._hurried + self._waiting, [], []
        return every

    def _make(self, ready: Sequence[_Waiting]) -> Iterator[list[Event]]:
        for waiting in sorted(ready, key=lambda w: unseen(w.event)):  # packages first
            with self._making:
                made = self._attempt(waiting)
            yield made
            if made and waiting.event.type == PASSAGE:
                self._heard(evidence_folder(waiting.event))

    def refused(self, events: Sequence[Event]) -> None:
        """Called before the next package is made, with what could not be sent: passages are told again later."""
        if self._unfinished is not None:
            self._leave([evidence_folder(event) for event in events if event.type == PASSAGE])

    def _heard(self, folder: str) -> None:
        if self._unfinished is not None and folder not in self._left:
            self._unfinished.done(folder)

    def _leave(self, folders: Sequence[str]) -> None:
        self._left += folders
        self._left_due_s = time.monotonic() + LEFT_PAUSE_S

    def _left_are_due(self) -> bool:
        return bool(self._left) and time.monotonic() >= self._left_due_s

    def _recovered(self) -> Iterator[list[Event]]:
        """Passages whose package was written, but not told, by an earlier process or because there was no room to keep
        the event. What is no package goes. At the first that cannot be told now, it and the others wait."""
        if not self._left_are_due():
            return
        left, self._left = self._left, []
        for n, folder in enumerate(left):
            try:
                made = self._recovery(folder)
            except StoreError as error:
                log.warning("camera %s: %s; tried again later", self._context.camera_id, error)
                self._leave([*left[n + 1 :], folder])
                return
            except ValueError as error:
                log.warning("camera %s: %s; tried again at the next start", self._context.camera_id, error)
                continue
            yield made
            if self._left:
                self._leave(left[n + 1 :])
                return
            self._heard(folder)

    def _recovery(self, folder: str) -> list[Event]:
        try:
            manifest = self._store.read(folder, MANIFEST)
        except LostFile:
            self._store.remove(folder)
            return []
        return self._stored(Manifest.model_validate_json(manifest).event, folder, manifest)

    def _attempt(self, waiting: _Waiting) -> list[Event]:
        # A second more: what is shown before the end may be sent after it.
        if not waiting.packets or waiting.packets[-1].at < waiting.to_at + _MARGIN:
            waiting.packets = _joined(waiting.packets, self._ring.since(waiting.from_at))
        news: list[Event] = []
        try:
            if is_candidate(waiting.event):
                news = self._decided(waiting)
                if not news:
                    return []
            news += self._package(waiting)
        except StoreError as error:
            self._failed(waiting, error)
            return news
        except (ReaderAway, ReaderFailed) as error:
            self._postpone(waiting, error)
            return news
        except Exception as error:  # what nobody thought of loses this package, not those that come after it
            log.exception("camera %s", self._context.camera_id)
            self._lose(waiting, error)
            return news
        self.counts["looked" if unseen(waiting.event) else "stored"] += 1
        return news

    def refusals(self) -> dict[str, int]:
        """Candidates that nobody could judge, by reason."""
        return dict(self._refused)

    @property
    def lost(self) -> int:
        """Packages given up: they could not be written for too long, or could not be made."""
        return self.counts["failed"]

    def _decided(self, waiting: _Waiting) -> list[Event]:
        """The violation that a candidate is, which is packaged from then on; nothing where it is none."""
        if self._belts is None:
            self._refused[UNAVAILABLE] += 1
            return []
        try:
            verdict = self._belts.judge(waiting.event, waiting.packets, waiting.views)
        except (ReaderAway, ReaderFailed) as error:
            waiting.asked += 1
            if waiting.asked <= len(self._belts.pauses_s) and not waiting.last:
                raise
            self._refused[UNAVAILABLE] += 1
            log.warning("camera %s: a candidate was dropped: %s", self._context.camera_id, error)
            return []
        self._refused.update(verdict.refused)
        if verdict.violation is None:
            return []
        waiting.event, waiting.asked = with_evidence_folder(verdict.violation), 0
        waiting.views = {}
        return [waiting.event]

    def _failed(self, waiting: _Waiting, error: StoreError) -> None:
        """It cannot be written now: a disk that is full may have room again in a minute."""
        why = masked(f"{self._store.address}: {error.__cause__ or error}")
        self.problem = f"at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC no evidence could be kept in {why}"
        waiting.unwritten += 1
        if waiting.unwritten > len(self._pauses_s) or waiting.last:
            self._lose(waiting, error)
            return
        self.counts["retried"] += 1
        waiting.not_before_s = time.monotonic() + self._pauses_s[waiting.unwritten - 1]
        with self._lock:
            self._waiting.append(waiting)
            unwritten = [w for w in self._waiting if w.unwritten]
            # One alone is always kept: its recording may be all that a ring holds.
            oldest = unwritten[0] if len(unwritten) > 1 and _held_bytes(unwritten) > _RETRY_BYTES else None
            if oldest is not None:
                self._waiting.remove(oldest)
        if oldest is not None:
            self._lose(oldest, error)

    def _lose(self, waiting: _Waiting, error: Exception) -> None:
        self.counts["failed"] += 1
        log.error("camera %s: no evidence for %s: %s", self._context.camera_id, waiting.event.id, error)

    def _postpone(self, waiting: _Waiting, error: Exception) -> None:
        """Nobody could look now: the candidate is judged, or the whole package made, again later."""
        stage = self._belts if is_candidate(waiting.event) else self._plates
        assert stage is not None
        pause_s = stage.pauses_s[waiting.asked - 1]
        log.info("camera %s: asked again in %g s: %s", self._context.camera_id, pause_s, error)
        waiting.not_before_s = time.monotonic() + pause_s
        self.counts["belts_retried" if stage is self._belts else "plate_retried"] += 1
        with self._lock:
            self._waiting.append(waiting)

    def _add_plate(self, making: Packing, waiting: _Waiting) -> None:
        if self._plates is None or not has_plate(waiting.event):
            return
        try:
            making.plate, picture = self._plates.look(making.crops)
        except (ReaderAway, ReaderFailed) as error:
            waiting.asked += 1
            if waiting.asked <= len(self._plates.pauses_s) and not waiting.last:
                raise
            looked = len(making.crops)
            making.plate = PlateRecord(outcome="unavailable", reason=str(error), looked=looked)
            making.problems.append(f"plate: {error}")
            return
        if picture is not None and making.files:
            making.plate = making.add_plate(making.plate, picture)

    def _sighted(self, waiting: _Waiting) -> list[Event]:
        """The sighting of a vehicle that did nothing: its pictures are read here and kept nowhere.

        A plate that is not surely read is forgotten like any other.
        """
        if self._plates is None:
            return []
        making = Packing(crops=crops_of(waiting))
        self._add_plate(making, waiting)
        hashed = self._hash_plate(making.plate)
        self.counts["sighted" if hashed else "unread"] += 1
        return [seen(waiting.event, hashed)] if hashed else []

    def _package(self, waiting: _Waiting) -> list[Event]:
        if unseen(waiting.event):
            return self._sighted(waiting)
        making = Packing()
        making.add_pictures(waiting)
        self._add_plate(making, waiting)
        if (
            waiting.event.type not in OBJECT_EVENTS
        ):  # a clip is as it was received: nobody in it can be blurred
            making.add_clip(waiting)
        manifest = Manifest(
            event=waiting.event,
            context=self._context,
            files=making.files,
            clip=making.clip,
            plate=making.plate,
            problems=making.problems,
        )
        if making.problems:
            self.counts["incomplete"] += 1
        folder = evidence_folder(waiting.event)
        if waiting.event.type == PASSAGE and self._unfinished is not None:
            self._unfinished.note(folder)
        written = self._store.write(folder, making.contents, manifest.model_dump_json(indent=1).encode())
        self.problem = ""
        return self._stored(waiting.event, folder, written)

    def _stored(self, event: Event, folder: str, manifest: bytes) -> list[Event]:
        held = Manifest.model_validate_json(manifest)
        if event.type == PASSAGE:
            return [told(event, self._hash_plate(held.plate), sha256(manifest))]
        told_of = completeness([held], _law(event, held.context))
        stored = Event.of(
            EVIDENCE_STORED,
            camera_id=self._context.camera_id,
            district=self._context.district,
            at=event.time,
            key=(event.id,),
            data={
                "violation": event.id,
                "folder": folder,
                "manifest_sha256": sha256(manifest),
                "files": [f.name for f in held.files],
                "completeness": told_of.model_dump(mode="json"),
                "problems": held.problems,
                "detector": held.context.detector.model_dump(),
            },
        )
        return [stored] if held.plate is None else [plate_event(event, held.plate), stored]


def _law(event: Event, context: EvidenceContext) -> EvidenceLaw | None:
    """What the law asks of an event's package; None where no profile is known, and of what accuses nobody."""
    if context.profile is None or event.type in OBJECT_EVENTS:
        return None
    kind = "section_speed" if event.type == PASSAGE else str(event.data.get("rule", ""))
    return context.profile.evidence_for(kind)


def _joined(held: list[RingPacket], newer: list[RingPacket]) -> list[RingPacket]:
    """What was secured and what came since; the ring may have let go of the older part."""
    known = {id(p) for p in held}
    return held + [p for p in newer if id(p) not in known]


def _view_bytes(waiting: Sequence[_Waiting]) -> int:
    return sum(cutout.nbytes for w in waiting for cutout in w.views.values())


def _held_bytes(waiting: Sequence[_Waiting]) -> int:
    """Of their recordings, which share packets with one another."""
    return sum({id(p): len(p.data) for w in waiting for p in w.packets}.values())
