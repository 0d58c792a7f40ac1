"""What an evidence package holds: files, each hashed when it was made, and a manifest about them."""

from __future__ import annotations

import hashlib
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from flows.codehash import code_sha256
from flows.domain.events import Event
from flows.domain.plates import PlateRecord
from flows.domain.site import CalibrationConfig, CameraConfig
from flows.jurisdiction import JurisdictionProfile


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class PackagedFile(_Model):
    """One file of a package.

    Attributes:
        name: File name in the folder.
        kind: What it is.
        media_type: For example ``image/jpeg``.
        size: Bytes.
        sha256: Of its bytes, taken when they were made.
        captured_at: Capture time of its (first) frame.
        moment: Name of the moment it shows; empty for the clip.
        xyxy: Where the object is in a picture, full-resolution px; which part of it a crop shows.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    kind: Literal["picture", "crop", "plate", "clip"]
    media_type: str
    size: int
    sha256: str
    captured_at: AwareDatetime
    moment: str = ""
    xyxy: tuple[float, float, float, float] | None = None


class ClipIndex(_Model):
    """Which frame of the clip was captured when.

    Attributes:
        first_at: Capture time of the clip's first frame.
        pts_us: Each frame's timestamp in the file, microseconds: its capture time is ``first_at`` plus this.
        source_pts: Each frame's timestamp in the received stream, ticks of ``source_time_base``.
        source_time_base: Seconds a tick, as ``numerator/denominator``.
        cut_short: Why it covers less than was asked; empty when it does not.
    """

    first_at: AwareDatetime
    pts_us: list[int]
    source_pts: list[int | None]
    source_time_base: str
    cut_short: list[str]


class ModelRef(_Model):
    """The detector whose boxes the measurement rests on."""

    name: str
    sha256: str


class EvidenceContext(_Model):
    """What is the same for all packages of a camera.

    Attributes:
        site: The site's id.
        camera_id: The camera's id.
        district: Its district.
        detector: Name and sha256 of the detector's weights.
        software: Version of this software.
        code_sha256: Of its source, see :func:`flows.codehash.code_sha256`.
        name: The camera's name for people.
        latitude: Where it stands, degrees; None if the site file does not say.
        longitude: Likewise.
        platform: What carries it.
        profile: The jurisdiction profile in force; None in packages of before profiles were kept.
        calibration: The survey with its points; None where there is none.
        rules: The rules in force there, with all their parameters.
    """

    site: str
    camera_id: str
    district: str
    detector: ModelRef
    software: str
    code_sha256: str = ""
    name: str = ""
    latitude: float | None = None
    longitude: float | None = None
    platform: str = "fixed"
    profile: JurisdictionProfile | None = None
    calibration: CalibrationConfig | None = None
    rules: list[dict[str, JsonValue]] = Field(default_factory=list)

    @classmethod
    def of(
        cls,
        site: str,
        camera: CameraConfig,
        detector: ModelRef,
        software: str,
        profile: JurisdictionProfile | None = None,
    ) -> Self:
        """What holds for a camera, from its configuration."""
        return cls(
            site=site,
            camera_id=camera.id,
            district=camera.district,
            detector=detector,
            software=software,
            code_sha256=code_sha256(),
            name=camera.name,
            latitude=camera.latitude,
            longitude=camera.longitude,
            platform=camera.platform,
            profile=profile,
            calibration=camera.calibration,
            rules=[rule.model_dump(mode="json") for rule in camera.rules],
        )


class Manifest(_Model):
    """What a package holds and how it came about.

    Attributes:
        format: Version of this form.
        event: The event, with the measurement's trace, calibration, clock, rule version and thresholds.
        context: Site, camera, detector and software.
        files: The files, in the order in which they were made.
        clip: The clip's frames; None without a clip.
        plate: What was read of the plate; None where nobody was asked.
        problems: What is missing, in words; empty for a complete package.
    """

    format: Literal["dome.evidence/1"] = "dome.evidence/1"
    event: Event
    context: EvidenceContext
    files: list[PackagedFile]
    clip: ClipIndex | None
    plate: PlateRecord | None = None
    problems: list[str]


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 (FIPS 180-4)."""
    return hashlib.sha256(data).hexdigest()
