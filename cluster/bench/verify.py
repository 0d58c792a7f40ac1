"""``python -m cluster.bench verify``: is a changed byte of an evidence package always found, and how long does it take?

The package is of a rendered clip of the demo: an event is stated in it, its pictures and clip are cut, and all is
exported as for a court. Then one byte at a time is changed, anywhere in the zip.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from cluster.bench.report import Figure, at_least, at_most
from cluster.demo.clips import PACKAGED
from flows.court import container
from flows.court.export import Captured, Material, Sealing, export
from flows.court.identity import development_identity
from flows.court.verify import verify
from flows.domain.events import SPEEDING, Event, KeyMoment, Measured, Violation, evidence_folder
from flows.evidence.package import EvidenceContext, Manifest, ModelRef
from flows.evidence.queue import EvidenceQueue
from flows.jurisdiction import load_profile
from flows.sources.file import FileVideo
from flows.store.evidence import MANIFEST, EvidenceStore

CHANGES = 1000
STARTED_AT = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
MOMENTS_S = (6.0, 8.0)


def run(quick: bool = False) -> list[Figure]:
    """Changes bytes and counts what is found."""
    made = package()
    started_s = time.perf_counter()
    whole = verify(made)
    once_s = time.perf_counter() - started_s
    count = 100 if quick else CHANGES
    told = Counter(changes(made, count, seed=2026))
    kinds = ", ".join(f"{n} {what}" for what, n in sorted(told.items()))
    size = f"a package of {len(made) / 1e6:.1f} MB with {whole.files} files"
    return [
        at_least("whole package found good", float(whole.verdict == "good"), 1, "of 1", size),
        at_least("random one-byte changes found", count - told["missed"], count, f"of {count}", kinds),
        at_least("and named: the very file, or the container", count - told["missed"] - told["unnamed"], count,
                 f"of {count}", kinds),
        at_most("verifying once", once_s, 2.0, "s", size),
    ]  # fmt: skip


def changes(made: bytes, count: int, seed: int) -> Iterator[str]:
    """For each change what became of it: ``file``, ``container``, ``unnamed`` or ``missed``."""
    rng, layout = random.Random(seed), _layout(made)
    for _ in range(count):
        at = rng.randrange(len(made))
        changed = bytearray(made)
        changed[at] ^= rng.randrange(1, 256)
        try:
            faults = {fault.file for fault in verify(bytes(changed)).faults}
        except container.NotAPackage:
            yield "unnamed"
            continue
        name = next((name for name, begin, end in layout if begin <= at < end), "")
        if not faults:
            yield "missed"
        elif name:
            yield "file" if name in faults else "unnamed"
        else:
            yield "container" if any(f.startswith("container") for f in faults) else "unnamed"


def _layout(made: bytes) -> list[tuple[str, int, int]]:
    """Where the contents of each file lie."""
    found, place = [], 0
    for name, data in sorted(container.read(made).files.items()):
        place += 30 + len(name)
        found.append((name, place, place + len(data)))
        place += len(data)
    return found


def package() -> bytes:
    """A package of the demo's gantry camera, as a court would get it."""
    profile, event = load_profile("kz"), _event()
    context = EvidenceContext(
        site="bench", camera_id="gantry", district="bostandyk", detector=ModelRef(name="none", sha256="0" * 64),
        software="bench", profile=profile,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        store = EvidenceStore(folder)
        store.set_up()
        source = FileVideo("gantry", PACKAGED / "gantry.mp4", started_at=STARTED_AT)
        queue = EvidenceQueue(source.ring, store, context)
        told: list[Event] = []
        for frame in source.frames():
            if frame.at >= event.time and not len(queue) and not told:
                queue.add(event)
            told += chain.from_iterable(queue.due(frame.at))
        told += chain.from_iterable(queue.flush())
        place = evidence_folder(event)
        manifest = store.read(place, MANIFEST)
        files = {f.name: store.read(place, f.name) for f in Manifest.model_validate_json(manifest).files}
        identity = development_identity(Path(folder) / "certificates")
    captured = Captured("event", manifest, files)
    return export(Material((event, *told), (captured,), profile), Sealing(identity, datetime.now(UTC)))


def _event() -> Event:
    """What a speeding camera would state; the numbers do not matter here."""
    ats = [STARTED_AT + timedelta(seconds=s) for s in MOMENTS_S]
    moments = [
        KeyMoment(name=n, at=at, xyxy=(300, 200, 500, 360))
        for n, at in zip(("first", "last"), ats, strict=True)
    ]
    data = Violation(
        rule="speeding", rule_version="1", article="KoAP RK 592(1)", track=1, cls="car",
        measured={"speed": Measured(value=82, low=80, high=84, unit="km/h")},
        threshold={"limit_kmh": 60, "tolerance_kmh": 10}, moments=moments, profile=load_profile("kz").version,
        trace=[(i / 10, 0.0, 2.0 * i) for i in range(20)],
    )  # fmt: skip
    return Event.of(
        SPEEDING, camera_id="gantry", district="bostandyk", at=ats[-1], data=data.model_dump(mode="json")
    )
