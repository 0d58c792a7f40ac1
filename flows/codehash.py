"""Which code it was: a hash of this package's own source for evidence, and of the part that draws scenes."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

SUFFIXES = (".py", ".yaml", ".lua")


@cache
def code_sha256() -> str:
    """SHA-256 over the names and contents of all files of ``flows``, in the order of their names.

    Any two machines with the same code say the same. About 10 ms, once a process.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    files = (path for path in root.rglob("*") if path.suffix in SUFFIXES)
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in files):
        digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def scenes_sha256() -> str:
    """SHA-256 over the code that renders scenes: other code makes other clips, and cached ones are stale."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "scenes").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
