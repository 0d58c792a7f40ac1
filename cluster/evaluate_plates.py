"""``dome evaluate plates``: photographs with known plates in the form of the OpenALPR benchmarks, read by us."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flows.domain.errors import FieldError
from models.detector.nms import iou_matrix
from models.plates.finder import Found
from models.plates.grammar import Grammar, cleaned, home_first, load, names, resolve
from models.plates.reader import PlateReader, Sighting, text_of

LOCATED_IOU = 0.5
"""A plate is located where one of our boxes overlaps the given one so well, as is usual for objects."""
COUNTRY_SHARE = 0.5
"""From this share of texts in a country's own forms, the whole set is taken to come from there."""
SAMPLED = 60
"""About so many plates are looked at to find that out."""
SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One photograph and the plate that it shows."""

    path: Path
    xyxy: tuple[float, float, float, float]
    text: str

    def picture(self) -> NDArray[np.uint8]:
        """``(h, w, 3)`` uint8 BGR.

        Raises:
            FieldError: If it cannot be decoded.
        """
        try:
            with Image.open(self.path) as image:
                return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])
        except (OSError, Image.DecompressionBombError) as error:  # UnidentifiedImageError is an OSError
            why = "save it again, or take it out with its label"
            raise FieldError(self.path.name, "a photograph that can be read", error, why) from None


@dataclass(frozen=True, slots=True)
class PlateScore:
    """Shares of plates read whole.

    Attributes:
        images: Plates asked for.
        located: Share of plates that one of our boxes covers.
        exact: Read whole, the box given.
        tolerant: The same, O taken for 0 and I for 1.
        found_exact: Read whole, the plate found by us in the whole photograph.
        found_tolerant: The same, O taken for 0 and I for 1.
        country: Whose grammar resolved look-alikes; empty where none did.
    """

    images: int
    located: float
    exact: float
    tolerant: float
    found_exact: float
    found_tolerant: float
    country: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of one photograph, before any grammar."""

    given: Sighting
    found: Sighting | None
    located: bool


def evaluate_plates(folder: Path, country: str = "auto", reader: PlateReader | None = None) -> PlateScore:
    """Reads every labelled plate twice: with its box given, and found by us in the whole photograph.

    Where a photograph bears several, what was found of one is not held against another.

    Args:
        folder: ``NAME.jpg`` with ``NAME.txt``: file, x, y, w, h and plate, separated by tabs.
        country: Whose plates they are (``kz``, ``eu`` ...). ``auto``: that of the built-in grammars in whose
            forms at least half of the texts are, as read; else no look-alike is resolved.
        reader: Ours by default.

    Raises:
        FieldError: If the folder holds no labelled photograph, one cannot be read, or the country is unknown.
    """
    if country != "auto" and country.lower() not in names():
        raise FieldError("--country", f"auto or one of {', '.join(names())}", repr(country))
    eye = reader or PlateReader()
    truths = labelled(folder)
    home = _home(eye, truths) if country == "auto" else country.lower()
    together: defaultdict[Path, list[Labelled]] = defaultdict(list)
    for truth in truths:
        together[truth.path].append(truth)
    seen = [_seen(eye, truth, together[truth.path], home_first(home)) for truth in truths]
    given = [_text(each.given, home) for each in seen]
    found = [_text(each.found, home) if each.found else "" for each in seen]
    wanted = [truth.text for truth in truths]
    return PlateScore(
        images=len(truths),
        located=_share([each.located for each in seen]),
        exact=_share([a == b for a, b in zip(given, wanted, strict=True)]),
        tolerant=_share([tolerant(a) == tolerant(b) for a, b in zip(given, wanted, strict=True)]),
        found_exact=_share([a == b for a, b in zip(found, wanted, strict=True)]),
        found_tolerant=_share([tolerant(a) == tolerant(b) for a, b in zip(found, wanted, strict=True)]),
        country="" if home == "us" else home.upper(),
    )


def labelled(folder: Path) -> list[Labelled]:
    """The labelled photographs of a folder, by name; a photograph may bear several plates.

    Raises:
        FieldError: If there are none, or a label has another form.
    """
    if not folder.is_dir():
        raise FieldError("--images", "a folder", str(folder))
    found = [each for path in sorted(folder.glob("*.txt")) for each in _labels(path)]
    if not found:
        raise FieldError("--images", "photographs with labels (NAME.jpg and NAME.txt)", f"none in {folder}")
    return found


def tolerant(text: str) -> str:
    """The text with O taken for 0 and I for 1.

    >>> tolerant("IO8")
    '108'
    """
    return text.replace("O", "0").replace("I", "1")


def _labels(path: Path) -> list[Labelled]:
    labels = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        try:
            name, x, y, w, h, text = fields[0], *map(float, fields[1:5]), fields[5]
        except (ValueError, IndexError):
            raise FieldError(path.name, "file, x, y, w, h, plate", repr(line[:80]), line=number) from None
        if not (w >= 1 and h >= 1):
            raise FieldError(path.name, "a box of a pixel or more", f"{w:g} x {h:g}", line=number)
        picture = _picture_of(path, name)
        labels.append(Labelled(picture, (x, y, x + w, y + h), cleaned(text)))
    return labels


def _picture_of(label: Path, name: str) -> Path:
    beside = label.with_name(Path(name).name)
    options = [beside, *(label.with_suffix(suffix) for suffix in SUFFIXES)]
    found = next((path for path in options if path.is_file()), None)
    if found is None:
        raise FieldError(label.name, "a photograph beside its label", name)
    return found


def _seen(
    eye: PlateReader, truth: Labelled, together: Sequence[Labelled], grammars: Sequence[Grammar]
) -> _Seen:
    """One of the plates that a photograph bears together: boxes that overlap another one better are that one's."""
    picture = truth.picture()
    found = eye.find(picture)
    boxes = np.array([each.xyxy for each in found], np.float32).reshape(-1, 4)
    mine = iou_matrix(np.array([truth.xyxy], np.float32), boxes)[0]
    best = iou_matrix(np.array([each.xyxy for each in together], np.float32), boxes).max(axis=0)
    own = [each for each, here, anywhere in zip(found, mine, best, strict=True) if here >= anywhere]
    located = bool(mine.size and mine.max() >= LOCATED_IOU)
    given = eye.glance(picture, Found(truth.xyxy, 1.0), grammars)
    return _Seen(given, eye.best(picture, own, grammars), located)


def _text(sighting: Sighting, home: str) -> str:
    return text_of([sighting], home_first(home))


def _home(eye: PlateReader, truths: Sequence[Labelled]) -> str:
    """The country in whose forms most texts are, without bending any; ``us`` takes texts as they are."""
    tally: Counter[str] = Counter()
    for truth in truths[:: max(1, len(truths) // SAMPLED)]:
        sighting = eye.glance(truth.picture(), Found(truth.xyxy, 1.0))
        tally["all"] += 1
        for name in names():
            fits = [resolve(reading, [load(name)]) for reading in sighting.readings]
            tally[name] += any(fit is not None and fit.kind != "other" and not fit.changes for fit in fits)
    best = max(names(), key=lambda name: tally[name])
    return best if tally[best] >= COUNTRY_SHARE * tally["all"] else "us"


def _share(hits: Sequence[bool]) -> float:
    return round(sum(hits) / len(hits), 4)
