"""Section speed end to end: two cameras, plates read from pictures, passages matched by their keyed hashes.

One rendered clip is played as both ends of a section, the second time as if filmed 50 s later, so that every vehicle
passes both cameras: what they are known by is their rendered plates, and nothing else. Its camera has 8 megapixels, or
plates over a whole carriageway would be too small to be read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import flows.scenes
from cluster.live import LiveOptions, run_live
from cluster.sitewriter import ClipCamera, write_site
from flows.domain.events import PASSAGE, Event
from flows.domain.ruleset import SectionSpeedRule
from flows.domain.site import RoadLine
from flows.domain.status import Summary
from flows.scenes import opengl
from flows.scenes.clip import write
from flows.scenes.truth import SceneTruth
from flows.settings import Settings
from flows.site.sitefile import load_site

Street = tuple[Path, SceneTruth]
APART_S, LENGTH_M, LIMIT_KMH = 50.0, 1000.0, 50.0
SECTION_SPEED = "dome.violation.section_speed.v1"


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """Eight seconds in which three cars come and pass."""
    try:
        opengl.require()
    except opengl.SceneUnavailable as error:
        pytest.skip(str(error))
    clip = tmp_path_factory.mktemp("section") / "street.mp4"
    scene = flows.scenes.build(
        "road", seed=11, pose="gantry", direction="oncoming", light="day", width_px=3840, height_px=2160,
        duration_s=8.0, fps=8.0, n_vehicles=4, speed_range_kmh=(40, 60), n_pedestrians=0,
    )  # fmt: skip
    return clip, write(scene, clip)


def site(folder: Path, street: Street) -> Path:
    """A section of a kilometre, driven in 50 s: 72 km/h where 50 are allowed."""
    clip, truth = street
    cameras = []
    for role, late_s in (("entry", 0.0), ("exit", APART_S)):
        rule = SectionSpeedRule.model_validate(
            {"section": "abay", "role": role, "gate": "gate", "length_m": LENGTH_M, "limit_kmh": LIMIT_KMH,
             "heading_deg": 180.0}
        )  # fmt: skip
        camera = ClipCamera(
            id=role,
            name=role,
            clip=clip,
            started_at=truth.started_at + timedelta(seconds=late_s),
            calibration=truth.calibration,
            limit_kmh=200.0,
            rules=(rule,),
            detector="embedded",
        )
        lines = (RoadLine(name="gate", m=((-9.0, 18.0), (9.0, 18.0))),)
        cameras.append(replace(camera, road=replace(camera.road, lines=lines)))
    write_site(folder / "site.yaml", "test", cameras)
    return folder / "site.yaml"


def run(folder: Path, street: Street, key: str) -> tuple[Summary, list[Event]]:
    config, problems = load_site(site(folder, street), strict=True)
    assert problems == []
    env = {"DOME_HOME": str(folder / "home")} | ({"DOME_PLATE_KEY": key} if key else {})
    options = LiveOptions(until_end=True, events=folder / "events.jsonl", settings=Settings.from_env(env))
    summary = run_live(config, [], options, lambda *_: None)
    lines = (folder / "events.jsonl").read_text().splitlines()
    return summary, [Event.model_validate_json(line) for line in lines]


@pytest.mark.timeout(600)
def test_a_section_s_violations_come_out_with_both_passages(
    cluster: None, street: Street, tmp_path: Path
) -> None:
    summary, events = run(tmp_path, street, "k1:" + "07" * 16)
    assert summary.problems == []
    found = [e for e in events if e.type == SECTION_SPEED]
    assert len(found) >= 2, (summary.results, {c: s.refusals for c, s in summary.cameras.items()})
    for event in found:
        speed = event.data["measured"]["speed"]  # type: ignore[call-overload,index]
        truth = LENGTH_M / APART_S * 3.6
        assert speed["low"] <= truth <= speed["high"]  # type: ignore[call-overload,index,operator]
        assert speed["high"] - speed["low"] < 1.0  # type: ignore[call-overload,index,operator]
    assert len({e.id for e in found}) == len(found)
    assert PASSAGE not in {e.type for e in events}


@pytest.mark.timeout(600)
def test_without_a_key_nothing_is_measured_and_it_is_said(
    cluster: None, street: Street, tmp_path: Path
) -> None:
    summary, events = run(tmp_path, street, "")
    assert not [e for e in events if e.type == SECTION_SPEED]
    assert any("DOME_PLATE_KEY is not set" in problem for problem in summary.problems)
