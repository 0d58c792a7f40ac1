"""The canary: what a face search saw is told to the test over a socket, and then looked for everywhere."""

from __future__ import annotations

import base64
import os
import pickle
import re
import socket
import struct
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
import ray

VARIABLE = "DOME_TEST_CANARY"
MOST_LOOKS = 12
CHUNK = 48


@dataclass(frozen=True)
class Look:
    """What a replica had in its hands."""

    jpeg: bytes
    picture: np.ndarray
    vector: np.ndarray

    def needles(self) -> dict[str, bytes]:
        """Whatever would give it away, by what it is."""
        middle = len(self.jpeg) // 2
        part = self.jpeg[middle : middle + CHUNK]
        row = np.ascontiguousarray(self.picture[self.picture.shape[0] // 2, self.picture.shape[1] // 3 :])
        found = {
            "jpeg": part,
            "pixels": row.tobytes()[:CHUNK],
            "pixels, red first": np.ascontiguousarray(row[:, ::-1]).tobytes()[:CHUNK],
            "float32": self.vector.astype("<f4").tobytes()[:CHUNK],
            "float64": self.vector.astype("<f8").tobytes()[:CHUNK],
        }
        for name, raw in (("jpeg", part), ("float32", found["float32"]), ("pixels", found["pixels"])):
            for shift in range(3):  # base64 looks different at each place modulo three
                coded = base64.b64encode(raw[shift : shift + 3 * ((CHUNK - shift) // 3)])
                found[f"{name}, base64 from {shift}"] = coded
        found["jpeg, hex"] = part.hex().encode()
        found["float32, hex"] = found["float32"].hex().encode()
        return found

    def text(self) -> re.Pattern[bytes]:
        """Its first numbers written out, whatever stands between them."""
        numbers = [re.escape(f"{abs(v):.6f}"[:6].encode()) for v in self.vector[:3]]
        return re.compile(rb"[^\n]{1,24}?".join(numbers))  # up to 15 more digits, a comma, a blank, a sign


class Canary:
    """Listens for what replicas saw; nothing of it touches a disk."""

    def __init__(self) -> None:
        self.name = f"dome-canary-{uuid.uuid4().hex}"
        self.looks: list[Look] = []
        self.news = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind("\0" + self.name)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            jpeg, shape, pixels, vector = pickle.loads(self._socket.recv(1 << 20))
            look = Look(jpeg, np.frombuffer(pixels, np.uint8).reshape(shape), np.frombuffer(vector, "<f4"))
            with self.news:
                self.looks.append(look)
                self.news.notify_all()

    def until(self, count: int, timeout_s: float = 90) -> None:
        """Waits until so many faces were looked at."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.looks) >= count, timeout_s), (
                f"only {len(self.looks)} looks"
            )


def eyes(name: str, settings: object) -> object:
    """A loader for the face search that tells the test what it sees: ``leaks:eyes``."""
    import flows.faces.searcher as searcher
    from models.faces.looker import FaceLooker, make

    class Telling(FaceLooker):
        def see(self, bgr, near_xy=None):  # type: ignore[no-untyped-def]
            face = super().see(bgr, near_xy)
            if face is not None and near_xy is not None:
                _tell((current[0], bgr.shape, bgr.tobytes(), face.vector.astype("<f4").tobytes()))
            return face

    current = [b""]
    before = searcher.decoded

    def decoded(jpeg: bytes) -> np.ndarray:
        current[0] = jpeg
        return before(jpeg)

    searcher.decoded = decoded
    made = make(name, settings)  # type: ignore[arg-type]
    return Telling(made._pair)


def _tell(what: object) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        line.connect("\0" + os.environ[VARIABLE])
        line.send(pickle.dumps(what))


def score_needles(score: float) -> dict[str, bytes]:
    """How alike somebody was to who is searched for, as it would be kept: whole, and rounded as leads have it."""
    rounded = round(score, 4)
    return {
        "score": struct.pack("<d", score), "score, pickled": struct.pack(">d", score),
        "score, rounded": struct.pack("<d", rounded), "score, rounded, pickled": struct.pack(">d", rounded),
        "score as text": str(score)[:10].encode(), "score as a lead has it": f'"similarity":{rounded}'.encode(),
    }  # fmt: skip


@dataclass
class Search:
    """Looks for needles in places.

    Attributes:
        looks: What to look for.
        probe: The face that was searched for: how alike it is to each look must not be found either.
        found: ``place: what`` of each leak.
        read: Bytes looked through, by place.
    """

    looks: list[Look]
    probe: np.ndarray
    found: list[str] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._needles = [(name, needle) for look in self.looks for name, needle in look.needles().items()]
        scores = [float((np.stack([self.probe]) @ look.vector)[0]) for look in self.looks]
        self._needles += [each for score in scores for each in score_needles(score).items()]
        self._texts = [look.text() for look in self.looks]

    def bytes(self, place: str, data: bytes) -> None:
        """Looks through some bytes."""
        kind = place.partition(":")[0]
        self.read[kind] = self.read.get(kind, 0) + len(data)
        self.found += [f"{place}: {name}" for name, needle in self._needles if needle in data]
        self.found += [f"{place}: numbers as text" for text in self._texts if text.search(data)]

    def folder(self, kind: str, folder: Path) -> None:
        """All files below a folder."""
        for below, _, names in os.walk(folder):  # which a folder that comes and goes does not end
            for path in (Path(below) / name for name in sorted(names)):
                if path.is_file() and not path.is_symlink():
                    with suppress(FileNotFoundError):  # likewise a file
                        self.bytes(f"{kind}:{path}", path.read_bytes())

    def metrics(self) -> None:
        """What Prometheus would be given by each node of the cluster."""
        for node in ray.nodes():
            address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
            told = httpx.get(address, timeout=20, trust_env=False)
            assert told.status_code == 200
            self.bytes(f"metrics:{address}", told.content)

    def shared_memory(self) -> None:
        """Ray's object store: files in memory that have no name any more, found through who holds them open."""
        for process in psutil.process_iter(["name"]):
            if process.info["name"] not in ("raylet", "plasma_store"):
                continue
            links: list[Path] = []
            with suppress(FileNotFoundError, ProcessLookupError):  # another Ray's, which has just ended
                links = list(Path(f"/proc/{process.pid}/fd").iterdir())
            seen = set()
            for link in links:
                with suppress(FileNotFoundError):  # closed since it was listed; a mapping is never closed
                    target = str(link.readlink())
                    if "plasma" in target and target not in seen:
                        seen.add(target)
                        for data in _extents(link):
                            self.bytes(f"object store:{target}", data)


def _extents(path: Path, step: int = 1 << 26) -> Iterator[bytes]:
    """What was ever written of a sparse file; pieces overlap, so that nothing hides between two."""
    with path.open("rb", buffering=0) as file:
        size, at = file.seek(0, os.SEEK_END), 0
        while at < size:
            try:
                begin = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            for piece in range(begin, end, step):
                file.seek(piece)
                yield file.read(min(step + 4 * CHUNK, end - piece))
            at = end
