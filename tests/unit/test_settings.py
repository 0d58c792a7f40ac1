from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.domain.errors import FieldError
from flows.settings import Settings


def test_everything_lies_below_home_unless_told_otherwise(tmp_path: Path) -> None:
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    assert settings.redis_url is None
    assert settings.spool == tmp_path / "spool"
    assert settings.cache == tmp_path / "cache"
    assert settings.evidence == str(tmp_path / "evidence")


def test_weights_may_lie_in_several_places(tmp_path: Path) -> None:
    env = {"DOME_WEIGHTS": f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}"}
    assert Settings.from_env(env).weights == (tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("bad", ["0", "-1", "many"])
def test_a_spool_without_room_is_refused_by_name(bad: str) -> None:
    with pytest.raises(FieldError, match=f"DOME_SPOOL_EVENTS: expected a whole number above 0, got '{bad}'"):
        Settings.from_env({"DOME_SPOOL_EVENTS": bad})


def test_empty_variables_count_as_unset() -> None:
    assert Settings.from_env({"DOME_REDIS_URL": "", "DOME_HOME": ""}).redis_url is None


def test_nothing_is_kept_in_rays_copy_of_a_jobs_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "runtime_resources" / "working_dir_files" / "_ray_pkg_0f"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    home, everything = str(tmp_path / "home"), "DOME_HOME, DOME_EVIDENCE, DOME_SPOOL, DOME_AUDIT"
    Settings.from_env({"DOME_HOME": home}).check_lasting()
    Settings.from_env({"DOME_HOME": home, "DOME_EVIDENCE": "s3://bucket/evidence"}).check_lasting()
    for env, said in (
        ({}, everything),
        ({"DOME_REDIS_URL": "redis://shared"}, everything),
        ({"DOME_HOME": "home"}, everything),
        ({"DOME_HOME": home, "DOME_EVIDENCE": "evidence"}, "DOME_EVIDENCE"),
        ({"DOME_HOME": home, "DOME_SPOOL": "spool"}, "DOME_SPOOL"),
    ):
        with pytest.raises(FieldError, match=f"^{said}: expected a folder that outlasts this job"):
            Settings.from_env(env).check_lasting()
