"""Finds, fetches and verifies model weights.

Looked for in the directories of ``DOME_WEIGHTS``, then in the cache, then at the source address. Nothing is
used before its digest was checked; on a machine with no way out the error says which file to put where.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from flows.domain.errors import WeightsError
from models import sums
from models.catalog import CATALOG, Entry

log = logging.getLogger(__name__)

EMBEDDED = Path(__file__).parent / "embedded" / "detector.onnx"
State = Literal["ready", "absent", "damaged"]
Trust = Literal["sha256", "sha256 prefix", "first fetch", "package", "unverified"]


class Places(Protocol):
    """Where weights may lie: ``flows.settings.Settings`` is one."""

    @property
    def weights(self) -> tuple[Path, ...]: ...

    @property
    def cache(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file that was verified.

    Attributes:
        entry: What the registry says of it.
        path: Where it lies.
        sha256: Its digest, for evidence.
        trust: What the digest was compared with.
    """

    entry: Entry
    path: Path
    sha256: str
    trust: Trust


@dataclass(frozen=True, slots=True)
class WeightsRow:
    """One line of ``dome weights list``: what there is and what is wrong with it."""

    entry: Entry
    state: State
    path: Path | None = None
    sha256: str = ""
    trust: Trust = "unverified"
    problem: str = ""


def entry_of(name: str) -> Entry:
    """The registry's entry.

    Raises:
        WeightsError: Naming the known ones.
    """
    try:
        return CATALOG[name]
    except KeyError:
        raise WeightsError(f"detector: expected one of {', '.join(CATALOG)}, got {name!r}") from None


def find(name: str, places: Places) -> WeightsFile | None:
    """The verified file where it is on this machine, None where it is not.

    Raises:
        WeightsError: If the name is unknown or the first file found is not the right one.
    """
    entry = entry_of(name)
    path = next((p for p in _candidates(entry, places) if p.is_file()), None)
    return None if path is None else check(entry, path)


def get(name: str, places: Places, progress: bool = True) -> WeightsFile:
    """The verified file, fetched if need be.

    Raises:
        WeightsError: If it is unknown, damaged or out of reach.
    """
    return find(name, places) or fetch(name, places, progress=progress)


def fetch(name: str, places: Places, progress: bool = True) -> WeightsFile:
    """Downloads into the cache unless the file is there already (``dome weights fetch``).

    Raises:
        WeightsError: If it cannot be had, or is not what the registry says.
    """
    found = find(name, places)
    if found is not None:
        return found
    entry = entry_of(name)
    if entry.package:
        raise WeightsError(f"{name}: expected {entry.file} in the package {entry.package}; install it again")
    if entry.kind == "embedded":
        raise WeightsError(f"{EMBEDDED}: the package is incomplete; install it again or run `make train`")
    if not entry.url:
        raise WeightsError(f"{name} ({entry.licence}; {entry.note}): {advice(entry, places)}")
    from models.download import download

    path = cache_path(entry, places)
    download(entry, path, advice=advice(entry, places), progress=progress)
    return check(entry, path)


def list_weights(places: Places) -> list[WeightsRow]:
    """Every entry with its state on this machine; reads and hashes what is there."""
    return [_row(entry, places) for entry in CATALOG.values()]


def verify(places: Places) -> list[WeightsRow]:
    """Those that are on this machine, hashed afresh."""
    _digest.cache_clear()
    return [row for row in list_weights(places) if row.state != "absent"]


def check(entry: Entry, path: Path) -> WeightsFile:
    """Compares a file's digest with the registry's, or with that of the first fetch.

    Raises:
        WeightsError: With the expected and the found digest and size.
    """
    stat = path.stat()
    digest = _digest(path, stat.st_mtime_ns, stat.st_size)
    pinned = pin_path(path).read_text().strip() if pin_path(path).is_file() else None
    expected = entry.sha256 or pinned
    if entry.kind == "embedded":
        return _packaged(entry, path, digest)
    if expected is None:
        log.warning("%s: no digest is known to compare with; found sha256 %s", path, digest)
        return WeightsFile(entry, path, digest, "unverified")
    if not digest.startswith(expected) and digest not in entry.also_sha256:
        raise WeightsError(
            f"{path}: expected {entry.name} with sha256 {expected}{_size_words(entry)}, got {digest} "
            f"({stat.st_size:,} bytes); remove the file, or fetch it again from {entry.url}"
        )
    if entry.sha256 is None:
        return WeightsFile(entry, path, digest, "first fetch")
    return WeightsFile(entry, path, digest, "sha256" if entry.exact else "sha256 prefix")


def _packaged(entry: Entry, path: Path, digest: str) -> WeightsFile:
    """The package's own network, held to the package's own list; a file that was trained anew is on it."""
    expected = sums.noted(path)
    if digest != expected:
        raise WeightsError(
            f"{path}: expected {entry.name} with sha256 {expected or 'noted'} in {sums.SUMS} beside it, got {digest}; "
            f"install the package again, or, where the file was meant to change, run `sha256sum *.onnx > {sums.SUMS}` "
            "in its folder"
        )
    return WeightsFile(entry, path, digest, "package")


def advice(entry: Entry, places: Places) -> str:
    """What a person does where this machine has no way out."""
    digest = (
        f"sha256 {entry.sha256}{'' if entry.exact else '...'}" if entry.sha256 else "sha256 not known yet"
    )
    folders = [str(folder) for folder in (*places.weights, cache_path(entry, places).parent)]
    source = f" from {entry.url}" if entry.url else ""
    return (
        f"fetch {entry.file} ({digest}{_size_words(entry)}){source} on another machine and put it "
        f"into {' or '.join(folders)}, or name its directory in DOME_WEIGHTS"
    )


def cache_path(entry: Entry, places: Places) -> Path:
    """Where a fetched file is kept."""
    return places.cache / "weights" / entry.file


def pin_path(path: Path) -> Path:
    """Where the digest of a first fetch is kept, beside the file."""
    return path.with_name(path.name + ".sha256")


def _candidates(entry: Entry, places: Places) -> list[Path]:
    if entry.kind == "embedded":
        return [EMBEDDED]
    if entry.package:
        return [p / "models" / entry.file for p in _package_folders(entry.package)]
    return [*(folder / entry.file for folder in places.weights), cache_path(entry, places)]


def _package_folders(package: str) -> list[Path]:
    """Where an installed package lies; found, not imported."""
    found = find_spec(package)
    return [Path(folder) for folder in (found.submodule_search_locations or [])] if found else []


def _row(entry: Entry, places: Places) -> WeightsRow:
    try:
        found = find(entry.name, places)
    except WeightsError as error:
        return WeightsRow(entry, "damaged", problem=str(error))
    if found is None:
        return WeightsRow(entry, "absent")
    return WeightsRow(entry, "ready", found.path, found.sha256, found.trust)


def _size_words(entry: Entry) -> str:
    return f", {entry.size_bytes:,} bytes" if entry.size_bytes else ""


@lru_cache(maxsize=64)
def _digest(path: Path, mtime_ns: int, size_bytes: int) -> str:
    """sha256 of a file; remembered until the file changes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
