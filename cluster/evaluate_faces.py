"""``dome evaluate faces`` and ``dome search-faces``: photographs compared, nothing written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import FieldError
from flows.faces.matching import nearest
from flows.faces.thresholds import Thresholds
from models.evaluation.faces import Pair, PairScore, score_pairs
from models.faces import FacePair
from models.faces.base import Face, Image
from models.faces.photos import decoded

COLUMNS = ("file_x", "file_y", "same_person")
ANSWERS = {"yes": True, "no": False}
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def evaluate_faces(pairs_file: Path, images: Path, pair: FacePair) -> PairScore:
    """Compares labelled pairs of photographs by the largest face on each.

    Args:
        pairs_file: CSV with the columns ``file_x``, ``file_y``, ``same_person`` (yes or no).
        images: Folder of the photographs.
        pair: Finder and embedder.

    Raises:
        FieldError: If the file has another form or a photograph is missing or none.
    """
    pairs = labelled(pairs_file)
    vectors = {name: embedding(images / name, pair) for name in _names(pairs, images)}
    alike = [_similarity(vectors[each.x], vectors[each.y]) for each in pairs]
    blank = [name for name, vector in vectors.items() if vector is None]
    return score_pairs(pairs, np.array(alike), blank)


def labelled(path: Path) -> list[Pair]:
    """The labelled pairs of a CSV file.

    Raises:
        FieldError: With the line, if it has another form or no line at all.
    """
    if not path.is_file():
        raise FieldError("--pairs", "a CSV file", str(path))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise FieldError(
                path.name, f"the columns {', '.join(COLUMNS)}", f"no {', '.join(missing)}", line=1
            )
        pairs = [_pair(row, path, number) for number, row in enumerate(rows, 2)]
    if not pairs:
        raise FieldError(path.name, "at least one pair", "none")
    return pairs


def photographs(folder: Path, field: str) -> list[Path]:
    """The photographs of a folder, by name.

    Raises:
        FieldError: If there are none.
    """
    if not folder.is_dir():
        raise FieldError(field, "a folder of photographs", str(folder))
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise FieldError(field, f"photographs ({', '.join(SUFFIXES)})", f"none in {folder}")
    return found


def picture_of(path: Path) -> Image:
    """A photograph, ``(h, w, 3)`` uint8 BGR.

    Raises:
        FieldError: If it is no picture, too large, or cannot be read.
    """
    try:
        return decoded(path.read_bytes())
    except FieldError as error:
        raise FieldError(str(path), error.expected, error.got, error.hint) from None
    except OSError as error:
        raise FieldError(str(path), "a file that can be read", error.strerror or str(error)) from None


def embedding(path: Path, pair: FacePair) -> NDArray[np.float32] | None:
    """The largest face of a photograph; None where there is none."""
    return _largest(picture_of(path), pair)


def _largest(picture: Image, pair: FacePair) -> NDArray[np.float32] | None:
    faces: list[Face] = pair.finder.find(picture)[:1]
    return pair.embedder.embed(picture, faces)[0] if faces else None


def _pair(row: dict[str, str | None], path: Path, number: int) -> Pair:
    x, y, same = (str(row[name] or "").strip() for name in COLUMNS)
    if not x or not y or same.lower() not in ANSWERS:
        raise FieldError(path.name, "two files and yes or no", f"{x!r}, {y!r}, {same!r}", line=number)
    return Pair(x, y, ANSWERS[same.lower()])


def _names(pairs: Iterable[Pair], images: Path) -> list[str]:
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.x, pair.y)))
    missing = [name for name in names if not (images / name).is_file()]
    if missing:
        raise FieldError(
            "--images", f"the files that the pairs name ({len(names)})", f"no {missing[0]} in {images}"
        )
    return names


def _similarity(x: NDArray[np.float32] | None, y: NDArray[np.float32] | None) -> float:
    return -1.0 if x is None or y is None else float(x @ y)


@dataclass(frozen=True, slots=True)
class Match:
    """One face of a photograph and who of the gallery is most alike.

    Attributes:
        image: The photograph.
        xyxy: The face in it, px.
        nearest: The most alike of the gallery.
        similarity: How alike, 1 is the same picture.
        hit: Whether that is enough at this gallery's size.
        false_alarms: Of a million faces of other people, so many are at least so alike to somebody of it.
    """

    image: str
    xyxy: tuple[float, float, float, float]
    nearest: str
    similarity: float
    hit: bool
    false_alarms: float


@dataclass(frozen=True, slots=True)
class Unread:
    """A photograph that could not be looked into, as :class:`~flows.domain.errors.FieldError` says it; ``field`` is its
    path."""

    field: str
    expected: str
    got: str
    hint: str


@dataclass(frozen=True, slots=True)
class Found:
    """What ``dome search-faces`` prints.

    Attributes:
        gallery: Photographs that were searched for.
        photographs: Photographs that were searched.
        unread: Photographs of the gallery and others that could not be looked into.
        threshold: Similarity that makes a hit, measured at this size.
        budget: Share of other people's faces that may make one.
        matches: Every face of every photograph.
        without_face: Photographs of the gallery and others in which none was found.
        problems: What is wrong with each that is unread.
    """

    gallery: int
    photographs: int
    unread: int
    threshold: float
    budget: float
    matches: list[Match]
    without_face: list[str]
    problems: list[Unread]


def search_faces(gallery: Path, images: Path, pair: FacePair, thresholds: Thresholds, budget: float) -> Found:
    """Compares each face of some photographs with a gallery; for evaluation: no case, nothing written. What cannot be
    looked into keeps nobody from the others.

    Args:
        gallery: Folder of photographs, of which the largest face counts.
        images: Folder of photographs, of which all faces count.
        pair: Finder and embedder.
        thresholds: Measured for the embedder.
        budget: Share of other people's faces that may make a hit.

    Raises:
        FieldError: If a folder holds no photographs, or the gallery no face.
        WeightsError: If the budget was not measured at this size.
    """
    thresholds.check(f"{pair.name}@{pair.embedder.version[:12]}")
    problems: list[Unread] = []
    wanted = {
        path.name: _largest(picture, pair)
        for path, picture in _pictures(photographs(gallery, "--gallery"), problems)
    }
    known = {name: vector for name, vector in wanted.items() if vector is not None}
    blank = [name for name, vector in wanted.items() if vector is None]
    if not known:
        bad = "; ".join(str(FieldError(**asdict(each))) for each in problems)
        raise FieldError(
            "--gallery", "at least one face", f"none in {len(wanted) + len(problems)} photographs", bad
        )
    names, rows = list(known), np.stack(list(known.values()))
    threshold = thresholds.threshold(len(names), budget)
    matches, searched = [], 0
    for path, picture in _pictures(photographs(images, "--images"), problems):
        searched += 1
        faces = pair.finder.find(picture)
        if not faces:
            blank.append(path.name)
            continue
        for face, vector in zip(faces, pair.embedder.embed(picture, faces), strict=True):
            ((row, similarity),) = nearest(vector, rows, [slice(0, len(rows))])
            rate = thresholds.false_alarms(len(names), similarity)
            left, top, right, bottom = (round(v, 1) for v in face.xyxy)
            matches.append(
                Match(
                    path.name,
                    (left, top, right, bottom),
                    names[row],
                    round(similarity, 4),
                    similarity >= threshold,
                    round(1e6 * rate, 3),
                )
            )
    return Found(len(names), searched, len(problems), threshold, budget, matches, blank, problems)


def _pictures(paths: Iterable[Path], problems: list[Unread]) -> Iterator[tuple[Path, Image]]:
    """Photographs one by one; what is wrong with those that cannot be looked into is added to the problems."""
    for path in paths:
        try:
            picture = picture_of(path)
        except FieldError as error:
            problems.append(Unread(error.field, error.expected, str(error.got), error.hint))
            continue
        yield path, picture
