"""An evidence store on this machine's disk, set up as at the first start of an installation, and what it holds."""

from __future__ import annotations

from pathlib import Path

from flows.store.evidence import MARK, EvidenceStore


def store_in(folder: str | Path) -> EvidenceStore:
    store = EvidenceStore(str(folder))
    store.set_up()
    return store


def kept_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != MARK]
