"""``dome evaluate faces`` and ``dome search-faces``: photographs compared, nothing written."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import FieldError
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
        FieldError: If it is no picture, or too large.
    """
    try:
        return decoded(path.read_bytes())
    except FieldError as error:
        raise FieldError(path.name, error.expected, error.got, error.hint) from None


def embedding(path: Path, pair: FacePair) -> NDArray[np.float32] | None:
    """The largest face of a photograph; None where there is none."""
    picture = picture_of(path)
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
