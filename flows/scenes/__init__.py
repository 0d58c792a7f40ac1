"""Street scenes seen by a pinhole camera, rendered with exact truth.

>>> scene = build("road", seed=3, duration_s=4, pose="gantry")
>>> scene.frame_count
50
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.scenes.scene import Scene


def names() -> tuple[str, ...]:
    """Kinds of scenes that can be built."""
    from flows.scenes import kinds

    return kinds.names()


def about(name: str) -> str:
    """What a kind of scenes shows, in a line."""
    from flows.scenes import kinds

    return kinds.about(name)


def build(name: str, seed: int = 0, **options: Any) -> Scene:
    """Builds a scene; the same name, seed and options give the same scene and the same truth.

    Args:
        name: Kind, see :func:`names`.
        seed: Everything random follows from it.
        **options: See :class:`flows.scenes.options.SceneOptions`.

    Raises:
        FieldError: If there is no such kind, pose or option, or a value is out of its range.
    """
    from flows.scenes import kinds
    from flows.scenes.options import parse

    return kinds.build(name, seed, parse(options))
