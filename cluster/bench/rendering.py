"""Clips of rendered scenes, made once for all benches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flows.codehash import scenes_sha256
from flows.scenes.truth import SceneTruth

if TYPE_CHECKING:
    from flows.scenes.scene import Scene


def rendered(scene: Callable[[], Scene], folder: Path, name: str) -> tuple[Path, SceneTruth]:
    """A clip's video and truth, rendered unless they are there from the same scene code.

    Args:
        scene: What it shows.
        folder: Where it is kept.
        name: What tells it from others there.
    """
    path = folder / f"{name}-{scene_code()}.mp4"
    truth_path = path.with_suffix(".mp4.json")
    if not truth_path.exists():
        from flows.scenes import clip

        partial = path.with_name(f"partial-{path.name}")
        clip.write(scene(), partial, partial.with_suffix(".json"))
        partial.replace(path)
        partial.with_suffix(".json").replace(truth_path)  # last: its presence means that both are whole
    return path, SceneTruth.model_validate_json(truth_path.read_text(encoding="utf-8"))


def scene_code() -> str:
    """Short digest of the scenes' code: other code renders other clips."""
    return scenes_sha256()[:10]
