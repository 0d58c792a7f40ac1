from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from surveyed import SURVEY

from flows.domain.errors import SourceError
from flows.jurisdiction import FOLDER

SURVEYED = f"    rules: [{{kind: speeding, limit_kmh: 60}}]\n{SURVEY}"


def check(dome, path: Path, *more: str) -> dict:
    return json.loads(dome("check", path, "--json", *more).stdout)


@pytest.fixture
def surveyed(site: Path) -> Path:
    site.write_text(site.read_text() + SURVEYED)
    return site


def test_a_good_site_passes_and_says_who_is_fit(dome, surveyed: Path, probes) -> None:
    result = dome("check", surveyed)

    assert result.exit_code == 0
    assert "1 camera, 1 fit for evidence" in result.stdout
    assert "25.00 Hz" in result.stdout


def test_a_mistake_is_shown_with_the_line_itself(dome, site: Path, probes) -> None:
    site.write_text(site.read_text() + "    detectr: yolox-nano\n")

    result = dome("check", site)

    assert result.exit_code == 2
    assert "error: cameras.good.detectr" in result.stderr
    assert f"{site}:5" in result.stderr
    assert "5 |     detectr: yolox-nano" in result.stderr
    assert "did you mean 'detector'?" in result.stderr


@pytest.mark.slow
def test_of_a_large_site_what_is_wrong_stands_last_and_what_all_share_is_said_once(
    dome, site: Path, probes
) -> None:
    cameras = "".join(f"  - {{id: c{i}, source: a.mp4}}\n" for i in range(300))
    site.write_text("site: town\ncameras:\n" + cameras.replace("id: c7,", "id: c7, nmae: x,"))

    result = dome("check", site, "--no-probe")

    assert result.exit_code == 2
    assert result.output.rstrip().endswith(f"1 problem in {site}, in 1 camera")
    assert result.output.index("error: cameras.c7.nmae") > result.output.index("not fit for evidence")
    assert result.stdout.count("its source was not probed") == 1
    assert "c0, c1, c2, c3 and 295 more: not fit for evidence: its source was not probed" in result.stdout


def test_a_site_without_a_camera_that_is_right_shows_no_empty_table(dome, site: Path) -> None:
    site.write_text(site.read_text() + "    detectr: yolox-nano\n")

    assert "measured rate" not in dome("check", site).stdout


def test_a_folder_is_told_as_one(dome, tmp_path: Path) -> None:
    result = dome("check", tmp_path)

    assert result.exit_code == 2
    assert "expected a file" in result.stderr
    assert "got a folder" in result.stderr


def test_a_file_that_is_no_yaml_has_status_2(dome, site: Path) -> None:
    site.write_text("site: [1,\ncameras: 2\n")

    result = dome("check", site)

    assert result.exit_code == 2
    assert f"{site}:3" in result.stderr
    found = json.loads(dome("check", site, "--json").stdout)
    assert not found["ok"]
    assert found["problems"][0]["line"] == 3


def test_a_file_that_is_not_there_has_status_2(dome, tmp_path: Path) -> None:
    result = dome("check", tmp_path / "none.yaml")

    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


def test_a_video_that_cannot_be_opened_is_a_mistake_of_the_file(dome, site: Path, probes) -> None:
    probes["good"] = SourceError("good.mp4 is empty")

    result = dome("check", site)

    assert result.exit_code == 2
    assert "error: cameras.good.source" in result.stderr
    assert f"{site}:4" in result.stderr
    assert "good.mp4 is empty" in result.stderr


def test_a_stream_that_does_not_answer_fails_but_the_file_is_right(
    dome, site: Path, probes, monkeypatch
) -> None:
    monkeypatch.setenv("PW", "s3cret")
    site.write_text("site: town\ncameras:\n  - id: c\n    source: rtsp://cam:${PW}@10.0.0.7/main\n")
    probes["c"] = SourceError("rtsp://cam:s3cret@10.0.0.7/main: connection refused")

    result = dome("check", site)

    assert result.exit_code == 1
    assert "rtsp://cam:***@10.0.0.7/main: connection refused" in result.stderr
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("a.mp4", "path"),
        ("srt://10.0.0.7:9000", "url"),
        ("{kind: scene, scene: road}", "scene"),
        ("{kind: frames, path: hall}", "path"),
        ("{kind: tracks, path: radar.csv}", "path"),
    ],
)
def test_a_source_of_any_kind_that_cannot_be_opened_is_told_with_its_reason(
    dome, site: Path, probes, source: str, key: str
) -> None:
    site.write_text(f"site: town\ncameras:\n  - id: c\n    source: {source}\n")
    probes["c"] = SourceError("this PyAV was built without it")

    told = dome("check", site).stderr

    assert f"cameras.c.source.{key}" in told
    assert "this PyAV was built without it" in told


@pytest.mark.slow
def test_a_scene_is_checked_without_being_rendered(dome, site: Path, monkeypatch) -> None:
    monkeypatch.setattr("flows.sources.scene._render", lambda *_: pytest.fail("rendered"))
    site.write_text("site: town\ncameras:\n  - {id: c, source: {scene: road, options: {lihgt: dusk}}}\n")

    told = dome("check", site)

    assert told.exit_code == 2
    assert "error: cameras.c.source.options.lihgt" in told.stderr
    assert "did you mean 'light'?" in told.stderr
    site.write_text("site: town\ncameras:\n  - {id: c, source: {scene: road}}\n")
    assert "px" in check(dome, site, "--no-probe")["cameras"]["c"]["calibration"]


def test_an_unknown_detector_is_told(dome, site: Path, probes) -> None:
    site.write_text(site.read_text() + "    detector: yolox-nono\n")

    result = dome("check", site)

    assert result.exit_code == 2
    assert "did you mean 'yolox-nano'?" in result.stderr


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"clock_source": "file-time"}, "modification time"),
        ({"jitter_s": 0.03}, "jitters"),
        ({"measured_hz": float("nan")}, "rate"),
        (
            {"anchored_at": datetime(2028, 1, 1, tzinfo=UTC)},
            "valid from 2026-09-01 to 2027-09-01, not on 2028-01-01",
        ),
    ],
)
def test_why_a_camera_is_not_fit_for_evidence(
    dome, surveyed: Path, probes, probe_of, changes: dict, reason: str
) -> None:
    probes["good"] = probe_of(**changes)

    found = check(dome, surveyed)

    camera = found["cameras"]["good"]
    assert found["ok"], "the file is right, the camera is just no witness"
    assert camera["fit_for_evidence"] is False
    assert any(reason in u for u in camera["unfit"])
    assert reason in dome("check", surveyed).stdout


def test_a_survey_that_nothing_checks_is_no_witness(dome, surveyed: Path, probes) -> None:
    four = "".join(surveyed.read_text().splitlines(keepends=True)[:-2])
    surveyed.write_text(four)
    camera = check(dome, surveyed)["cameras"]["good"]
    assert camera["unfit"] == ["nothing checks its survey: four points; survey a fifth"]


def test_a_camera_that_moves_is_no_witness_however_it_was_surveyed(dome, surveyed: Path, probes) -> None:
    surveyed.write_text(surveyed.read_text() + "    platform: drone\n")
    camera = check(dome, surveyed)["cameras"]["good"]
    assert camera["unfit"] == ["a drone camera has no fixed pose"]


def test_a_survey_of_another_picture_does_not_hold(dome, surveyed: Path, probes, probe_of) -> None:
    probes["good"] = probe_of(width_px=640, height_px=480)

    found = check(dome, surveyed)

    assert not found["ok"]
    assert found["problems"][0]["field"] == "cameras.good.calibration.picture_px"
    assert found["problems"][0]["line"] == 7


def test_a_camera_without_a_survey_is_not_fit(dome, site: Path, probes) -> None:
    camera = check(dome, site)["cameras"]["good"]

    assert camera["fit_for_evidence"] is False
    assert "it has no calibration" in camera["unfit"]


def test_without_probing_nothing_is_opened(dome, surveyed: Path, probes) -> None:
    probes["good"] = AssertionError("it was opened")

    found = check(dome, surveyed, "--no-probe")

    assert found["ok"]
    assert found["cameras"]["good"]["measured_hz"] is None


def test_all_cameras_are_told_of_when_one_is_bad(dome, site: Path, probes) -> None:
    site.write_text(site.read_text() + "  - id: bad\n    source: b.mp4\n    latitude: north\n")

    result = dome("check", site, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 2
    assert list(found["cameras"]) == ["good"]
    assert found["problems"][0]["field"] == "cameras.bad.latitude"


def test_an_error_that_nobody_foresaw_is_that_camera_s_and_the_others_are_told_of(
    dome, site: Path, probes
) -> None:
    site.write_text(site.read_text() + "  - id: odd\n    source: b.mp4\n")
    probes["odd"] = ZeroDivisionError("division by zero")

    result = dome("check", site, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 2
    assert list(found["cameras"]) == ["good", "odd"]
    assert found["cameras"]["good"]["measured_hz"] == 25
    assert found["cameras"]["odd"]["fit_for_evidence"] is False
    [problem] = found["problems"]
    assert (problem["field"], problem["line"]) == ("cameras.odd", 5)
    assert "ZeroDivisionError: division by zero" in problem["got"]


TRACKS = """\
site: town
cameras:
  - id: radar
    source: {kind: tracks, path: radar.csv, started_at: 2026-09-01T08:30:00+05:00}
    zones: [{name: crosswalk, polygon_m: [[-3, 0], [3, 0], [3, 4], [-3, 4]]}]
    rules: [{kind: failure_to_yield, crosswalk: crosswalk}, {kind: speeding, limit_kmh: 60}]
"""


def tracks_site(folder: Path, rows: list[str], text: str = TRACKS) -> Path:
    (folder / "radar.csv").write_text("id,time,class,x_m,y_m\n" + "\n".join(rows) + "\n")
    path = folder / "tracks.yaml"
    path.write_text(text)
    return path


def test_a_camera_that_sends_tracks_is_fit_and_needs_no_detector(dome, tmp_path: Path) -> None:
    site = tracks_site(tmp_path, [f"1,{t / 10},car,0,{t}" for t in range(50)])

    found = check(dome, site)["cameras"]["radar"]
    shown = dome("check", site)

    assert found["fit_for_evidence"]
    assert found["measured_hz"] == pytest.approx(10)
    assert found["clock"] == "site"
    assert shown.exit_code == 0
    assert "1 tracks" in shown.stdout
    assert "places within 0.3 m, as stated" in " ".join(shown.stdout.split())


def test_rows_that_cannot_be_used_are_told_with_line_and_field(dome, tmp_path: Path) -> None:
    site = tracks_site(tmp_path, [f"1,{t / 10},car,0,{t}" for t in range(50)] + ["1,9.0,car,left,0"])

    notes = check(dome, site)["cameras"]["radar"]["notes"]

    assert any("1 of 51 rows cannot be used" in n for n in notes)
    assert any("line 52: radar.csv: x_m: expected a finite number, got 'left'" in n for n in notes)


def test_a_column_that_is_not_there_is_told_at_its_line(dome, tmp_path: Path) -> None:
    text = TRACKS.replace("path: radar.csv,", "path: radar.csv, columns: {x_m: east},")
    site = tracks_site(tmp_path, ["1,0,car,0,0"], text)

    result = dome("check", site)

    assert result.exit_code == 2
    assert "error: cameras.radar.source.columns.x_m" in result.stderr
    assert f"{site}:4" in result.stderr
    assert "a column of radar.csv (id, time, class, x_m, y_m)" in " ".join(result.stderr.split())


def test_a_tracks_file_that_is_absent_is_told(dome, tmp_path: Path) -> None:
    site = tmp_path / "tracks.yaml"
    site.write_text(TRACKS)

    result = dome("check", site)

    assert result.exit_code == 2
    assert "error: cameras.radar.source.path" in result.stderr


def test_zones_of_tracks_are_in_metres(dome, tmp_path: Path) -> None:
    site = tracks_site(tmp_path, ["1,0,car,0,0"], TRACKS.replace("polygon_m", "polygon_px"))

    result = dome("check", site)

    assert result.exit_code == 2
    assert "nothing that needs a picture" in " ".join(result.stderr.split())


def test_it_says_what_every_rule_does(dome, surveyed: Path, probes) -> None:
    text = surveyed.read_text().replace(
        "rules: [{kind: speeding, limit_kmh: 60}]",
        "zones: [{name: west, polygon_m: [[-4, 10], [0, 10], [0, 60], [-4, 60]], heading_deg: 180}]\n"
        "    rules: [{kind: speeding, limit_kmh: 60}, {kind: wrong_way, lane: west, min_m: 12}]",
    )
    surveyed.write_text(text)
    speeding, wrong_way = check(dome, surveyed)["cameras"]["good"]["rules"]
    assert "70 km/h" in speeding
    assert "zone west for 12 m" in wrong_way
    shown = dome("check", surveyed).stdout
    assert "good: wrong_way v" in shown
    assert "KoAP RK 596(3)" in shown


def test_reading_plates_of_all_vehicles_needs_the_key_of_their_hashes(
    dome, site: Path, probes, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write_text(site.read_text() + "    read_plates: true\n")
    monkeypatch.delenv("DOME_PLATE_KEY", raising=False)
    result = dome("check", site)
    assert result.exit_code == 2
    assert "error: cameras.good.read_plates" in result.stderr
    monkeypatch.setenv("DOME_PLATE_KEY", "k1:" + "07" * 16)
    checked = check(dome, site)
    assert "plates of all vehicles are read and kept as keyed hashes for 7 days" in str(checked)


def test_a_light_that_can_never_be_told_is_told_of(dome, site: Path, probes) -> None:
    site.write_text(
        site.read_text() + "    signals:\n      - {name: far, region_px: [1270, 40, 1300, 120]}\n"
        "      - {name: near, region_px: [600, 40, 630, 120]}\n      - {name: told, feed: phases.jsonl}\n"
    )
    result = dome("check", site)
    assert result.exit_code == 2
    assert "cameras.good.signals.0.region_px" in result.stderr
    assert f"{site}:6" in result.stderr
    assert "expected a region inside the picture of 1280 x 720 px" in result.stderr
    assert "signals.1" not in result.stderr
    assert "light told is unknown until its controller writes" in " ".join(result.stdout.split())


def test_a_camera_whose_rules_measure_nothing_need_not_be_fit(dome, site: Path, probes) -> None:
    site.write_text(site.read_text() + "    rules: [{kind: abandoned_object}]\n")
    assert "no, and no rule measures" in dome("check", site).stdout


@pytest.mark.parametrize(("line", "noted"), [("", True), ("country: uz\n", False)])
def test_a_profile_of_ones_own_says_whose_plates_are_expected(
    dome, site: Path, probes, line: str, noted: bool
) -> None:
    law = (FOLDER / "uz.yaml").read_text(encoding="utf-8").replace("name: uz\n", f"name: samarkand\n{line}")
    (site.parent / "law.yaml").write_text(law, encoding="utf-8")
    site.write_text("jurisdiction: law.yaml\n" + site.read_text())
    notes = json.loads(dome("check", site, "--json").stdout)["notes"]
    assert any("country in profile samarkand: expected one of br" in note for note in notes) is noted
