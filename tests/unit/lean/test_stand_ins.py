"""What camera actors are spared of Ray's imports is there as soon as somebody asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows import lean

pytestmark = pytest.mark.slow


def in_front(code: str) -> str:
    """What a Python prints that has the stand-ins in front of its path, as camera actors do."""
    path = os.pathsep.join([str(Path(lean.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "loaded", "use", "gives"),
    [
        ("yaml", "yaml.loader", "yaml.safe_load('a: 1')", "{'a': 1}"),
        ("jsonschema", "jsonschema.validators", "jsonschema.validate(1, {'type': 'integer'})", "None"),
        ("requests", "requests.sessions", "requests.Request('GET', 'http://x').method", "GET"),
        ("filelock", "filelock._api", "filelock.FileLock('x').lock_file", "x"),
    ],
)
def test_a_stand_in_is_the_package_once_it_is_used(name: str, loaded: str, use: str, gives: str) -> None:
    said = in_front(f"import sys, {name}; print({loaded!r} in sys.modules, {use}, {loaded!r} in sys.modules)")

    assert said == f"False {gives} True"


@pytest.mark.parametrize("name", ["pyarrow", "starlette", "tqdm"])
def test_what_is_hidden_is_not_installed_to_whoever_asks(name: str) -> None:
    said = in_front(f"try:\n    import {name}\nexcept ModuleNotFoundError as error:\n    print(error.name)")

    assert said == name


def test_ray_can_be_imported_and_loads_none_of_them() -> None:
    names = ("yaml.loader", "jsonschema.validators", "requests.sessions", "filelock._api", "pyarrow.lib")

    assert in_front(f"import ray, sys; print([n for n in {names} if n in sys.modules])") == "[]"
