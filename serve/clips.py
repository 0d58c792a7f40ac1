"""``python -m serve.clips``: looks at citizens' photos and clips in a process of its own, beside the API.

A detector and the pipeline run here, at low priority, so that a clip of a minute takes no camera's detector and no
reviewer's answer. Strangers' bytes are not decoded here either: a child does (:mod:`flows.uploads.frames`), and what
comes from it is bare pixels. One line of JSON in, one out; files go to a folder that the asker names.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import BaseModel

from flows.domain.errors import DomeError
from flows.domain.inference import DetectorLike
from flows.domain.reports import Attachment, Proposal, Report, Thing
from flows.domain.ruleset import VEHICLES
from flows.jurisdiction import load_profile
from flows.pictures.jpeg import jpeg
from flows.reports.found import from_json, things, to_json
from flows.reports.masked import Masked
from flows.reports.show import QUALITY, best_moment_s, lower, masked, shown
from flows.reports.watch import SURE_PERSON, BoxPx, watch
from flows.reports.watch import Seen as Found
from flows.reports.work import Looked
from flows.settings import Settings
from flows.uploads.asking import Helper, HelperAway
from flows.uploads.frames import clip_frames
from flows.uploads.inspector import Seen
from flows.uploads.kinds import HEAD_BYTES, MediaKind, UploadRefused, kind_of

FOUND: Final = "found.json"
NICE: Final = 10
START_S: Final = 60.0
PHOTO_S: Final = 30.0
CLIP_S: Final = 900.0
"""Three minutes of 4K, decoded twice and looked at, on a busy core."""
OF_VEHICLES: Final = frozenset(
    {
        "speeding",
        "red_light",
        "failure_to_yield",
        "wrong_way",
        "bus_lane",
        "prohibited_stopping",
        "solid_line",
    }
)
"""Reports that are about a vehicle: the one that shows most is kept as it is. Of others a person says what it is."""


class ClipLooker:
    """Asks that process; see :class:`flows.reports.work.Looker`.

    Args:
        detector: Which one it runs.
        settings: Where weights lie.
        jurisdiction: The law of the place.
        command: Starts it.
    """

    def __init__(
        self,
        detector: str,
        settings: Settings,
        jurisdiction: str = "kz",
        command: Callable[[], list[str]] | None = None,
    ) -> None:
        weights = os.pathsep.join(str(path) for path in settings.weights)
        places = {"DOME_HOME": str(settings.home), "DOME_CACHE": str(settings.cache), "DOME_WEIGHTS": weights}
        arguments = [detector, jurisdiction, json.dumps(places)]
        command = command or (lambda: [sys.executable, "-m", "serve.clips", *arguments])
        self._helper = Helper(command, "clips", START_S)
        self._lock = threading.Lock()

    @property
    def starts(self) -> int:
        """Times the process was started: more than once means that it died."""
        return self._helper.starts

    def close(self) -> None:
        """Ends the process."""
        self._helper.end()

    def look(
        self, path: Path, seen: Seen, attachment: Attachment, report: Report, found: bytes | None = None
    ) -> Looked:
        """Likewise; where it cannot look, everything is a mosaic, and why is said.

        Raises:
            UploadRefused: If what was found before cannot be shown again.
            HelperAway: If it cannot make again, as a person wants it, what it made before.
        """
        import tempfile

        with tempfile.TemporaryDirectory(prefix="dome-clip-") as folder, self._lock:
            asked: dict[str, object] = {"folder": folder, "service": report.service, "name": attachment.stem}
            if found is not None:
                before = Path(folder) / FOUND
                before.write_bytes(found)
                only = [attachment.thing] if attachment.thing is not None else []
                asked |= {"found": str(before), "only": only}
            if attachment.clip:
                asked |= {
                    "clip": str(path),
                    "at": report.happened_at.isoformat(),
                    "sha256": attachment.sha256,
                }
            else:
                raw = Path(folder) / "photo.rgb"
                raw.write_bytes(seen.rgb.tobytes())
                asked |= {"photo": str(raw), "size_px": list(seen.inspected.pixels_px)}
            try:
                told = self._helper.ask(asked, CLIP_S if attachment.clip else PHOTO_S)
            except HelperAway as error:
                if found is not None:
                    raise
                told = {"away": str(error)}
            if "shown" in told:
                return _looked(told, Path(folder))
            why = str(told.get("refused") or told.get("away") or "the helper said nonsense")
            if found is not None:
                raise UploadRefused(why) if "refused" in told else HelperAway(why)
            # It was decoded as far as its first picture: it is no damaged file, whatever became of its second decoder.
            return Masked(f"nobody could look at it: {why}").look(path, seen, attachment, report)


def _looked(told: dict[str, Any], folder: Path) -> Looked:
    subject = told.get("subject")
    return Looked(
        shown={str(name): (folder / str(name)).read_bytes() for name in told["shown"]},
        subject=tuple(subject) if subject else None,
        proposals=tuple(Proposal.model_validate(each) for each in told.get("proposals", ())),
        unknown=tuple(str(each) for each in told.get("unknown", ())),
        size_px=tuple(told["size_px"]),
        things=tuple(Thing.model_validate(each) for each in told.get("things", ())),
        found=(folder / FOUND).read_bytes(),
    )


def main() -> None:
    """Serves until the other side closes."""
    os.nice(NICE)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    _, name, jurisdiction, places = sys.argv
    settings = Settings.from_env(json.loads(places))
    worker: Worker | None = None
    for line in sys.stdin:
        try:
            worker = worker or Worker.load(name, settings, jurisdiction)
            told = worker.answer(json.loads(line))
        except UploadRefused as error:
            told = {"refused": str(error)}
        except DomeError as error:
            told = {"away": str(error)}
        out.write(json.dumps(told) + "\n")
        out.flush()


class Worker:
    """Looks at one file after another.

    Args:
        detector: Finds persons and vehicles.
        jurisdiction: The law of the place.
    """

    def __init__(self, detector: DetectorLike, jurisdiction: str) -> None:
        self._detector, self._profile = detector, load_profile(jurisdiction)

    @classmethod
    def load(cls, name: str, settings: Settings, jurisdiction: str) -> Worker:
        """With a detector of the weights registry.

        Raises:
            WeightsError: If its weights are not here.
        """
        from models.detector import load

        return cls(load(name, settings), jurisdiction)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What others see of a file, and what may be said of it.

        Raises:
            UploadRefused: If a clip cannot be decoded.
        """
        return self._clip(asked) if "clip" in asked else self._photo(asked)

    def _photo(self, asked: dict[str, Any]) -> dict[str, Any]:
        width, height = asked["size_px"]
        rgb = np.frombuffer(Path(asked["photo"]).read_bytes(), np.uint8).reshape(height, width, 3)
        seen = self._seen(asked, lambda: self._found(rgb))
        if seen.size_px != (width, height):
            raise UploadRefused("it is damaged: it has another size than before")
        subject = next((lower(seen.vehicles[n][0.0]) for n in seen.subjects()), None)
        name = f"{asked['name']}.shown.jpg"
        picture = masked(rgb, [subject] if subject else [], seen.people[0.0])
        data = jpeg(picture[:, :, ::-1], QUALITY, whole_colour=False)
        (Path(asked["folder"]) / name).write_bytes(data)
        return {"shown": [name], "subject": subject, "size_px": [width, height],
                "things": _rows(things(seen, [(0.0, name)]))}  # fmt: skip

    def _clip(self, asked: dict[str, Any]) -> dict[str, Any]:
        path, folder, stem = Path(asked["clip"]), Path(asked["folder"]), asked["name"]
        with path.open("rb") as file:
            kind = kind_of(file.read(HEAD_BYTES))
        seen = self._seen(asked, lambda: self._watched(path, kind, asked))
        # What a person says it is about is shown where it shows most, and what was proposed at its moment all the same.
        best = [] if seen.proposed and "found" not in asked else [best_moment_s(seen)]
        moments = [*best, *(p.after_s for p in seen.proposed)]
        with clip_frames(path, kind) as frames:
            stills = shown(frames, seen, moments, folder / f"{stem}.shown.mp4")
        names = [f"{stem}.shown.{i}.jpg" for i in range(len(stills))]
        for name, data in zip(names, stills, strict=True):
            (folder / name).write_bytes(data)
        proposals = [
            Proposal(rule=p.rule, file=asked["sha256"], after_s=round(p.after_s, 2), cls=p.cls, xyxy=p.xyxy,
                     measured=p.measured, picture=name)
            for p, name in zip(seen.proposed, names[len(best):], strict=True)
        ]  # fmt: skip
        return {"shown": [*names, f"{stem}.shown.mp4"], "proposals": _rows(proposals), "unknown": seen.unknown,
                "size_px": list(seen.size_px),
                "things": _rows(things(seen, list(zip(moments, names, strict=True))))}  # fmt: skip

    @staticmethod
    def _seen(asked: dict[str, Any], look: Callable[[], Found]) -> Found:
        """What there is in a file: what was found before, of which a person has chosen, or what a look finds."""
        kept = Path(asked["folder"]) / FOUND
        if "found" in asked:
            seen = from_json(kept.read_bytes())
            seen.only = tuple(asked["only"])
            return seen
        seen = look()
        kept.write_bytes(to_json(seen))
        if asked["service"] not in OF_VEHICLES:
            seen.only = tuple(seen.left())
        return seen

    def _watched(self, path: Path, kind: MediaKind, asked: dict[str, Any]) -> Found:
        """What there is in a clip."""
        at = datetime.fromisoformat(asked["at"])
        with clip_frames(path, kind) as frames:
            return watch(frames, self._detector, asked["service"], at, self._profile)

    def _found(self, rgb: np.ndarray) -> Found:
        """Vehicles and people on a photo, boxes in its px."""
        from flows.domain.inference import DetectRequest, detect_at_full_size
        from flows.sources.picture import ArrayPicture

        height, width = rgb.shape[:2]
        picture = ArrayPicture(np.ascontiguousarray(rgb[:, :, ::-1]))
        small = picture.bgr(*self._detector.spec.fit(width, height))
        found = detect_at_full_size(self._detector, [DetectRequest(small[None], (width, height))])[0][0]
        rows = list(zip(found.class_names(), found.score, found.xyxy, strict=True))
        sure = self._detector.spec.sure_score
        vehicles = [(name, _box(box)) for name, score, box in rows if name in VEHICLES and score >= sure]
        return Found(
            vehicles={n: {0.0: box} for n, (_, box) in enumerate(vehicles)},
            classes={n: name for n, (name, _) in enumerate(vehicles)},
            people={
                0.0: [_box(box) for name, score, box in rows if name == "person" and score >= SURE_PERSON]
            },
            size_px=(width, height),
        )


def _rows(found: Sequence[BaseModel]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") for each in found]


def _box(values: np.ndarray) -> BoxPx:
    x0, y0, x1, y1 = (round(float(v), 1) for v in values)
    return x0, y0, x1, y1


if __name__ == "__main__":
    main()
