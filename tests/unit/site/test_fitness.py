"""What is fit for evidence is said alike before a camera runs and while it does; and where its zones lie."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from flows.domain.detections import Detections
from flows.domain.frames import ClockState, Frame, NoPixels
from flows.domain.site import CameraConfig
from flows.jurisdiction import load_profile
from flows.pipeline import CameraPipeline
from flows.road.ground import GroundPlane
from flows.rules.reporting import Reporter
from flows.site.fitness import unfit
from flows.site.outlines import outlines

AT = datetime(2026, 9, 1, 20, 30, tzinfo=UTC)
GROUND = {
    "points": [{"px": [x, y], "m": [(x - 320) / 32, (480 - y) / 24]} for x, y in
               [(100, 100), (540, 100), (540, 400), (100, 400), (320, 250)]],
    "picture_px": [640, 480], "surveyed_on": "2026-06-01", "valid_until": "2026-09-01",
}  # fmt: skip

SPEEDING = {"kind": "speeding", "limit_kmh": 60}
LEFT = {"kind": "abandoned_object"}


def camera(**changes: Any) -> CameraConfig:
    values: dict[str, Any] = {
        "id": "a", "district": "esil", "source": {"kind": "file", "path": "a.mp4"}, "calibration": GROUND,
        "zones": [{"name": "lane", "polygon_px": [[0, 480], [640, 480], [320, 0]]},
                  {"name": "crossing", "polygon_m": [[-5, 5], [5, 5], [5, 10], [-5, 10]]}],
        "lines": [{"name": "stop", "m": [[-10, 5], [10, 5]]}],
        "signals": [{"name": "head", "region_px": [600, 0, 620, 60]}],
    }  # fmt: skip
    return CameraConfig.model_validate(values | changes)


def clock(source: Any = "site", rate_hz: float = 25.0, jitter_s: float = 0.0) -> ClockState:
    return ClockState(source, AT, rate_hz, jitter_s)


@pytest.mark.parametrize(
    ("clock_", "day", "size", "points", "unsteady", "codes"),
    [
        (clock(), 1, (640, 480), 5, "", ()),
        (clock(), 1, (1280, 960), 5, "", ()),
        (clock(rate_hz=float("nan")), 1, (640, 480), 5, "", ("rate_unmeasured",)),
        (clock(jitter_s=0.03), 1, (640, 480), 5, "", ("rate_unsteady",)),
        (clock("file-time"), 1, (640, 480), 5, "", ("clock",)),
        (clock(), 2, (640, 480), 5, "", ("calibration_expired",)),
        (clock(), 1, (640, 360), 5, "", ("calibration_void",)),
        (clock(), 1, (640, 480), 4, "", ("survey_unchecked",)),
        (clock(), 1, (640, 480), 0, "", ("no_calibration",)),
        (clock(), 1, (640, 480), 5, "camera_moved", ("camera_moved",)),
        (clock("file-time"), 2, (640, 480), 4, "camera_shakes",
         ("clock", "survey_unchecked", "calibration_expired", "camera_shakes")),
    ],
)  # fmt: skip
def test_each_reason_is_named(
    clock_: ClockState, day: int, size: tuple[int, int], points: int, unsteady: str, codes: tuple[str, ...]
) -> None:
    config = camera(calibration=GROUND | {"points": GROUND["points"][:points]} if points else None)  # type: ignore[index]
    if not points:
        config = camera(calibration=None, zones=[], lines=[])
    plane = GroundPlane.fit(config.calibration) if config.calibration is not None else None
    assert unfit(config, clock_, plane, size, date(2026, 9, day), unsteady) == codes


def test_a_running_camera_says_it_of_its_newest_frame_by_the_local_day() -> None:
    pipeline = CameraPipeline.build(camera(rules=[SPEEDING]), load_profile("kz"))
    assert pipeline.unfit() is None
    pipeline.step(Frame("a", 0, AT, NoPixels(640, 480), clock("file-time")), Detections.empty())
    assert pipeline.unfit() == ("clock", "calibration_expired"), "it is the second of September there"


@pytest.mark.parametrize(
    ("rules", "codes"), [([], None), ([LEFT], None), ([LEFT, SPEEDING], ("no_calibration",))]
)
def test_a_camera_that_measures_nothing_is_not_called_unfit(
    rules: list[dict[str, Any]], codes: tuple[str, ...] | None
) -> None:
    config = camera(calibration=None, zones=[], lines=[], rules=rules)
    pipeline = CameraPipeline.build(config, load_profile("kz"))
    pipeline.step(Frame("a", 0, AT, NoPixels(640, 480), clock()), Detections.empty())
    assert pipeline.unfit() == codes


@pytest.mark.parametrize("platform", ["drone", "robot", "body", "vehicle"])
@pytest.mark.parametrize("surveyed", [True, False])
def test_a_camera_that_moves_is_called_unfit_as_its_rules_refuse_everything(
    platform: str, surveyed: bool
) -> None:
    config = camera(platform=platform, rules=[SPEEDING], zones=[], lines=[])
    plane = GroundPlane.fit(config.calibration) if surveyed and config.calibration is not None else None
    codes = unfit(config, clock(), plane, (640, 480), date(2026, 9, 1))
    reporter = Reporter(config.rules[0], "1", config, load_profile("kz"), plane)
    assert codes == ("platform",) == (reporter.unfit(AT.replace(hour=6), clock()),)


def test_places_that_a_drone_s_own_device_reports_are_no_worse_for_its_flying() -> None:
    source = {"kind": "tracks", "path": "a.csv"}
    config = camera(platform="drone", source=source, calibration=None, zones=[], lines=[], signals=[])
    assert unfit(config, clock(), None, (640, 480), date(2026, 9, 1)) == ()


@pytest.mark.parametrize(
    ("source", "day", "points"), [("site", 1, 5), ("file-time", 1, 5), ("site", 2, 5), ("site", 1, 4)]
)
def test_rules_refuse_in_the_words_in_which_the_camera_is_called_unfit(
    source: Any, day: int, points: int
) -> None:
    config = camera(calibration=GROUND | {"points": GROUND["points"][:points]}, rules=[SPEEDING])  # type: ignore[index]
    assert config.calibration is not None
    plane, at = GroundPlane.fit(config.calibration), AT.replace(day=day, hour=6)
    reporter = Reporter(config.rules[0], "1", config, load_profile("kz"), plane)
    codes = unfit(config, clock(source), plane, (640, 480), date(2026, 9, day))
    assert codes == tuple(filter(None, [reporter.unfit(at, clock(source))]))


def test_zones_and_lines_are_drawn_where_the_road_is_whatever_the_picture_s_size() -> None:
    config = camera()
    assert config.calibration is not None
    shapes = {o.name: o for o in outlines(config, GroundPlane.fit(config.calibration), 640, 480)}
    assert [(name, shape.kind) for name, shape in shapes.items()] == [
        ("lane", "zone"), ("crossing", "zone"), ("stop", "line"), ("head", "signal")
    ]  # fmt: skip
    assert shapes["lane"].points == ((0, 1), (1, 1), (0.5, 0))
    corners = np.array(shapes["crossing"].points)
    assert np.allclose(corners.min(axis=0), (0.25, 0.5), atol=0.01)
    assert np.allclose(corners.max(axis=0), (0.75, 0.75), atol=0.01)
    assert np.allclose(shapes["stop"].points[-1], (1.0, 0.75), atol=0.01)
    assert shapes["head"].points[2] == (0.9688, 0.125)


def test_what_lies_behind_the_camera_or_on_no_plane_is_left_out() -> None:
    level = [(-5, 60), (5, 60), (5, 12), (-5, 12), (0, 25)]  # six metres above the road, looking along it
    points = [{"px": [320 + 600 * x / y, 150 + 600 * 6 / y], "m": [x, y]} for x, y in level]
    steep = GROUND | {"points": points}
    config = camera(
        calibration=steep, zones=[{"name": "road", "polygon_m": [[-5, -40], [5, -40], [5, 40], [-5, 40]]}]
    )
    assert config.calibration is not None
    (road, *_) = outlines(config, GroundPlane.fit(config.calibration), 640, 480)
    assert np.abs(np.array(road.points)).max() <= 4
    assert [o.name for o in outlines(config, None, 640, 480)] == ["head"]
