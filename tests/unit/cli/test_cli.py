from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from cluster.cli import app
from flows.domain.errors import DomeError, FieldError, WeightsError
from flows.settings import Settings
from serve.api.config import ApiConfig, OidcConfig


def test_without_arguments_it_shows_its_commands(dome) -> None:
    result = dome()

    for command in ("check", "run", "demo", "scene", "evaluate", "weights", "version"):
        assert command in result.output


@pytest.mark.parametrize(
    "command",
    ["check", "run", "demo", "scene", "evaluate events", "evaluate tracking", "evaluate detector",
     "exemptions load", "exemptions list", "exemptions remove", "readjudicate", "weights list",
     "weights fetch", "weights verify"],
)  # fmt: skip
def test_every_command_explains_itself(dome, command: str) -> None:
    result = dome(*command.split(), "--help")

    assert result.exit_code == 0
    assert "Usage: dome" in result.output


def test_help_of_a_groups_command_breaks_where_the_terminal_ends(dome, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    lines = [line.strip() for line in dome("evidence", "export", "--help").output.splitlines()]

    assert "grounds, and who confirmed it; nobody else. Its pictures are opened with DOME_PROBE_KEY." in lines


@pytest.mark.slow
def test_every_variable_is_named_by_a_help(dome, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    known = {
        name
        for kind in (Settings, ApiConfig, OidcConfig)
        for name in re.findall(r"``(DOME_[A-Z0-9_]+)``", kind.__doc__ or "")
    }
    assert {"DOME_REDIS_URL", "DOME_API_RATE_HZ", "DOME_OIDC_JWKS"} <= known, "they are found"
    told = dome("--help").output + dome("api", "--help").output
    assert [name for name in sorted(known) if not re.search(rf"{name}\b", told)] == []


@pytest.mark.slow
@pytest.mark.parametrize("group", ["case", "lead", "channel", "audit", "exemptions", "weights", "evidence"])
def test_the_readme_names_every_step_of_a_group(dome, group: str) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `dome {group} ([^`]+)`", readme, re.MULTILINE)
    commands = get_command(app).commands[group].commands
    assert {part.split()[0] for part in row.split(r" \| ")} == commands.keys()


@pytest.mark.slow
def test_help_imports_nothing_heavy() -> None:
    heavy = "{'ray', 'torch', 'av', 'redis', 'numpy', 'onnxruntime', 'pandas'}"
    code = f"import cluster.cli, sys; print({heavy} & {{m.split('.')[0] for m in sys.modules}})"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == "set()"


def test_version(dome) -> None:
    assert dome("version").stdout.startswith("dome ")
    assert dome("--version").stdout == dome("version").stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "status"),
    [(DomeError("it broke"), 1), (WeightsError("no such file"), 1), (FieldError("x", "1", "2"), 2)],
)
def test_errors_are_one_line_with_a_status(dome, monkeypatch, error: DomeError, status: int) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("models.weights.list_weights", fail)

    result = dome("weights", "list")

    assert result.exit_code == status
    assert result.stdout == ""
    assert result.stderr == f"error: {error}\n"


def test_debug_lets_the_traceback_through(dome, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise DomeError("it broke")

    monkeypatch.setattr("models.weights.list_weights", fail)

    result = dome("weights", "list", "--debug")

    assert isinstance(result.exception, DomeError)


def test_no_password_reaches_the_terminal(dome, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise DomeError("cannot open rtsp://cam:s3cret@10.0.0.7/main")

    monkeypatch.setattr("models.weights.list_weights", fail)

    result = dome("weights", "list")

    assert "rtsp://cam:***@10.0.0.7/main" in result.stderr
    assert "s3cret" not in result.output


def test_weights_list_as_json_is_only_json(dome, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DOME_CACHE", str(tmp_path))

    rows = json.loads(dome("weights", "list", "--json").stdout)

    assert {"embedded", "yolox-nano"} <= {row["name"] for row in rows}
    assert all(row["licence"] for row in rows)


def test_an_unknown_model_is_bad_input(dome) -> None:
    result = dome("weights", "fetch", "yolox-nono")

    assert result.exit_code == 2
    assert "did you mean 'yolox-nano'?" in result.stderr


def test_damaged_weights_fail_verification(dome, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "yolox_tiny.onnx").write_bytes(b"not a model")
    monkeypatch.setenv("DOME_WEIGHTS", str(tmp_path))

    result = dome("weights", "verify", "--json")

    assert result.exit_code == 1
    damaged = [row for row in json.loads(result.stdout) if row["state"] == "damaged"]
    assert [row["name"] for row in damaged] == ["yolox-tiny"]


MOT_TRUTH = "".join(f"{f},1,{10 + f},20,40,80,1,-1,-1,-1\n" for f in range(1, 30))


@pytest.mark.slow
def test_evaluate_tracking_prints_the_four_figures(dome, tmp_path: Path) -> None:
    truth, found = tmp_path / "gt.txt", tmp_path / "det.txt"
    truth.write_text(MOT_TRUTH)
    found.write_text("".join(f"{f},-1,{10 + f},20,40,80,0.9,-1,-1,-1\n" for f in range(1, 30)))
    args = ("evaluate", "tracking", "--truth", truth, "--detections", found, "--fps", "25")

    result = dome(*args, "--json")

    score = json.loads(result.stdout)
    assert {"mota", "idf1", "hota", "switches"} <= set(score)
    assert score["idf1"] > 0.8
    assert "idf1" in dome(*args).stdout


def test_evaluate_names_the_line_that_is_wrong(dome, tmp_path: Path) -> None:
    truth, found = tmp_path / "gt.txt", tmp_path / "det.txt"
    truth.write_text(MOT_TRUTH)
    found.write_text("1,-1,10,20,40,80,0.9\n2,-1,ten,20,40,80,0.9\n")

    result = dome("evaluate", "tracking", "--truth", truth, "--detections", found, "--fps", "25", "--json")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "line 2" in result.stderr


def test_evaluate_events_on_missing_files_is_bad_input(dome, tmp_path: Path) -> None:
    result = dome(
        "evaluate", "events", "--truth", tmp_path / "a.json", "--events", tmp_path / "b.jsonl", "--json"
    )

    assert result.exit_code == 2
    assert "a.json" in result.stderr


@pytest.mark.parametrize(
    ("how", "said"),
    [((), "0 violations decided again, 0 changed: test"),
     (("--dry-run",), "0 violations would be decided again, 0 would change: test")],
)  # fmt: skip
def test_what_would_be_decided_again_is_not_said_to_be(
    dome, monkeypatch, how: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr("cluster.cli.readjudicate._decide", lambda *_: [])

    assert said in dome("readjudicate", "--since", "2026-09-01", "--reason", "test", *how).stdout


def test_a_detector_that_is_none_is_bad_input(dome) -> None:
    result = dome("evaluate", "detector", "--name", "yolox-nono")

    assert result.exit_code == 2
    assert "did you mean 'yolox-nano'?" in result.stderr
    assert "face" not in result.stderr, "those detect no vehicles"
