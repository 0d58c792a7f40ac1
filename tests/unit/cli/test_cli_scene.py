from __future__ import annotations

from pathlib import Path

import pytest

from cluster.cli.scene import parse_options
from flows import scenes
from flows.domain.errors import DomeError, FieldError
from flows.scenes.scene import Scene
from flows.scenes.truth import SceneTruth
from flows.site.sitefile import load_site


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Scene]:
    """Scenes that were to be rendered; nothing is drawn."""
    asked: list[Scene] = []

    def write(scene: Scene, out: Path, truth_path: Path, on_frame=None) -> SceneTruth:
        asked.append(scene)
        out.write_bytes(b"video")
        truth = scene.truth([])
        truth_path.write_text(truth.model_dump_json())
        return truth

    monkeypatch.setattr("flows.scenes.clip.write", write)
    return asked


def test_it_renders_what_was_asked_for(dome, rendered, tmp_path: Path) -> None:
    out, truth = tmp_path / "new" / "a.mp4", tmp_path / "new" / "a.json"

    result = dome(
        "scene", "road", "--out", out, "--truth", truth, "--seed", "7", "--duration", "4", "-o", "light=dusk"
    )

    assert result.exit_code == 0
    scene = rendered[0]
    assert (scene.name, scene.seed, scene.duration_s, scene.options.light) == ("road", 7, 4.0, "dusk")
    assert truth.is_file()


@pytest.mark.slow
def test_the_site_file_it_writes_is_ready_to_run(dome, rendered, tmp_path: Path) -> None:
    site = tmp_path / "sites" / "road.yaml"

    dome("scene", "road", "--out", tmp_path / "a.mp4", "--truth", tmp_path / "a.json", "--site", site)

    config, problems = load_site(site)
    assert not problems
    camera = config.cameras[0]
    assert camera.source.kind == "file"
    assert camera.source.path.resolve() == tmp_path / "a.mp4"
    assert camera.source.started_at == rendered[0].started_at
    assert camera.rules[0].limit_kmh == rendered[0].options.limit_kmh
    assert camera.calibration is not None
    assert len(camera.calibration.points) == len(rendered[0].calibration.points)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("raod",), "did you mean 'road'?"),
        (("road", "-o", "lihgt=dusk"), "did you mean 'light'?"),
        (("road", "-o", "light=noon"), "light: expected one of 'day', 'dusk', 'night' or 'rain', got 'noon'"),
        (("road", "-o", "pose=moon"), "pose: expected one of gantry"),
        (("road", "-o", "light"), "--option: expected KEY=VALUE, got 'light'"),
        (("road", "-o", "fps=-1"), "fps: expected a number above 0, got -1"),
    ],
)
def test_wrong_orders_are_refused(dome, rendered, tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    result = dome("scene", *args, "--out", tmp_path / "a.mp4", "--truth", tmp_path / "a.json")

    assert result.exit_code == 2
    assert words in result.stderr
    assert not rendered


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--out", "same", "--truth", "new/../same"), "--truth: expected another file than that of --out"),
        (
            ("--out", "a.mp4", "--truth", "t", "--site", "t"),
            "--site: expected another file than that of --truth",
        ),
        (
            ("--out", "file/a.mp4", "--truth", "t"),
            "--out: expected a file that can be written, got file/a.mp4",
        ),
        (
            ("--out", "a.mp4", "--truth", "t", "--site", "folder"),
            "--site: expected a file that can be written",
        ),
        (("--out", "a", "--truth", "t"), "--out: expected an .mp4 or .mkv file, got a"),
        (("--out", "a.mp4", "--truth", "t", "--seed", "-1"), "greater than or equal to 0"),
    ],
)
def test_nothing_is_rendered_that_could_not_be_kept(
    dome, rendered, tmp_path: Path, monkeypatch, args: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    result = dome("scene", "road", "--duration", "1", *args)

    assert result.exit_code == 2
    assert words in result.stderr
    assert not rendered
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.slow
def test_a_machine_without_opengl_says_what_to_install(dome, tmp_path: Path, monkeypatch) -> None:
    def write(*_: object, **__: object) -> None:
        raise DomeError("no OpenGL: apt-get install libegl1")

    monkeypatch.setattr("flows.scenes.clip.write", write)

    result = dome("scene", "road", "--out", tmp_path / "a.mp4", "--truth", tmp_path / "a.json")

    assert result.exit_code == 1
    assert "error: no OpenGL: apt-get install libegl1" in result.stderr


def test_options_become_numbers_pairs_and_words() -> None:
    pairs = ["fps=25", "noise=0.5", "crosswalk=true", "speed_range_kmh=50,90.5", "pose=gantry"]

    assert parse_options(pairs) == {
        "fps": 25,
        "noise": 0.5,
        "crosswalk": True,
        "speed_range_kmh": (50, 90.5),
        "pose": "gantry",
    }
    with pytest.raises(FieldError):
        parse_options(["fps"])


def test_the_list_says_what_each_kind_shows(dome) -> None:
    lines = dome("scene", "--list").stdout.splitlines()

    assert len(lines) == len(scenes.names())
    assert any(line.startswith("junction") and "traffic lights" in line for line in lines)
