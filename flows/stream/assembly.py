"""What a camera needs besides its footage, put together: the same for the live job and for archives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.domain.errors import FieldError
from flows.domain.inference import DetectorSpec
from flows.domain.platehash import VARIABLE, PlateHasher
from flows.domain.plates import AskedForPlates, PlateRecord
from flows.domain.site import CameraConfig
from flows.evidence.beltstage import BeltStage
from flows.evidence.package import EvidenceContext, ModelRef
from flows.evidence.platestage import PlateStage
from flows.evidence.queue import EvidenceQueue
from flows.evidence.unfinished import Unfinished
from flows.jurisdiction import JurisdictionProfile
from flows.settings import Settings
from flows.store.evidence import EvidenceStore

if TYPE_CHECKING:
    from flows.domain.belts import AskedForBelts
    from flows.sources.base import Source


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all cameras of a job share.

    Attributes:
        site: The site's id.
        profile: The law of the place.
        settings: Where spools, evidence and caches are.
        software: Version of this software, for evidence.
        plates: Whether a plate reader runs.
        faces: Whether people can be searched for: a face search runs and there is a key for what is biometric.
        belts: Whether a belt classifier runs.
    """

    site: str
    profile: JurisdictionProfile
    settings: Settings
    software: str = ""
    plates: bool = True
    faces: bool = False
    belts: bool = True


@dataclass(frozen=True, slots=True)
class Readers:
    """Who looks closer at vehicles that have an event; called in the thread that makes packages.

    Attributes:
        plates: Reads their plates.
        belts: Looks for belts.
    """

    plates: AskedForPlates
    belts: AskedForBelts


def calibrated(camera: CameraConfig, settings: Settings) -> CameraConfig:
    """The camera with its survey; a scene brings its own, known once it is rendered."""
    if camera.calibration is not None or camera.source.kind != "scene":
        return camera
    from flows.sources.scene import scene_calibration

    return camera.model_copy(update={"calibration": scene_calibration(camera, settings)})


def evidence_of(
    camera: CameraConfig,
    around: Surroundings,
    source: Source,
    spec: DetectorSpec,
    readers: Readers,
    unfinished: Unfinished | None = None,
) -> EvidenceQueue | None:
    """Makes the camera's packages; None where nothing of it needs any.

    Raises:
        FieldError: If plates are to be kept and there is no key for their hashes.
    """
    if not camera.rules and not camera.read_plates:
        return None
    hasher = PlateHasher.of(around.settings.plate_key.get_secret_value())
    if camera.read_plates and hasher is None:
        field = f"cameras.{camera.id}.read_plates"
        raise FieldError(field, f"{VARIABLE} to be set: plates are kept as keyed hashes only", "no key")

    def hash_plate(plate: PlateRecord | None) -> str:
        """Of a plate that is surely read; without a key no passage can be told from another."""
        return hasher.hash(plate.text) if hasher and plate and plate.confident else ""

    profile = around.profile
    detector = ModelRef(name=spec.name, sha256=spec.version)
    return EvidenceQueue(
        source.ring,
        EvidenceStore(around.settings.evidence),
        EvidenceContext.of(around.site, camera, detector, around.software, profile),
        hash_plate=hash_plate,
        plates=PlateStage(readers.plates, profile.plates) if around.plates else None,
        belts=BeltStage(readers.belts) if around.belts else None,
        unfinished=unfinished,
    )
