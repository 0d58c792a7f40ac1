"""Every notebook runs from top to bottom, cell after cell, as a data scientist would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.scenes import opengl

ROOT = Path(__file__).parents[2]
SAYS = {"first_look": "detected=", "archive": "dome.violation.speeding.v1"}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """They show the same street: it is rendered once."""
    return Path(os.environ.get("DOME_CACHE") or tmp_path_factory.mktemp("scenes"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path, scenes: Path) -> None:
    try:
        opengl.require()
    except opengl.SceneUnavailable as error:
        pytest.skip(f"the notebook renders a scene: {error}")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    script = tmp_path / f"{notebook.stem}.py"
    script.write_text("\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code"), "utf-8")
    env = os.environ | {"DOME_CACHE": str(scenes)}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=540,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert SAYS[notebook.stem] in done.stdout
