"""A rendered street as a camera: rendered once, in its own process, then played as a file with exact time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, BaseModel

import flows
from flows.codehash import scenes_sha256
from flows.domain.errors import SourceError
from flows.domain.site import CalibrationConfig, CameraConfig, SceneSource
from flows.settings import Settings
from flows.sources.file import FileVideo
from flows.sources.ring import PacketRing

_RENDER_S = 1800.0
"""A renderer that has not finished by then hangs: the longest scenes take minutes."""


@dataclass(frozen=True, slots=True)
class RenderedScene:
    """Files of a scene that was rendered.

    Attributes:
        clip: H.264 video.
        truth: Its truth as JSON, see :class:`flows.scenes.truth.SceneTruth`.
    """

    clip: Path
    truth: Path


class _Truth(BaseModel):
    """The part of a truth file that a camera needs."""

    started_at: AwareDatetime
    calibration: CalibrationConfig


class SceneVideo(FileVideo):
    """A rendered scene; see :class:`flows.sources.file.FileVideo`."""

    def __init__(
        self,
        camera_id: str,
        source: SceneSource,
        settings: Settings,
        *,
        stop: threading.Event | None = None,
        ring: PacketRing | None = None,
    ) -> None:
        super().__init__(camera_id, Path(), stop=stop, clock_source="scene", ring=ring)
        self._source, self._settings = source, settings

    def open(self) -> None:
        """Renders the scene if nobody has yet, then opens it.

        Raises:
            SourceError: If it cannot be rendered here.
        """
        made = rendered(self._source, self._settings)
        self._path, self._started_at = made.clip, _read_truth(made.truth).started_at
        super().open()


def scene_calibration(camera: CameraConfig, settings: Settings) -> CalibrationConfig | None:
    """The camera's own calibration; for a scene without one, that of its truth (rendered if need be).

    Raises:
        SourceError: If the scene cannot be rendered here.
    """
    if camera.calibration is not None or not isinstance(camera.source, SceneSource):
        return camera.calibration
    return _read_truth(rendered(camera.source, settings).truth).calibration


def rendered(source: SceneSource, settings: Settings) -> RenderedScene:
    """The scene's files; renders them unless they are in the cache. Several callers wait for one renderer.

    Raises:
        SourceError: If it cannot be rendered here; the message says what is missing.
    """
    folder = settings.cache / "scenes"
    stem = f"{source.scene}-{_fingerprint(source)}"
    made = RenderedScene(folder / f"{stem}.mp4", folder / f"{stem}.json")
    if made.clip.exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f"{stem}.lock"):
        if not made.clip.exists():
            _render(source, made)
    return made


def _fingerprint(source: SceneSource) -> str:
    """Names the scene by what it depends on: its description and the code that draws it."""
    digest = hashlib.sha256(json.dumps(source.model_dump(mode="json"), sort_keys=True).encode())
    digest.update(scenes_sha256().encode())
    return digest.hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds a lock that ends with the process, however it ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _render(source: SceneSource, made: RenderedScene) -> None:
    """Renders in a child process: a camera never carries a renderer. The clip appears last, and whole."""
    with tempfile.TemporaryDirectory(dir=made.clip.parent, prefix=".rendering-") as place:
        clip, truth = Path(place) / "scene.mp4", Path(place) / "scene.json"
        _run_renderer(source, clip, truth)
        truth.replace(made.truth)
        clip.replace(made.clip)


def _run_renderer(source: SceneSource, clip: Path, truth: Path) -> None:
    home = str(Path(flows.__file__).parent.parent)
    path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "flows.sources.render", source.model_dump_json(), str(clip), str(truth)]
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=_RENDER_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"scene {source.scene!r}: not rendered within {_RENDER_S:.0f} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"the renderer ended with status {done.returncode}"]
        raise SourceError(f"scene {source.scene!r} cannot be rendered: {lines[-1]}")


def _read_truth(path: Path) -> _Truth:
    return _Truth.model_validate_json(path.read_bytes())
