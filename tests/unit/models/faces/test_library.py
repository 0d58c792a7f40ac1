"""Nobody's age, sex, race or feelings are judged: what does so in deepface cannot be reached."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from flows.settings import Settings
from models import weights
from models.faces import library

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
ROOMS = ("flows", "serve", "models", "cluster")
ALLOWED = {
    "deepface.modules.modeling",
    "deepface.modules.detection",
    "deepface.modules.preprocessing",
    "deepface.models.Detector",
}
FORBIDDEN = ("analyze", "demography", "facial_attribute", "Gender", "Emotion", "Race")


@cache
def sources() -> dict[Path, ast.AST]:
    return {
        path: ast.parse(path.read_text()) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))
    }


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_only_four_modules_of_deepface_are_imported() -> None:
    used = {n for tree in sources().values() for n in imported(tree) if n.startswith("deepface")}
    beyond = {
        name for name in used
        if name not in ALLOWED
        and name.rpartition(".")[0] not in ALLOWED  # a name in an allowed module
        and name != "deepface.modules"
    }  # fmt: skip
    assert not beyond


def named(tree: ast.AST) -> set[str]:
    """Every name, attribute and text in code, but for docstrings."""
    said = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    said |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    notes = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    texts = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in notes]
    return said | {text.value for text in texts if isinstance(text.value, str)}


def test_no_code_names_a_model_of_peoples_attributes() -> None:
    for path, tree in sources().items():
        said = named(tree)
        if path.name == "library.py" and path.parent.name == "faces":
            said -= set(library.REFUSED)  # where they are refused they must be named
        found = [word for word in said if word in FORBIDDEN or word.startswith("deepface.models.demography")]
        assert not found, f"{path}: {found}"


def test_the_check_of_names_finds_what_it_looks_for() -> None:
    tree = ast.parse(
        'from deepface import DeepFace\nDeepFace.analyze(p, actions=["Gender"])\nx = "demography"'
    )
    assert {"analyze", "Gender", "demography"} <= named(tree)
    assert "deepface.DeepFace" in imported(tree)


LOOK = """
import sys
from flows.settings import Settings
from models.faces import load
from portraits import astronaut
pair = load("dlib", Settings.from_env())
faces = pair.finder.find(astronaut())
assert len(faces) == 1 and pair.embedder.embed(astronaut(), faces).shape == (1, 128)
print(sorted(n for n in sys.modules if "demography" in n or n in ("deepface.DeepFace", "torch", "tensorflow")))
for name in ("deepface.DeepFace", "deepface.modules.demography", "deepface.models.demography.onnx.Age"):
    try:
        __import__(name)
    except ImportError as error:
        assert "never judges" in str(error), error
    else:
        raise SystemExit(f"{name} was imported")
"""


def test_a_process_that_looks_at_faces_never_imports_them_and_cannot(tmp_path: Path) -> None:
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "DOME_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", LOOK], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize("task", ["facial_attribute", "spoofing"])
def test_the_factory_makes_no_other_models(task: str, tmp_path: Path) -> None:
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    file = weights.get("face-dlib", settings)
    with pytest.raises(ValueError, match="task: expected one of"):
        library.build(task, "Age", "age.onnx", file, settings)  # type: ignore[arg-type]
