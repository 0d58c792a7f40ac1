"""The demo's clips: from the cache, rendered in child processes, or those that the package carries."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cluster.demo import portrait
from cluster.demo.cameras import Clip, DemoCamera
from flows.codehash import scenes_sha256
from flows.domain.errors import DomeError

PACKAGED: Final = Path(__file__).parent / "clips"
RENDERER: Final = "cluster.demo.render"

OnFrame = Callable[[str, int, int], None]


def prepare(
    cameras: Sequence[DemoCamera], cache: Path, console: Console | None, started_at: datetime | None = None
) -> list[Clip]:
    """The clips of all cameras; those that are not in the cache are rendered, one on each core.

    Args:
        cameras: The demo's cameras.
        cache: Where rendered clips are kept.
        console: Where a progress bar is drawn; None for none.
        started_at: When they are said to have been taken; as rendered if None.

    Raises:
        DomeError: If a clip can neither be rendered nor found.
    """
    cache.mkdir(parents=True, exist_ok=True)
    clips = [_clip(camera, cache) for camera in cameras]
    missing = [clip for clip in clips if not _complete(clip)]
    if missing:
        _render_all(missing, console)
    had = [clip if _complete(clip) else _packaged(clip.camera) for clip in clips]
    return [replace(clip, started_at=started_at) for clip in had]


def _clip(camera: DemoCamera, cache: Path) -> Clip:
    recipe: list[Any] = [scenes_sha256(), camera.scene, camera.seed, dict(camera.options)]
    recipe += [portrait.LOOK] if camera.searched else []
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
    return Clip(camera, cache / f"{camera.id}-{digest}.mp4", cache / f"{camera.id}-{digest}.json")


def _complete(clip: Clip) -> bool:
    """The video is put in place last, so it stands for both."""
    return clip.video.is_file() and clip.truth_file.is_file()


def _packaged(camera: DemoCamera) -> Clip:
    clip = Clip(camera, PACKAGED / f"{camera.id}.mp4", PACKAGED / f"{camera.id}.json")
    if not _complete(clip):
        raise DomeError(
            f"demo camera {camera.id}: it could not be rendered, and the package carries no clip of it"
        )
    return clip


def _render_all(clips: Sequence[Clip], console: Console | None) -> None:
    columns = (
        TextColumn("{task.description:<10}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    workers = min(len(clips), os.cpu_count() or 1)
    with (
        Progress(*columns, console=console, disable=console is None, transient=True) as bar,
        ThreadPoolExecutor(workers) as pool,
    ):
        tasks = {clip.camera.id: bar.add_task(clip.camera.id, total=None) for clip in clips}

        def on_frame(camera: str, done: int, total: int) -> None:
            bar.update(tasks[camera], completed=done, total=total)

        failures = [f for f in pool.map(lambda clip: render(clip, on_frame), clips) if f]
    if failures and console is not None:
        console.print(f"rendering does not work here, so packaged clips serve: {failures[0]}", style="yellow")


def render(clip: Clip, on_frame: OnFrame) -> str:
    """Renders in a child process, whose OpenGL and memory are gone with it; returns why it failed."""
    camera = clip.camera
    options = dict(camera.options)
    if camera.searched:
        options["face"] = str(portrait.head(clip.video.parent))
    order = {
        "scene": camera.scene, "seed": camera.seed, "options": options,
        "video": str(clip.video), "truth": str(clip.truth_file),
    }  # fmt: skip
    command = [sys.executable, "-m", RENDERER, json.dumps(order)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        done, _, total = line.partition("/")
        if total.strip().isdigit():
            on_frame(camera.id, int(done), int(total))
    _, errors = child.communicate()
    if child.returncode == 0:
        return ""
    return errors.strip().splitlines()[-1] if errors.strip() else f"exit status {child.returncode}"
