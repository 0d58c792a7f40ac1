"""Whether a camera's measurements may be evidence, and why not: ``dome check``, a running camera and its rules say it
in the same words.

A camera is *fit for evidence* when its frame rate was measured and is steady, its clock has an anchor that somebody can
vouch for, it stands still, its survey is valid, agrees with itself and holds for the picture that it sends, and it
still looks where it was surveyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flows.domain.errors import CalibrationError
from flows.domain.frames import VOUCHED_CLOCKS, ClockState
from flows.domain.site import CameraConfig, TracksSource
from flows.road.ground import GroundPlane
from flows.road.speed import Reason, SpeedConfig, check_clock


@dataclass(frozen=True, slots=True)
class Objection:
    """Why measurements cannot be evidence.

    Attributes:
        code: For machines, and to be said in somebody's language; rules refuse in the same words.
        said: In words.
    """

    code: Reason
    said: str


UNSURVEYED = Objection("no_calibration", "it has no calibration")
VOID = Objection("calibration_void", "its calibration does not hold")


def measures(camera: CameraConfig) -> bool:
    """Whether it has a rule that measures; who looks for things left behind needs neither survey nor clock."""
    return any(rule.kind != "abandoned_object" for rule in camera.rules)


def of_clock(camera: CameraConfig, clock: ClockState) -> list[Objection]:
    """To its rate and its clock."""
    found = []
    refusal = check_clock(clock, SpeedConfig())
    if refusal is not None and camera.sees:  # reported places each have a time of their own
        found.append(Objection(refusal.reason, f"its rate: {refusal.detail}"))
    if clock.source not in VOUCHED_CLOCKS:
        said = "its clock is the file's modification time; give source.started_at"
        found.append(Objection("clock", said))
    return found


def of_survey(camera: CameraConfig, plane: GroundPlane | None, day: date) -> list[Objection]:
    """To its survey, on a local day; one of four points is checked by nothing, one of them may be wrong by metres.

    Whoever sends tracks vouches for them, from wherever it looks. A survey holds for a camera that stands still.
    """
    if isinstance(camera.source, TracksSource):
        return []
    if camera.platform != "fixed":
        return [Objection("platform", f"a {camera.platform} camera has no fixed pose")]
    if plane is None:
        return [UNSURVEYED]
    found = []
    if plane.residual.dof == 0:
        found.append(Objection("survey_unchecked", "nothing checks its survey: four points; survey a fifth"))
    if not plane.valid_on(day):
        config = plane.config
        said = f"its survey is valid from {config.surveyed_on} to {config.valid_until}, not on {day}"
        found.append(Objection("calibration_expired", said))
    return found


def unfit(
    camera: CameraConfig, clock: ClockState, plane: GroundPlane | None, picture_px: tuple[int, int], day: date,
    unsteady: str = "",
) -> tuple[str, ...]:  # fmt: skip
    """The codes of everything that keeps a running camera's measurements from being evidence; nothing if they are fit.

    Args:
        camera: Its configuration.
        clock: Of its newest frame.
        plane: Its survey; None without one.
        picture_px: Width and height of the picture that it sends.
        day: The local day of its newest frame.
        unsteady: Why it does not look where it was surveyed (:mod:`flows.pictures.steadiness`); empty if it does.
    """
    found = of_clock(camera, clock) + of_survey(camera, plane, day)
    if plane is not None:
        try:
            plane.for_picture(*picture_px)
        except CalibrationError:
            found.append(VOID)
    return (*(objection.code for objection in found), *([unsteady] if unsteady else []))
