"""What the tracker believes of objects, detectors and time; every number with its reason."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TrackerConfig(BaseModel):
    """One configuration for live cameras and benchmarks alike.

    Times are seconds of capture time, lengths box scales (the square root of a box's area), so that frame
    rate, resolution and class do not matter. Numbers without another reason were chosen on MOT15 sequences
    (7 to 30 frames a second, fixed and moving cameras), forwards, backwards and with detections left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_gap_s: float = Field(default=2.5, gt=0)
    """A confirmed track that is not seen for longer ends: who passes behind a van is back by then."""
    tentative_gap_s: float = Field(default=0.1, gt=0)
    """The same for a track not yet confirmed: false alarms flicker."""
    min_misses: int = Field(default=2, ge=1)
    """Looks that must have missed a confirmed track before it ends, however slow the camera is looked at."""
    max_silence_s: float = Field(default=5.0, gt=0)
    """All tracks end when the camera was silent, or nobody looked, for longer: nobody knows what happened meanwhile."""

    confirm_sightings: int = Field(default=3, ge=1)
    """Sightings before a track is believed; two chance detections in a row are common, three are not."""
    confirm_evidence: float = Field(default=2.5, ge=0)
    """Sum over sightings of score ** evidence_power before a track is believed."""
    evidence_power: float = Field(default=4.0, ge=0)
    """How much less a doubtful sighting says: at 4, six at score 0.8 say as much as three at 0.95."""

    low_score: float = Field(default=0.2, ge=0, le=1)
    """Detections below are ignored."""
    high_score: float = Field(default=0.7, ge=0, le=1)
    """Detections below only continue a confirmed track seen at the look before (ByteTrack's second stage)."""
    birth_score: float = Field(default=0.65, ge=0, le=1)
    """A new track starts at such a detection."""
    duplicate_iou: float = Field(default=0.8, gt=0, le=1)
    """Two detections that overlap more are one object: a van as car and truck, somebody as person and motorcycle."""
    groups: tuple[tuple[str, ...], ...] = (
        ("car", "truck", "bus", "train"),
        ("bicycle", "motorcycle"),
    )
    """Classes that detectors confuse: a track may change inside a group. A class named nowhere
    is a group of its own."""

    match_iou: float = Field(default=0.15, gt=0, lt=1)
    """Least overlap of a prediction and a detection."""
    low_match_iou: float = Field(default=0.5, gt=0, lt=1)
    """The same for a doubtful detection."""
    widened: float = Field(default=0.3, ge=0)
    """Who was seen at the look before and fits no prediction is looked for where it was, both boxes larger by this
    share on each side (buffered overlap, C-BIoU, Yang et al. 2023; last observations, OC-SORT, Cao et al. 2023)."""
    widened_iou: float = Field(default=0.3, gt=0, lt=1)
    """Least overlap of two boxes so widened."""
    heading_weight: float = Field(default=0.3, ge=0)
    """What going on in the same direction is worth beside overlap (after OC-SORT's momentum)."""
    heading_speed: float = Field(default=0.5, gt=0)
    """Scales/s from which a heading counts fully; slower ones are mostly noise."""
    heading_path: float = Field(default=0.3, gt=0)
    """Scales moved since the last sighting from which its direction counts fully."""

    centre_error: float = Field(default=0.09, gt=0)
    """Standard error of a detected centre, scales."""
    size_error: float = Field(default=0.08, gt=0)
    """Standard error of a detected width or height, scales."""
    crowd_error: float = Field(default=3.0, ge=0)
    """Errors grow by this times the IoU with the nearest other detection: one box of a pair is often cut."""
    shared_error: float = Field(default=3.0, ge=0)
    """Errors grow by this times the IoU with another confirmed track's prediction: one box may show both."""
    doubt_error: float = Field(default=3.0, ge=0)
    """Errors grow by this times (1 - score)."""
    centre_speed: float = Field(default=3.0, gt=0)
    """Standard deviation of a new track's velocity, scales/s: pedestrians 1.4, cars in town 5."""
    size_speed: float = Field(default=0.5, gt=0)
    """The same of its growth."""
    centre_drive: float = Field(default=0.7, gt=0)
    """Change of velocity, scales/s per root second."""
    size_drive: float = Field(default=0.5, gt=0)
    """The same of its growth."""
    hurry: float = Field(default=1.5, ge=0)
    """Change of velocity and growth beside that: what a camera sees of a steady drive past it goes as 1/distance,
    and that bends with the square of its speed, in scales of the box."""
    hurry_from: float = Field(default=2.0, ge=0)
    """Scales/s from which that counts; people on foot do not rush past."""
    centre_fade_s: float = Field(default=3.0, gt=0)
    """Time constant with which velocity fades where nothing is seen."""
    size_fade_s: float = Field(default=1.0, gt=0)
    """The same of its growth: a box must not shrink to nothing behind a tree."""
    detected_share: float = Field(default=0.3, ge=0, le=1)
    """Share of the detection in a track's box, the rest is filtered."""

    memory: int = Field(default=256, ge=3)
    """Most sightings that a track remembers; older ones are thinned evenly."""
