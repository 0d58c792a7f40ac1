"""Digests of the networks that the package carries: ``SHA256SUMS`` beside them, as ``sha256sum --check`` reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

SUMS: Final = "SHA256SUMS"


def noted(path: Path) -> str | None:
    """The digest that is noted of a file; None where there is no list beside it, or it is not on the list."""
    return _listed(path.with_name(SUMS)).get(path.name)


def note(path: Path) -> None:
    """Notes a file's digest, where there is a list beside it: called when a network has been trained."""
    sums = path.with_name(SUMS)
    if not sums.is_file():
        return
    with path.open("rb") as file:
        listed = _listed(sums) | {path.name: hashlib.file_digest(file, "sha256").hexdigest()}
    sums.write_text(
        "".join(f"{digest}  {name}\n" for name, digest in sorted(listed.items())), encoding="ascii"
    )


def _listed(sums: Path) -> dict[str, str]:
    if not sums.is_file():
        return {}
    lines = (line.split(maxsplit=1) for line in sums.read_text(encoding="ascii").splitlines() if line)
    return {name.lstrip("*"): digest for digest, name in lines}
