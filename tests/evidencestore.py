"""An evidence store on this machine's disk, set up as at the first start of an installation, and what it holds."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from flows.domain.errors import StoreError
from flows.evidence.package import Manifest, PackagedFile, sha256
from flows.store.evidence import MANIFEST, MARK, EvidenceStore


def store_in(folder: str | Path) -> EvidenceStore:
    store = EvidenceStore(str(folder))
    store.set_up()
    return store


def kept_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != MARK]


def verify_package(store: EvidenceStore, folder: str, manifest_sha256: str | None = None) -> list[str]:
    """Hashes every file of a package again.

    Args:
        store: Where the package lies.
        folder: Its folder.
        manifest_sha256: The manifest's hash as its ``EVIDENCE_STORED`` event states it, if at hand.

    Returns:
        What is wrong, in words; empty for a sound package.
    """
    try:
        data = store.read(folder, MANIFEST)
        manifest = Manifest.model_validate_json(data)
    except (StoreError, ValidationError) as error:
        return [f"{MANIFEST}: {error}"]
    wrong = []
    if manifest_sha256 is not None and sha256(data) != manifest_sha256:
        wrong.append(f"{MANIFEST}: expected sha256 {manifest_sha256}, got {sha256(data)}")
    return wrong + [complaint for file in manifest.files if (complaint := _complaint(store, folder, file))]


def _complaint(store: EvidenceStore, folder: str, file: PackagedFile) -> str:
    try:
        data = store.read(folder, file.name)
    except StoreError as error:
        return f"{file.name}: {error}"
    if len(data) != file.size or sha256(data) != file.sha256:
        return (
            f"{file.name}: expected {file.size} bytes, sha256 {file.sha256}, got {len(data)}, {sha256(data)}"
        )
    return ""
