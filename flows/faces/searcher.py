"""The search itself, as it runs in each replica: the gallery of active cases, and who is compared with it. No Ray here.

The gallery is nowhere else. What does not match is gone when :meth:`FaceSearcher.look` returns: nothing here
remembers, logs, counts by person or raises with anything of a picture in it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.cases import SearchCase, covers
from flows.domain.errors import DomeError, StoreError, Unopened, WeightsError
from flows.domain.faces import FaceAnswer, FaceRequest, SeenFace, SeesFaces, unnamed
from flows.domain.leads import LeadFound, Likeness, Suppression
from flows.faces.cutting import blurred, decoded
from flows.faces.matching import nearest
from flows.faces.thresholds import Thresholds, budget_per_face
from flows.pictures.jpeg import jpeg

log = logging.getLogger(__name__)

LEAST_SIZE_PX: Final = 40
LEAST_SHARPNESS: Final = 0.06
LEAST_FRONTALITY: Final = 0.2
"""Faces below are not compared: what they are alike to says nothing (see :mod:`models.faces.probe`)."""
GOOD_SIZE_PX, GOOD_SHARPNESS = 90.0, 0.35
"""From there on more of it makes a face no more alike to itself."""
STALE: Final = timedelta(seconds=5)
"""A gallery that was not confirmed for so long is emptied: whether a case still runs cannot be known."""
ASK_AGAIN: Final = timedelta(seconds=1)
"""A look asks itself once the last answer is so old: those that wait for their turn keep a refresh waiting, too."""
NEAR: Final = 0.02
"""A look-alike that was rejected is the same one again if the face is nearer to it than to the probe by so much."""


class Question(Protocol):
    """What may be searched (``flows.store.cases.Active``)."""

    @property
    def version(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def cases(self) -> tuple[SearchCase, ...]: ...


class CaseSource(Protocol):
    """The stores of cases, probes and leads, as far as a search reads them; each raises ``StoreError``."""

    def active(self) -> Question: ...
    def probe(self, case_id: str, probe_id: str) -> bytes: ...
    def suppressions(self, case_id: str) -> Sequence[Suppression]: ...
    def note_unsearched(self, version: str, why: Mapping[str, str]) -> None: ...
    def seal(self, data: bytes) -> str: ...
    def open(self, token: str) -> bytes: ...


@dataclass(frozen=True, slots=True, repr=False)
class Gallery:
    """The probes of the active cases.

    Attributes:
        version: Of :class:`flows.store.cases.Active`.
        cases: The active cases that can be searched, by id.
        owners: ``(case, probe)`` of each row.
        rows: Those of each case, at least one.
        vectors: ``(G, D)`` float32.
        unlike: For each case, vectors of look-alikes that were rejected.
    """

    version: str
    cases: dict[str, SearchCase]
    owners: tuple[tuple[str, str], ...]
    rows: dict[str, slice]
    vectors: NDArray[np.float32]
    unlike: dict[str, NDArray[np.float32]]

    @classmethod
    def empty(cls) -> Gallery:
        """Nobody is searched for."""
        return cls("", {}, (), {}, np.zeros((0, 1), np.float32), {})


class FaceSearcher:
    """Keeps the gallery as the cases are, and compares.

    One thread refreshes, looks and forgets; any other may ask for :meth:`scope` meanwhile, which changes nothing: a
    gallery takes longer to build than an old one may stand, and would else be emptied under the hands that build it.

    Args:
        eyes: Finder and embedder.
        source: The stores.
        thresholds: Measured for these eyes.
        clock: The present, aware UTC.

    Raises:
        WeightsError: If the thresholds were measured for others.
    """

    def __init__(
        self, eyes: SeesFaces, source: CaseSource, thresholds: Thresholds, clock: Callable[[], datetime]
    ) -> None:
        thresholds.check(eyes.model)
        self._eyes, self._source, self._thresholds, self._clock = eyes, source, thresholds, clock
        self._gallery = Gallery.empty()
        self._at: datetime | None = None
        self._confirmed: datetime | None = None
        self._embedded: dict[tuple[str, str], NDArray[np.float32]] = {}
        self._left_out: dict[str, str] = {}
        """Active cases that are not searched, or not with all photos, by id: why."""

    def refresh(self) -> None:
        """Asks what may be searched; called about every second. While that cannot be known, nothing may be."""
        try:
            # Asked again after each build, which takes a while: what ended meanwhile is not searched.
            while (active := self._asked()).version != self._gallery.version:
                self._gallery = self._built(active)
        except StoreError as error:
            log.warning("no search while the cases are out of reach: %s", error)
            self.forget()
        else:
            self._note_unsearched()

    def _note_unsearched(self) -> None:
        """Says what is not searched; a store that can be read and takes nothing (it is full) ends no search."""
        try:
            if self._left_out:
                self._source.note_unsearched(self._gallery.version, self._left_out)
        except StoreError as error:
            log.warning("nobody is told what is not searched: %s", error)

    def forget(self) -> None:
        """Empties the gallery, at once."""
        self._gallery = Gallery.empty()
        self._embedded.clear()

    def now(self) -> datetime:
        """The present: what the store last said, which never goes back there, or a later time by this clock.

        Of a clock that is ahead nothing is remembered: nobody is searched for until it is right, and no longer.
        """
        own = self._clock()
        return max(own, self._at or own)

    def scope(self) -> tuple[SearchCase, ...]:
        """The active cases, as cameras may know them. Called from any thread."""
        return () if self._stale() else tuple(unnamed(case) for case in self._gallery.cases.values())

    def look(self, request: FaceRequest) -> FaceAnswer:
        """Compares one head with the gallery of the cases that cover it; asks them again before it answers."""
        if not self._in_scope(request, self._fresh()):
            return FaceAnswer()
        picture = decoded(request.jpeg)
        face = self._eyes.see(picture, request.face_xy)
        if face is None or not fit(face):
            return FaceAnswer()
        # The gallery as it is now, and the cases as they are now: both may have ended while the face was looked at.
        gallery = self._fresh()
        hits = self._compared(request, picture, face, gallery, self._in_scope(request, gallery))
        return FaceAnswer(True, worth(face), hits)

    def _asked(self) -> Question:
        """What may be searched; a gallery of it holds from when this was asked, not from when it is built."""
        asked_at = self._clock()
        active = self._source.active()
        self._at = active.at
        if active.version == self._gallery.version:
            self._confirmed = asked_at
        return active

    def _stale(self, after: timedelta = STALE) -> bool:
        """By this clock alone: others may be ahead of it; and one that has gone back has confirmed nothing."""
        confirmed = self._confirmed
        return confirmed is None or not timedelta(0) <= self._clock() - confirmed <= after

    def _fresh(self) -> Gallery:
        """The gallery as the cases are now; empty where that cannot be known."""
        if self._gallery.cases and self._stale(ASK_AGAIN):
            self.refresh()
        if self._stale():
            self.forget()
        return self._gallery

    def _in_scope(self, request: FaceRequest, gallery: Gallery) -> list[str]:
        now = self.now()
        return [
            id
            for id, case in gallery.cases.items()
            if covers(case, request.camera_id, request.district, request.at, now, request.place)
        ]

    def _compared(
        self,
        request: FaceRequest,
        picture: NDArray[np.uint8],
        face: SeenFace,
        gallery: Gallery,
        cases: list[str],
    ) -> tuple[LeadFound, ...]:
        parts = [gallery.rows[id] for id in cases]
        hits = []
        for id, part, (row, similarity) in zip(
            cases, parts, nearest(face.vector, gallery.vectors, parts), strict=True
        ):
            probes = part.stop - part.start  # its own: others add nothing to its leads
            threshold = self._threshold(gallery.cases[id], probes)
            if threshold is None or similarity < threshold:
                continue
            if not self._suppressed(gallery, id, face, similarity):
                likeness = Likeness(
                    similarity=round(similarity, 4),
                    threshold=threshold,
                    gallery=probes,
                    false_alarms=round(1e6 * self._thresholds.false_alarms(probes, similarity), 3),
                )
                hits.append(self._found(request, gallery.owners[row], likeness, picture, face))
        return tuple(hits)

    def _threshold(self, case: SearchCase, probes: int) -> float | None:
        """The least similarity of a case's hits with so many photos of its own; None where none is known."""
        budget = budget_per_face(case.terms.false_alarms_per_day, len(case.cameras), len(case.districts))
        try:
            return self._thresholds.threshold(probes, budget)
        except WeightsError as error:
            self._leave_out(case.id, str(error))
            return None

    def _leave_out(self, case_id: str, why: str) -> None:
        if case_id not in self._left_out:  # said once, not with each face
            self._left_out[case_id] = why
            log.error(
                "case %s is not searched as was asked (%d are not): %s", case_id, len(self._left_out), why
            )

    def _suppressed(self, gallery: Gallery, case_id: str, face: SeenFace, similarity: float) -> bool:
        unlike = gallery.unlike.get(case_id)
        return unlike is not None and bool((unlike @ face.vector).max() >= similarity + NEAR)

    def _found(
        self,
        request: FaceRequest,
        owner: tuple[str, str],
        likeness: Likeness,
        picture: NDArray[np.uint8],
        face: SeenFace,
    ) -> LeadFound:
        place = request.place or (None, None)
        return LeadFound(
            case=owner[0],
            probe=owner[1],
            track=request.track,
            likeness=likeness,
            crop=self._source.seal(self._without_bystanders(picture, face)),
            template=self._source.seal(face.vector.astype("<f4").tobytes()),
            model=self._eyes.model,
            latitude=place[0],
            longitude=place[1],
        )

    def _without_bystanders(self, picture: NDArray[np.uint8], face: SeenFace) -> bytes:
        """JPEG of the head with every other face in blocks."""
        others = [box for box in self._eyes.boxes(picture) if not _overlap(box, face.xyxy)]
        return jpeg(blurred(picture, others), whole_colour=False)

    def _built(self, active: Question) -> Gallery:
        cases = self._searchable(active.cases)
        wanted = [
            (id, p) for id, case in cases.items() if case.target.kind == "person" for p in case.target.probes
        ]
        self._embed_all(wanted)
        owners = tuple(owner for owner in wanted if owner in self._embedded)
        rows, begin = {}, 0
        for id, count in Counter(case for case, _ in owners).items():  # in the order of the owners
            rows[id] = slice(begin, begin := begin + count)
        cases = {id: cases[id] for id in rows}
        vectors = np.stack([self._embedded[o] for o in owners]) if owners else Gallery.empty().vectors
        unlike = {id: those for id in cases if len(those := self._unlike(id))}
        return Gallery(active.version, cases, owners, rows, vectors, unlike)

    def _searchable(self, active: Sequence[SearchCase]) -> dict[str, SearchCase]:
        """The cases of people whose false alarms were measured."""
        self._left_out = {}
        return {
            case.id: case
            for case in active
            if case.target.kind == "person" and self._threshold(case, len(case.target.probes)) is not None
        }

    def _embed_all(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Has the vectors of these probes and of no others; what nothing can be searched with is said."""
        for gone in set(self._embedded) - set(wanted):
            del self._embedded[gone]
        useless: dict[str, list[str]] = {}
        for owner in wanted:
            if owner in self._embedded:
                continue
            found = self._embed(owner)
            if isinstance(found, str):
                useless.setdefault(owner[0], []).append(f"photo {owner[1]}: {found}")
            else:
                self._embedded[owner] = found
        for case_id, photos in useless.items():
            self._leave_out(case_id, "; ".join(photos))

    def _embed(self, owner: tuple[str, str]) -> NDArray[np.float32] | str:
        """A probe's vector, or why nothing can be searched with it."""
        try:
            face = self._eyes.see(decoded(self._source.probe(*owner)))
        except (DomeError, OSError) as error:
            if isinstance(error, StoreError) and not isinstance(error, Unopened):
                raise
            return (
                "no key opens it" if isinstance(error, Unopened) else f"not readable ({type(error).__name__})"
            )
        return f"{self._eyes.model} finds no face in it" if face is None else face.vector

    def _unlike(self, case_id: str) -> NDArray[np.float32]:
        now = self.now()
        found = [
            s for s in self._source.suppressions(case_id) if s.model == self._eyes.model and now < s.until_at
        ]
        vectors = [vector for s in found if (vector := self._template(s)) is not None]
        return np.stack(vectors) if vectors else np.zeros((0, 1), np.float32)

    def _template(self, unlike: Suppression) -> NDArray[np.float32] | None:
        """A look-alike's vector; None where no key opens it: then they are asked about once more."""
        try:
            return np.frombuffer(self._source.open(unlike.template), "<f4")
        except Unopened:
            log.error("case %s, lead %s: no key opens what it was rejected by", unlike.case, unlike.lead)
            return None


def fit(face: SeenFace) -> bool:
    """Whether a face is good enough to be compared."""
    return (
        face.size_px >= LEAST_SIZE_PX
        and face.sharpness >= LEAST_SHARPNESS
        and face.frontality >= LEAST_FRONTALITY
    )


def worth(face: SeenFace) -> float:
    """How good a face is, 0 to 1."""
    size, sharp = min(1.0, face.size_px / GOOD_SIZE_PX), min(1.0, face.sharpness / GOOD_SHARPNESS)
    return round(size * sharp * face.frontality, 3)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    """Whether the middle of one lies in the other."""
    x, y = (a[0] + a[2]) / 2, (a[1] + a[3]) / 2
    return b[0] <= x <= b[2] and b[1] <= y <= b[3]
