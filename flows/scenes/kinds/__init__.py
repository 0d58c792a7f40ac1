"""Kinds of scenes, one a file: a module here with ``build(seed, options) -> Scene`` is a kind of its name."""

from __future__ import annotations

import importlib
import pkgutil

from flows.domain.errors import FieldError
from flows.scenes.options import SceneOptions
from flows.scenes.scene import Scene
from flows.site.validation import did_you_mean


def names() -> tuple[str, ...]:
    """Names of all kinds, found without importing them."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def about(name: str) -> str:
    """The first line of what a kind says of itself."""
    return (importlib.import_module(f"{__name__}.{name}").__doc__ or "").splitlines()[0]


def build(name: str, seed: int, options: SceneOptions) -> Scene:
    """Builds the scene ``name``.

    Raises:
        FieldError: If there is no such kind.
    """
    if name not in names():
        raise FieldError("scene", f"one of {', '.join(names())}", repr(name), did_you_mean(name, names()))
    module = importlib.import_module(f"{__name__}.{name}")
    scene: Scene = module.build(seed, options)
    return scene
