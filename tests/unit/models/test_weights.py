from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flows.domain.errors import WeightsError
from models import catalog, sums, weights
from models.catalog import CATALOG, Entry

CONTENT = b"weights of a small network"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Folders:
    weights: tuple[Path, ...]
    cache: Path


@pytest.fixture
def places(tmp_path: Path) -> Folders:
    (tmp_path / "mine").mkdir()
    return Folders((tmp_path / "mine",), tmp_path / "cache")


def enter(monkeypatch: pytest.MonkeyPatch, **changes: object) -> Entry:
    """Puts an entry ``net`` in the registry."""
    entry = replace(
        CATALOG["yolox-nano"],
        name="net",
        file="net.onnx",
        url="https://weights.example/net.onnx",
        sha256=DIGEST,
        size_bytes=len(CONTENT),
        also_sha256=(),
    )
    entry = replace(entry, **changes)  # type: ignore[arg-type]
    monkeypatch.setitem(catalog.CATALOG, "net", entry)
    return entry


def serve(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """The network answers with ``body``."""

    class Response(io.BytesIO):
        headers: dict[str, str] = {}  # noqa: RUF012

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Response(body))


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no way out")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def test_a_person_s_own_directory_comes_first(monkeypatch: pytest.MonkeyPatch, places: Folders) -> None:
    enter(monkeypatch)
    mine = places.weights[0] / "net.onnx"
    mine.write_bytes(CONTENT)
    (places.cache / "weights").mkdir(parents=True)
    (places.cache / "weights" / "net.onnx").write_bytes(CONTENT)
    found = weights.get("net", places)
    assert (found.path, found.sha256, found.trust) == (mine, DIGEST, "sha256")


def test_a_fetched_file_is_cached_and_not_fetched_again(
    monkeypatch: pytest.MonkeyPatch, places: Folders
) -> None:
    enter(monkeypatch)
    serve(monkeypatch, CONTENT)
    first = weights.fetch("net", places, progress=False)
    cut_off(monkeypatch)
    assert weights.get("net", places) == first
    assert [p.name for p in (places.cache / "weights").iterdir()] == ["net.onnx"]


def test_what_hashes_otherwise_is_not_kept(monkeypatch: pytest.MonkeyPatch, places: Folders) -> None:
    enter(monkeypatch, size_bytes=None)
    serve(monkeypatch, b"something else")
    with pytest.raises(WeightsError, match=f"expected sha256 {DIGEST}"):
        weights.fetch("net", places, progress=False)
    assert list((places.cache / "weights").iterdir()) == []


def test_no_way_out_says_which_file_to_put_where(monkeypatch: pytest.MonkeyPatch, places: Folders) -> None:
    enter(monkeypatch)
    cut_off(monkeypatch)
    with pytest.raises(WeightsError) as error:
        weights.get("net", places, progress=False)
    text = str(error.value)
    for part in ("net.onnx", DIGEST, "26 bytes", "https://weights.example/net.onnx", str(places.weights[0])):
        assert part in text


def test_a_damaged_file_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, places: Folders) -> None:
    enter(monkeypatch)
    (places.weights[0] / "net.onnx").write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsError, match=rf"net\.onnx: expected net with sha256 {DIGEST}"):
        weights.find("net", places)
    row = next(row for row in weights.list_weights(places) if row.entry.name == "net")
    assert row.state == "damaged"
    assert "got" in row.problem


def test_a_published_prefix_is_enough_and_is_called_so(
    monkeypatch: pytest.MonkeyPatch, places: Folders
) -> None:
    enter(monkeypatch, sha256=DIGEST[:8])
    (places.weights[0] / "net.onnx").write_bytes(CONTENT)
    assert weights.get("net", places).trust == "sha256 prefix"


def test_a_file_with_another_known_digest_is_taken(monkeypatch: pytest.MonkeyPatch, places: Folders) -> None:
    enter(monkeypatch, sha256="0" * 64, also_sha256=(DIGEST,))
    (places.weights[0] / "net.onnx").write_bytes(CONTENT)
    assert weights.get("net", places).sha256 == DIGEST


def test_an_unknown_digest_is_pinned_by_the_first_fetch(
    monkeypatch: pytest.MonkeyPatch, places: Folders
) -> None:
    enter(monkeypatch, sha256=None)
    serve(monkeypatch, CONTENT)
    found = weights.fetch("net", places, progress=False)
    assert found.trust == "first fetch"
    found.path.write_bytes(CONTENT + b"changed later")
    with pytest.raises(WeightsError, match=DIGEST):
        weights.find("net", places)


def test_an_unknown_file_of_unknown_digest_is_called_unverified(
    monkeypatch: pytest.MonkeyPatch, places: Folders
) -> None:
    enter(monkeypatch, sha256=None, size_bytes=None)
    (places.weights[0] / "net.onnx").write_bytes(CONTENT)
    assert weights.get("net", places).trust == "unverified"


def test_plain_http_is_refused(monkeypatch: pytest.MonkeyPatch, places: Folders) -> None:
    enter(monkeypatch, url="http://weights.example/net.onnx")
    with pytest.raises(WeightsError, match="expected an https address"):
        weights.fetch("net", places, progress=False)


def test_unknown_names_are_answered_with_the_known_ones(places: Folders) -> None:
    with pytest.raises(WeightsError, match="embedded, yolox-nano"):
        weights.get("yolox-nono", places)


def test_every_entry_says_where_it_comes_from_and_under_which_licence() -> None:
    for entry in CATALOG.values():
        free = ("Apache-2.0", "BSD-3-Clause", "MIT", "CC0-1.0")
        assert entry.licence in free or (
            entry.licence.startswith("LicenseRef-") and "research only" in entry.note
        )
        assert entry.kind == "embedded" or entry.package or entry.note or entry.url
        assert not entry.url or entry.url.startswith("https://")
        assert entry.kind != "torchvision" or entry.sha256 in entry.file


def test_the_embedded_detector_is_in_the_package(places: Folders) -> None:
    found = weights.get("embedded", places)
    assert found.trust == "package"
    assert found.path.stat().st_size <= 10_000_000


def test_every_network_of_the_package_is_the_one_that_was_noted() -> None:
    """Fails for a file that was replaced alone: run ``sha256sum *.onnx > SHA256SUMS`` in ``models/embedded``."""
    networks = sorted(weights.EMBEDDED.parent.glob("*.onnx"))
    assert networks
    for path in networks:
        assert sums.noted(path) == hashlib.sha256(path.read_bytes()).hexdigest(), path.name


def test_a_damaged_embedded_detector_is_refused(
    monkeypatch: pytest.MonkeyPatch, places: Folders, tmp_path: Path
) -> None:
    path = tmp_path / "detector.onnx"
    monkeypatch.setattr(weights, "EMBEDDED", path)
    path.write_bytes(CONTENT)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  other.onnx\n")
    with pytest.raises(WeightsError, match="expected embedded with sha256 noted in SHA256SUMS beside it"):
        weights.get("embedded", places)
    sums.note(path)
    assert weights.get("embedded", places).sha256 == DIGEST
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsError, match=DIGEST):
        weights.get("embedded", places)
