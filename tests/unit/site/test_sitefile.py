from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from surveyed import SURVEY

from flows.domain.errors import CalibrationError, FieldError
from flows.domain.ruleset import RULE_KINDS
from flows.domain.site import RoadLine, Zone
from flows.site.sitefile import LoadedSite, SiteFile, SiteFileError, load_site

README = Path(__file__).parents[3] / "README.md"

GOOD = "site: town\ncameras:\n  - id: good\n    source: good.mp4\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return path


def load(tmp_path: Path, text: str, **env: str) -> LoadedSite:
    return load_site(write(tmp_path, text), env=env)


def told(tmp_path: Path, text: str) -> list[str]:
    """Every problem as people read it, whether or not it stops the whole file."""
    path = write(tmp_path, text)
    try:
        return [str(p) for p in load_site(path, env={}).problems]
    except SiteFileError as error:
        return [str(p) for p in error.problems]


def test_a_short_file_gets_every_default(tmp_path: Path) -> None:
    site, problems = load(tmp_path, GOOD)

    assert not problems
    camera = site.cameras[0]
    assert site.jurisdiction == "kz"
    assert (camera.district, camera.detector, camera.platform) == ("town", "embedded", "fixed")
    assert camera.source.kind == "file"
    assert camera.source.path == tmp_path / "good.mp4", (
        "relative to the site file, not to the working directory"
    )


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    site, _ = load(tmp_path, GOOD.replace("good.mp4", "/video/a.mp4"))

    assert site.cameras[0].source.path == Path("/video/a.mp4")  # type: ignore[union-attr]


def test_survey_points_may_be_four_numbers(tmp_path: Path) -> None:
    site, problems = load(tmp_path, GOOD + SURVEY)

    assert not problems
    survey = site.cameras[0].calibration
    assert survey is not None
    assert survey.points[0].px == (131.05, 676.36)
    assert survey.points[0].m == (-6.181, 12.030)


CAMERA = "site: town\ndistricts: [north, south]\ncameras:\n  - id: cam\n    district: north\n"
PLAIN = CAMERA + "    source: a.mp4\n"
RED = """\
    zones: [{name: j, polygon_m: [[0, 0], [1, 0], [1, 1]]}]
    lines: [{name: s, m: [[0, 0], [1, 0]]}]
    signals: [{name: m, region_px: [0, 0, 9, 27]}]
    rules:
      - {kind: red_light, stop_line: s, junction: j, signal: m, """
REST = GOOD.split("\n", 1)[1]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (PLAIN + "    detectr: x\n", "line 7: cameras.cam.detectr", "expected one of calibration, detector,"),
        (PLAIN + "    detectr: x\n", "line 7: cameras.cam.detectr", "did you mean 'detector'?"),
        (
            PLAIN + "    sample_hz: -2\n",
            "line 7: cameras.cam.sample_hz",
            "expected a number of at least 0.001, got -2",
        ),
        (PLAIN + "    sample_hz: fast\n", "line 7: cameras.cam.sample_hz", "expected a number, got 'fast'"),
        (PLAIN + "    latitude: 91\n", "line 7: cameras.cam.latitude", "a number of at most 90, got 91"),
        (PLAIN + "    gate: {enabled: 7}\n", "line 7: cameras.cam.gate.enabled", "true or false, got 7"),
        (PLAIN + "    detector: YOLO X\n", "line 7: cameras.cam.detector", "expected lower-case letters"),
        (PLAIN + "    source: b.mp4\n", "line 7: cameras.cam.source", "once, got it again (first in line 6)"),
        (PLAIN + "  - 5\n", "line 7: cameras.1", "expected a mapping with 'id' and 'source', got 5"),
        (
            PLAIN + "  - id: cam\n    district: south\n    source: b.mp4\n",
            "line 7: cameras.cam.id",
            "expected a different id for each camera, got 'cam' again (first in line 4)",
        ),
        (
            PLAIN.replace("district: north", "district: noth"),
            "line 5: cameras.cam.district",
            "expected one of north, south, got 'noth'; did you mean 'north'?",
        ),
        (
            CAMERA + "    source: {kind: strem, url: 'rtsp://h/x'}\n",
            "line 6: cameras.cam.source.kind",
            "expected kind: one of file, stream, scene, frames, tracks, got 'strem'; did you mean 'stream'?",
        ),
        (
            CAMERA + "    source: {pat: a}\n",
            "line 6: cameras.cam.source",
            "expected kind: one of file, stream, scene, frames, tracks, got nothing",
        ),
        (
            CAMERA + "    source: ftp://h/x\n",
            "line 6: cameras.cam.source.url",
            "expected an address that starts with rtsp://",
        ),
        (
            CAMERA + "    source: {path: a.mp4, started_at: 2026-01-01T10:00:00}\n",
            "line 6: cameras.cam.source.started_at",
            "expected a time with its zone, such as",
        ),
        (
            PLAIN + "    rules:\n      - {kind: speedin}\n",
            "line 8: cameras.cam.rules.0.kind",
            "got 'speedin'; did you mean 'speeding'?",
        ),
        (
            PLAIN + "    rules:\n      - kind: speeding\n",
            "line 8: cameras.cam.rules.0.limit_kmh",
            "expected a number (required), got nothing",
        ),
        (
            PLAIN + "    rules: [{kind: speeding, limit_kmh: 60, zone: z}]\n",
            "line 7: cameras.cam.rules.0.zone",
            "expected one of the camera's zones (none), got 'z'; add it to zones",
        ),
        (
            PLAIN + "    zones: [{name: z, polygon_px: [[1, 2], [3, 4]]}]\n",
            "line 7: cameras.cam.zones.0",
            "expected either polygon_px or polygon_m, with at least 3 corners, got polygon_px with 2",
        ),
        (
            PLAIN + "    lines: [{name: l}]\n",
            "line 7: cameras.cam.lines.0",
            "expected either px or m, with at least 2 points, got neither",
        ),
        (
            PLAIN + "    lines: [{name: gate, m: [[3.5, 30], [3.5, 30.0]]}]\n",
            "line 7: cameras.cam.lines.0",
            "expected either px or m, with at least 2 points, got m with 1",
        ),
        (
            PLAIN + "    zones: [{name: z, polygon_px: [[.nan, 0], [4, 0], [4, 9]]}]\n",
            "line 7: cameras.cam.zones.0.polygon_px.0.0",
            "expected a finite number, got nan",
        ),
        (
            PLAIN + "    signals: [{name: s}]\n",
            "line 7: cameras.cam.signals.0",
            "expected either region_px or feed, got neither",
        ),
        (
            PLAIN + "    rules: [{kind: speeding, limit_kmh: 60, classes: [car, trucks]}]\n",
            "line 7: cameras.cam.rules.0.classes.1",
            "expected one of person, bicycle, car, motorcycle, bus, truck, got 'trucks'",
        ),
        (
            PLAIN + "    rules: [{kind: speeding, limit_kmh: 60, classes: []}]\n",
            "line 7: cameras.cam.rules.0.classes",
            "expected at least 1 item, got a list of 0",
        ),
        (
            PLAIN + RED + "arrow: m}\n",
            "line 11: cameras.cam.rules.0.arrow_exit",
            "expected the zone through which those leave who turn on 'm', got nothing",
        ),
        (
            PLAIN + RED + "arrow_exit: j}\n",
            "line 11: cameras.cam.rules.0.arrow",
            "expected the light whose arrow allows to leave there, got nothing",
        ),
        (
            PLAIN + "    calibration: {points: [[1, 2, 3]]}\n",
            "line 7: cameras.cam.calibration.points.0",
            "expected [u_px, v_px, x_m, y_m] or {px: [u, v], m: [x, y]}, got a list of 3",
        ),
        (
            GOOD + SURVEY.replace("[1280, 720]", "[1280, 0]"),
            "line 6: cameras.good.calibration.picture_px.1",
            "expected a number above 0, got 0",
        ),
        (
            CAMERA + "    source: {scene: street, seed: -1}\n",
            "line 6: cameras.cam.source.seed",
            "expected a number of at least 0, got -1",
        ),
        (
            CAMERA + "    source: {url: rtsp://a/b, backoff_s: [0, 0]}\n",
            "line 6: cameras.cam.source.backoff_s.0",
            "expected a number above 0, got 0",
        ),
        (
            CAMERA + "    source: {url: rtsp://a/b, backoff_s: [30, 0.5]}\n",
            "line 6: cameras.cam.source.backoff_s",
            "expected the first pause, then the longest, got [30.0, 0.5]",
        ),
        (
            CAMERA + "    source: {url: rtsp://a/b, backoff_s: [0.5, .nan]}\n",
            "line 6: cameras.cam.source.backoff_s.1",
            "expected a finite number, got nan",
        ),
        (
            CAMERA + "    source: {url: rtsp://a/b, silence_s: .inf}\n",
            "line 6: cameras.cam.source.silence_s",
            "expected a finite number, got inf",
        ),
        (
            CAMERA + "    source: {url: rtsp://a/b, silence_s: 1e-9}\n",
            "line 6: cameras.cam.source.silence_s",
            "expected a number of at least 0.1, got 1e-09",
        ),
        (
            PLAIN + "    sample_hz: 1e-9\n",
            "line 7: cameras.cam.sample_hz",
            "expected a number of at least 0.001, got 1e-09",
        ),
        (
            PLAIN + "    sample_hz: .inf\n",
            "line 7: cameras.cam.sample_hz",
            "expected a finite number, got inf",
        ),
        (
            PLAIN + "    rules: [{kind: speeding, limit_kmh: 60, tolerance_kmh: .inf}]\n",
            "line 7: cameras.cam.rules.0.tolerance_kmh",
            "expected a finite number, got inf",
        ),
        (
            GOOD + SURVEY.replace("valid_until: 2027", "valid_until: 2020"),
            "line 8: cameras.good.calibration.valid_until",
            "expected 2026-09-01 (surveyed_on) or later, got 2020-09-01",
        ),
        (
            PLAIN + "    zones: [{name: z, polygon_m: [[0, 0], [0, 20], [0, 60]]}]\n",
            "line 7: cameras.cam.zones.0.polygon_m",
            "expected corners round an area, got all of them on a line",
        ),
        (
            PLAIN + "    zones: [{name: z, polygon_m: [[-3.5, 0], [3.5, 60], [3.5, 0], [-3.5, 60]]}]\n",
            "line 7: cameras.cam.zones.0.polygon_m",
            "expected corners in their order round the zone, got (-3.5, 0.0) to (3.5, 60.0) across",
        ),
        ("site: town\ncameras: []\n", "line 2: cameras", "expected at least one camera, got none"),
        ("site: town\n", "cameras", "expected at least one camera, got none"),
        ("site: My Town\n" + REST, "line 1: site", "expected lower-case letters, digits, '-' and '_'"),
        ("jurisdiction: kzz\n" + GOOD, "line 1: jurisdiction", "expected one of"),
        ("sit: town\n" + GOOD, "line 1: sit", "expected one of cameras, districts, jurisdiction, site"),
        ("districts: [a, a]\n" + GOOD, "line 1: districts.1.id", "for each district, got 'a' again"),
    ],
)
def test_each_mistake_is_told_with_its_place(tmp_path: Path, text: str, where: str, what: str) -> None:
    problems = told(tmp_path, text)

    assert any(f"{where}: " in p and what in p for p in problems), problems


def test_a_list_whose_items_are_wrong_is_not_called_too_short_beside_them(tmp_path: Path) -> None:
    problems = told(tmp_path, PLAIN + "    rules: [{kind: speeding, limit_kmh: 60, classes: [cars]}]\n")

    assert len(problems) == 1, problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("site: [1,\ncameras: 2\n", "line 3: "),
        ("site: a\n\tb: 1\n", "line 2: "),
        ("site: *nowhere\n", "found undefined alias"),
        ("- 1\n", "expected a mapping with 'site' and 'cameras', got a list of 1"),
        ("", "got an empty file"),
        ("site: a\n---\nsite: b\n", "found another document"),
        ("a: &a [x, *a]\n", "an alias inside its own anchor"),
        ("site: !!python/object:os.system ls\n" + REST, "expected plain YAML values"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(FieldError) as caught:
        load(tmp_path, text)

    assert expected in str(caught.value)


def test_aliases_of_aliases_are_refused_before_they_grow(tmp_path: Path) -> None:
    names = "abcdefgh"
    text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for before, name in pairwise(names):
        text += f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"

    with pytest.raises(FieldError, match="aliases of aliases"):
        load(tmp_path, text)


def test_a_missing_file_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="a file that exists"):
        load_site(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"site: \xff\xfe")
    with pytest.raises(FieldError, match="text in UTF-8"):
        load_site(tmp_path / "b.yaml")


def test_one_bad_camera_leaves_the_others(tmp_path: Path) -> None:
    bad = "  - id: bad\n    source: bad.mp4\n    latitude: north\n"
    last = "  - id: last\n    source: last.mp4\n"

    site, problems = load(tmp_path, GOOD + bad + last)

    assert [c.id for c in site.cameras] == ["good", "last"]
    assert [p.field for p in problems] == ["cameras.bad.latitude"]
    with pytest.raises(SiteFileError, match=r"cameras\.bad\.latitude"):
        load_site(tmp_path / "site.yaml", strict=True)


def test_all_mistakes_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = CAMERA + "    source: a.mp4\n    latitude: x\n    longitude: y\n  - id: two\n"

    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, text), strict=True, env={})

    lines = [p.line for p in caught.value.problems]
    assert len(lines) >= 4
    assert lines == sorted(lines, key=lambda line: line or 0)


def test_collinear_points_make_that_camera_bad(tmp_path: Path) -> None:
    points = "".join(f"        - [{100 * i}, {50 * i}, {i}, {2 * i}]\n" for i in range(1, 7))
    text = GOOD + SURVEY.split("        - ")[0] + points + "  - id: other\n    source: b.mp4\n"

    site, problems = load(tmp_path, text)

    assert [c.id for c in site.cameras] == ["other"]
    assert isinstance(problems[0], CalibrationError)
    assert problems[0].field == "cameras.good.calibration.points"
    assert problems[0].line == 9


def test_a_password_comes_from_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    text = "site: town\ncameras:\n  - id: c\n    source: rtsp://cam:${PW}@10.0.0.7/${PATH_:-main}\n"

    site, _ = load(tmp_path, text, PW="p@ss/word")

    assert site.cameras[0].source.url == "rtsp://cam:p%40ss%2Fword@10.0.0.7/main"  # type: ignore[union-attr]
    wrong = load(tmp_path, text.replace("rtsp:", "gopher:"), PW="p@ss/word").problems
    assert "gopher://cam:***@" in str(wrong[0])
    assert "ss" not in str(wrong[0]).split("cam:")[1].split("@")[0]


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    text = "site: town\ncameras:\n  - id: c\n    source: rtsp://cam:${DOOR_PW}@10.0.0.7/main\n"

    problems = told(tmp_path, text)

    assert len(problems) == 1
    assert problems[0].startswith("line 4: cameras.c.source.url: expected the environment variable DOOR_PW")


def test_cameras_share_what_an_anchor_holds(tmp_path: Path) -> None:
    text = (
        "site: town\nx-night: &night\n  sample_hz: 5\n  latitude: 43.2\ncameras:\n"
        "  - <<: *night\n    id: a\n    source: a.mp4\n    latitude: 50\n"
        "  - <<: *night\n    id: b\n    source: b.mp4\n"
    )

    site, problems = load(tmp_path, text)

    assert not problems
    assert [(c.sample_hz, c.latitude) for c in site.cameras] == [(5, 50), (5, 43.2)]


def test_a_profile_file_is_found_beside_the_site_file(tmp_path: Path) -> None:
    from flows.jurisdiction import FOLDER

    (tmp_path / "law.yaml").write_text((FOLDER / "kz.yaml").read_text())

    site, problems = load(tmp_path, "jurisdiction: law.yaml\n" + GOOD)

    assert not problems
    assert site.jurisdiction == str(tmp_path / "law.yaml")


def test_lines_of_fields_can_be_asked_for_by_camera(tmp_path: Path) -> None:
    file = SiteFile.read(write(tmp_path, CAMERA + "    source:\n      path: a.mp4\n"))
    file.load(env={})

    assert file.line("cameras.cam.source.path") == 7
    assert file.line("cameras.cam.calibration.points") == 4, "the nearest thing that is there: the camera"


def test_the_example_in_the_readme_is_right(tmp_path: Path) -> None:
    if not README.is_file():
        pytest.skip("README.md is not written yet")
    block = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block, "the README shows a site file"
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", block[1]), "x")

    site, problems = load(tmp_path, block[1], **variables)

    assert not problems
    assert site.cameras
    assert len(block[1].strip().splitlines()) <= 10


def test_the_example_says_everything_and_is_right() -> None:
    example = README.parent / "cluster" / "examples" / "site.yaml"

    site, problems = load_site(example, strict=True, env={})

    assert not problems
    assert {c.source.kind for c in site.cameras} == {"stream", "file", "scene", "frames", "tracks"}
    assert site.cameras[1].sample_hz == 12.5
    kinds = {*RULE_KINDS}
    assert {rule.kind for camera in site.cameras for rule in camera.rules} == kinds
    lights = [light for camera in site.cameras for light in camera.signals]
    assert {(light.region_px is None, light.feed is None) for light in lights} == {
        (True, False),
        (False, True),
    }


REPORT = """{"camera": "good", "models": {"belts": "ab"}, "measured_on": "2026-09-01",
  "valid_until": "2027-03-01", "accused": 400, "right": 399, "checked_by": "road police"}"""
BELTS = GOOD + "    rules:\n      - {kind: seat_belt, report: belts.json}\n"


def test_a_report_is_read_where_the_site_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "belts.json").write_text(REPORT)
    site, problems = load(tmp_path, BELTS)

    assert not problems
    rule = site.cameras[0].rules[0]
    assert rule.kind == "seat_belt"
    assert rule.report is not None
    assert (rule.report.accused, rule.report.right) == (400, 399)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("{", "belts.json: Expecting"),
        ("[]", "belts.json: document: expected a mapping"),
        (REPORT.replace("399", "401"), "belts.json: right: expected at most the 400 verdicts"),
        (REPORT.replace('"accused": 400, ', ""), "belts.json: accused: expected a whole number (required)"),
        (REPORT.replace("2026-09-01", "lately"), "belts.json: measured_on: expected a day"),
        (REPORT.replace('"good"', '"other"'), "expected a report on camera 'good', got one of 'other'"),
    ],
    ids=["absent", "no json", "no object", "impossible", "incomplete", "no day", "of another camera"],
)
def test_a_report_that_is_none_is_told_with_its_line(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "belts.json").write_text(text)
    (problem,) = told(tmp_path, BELTS)
    assert problem.startswith(
        ("line 6: cameras.good.rules.0.report: ", "line 5: cameras.good.rules.0.report: ")
    ), problem
    assert said in problem


@pytest.mark.parametrize("times", [1, 2])
def test_a_zone_may_be_closed_as_in_geojson(times: int) -> None:
    corners = ((0.0, 0.0), (4.0, 0.0), (4.0, 9.0))
    assert Zone(name="z", polygon_m=(*corners, *[corners[0]] * times)) == Zone(name="z", polygon_m=corners)


def test_a_point_that_was_clicked_twice_counts_once() -> None:
    """A side without a length has no direction to cross it in."""
    a, b, c = (0.0, 30.0), (3.5, 30.0), (7.0, 32.0)
    assert Zone(name="z", polygon_m=(a, a, b, c, c, a)) == Zone(name="z", polygon_m=(a, b, c))
    assert RoadLine(name="gate", m=(a, b, b, c)) == RoadLine(name="gate", m=(a, b, c))
