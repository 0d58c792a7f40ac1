"""Brings one file of weights over https, whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from flows.domain.errors import WeightsError
from models.catalog import Entry

log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 18
SILENCE_S = 30.0
"""A server that sends nothing for so long is given up."""


def download(entry: Entry, path: Path, advice: str, progress: bool = True) -> None:
    """Fetches ``entry.url`` to ``path``; a digest that nobody knew before is pinned beside it.

    Args:
        entry: What to fetch and what it must hash to.
        path: Where it goes; appears only when it is complete and right.
        advice: What a person does where the address cannot be reached.
        progress: Draw a bar on standard error.

    Raises:
        WeightsError: If the address is not https, cannot be reached, or sends something else.
    """
    if not entry.url.startswith("https://"):
        raise WeightsError(f"{entry.name}: expected an https address, got {entry.url!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _partial(path) as (file, temporary):
        digest, size = _receive(entry, file, advice, progress)
        if entry.size_bytes not in (None, size) or not digest.startswith(entry.sha256 or ""):
            raise WeightsError(
                f"{entry.url}: expected sha256 {entry.sha256} and {entry.size_bytes} bytes, got {digest} and "
                f"{size}; nothing was kept. Try again, or {advice}"
            )
        if entry.sha256 is None:
            log.warning(
                "%s: pinned by this first fetch, sha256 %s (nobody vouches for it)", entry.file, digest
            )
            path.with_name(path.name + ".sha256").write_text(digest + "\n")
        file.flush()
        temporary.replace(path)


@contextmanager
def _partial(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".part", delete=False) as file:
        try:
            yield file, Path(file.name)
        finally:
            Path(file.name).unlink(missing_ok=True)


def _receive(entry: Entry, file: IO[bytes], advice: str, progress: bool) -> tuple[str, int]:
    """Streams the body into ``file``; returns its sha256 and size."""
    digest, size = hashlib.sha256(), 0
    try:
        with (
            urllib.request.urlopen(entry.url, timeout=SILENCE_S) as response,
            _bar(entry, response, progress) as tick,
        ):
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                tick(len(chunk))
    except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
        raise WeightsError(f"{entry.name}: cannot reach {entry.url} ({error}); {advice}") from error
    return digest.hexdigest(), size


@contextmanager
def _bar(entry: Entry, response: Any, progress: bool) -> Iterator[Any]:
    if not progress:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    total = int(response.headers.get("Content-Length") or 0) or entry.size_bytes
    with Progress(
        *Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task(entry.file, total=total)
        yield lambda count: bar.advance(task, count)
