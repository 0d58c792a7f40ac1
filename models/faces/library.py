"""The door to deepface: its recognition and detection models, and none other.

``deepface.DeepFace`` is never imported: it brings the models that judge people by their looks. Only the factory
behind it is used, and only for two of its tasks. Weights come through the registry and are linked to where
deepface looks for them, so that it downloads nothing by itself.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

from flows.domain.errors import WeightsError
from models import weights

Task = Literal["face_detector", "facial_recognition"]
TASKS: Final = ("face_detector", "facial_recognition")
"""deepface knows two more; they are not for us."""

REFUSED: Final = (
    "deepface.DeepFace",
    "deepface.modules.demography",
    "deepface.models.demography",
    "deepface.api",
)
"""What judges people by their looks, and what brings it: cannot be imported in a process that looks at faces."""


class Refusal(MetaPathFinder):
    """Stands before all other finders of modules."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Python calls it for each import.

        Raises:
            ImportError: For what is refused.
        """
        if any(fullname == name or fullname.startswith(name + ".") for name in REFUSED):
            raise ImportError(f"{fullname}: Digital Dome never judges anybody's age, sex, race or feelings")


def build(task: Task, model: str, linked: str, file: weights.WeightsFile, places: weights.Places) -> Any:
    """One of deepface's models.

    Args:
        task: What it does.
        model: deepface's name for it.
        linked: File name below ``.deepface/weights`` that deepface will look for.
        file: The verified weights.
        places: Where the link goes: below the cache.

    Raises:
        WeightsError: If deepface cannot load them.
        ValueError: If another task is asked for.
    """
    if task not in TASKS:
        raise ValueError(f"task: expected one of {TASKS}, got {task!r}")
    home = places.cache / "deepface"
    _link(home / ".deepface" / "weights" / linked, file.path)
    # Read by deepface when it builds a model. onnx: torch is here as well, and would be preferred.
    os.environ["DEEPFACE_HOME"] = str(home)
    os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"
    os.environ.setdefault("DEEPFACE_LOG_LEVEL", "40")
    if not any(isinstance(finder, Refusal) for finder in sys.meta_path):
        sys.meta_path.insert(0, Refusal())
    from deepface.modules import modeling
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    damaged = (state.Fail, state.InvalidProtobuf, state.InvalidGraph, state.InvalidArgument, state.NoSuchFile)
    try:
        return modeling.build_model(task=task, model_name=model)
    except (ImportError, ValueError, RuntimeError, OSError, *damaged) as error:
        raise WeightsError(f"{file.entry.name}: deepface cannot load {file.path}: {error}") from error


def _link(link: Path, target: Path) -> None:
    """Makes ``link`` point to ``target``; several processes may do so at once."""
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=link.parent) as folder:
        fresh = Path(folder) / link.name
        fresh.symlink_to(target)
        fresh.replace(link)
