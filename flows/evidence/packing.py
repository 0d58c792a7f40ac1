"""What goes into an evidence package: pictures, crops and a clip, cut from the stream as it was received."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flows.domain.belts import is_candidate
from flows.domain.errors import SourceError
from flows.domain.events import OBJECT_EVENTS, PASSAGE, Event, KeyMoment, Violation, needs_evidence
from flows.domain.objects import AbandonedObject
from flows.domain.passages import Passage
from flows.domain.plates import PlateRecord
from flows.domain.sightings import VehicleSeen, unseen
from flows.evidence.package import ClipIndex, PackagedFile, sha256
from flows.evidence.platestage import Crop
from flows.pictures.blurring import blur_boxes
from flows.pictures.cropping import shown
from flows.pictures.jpeg import jpeg
from flows.sources.packets import RingPacket
from flows.sources.reel import Part, Reel, Still
from flows.sources.remux import Clip, cut

log = logging.getLogger(__name__)

_Xyxy = tuple[float, float, float, float]


@dataclass(slots=True)
class Footage:
    """What a package is cut from.

    Attributes:
        event: What it is about.
        moments: What it must show, each with a box in the picture.
        from_at: Capture time of the clip's beginning ...
        to_at: ... and of its end.
        around: The clip holds this moment, however far it must be cut short.
        packets: The recording.
        pinned: Of moments that are older than the recording: what was kept of them.
    """

    event: Event
    moments: list[KeyMoment]
    from_at: datetime
    to_at: datetime
    around: datetime
    packets: list[RingPacket]
    pinned: dict[datetime, list[RingPacket]]

    def reel(self) -> Reel:
        """What the moments' pictures are decoded from."""
        held = {id(p) for p in self.packets}
        # What the recording does not reach back to any more comes before it; moments may share packets.
        older = {id(p): p for at in sorted(self.pinned) for p in self.pinned[at] if id(p) not in held}
        return Reel([*older.values(), *self.packets])


@dataclass(slots=True)
class Packing:
    """A package being put together.

    Attributes:
        files: What it holds so far ...
        contents: ... and the bytes by name.
        problems: What could not be put into it, and why.
        clip: Frame by frame, once there is a clip.
        crops: What the pictures show of the vehicle, for whoever reads its plate.
        plate: What was read.
    """

    files: list[PackagedFile] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    clip: ClipIndex | None = None
    crops: list[Crop] = field(default_factory=list)
    plate: PlateRecord | None = None

    def add_pictures(self, footage: Footage) -> None:
        """The picture of each moment, without bystanders' faces, and what it is about once more by itself."""
        others, reel = _bystanders(footage.event), footage.reel()
        for moment in footage.moments:
            try:
                still = reel.still(moment.at)
            except SourceError as error:
                self.problems.append(f"picture {moment.name!r}: {error}")
                continue
            if still.at != moment.at:
                self.problems.append(
                    f"picture {moment.name!r}: shows {still.at.isoformat()}, the nearest frame held"
                )
            if boxes := others.get(moment.name):
                still = Still(still.at, blur_boxes(still.bgr, boxes))
            self._add_picture(moment, still)

    def add_plate(self, plate: PlateRecord, bgr: NDArray[np.uint8]) -> PlateRecord:
        """The plate's picture as a file of the package; the record names it."""
        shown = next(f for f in self.files if f.kind == "crop" and f.moment == plate.moment)
        file = self._add_jpeg("plate.jpg", "plate", bgr, shown.captured_at, plate.moment)
        return plate.model_copy(update={"crop": file.name})

    def add_clip(self, footage: Footage) -> None:
        """The recording from before the first to after the last moment, as it was received."""
        try:
            clip = cut(footage.packets, footage.from_at, footage.to_at, footage.around)
        except SourceError as error:
            self.problems.append(f"clip: {error}")
            return
        file = PackagedFile(
            name="clip.mp4" if clip.media_type == "video/mp4" else "clip.mkv",
            kind="clip",
            media_type=clip.media_type,
            size=len(clip.data),
            sha256=sha256(clip.data),
            captured_at=clip.frames[0].at,
        )
        self._add(file, clip.data)
        self.clip = _index(clip)
        self.problems += [f"clip: {reason}" for reason in clip.cut_short]

    def _add_picture(self, moment: KeyMoment, still: Still) -> None:
        assert moment.xyxy is not None  # moments_of() has seen to it
        stem = "".join(c if c.isalnum() else "-" for c in moment.name.lower()) or "moment"
        if f"{stem}.jpg" in self.contents:
            stem = f"{stem}-{len(self.files)}"
        self._add_jpeg(f"{stem}.jpg", "picture", still.bgr, still.at, moment.name, moment.xyxy)
        left, top, right, bottom = box = _crop_box(moment.shown or moment.xyxy, still.bgr)
        if right > left and bottom > top:
            crop = still.bgr[top:bottom, left:right]
            self._add_jpeg(f"{stem}-crop.jpg", "crop", crop, still.at, moment.name, box)
            if not moment.covered:
                self.crops.append(Crop(moment.name, crop))

    def _add_jpeg(
        self,
        name: str,
        kind: Literal["picture", "crop", "plate"],
        bgr: NDArray[np.uint8],
        at: datetime,
        moment: str,
        xyxy: _Xyxy | None = None,
    ) -> PackagedFile:
        data = jpeg(bgr)
        file = PackagedFile(
            name=name,
            kind=kind,
            media_type="image/jpeg",
            size=len(data),
            sha256=sha256(data),
            captured_at=at,
            moment=moment,
            xyxy=xyxy,
        )
        self._add(file, data)
        return file

    def _add(self, file: PackagedFile, data: bytes) -> None:
        self.files.append(file)
        self.contents[file.name] = data


def moments_of(event: Event) -> list[KeyMoment]:
    """What a package of an event must show, in time order; nothing where it needs none."""
    if unseen(event):
        return list(VehicleSeen.of(event).moments)
    if not (needs_evidence(event) or is_candidate(event)):
        return []
    if event.type in OBJECT_EVENTS:
        moments = list(AbandonedObject.model_validate(event.data).moments)
    else:
        known = Passage.of(event) if event.type == PASSAGE else Violation.model_validate(event.data)
        moments = list(known.moments)
    return sorted((m for m in moments if m.xyxy is not None), key=lambda m: m.at)


def crops_of(footage: Footage) -> list[Crop]:
    """The vehicle in the moments that are held, and nothing else of the pictures; none where another covers it."""
    crops, reel = [], footage.reel()
    for moment in footage.moments:
        if moment.covered:
            continue
        assert moment.xyxy is not None
        try:
            still = reel.still(moment.at, _part(moment.shown or moment.xyxy))
        except SourceError as error:
            log.debug("a view of a vehicle is not held: %s", error)
            continue
        if still.at == moment.at and still.bgr.size:
            crops.append(Crop(moment.name, still.bgr))
    return crops


def _bystanders(event: Event) -> dict[str, list[_Xyxy]]:
    """Boxes of people who must not be recognisable, by moment: those to whom a thing left behind does not belong."""
    return AbandonedObject.model_validate(event.data).bystanders if event.type in OBJECT_EVENTS else {}


def _part(xyxy: Sequence[float]) -> Part:
    """What the crop of a box shows, as far as the picture goes."""
    left, top, right, bottom = shown(np.array([xyxy], np.float64))[0]
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _crop_box(xyxy: Sequence[float], bgr: NDArray[np.uint8]) -> Part:
    """What the crop of a box shows of this picture."""
    height, width = bgr.shape[:2]
    left, top, right, bottom = _part(xyxy)
    x0, x1 = (min(max(x, 0), width) for x in (left, right))
    y0, y1 = (min(max(y, 0), height) for y in (top, bottom))
    return x0, y0, x1, y1


def _index(clip: Clip) -> ClipIndex:
    return ClipIndex(
        first_at=clip.frames[0].at,
        pts_us=[f.pts_us for f in clip.frames],
        source_pts=[f.source_pts for f in clip.frames],
        source_time_base=str(clip.source_time_base),
        cut_short=list(clip.cut_short),
    )
