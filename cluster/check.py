"""What ``dome check`` finds out: is the site file right, do its sources answer, may its cameras testify?

When a camera is *fit for evidence* :mod:`flows.site.fitness` says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from flows.domain.errors import CalibrationError, DomeError, FieldError
from flows.domain.frames import ClockState
from flows.domain.masking import masked
from flows.domain.platehash import VARIABLE
from flows.domain.ruleset import SectionSpeedRule
from flows.domain.site import CalibrationConfig, CameraConfig, SiteConfig, TracksSource
from flows.jurisdiction import JurisdictionProfile, load_profile
from flows.road.ground import GroundPlane
from flows.rules import describe
from flows.settings import Settings
from flows.site import fitness
from flows.site.sitefile import SiteFile
from flows.site.validation import did_you_mean
from flows.sources.base import Probe

log = logging.getLogger(__name__)

PROBES_AT_ONCE: Final = 16
"""A probe mostly waits for its camera; a site of hundreds is looked at in a minute."""

Prober = Callable[[CameraConfig, Settings], Probe]
Surveyor = Callable[[CameraConfig, Settings], CalibrationConfig | None]


@dataclass(frozen=True, slots=True)
class CameraCheck:
    """What was found out about one camera.

    Attributes:
        camera: Its configuration.
        probe: What its source showed; None if it was not probed or did not answer.
        problems: What is wrong and must be mended, by field.
        unfit: Why its measurements cannot be evidence; empty if they can.
        notes: What an operator should know.
        calibration: One line on the survey.
        must_measure: A rule of this camera measures, and refuses while the camera is unfit (of a rate that is not
            steady only speeding does).
        rules: What each of its rules does, with its parameters.
    """

    camera: CameraConfig
    probe: Probe | None
    problems: tuple[FieldError, ...]
    unfit: tuple[str, ...]
    notes: tuple[str, ...]
    calibration: str
    must_measure: bool
    rules: tuple[str, ...] = ()

    @property
    def fit(self) -> bool:
        """Fit for evidence."""
        return not self.unfit


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """What was found out about a site.

    Attributes:
        site: The site, with the cameras that the file describes rightly.
        profile: The law that holds there.
        problems: Mistakes in the file; those of cameras begin with ``cameras.ID``.
        cameras: Each readable camera's check.
    """

    site: SiteConfig
    profile: JurisdictionProfile
    problems: tuple[FieldError, ...]
    cameras: tuple[CameraCheck, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def all_problems(self) -> list[FieldError]:
        """Of the file and of its sources, in the file's order."""
        found = [*self.problems, *(p for c in self.cameras for p in c.problems)]
        return sorted(found, key=lambda p: p.line or 0)

    @property
    def file_is_bad(self) -> bool:
        """Something in the file must be mended; a live camera that does not answer is another matter."""
        live = {c.camera.id for c in self.cameras if c.camera.source.kind == "stream"}
        return any(
            p.field.split(".")[1] not in live for c in self.cameras for p in c.problems
        ) or bool(self.problems)  # fmt: skip


def check_site(
    path: Path,
    settings: Settings,
    *,
    probe: Prober | None,
    survey: Surveyor,
    known_detectors: Sequence[str] = (),
    known_plates: Sequence[str] = (),
    on_camera: Callable[[str], None] = lambda _: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SiteCheck:
    """Checks a site file and looks at its cameras.

    Args:
        path: The site file.
        settings: This installation's settings.
        probe: Looks at a camera's source; None to leave the sources alone.
        survey: The survey of a camera that brings its own (a rendered scene), where the file gives none.
        known_detectors: Names of the weights registry; empty to believe any name.
        known_plates: Countries whose plates are known; empty to believe any.
        on_camera: Called with a camera's id when it has been looked at.
        now: The day whose validity counts when a source does not tell its own.

    Raises:
        FieldError: If the file as a whole cannot be used.
    """
    file = SiteFile.read(path)
    config, problems = file.load()
    profile = load_profile(config.jurisdiction)

    def look(camera: CameraConfig) -> CameraCheck:
        looking = _Look(camera, settings, profile, file)
        try:
            result = looking.check(probe, survey, known_detectors, now())
        except Exception as error:  # what nobody foresaw of one camera hides nothing of the others
            log.exception("camera %s cannot be checked", camera.id)
            result = looking.failed(error)
        on_camera(camera.id)
        return result

    with ThreadPoolExecutor(max_workers=min(PROBES_AT_ONCE, max(1, len(config.cameras)))) as pool:
        cameras = tuple(pool.map(look, config.cameras))
    notes = () if profile.confirmed else (f"jurisdiction {profile.name} is not yet confirmed by counsel",)
    said = (*notes, *plate_notes(profile, known_plates), *section_notes(config, settings))
    return SiteCheck(config, profile, tuple(problems), cameras, said)


def plate_notes(profile: JurisdictionProfile, known: Sequence[str]) -> list[str]:
    """Whether plates of the place are known; look-alikes are resolved by the forms of the first country.

    Args:
        profile: The law of the place.
        known: Countries whose plates are known, ISO codes; empty to believe any.
    """
    if not known or profile.plates.lower() in known:
        return []
    expected = f"country in profile {profile.name}: expected one of {', '.join(known)}"
    return [f"{expected}, got {profile.plates.lower()!r}; plates of Kazakhstan are expected first"]


def section_notes(site: SiteConfig, settings: Settings | None = None) -> list[str]:
    """What keeps the cameras of each section from ever finding a match.

    Args:
        site: The site.
        settings: Of the installation; None where only the file is looked at.
    """
    ends: dict[str, list[SectionSpeedRule]] = {}
    for rule in (rule for camera in site.cameras for rule in camera.rules):
        if isinstance(rule, SectionSpeedRule):
            ends.setdefault(rule.section, []).append(rule)
    notes = []
    if ends and settings is not None and not settings.plate_key.get_secret_value():
        notes.append(
            f"section {', '.join(sorted(ends))}: {VARIABLE} is not set, so no passage can be told from another and no "
            "section speed is ever measured; set it on every node, for example to k1:$(openssl rand -hex 16)"
        )
    for section, rules in ends.items():
        missing = {"entry", "exit"} - {rule.role for rule in rules}
        notes += [f"section {section} has no {role} camera" for role in sorted(missing)]
        for term in ("length_m", "length_error_m", "limit_kmh", "tolerance_kmh", "exemptions"):
            if len({getattr(rule, term) for rule in rules}) > 1:
                said = ", ".join(f"{rule.role} {getattr(rule, term)}" for rule in rules)
                notes.append(f"section {section}: expected the same {term} at all cameras, got {said}")
    return notes


class _Look:
    """One camera being checked."""

    def __init__(
        self, camera: CameraConfig, settings: Settings, profile: JurisdictionProfile, file: SiteFile
    ) -> None:
        self.camera, self.settings, self.profile, self.file = camera, settings, profile, file
        self.problems: list[FieldError] = []
        self.unfit: list[str] = []
        self.notes: list[str] = []

    def check(
        self, probe: Prober | None, survey: Surveyor, detectors: Sequence[str], today: datetime
    ) -> CameraCheck:
        self._detector(detectors)
        self._plates()
        brought, described = self._brought(survey)
        seen = self._probe(probe) if described else None
        if probe is None:
            self.unfit.append("its source was not probed")
        elif seen is None:
            self.unfit.append("its source cannot be opened")
        else:
            self._clock(seen)
        self._signals(seen)
        calibration = self._calibration(brought, seen, today) if described else "unknown"
        return self._said(seen, calibration)

    def failed(self, error: Exception) -> CameraCheck:
        """The check of a camera that ended with an error."""
        name, got = f"cameras.{self.camera.id}", masked(f"{type(error).__name__}: {error}")
        self.problems.append(FieldError(name, "a camera that can be checked", got, line=self.file.line(name)))
        self.unfit.append("it could not be checked")
        return self._said(None, "unknown")

    def _said(self, seen: Probe | None, calibration: str) -> CameraCheck:
        return CameraCheck(
            self.camera,
            seen,
            tuple(self.problems),
            tuple(self.unfit),
            tuple(self.notes),
            calibration,
            must_measure=fitness.measures(self.camera),
            rules=tuple(describe(rule, self.profile) for rule in self.camera.rules),
        )

    def _detector(self, detectors: Sequence[str]) -> None:
        if self.camera.sees and detectors and self.camera.detector not in detectors:
            hint = did_you_mean(self.camera.detector, detectors) or "see dome weights list"
            self._problem("detector", f"one of {', '.join(detectors)}", repr(self.camera.detector), hint)

    def _plates(self) -> None:
        if not self.camera.read_plates:
            return
        days = self.profile.retention.plate_hash_days
        self.notes.append(f"plates of all vehicles are read and kept as keyed hashes for {days} days")
        if not self.settings.plate_key.get_secret_value():
            self._problem(
                "read_plates", f"{VARIABLE} to be set: plates are kept as keyed hashes only", "no key"
            )

    def _signals(self, seen: Probe | None) -> None:
        """Lights that could never be told: they are unknown, and no rule that asks for one reports anybody."""
        survey = self.camera.calibration
        size = survey.picture_px if survey else (seen.width_px, seen.height_px) if seen else None
        for i, light in enumerate(self.camera.signals):
            if light.feed is not None and not Path(light.feed).is_file():
                self.notes.append(f"light {light.name} is unknown until its controller writes {light.feed}")
            if light.region_px is None or size is None:
                continue
            x0, y0, x1, y1 = light.region_px
            if x0 < -1 or y0 < -1 or x1 > size[0] + 1 or y1 > size[1] + 1:
                inside = f"a region inside the picture of {size[0]} x {size[1]} px"
                got = ", ".join(f"{v:g}" for v in light.region_px)
                self._problem(f"signals.{i}.region_px", inside, got, "else the light is never known")

    def _probe(self, probe: Prober | None) -> Probe | None:
        if probe is None:
            return None
        source = self.camera.source
        key, expected = {
            "file": ("path", "a video file"),
            "stream": ("url", "a stream that answers"),
            "scene": ("scene", "a scene"),
            "frames": ("path", "a folder of timed pictures"),
            "tracks": ("path", "a file of tracks"),
        }[source.kind]
        try:
            seen = probe(self.camera, self.settings)
        except FieldError as error:
            self._problem(
                error.field.removeprefix(f"cameras.{self.camera.id}."),
                error.expected,
                str(error.got),
                error.hint,
            )
            return None
        except DomeError as error:
            self._problem(f"source.{key}", expected, masked(str(error).removeprefix(f"source.{key}: ")))
            return None
        self.notes += seen.problems
        return seen

    def _clock(self, seen: Probe) -> None:
        clock = ClockState(seen.clock_source, seen.anchored_at, seen.measured_hz, seen.jitter_s)
        self.unfit += [objection.said for objection in fitness.of_clock(self.camera, clock)]

    def _brought(self, survey: Surveyor) -> tuple[CalibrationConfig | None, bool]:
        """The file's survey, else the one that the source brings; False if a scene is described wrongly."""
        if self.camera.calibration is not None:
            return self.camera.calibration, True
        try:
            return survey(self.camera, self.settings), True
        except FieldError as error:
            self._problem(error.field, error.expected, str(error.got), error.hint)
            return None, False

    def _calibration(self, config: CalibrationConfig | None, seen: Probe | None, today: datetime) -> str:
        if isinstance(self.camera.source, TracksSource):
            return f"places within {self.camera.source.error_m:g} m, as stated"
        # A recording is judged by the day it was made, a live camera by today.
        day = self.profile.local_day(seen.anchored_at if seen else today)
        if config is None:
            self.unfit += [objection.said for objection in fitness.of_survey(self.camera, None, day)]
            return "none"
        try:
            plane = GroundPlane.fit(config, "calibration")
            if seen is not None:
                plane.for_picture(seen.width_px, seen.height_px)
        except CalibrationError as error:
            self._problem(error.field, error.expected, str(error.got), error.hint)
            self.unfit.append(fitness.VOID.said)
            return "does not hold"
        except DomeError as error:
            self.unfit.append(f"its calibration cannot be had: {masked(str(error))}")
            return "unknown"
        self.unfit += [objection.said for objection in fitness.of_survey(self.camera, plane, day)]
        return f"{plane.residual.rms_px:.2f} px, {plane.residual.rms_m:.3f} m, to {config.valid_until}"

    def _problem(self, field: str, expected: str, got: str, hint: str = "") -> None:
        name = f"cameras.{self.camera.id}.{field}"
        self.problems.append(FieldError(name, expected, got, hint, self.file.line(name)))
