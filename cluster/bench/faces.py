"""Faces: how alike strangers are at each gallery size, how alike one person stays, and what matching costs.

A gallery of 1,000 and hundreds of thousands of passers-by are not to be had here, and nobody's should be kept. So
people are made up: the embeddings of real ones (a hundred portraits of 25 px from scikit-image's package, enlarged,
and where they are there the photographs in ``../shared/data/faces``) are perturbed: each made-up embedding is their
mean plus a random mixture of all their deviations from it, brought back to length 1. That keeps the real ones' mean
and covariance, and with them how alike two strangers are. It is checked against the real pairs, and by as much as
those reach further at one in a thousand, all thresholds are raised. Portraits of 25 px are more alike than sharp
ones, so the table errs on the safe side. What it cannot know: families, and whole populations that are not in it.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.bench import missing
from cluster.bench.report import Figure, at_most
from flows.domain.errors import DomeError
from flows.faces.matching import nearest
from flows.faces.thresholds import Thresholds, budget_per_face
from flows.jurisdiction import load_profile
from flows.settings import Settings
from models.evaluation.faces import Share
from models.faces import FacePair, load
from models.faces.base import Face, Image, unit

Array = NDArray[np.float32]

SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
STEP: Final = 0.001
SEARCHES: Final = 1_000_000
GALLERIES: Final = 20
"""So many galleries, each searched by its share of the passers-by: one might be lucky."""
CHECKED: Final = 0.001
"""Share of real pairs at which made-up ones are compared with them."""
PORTRAITS: Final = 100
MATCHED: Final = 1_000
PHOTOS_A_CASE: Final = 10
ALERTS: Final = 12
PHOTOS: Final = Path(__file__).parents[3] / "shared" / "data" / "faces"
TABLES: Final = Path(__file__).parents[2] / "models" / "faces" / "thresholds"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a pair of models.

    Attributes:
        table: Thresholds with the guard in them.
        guard: By how much real strangers reach further than made-up ones.
        hits: ``(S, T)`` false alarms counted at the table's similarities.
        searches: Searches for nobody, of each gallery size.
        people: Real people.
    """

    table: Thresholds
    guard: float
    hits: NDArray[np.int64]
    searches: int
    people: int

    @property
    def words(self) -> str:
        """How it was measured."""
        return f"made up of {self.people} real people, {self.searches:,} searches, guard {self.guard:.4f}"


def run(quick: bool = False) -> list[Figure]:
    """All figures; the committed table is compared with one measured now."""
    pair = load("dlib", Settings.from_env())
    measured = measure(pair, SEARCHES // 20 if quick else SEARCHES)
    return [
        *_strangers(measured),
        *_kept(pair, measured),
        _cost(),
        *_alerts(4 if quick else ALERTS),
        missing.figure(missing.measure(1 if quick else missing.HALLS, Settings.from_env())),
    ]


def measure(pair: FacePair, searches: int) -> Measured:
    """The table of a pair of models.

    Raises:
        DomeError: If scikit-image, which brings the portraits, is not installed, or made-up people are so unlike the
            real ones that no threshold follows from them.
    """
    people = real_people(pair)
    rng = np.random.default_rng(20_261_125)
    strangers = (people @ people.T)[np.triu_indices(len(people), 1)]
    real = np.quantile(strangers, 1 - CHECKED)
    trial = made_up(people, 4_000, rng)
    guard = max(0.0, float(real - np.quantile(trial[:2_000] @ trial[2_000:].T, 1 - CHECKED)))
    alike = similarities(strangers)
    hits = count(people, searches, rng, alike)
    if not hits[0, 0]:
        raise DomeError(
            f"faces {pair.name}: expected made-up people as alike as half of the real ones ({alike[0]:.3f}), none of "
            f"{trials(searches, SIZES[0]):,} are: no threshold can follow"
        )
    upper = np.array(
        [
            [Share.of_counts(int(h), trials(searches, size)).high for h in row]
            for row, size in zip(hits, SIZES, strict=True)
        ]
    )
    model = f"{pair.name}@{pair.embedder.version[:12]}"
    raised = np.round(alike + guard, 4)
    return Measured(Thresholds(SIZES, raised, upper, model), guard, hits, searches, len(people))


def similarities(strangers: Array) -> NDArray[np.float64]:
    """``(T,)``: where the table begins and how fine it is: from what half of a pair's own strangers reach, up to 1.

    Each embedder has its range: strangers of dlib's are 0.87 alike, of ArcFace's about 0. A table that began above
    them all would vouch for its first row at every budget, and nobody would ever be found.
    """
    first = int(np.floor(float(np.median(strangers)) / STEP))
    return np.round(STEP * np.arange(first, round(1 / STEP)), 3)


def count(
    people: Array, searches: int, rng: np.random.Generator, similarities: NDArray[np.float64]
) -> NDArray[np.int64]:
    """``(S, T)``: how many searches for nobody find somebody at least so alike, by gallery size.

    A gallery of 1,000 is also a hundred of 10: smaller ones are searched so many times as often.
    """
    cells = np.zeros((len(SIZES), len(similarities) + 1), np.int64)
    each, step = searches // GALLERIES, 10_000
    for _ in range(GALLERIES):
        gallery = made_up(people, SIZES[-1], rng)
        for begin in range(0, each, step):
            alike = made_up(people, min(step, each - begin), rng) @ gallery.T
            for row, size in enumerate(SIZES):
                nearest = alike.reshape(len(alike), -1, size).max(2).ravel()
                reached = np.floor((nearest - similarities[0]) / STEP + 1 + 1e-6).astype(np.int64)
                cells[row] += np.bincount(np.clip(reached, 0, len(similarities)), minlength=cells.shape[1])
    return cells[:, ::-1].cumsum(1)[:, ::-1][:, 1:]


def trials(searches: int, size: int) -> int:
    """Searches of galleries of a size."""
    return searches * (SIZES[-1] // size)


def made_up(people: Array, count: int, rng: np.random.Generator) -> Array:
    """``(count, D)`` unit vectors of people that there are not; see the module."""
    middle = people.mean(0)
    weights = rng.standard_normal((count, len(people)), np.float32) / np.float32(np.sqrt(len(people) - 1))
    return unit(middle + weights @ (people - middle))


def real_people(pair: FacePair) -> Array:
    """``(N, D)``: one embedding of each real person."""
    return np.stack([*_portraits(pair), *(vectors[0] for vectors in _photographed(pair).values())])


def _portraits(pair: FacePair) -> Iterator[Array]:
    """Of scikit-image's ``lfw_subset``, 25 px; those that the finder misses are taken by their frame."""
    from PIL import Image as Pil

    try:
        from skimage.data import lfw_subset
    except ImportError as error:
        raise DomeError(f"bench faces: expected scikit-image for its portraits; {error}") from error
    portraits: NDArray[np.float64] = lfw_subset()[:PORTRAITS]  # type: ignore[no-untyped-call]
    for grey in portraits:
        whole = Pil.fromarray(np.uint8(255 * grey / grey.max())).resize((150, 150), Pil.Resampling.BICUBIC)
        padded = np.pad(np.asarray(whole), 60, mode="edge")
        picture: Image = np.ascontiguousarray(np.repeat(padded[..., None], 3, axis=2))
        faces = pair.finder.find(picture)[:1] or [Face((65.0, 65.0, 205.0, 205.0), 0.0)]
        yield pair.embedder.embed(picture, faces)[0]


def _photographed(pair: FacePair) -> dict[str, list[Array]]:
    """Embeddings of the photographs, by person; none where they are not there."""
    from cluster.evaluate_faces import embedding

    if not PHOTOS.is_dir():
        return {}
    person: dict[str, str] = {}
    with (PHOTOS / "pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:  # several rounds are not needed: all pairs are listed
        names = sorted((row["file_x"], row["file_y"]))
        if row["same_person"] == "yes":
            person[names[1]] = min(person.get(names[1], names[0]), person.get(names[0], names[0]))
    seen: dict[str, list[Array]] = {}
    for name in sorted({row[key] for row in rows for key in ("file_x", "file_y")}):
        vector = embedding(PHOTOS / name, pair)
        if vector is not None:
            seen.setdefault(person.get(name, name), []).append(vector)
    return seen


def _strangers(measured: Measured) -> list[Figure]:
    """False alarms in a gallery of 1,000 at the thresholds that the table gives for some budgets."""
    figures = []
    for budget in (0.01, 0.001, 0.0001):
        threshold = measured.table.threshold(1000, budget)
        at = int(np.searchsorted(measured.table.similarities, threshold))
        share = Share.of_counts(int(measured.hits[-1, at]), measured.searches)
        detail = f"similarity {threshold:.4f}; {_counted(share)}; {measured.words}"
        name = f"1:1,000, threshold for {budget:g} false alarms a face: measured"
        figures.append(at_most(name, share.value, budget, "", detail))
    return figures


def _kept(pair: FacePair, measured: Measured) -> list[Figure]:
    """Pairs of photographs of one person that the thresholds still find."""
    seen = [vectors for vectors in _photographed(pair).values() if len(vectors) > 1]
    same = [float(a @ b) for vectors in seen for i, a in enumerate(vectors) for b in vectors[i + 1 :]]
    if not same:
        return []
    figures = []
    for name, photos, budget in _budgets():
        threshold = measured.table.threshold(photos, budget)
        share = Share.of_counts(sum(alike < threshold for alike in same), len(same))
        detail = f"similarity {threshold:.4f}; {_counted(share)}"
        figures.append(at_most(f"FNIR, pairs of photographs, {name}", share.value, 0.2, "", detail))
    return figures


def _budgets() -> Iterator[tuple[str, int, float]]:
    """Names, photos and budgets a face: of 1,000 photos, and of cases as the law of Kazakhstan has them."""
    yield "1,000 photos, 0.1 % false alarms a face", 1000, 0.001
    for alarms in sorted({terms.false_alarms_per_day for terms in load_profile("kz").searches.values()}):
        a_day = f"a case of {PHOTOS_A_CASE} photos, {alarms:g} false a day"
        yield f"{a_day} on 4 cameras", PHOTOS_A_CASE, budget_per_face(alarms, 4, 0)
        yield f"{a_day} in a district", PHOTOS_A_CASE, budget_per_face(alarms, 0, 1)


def _counted(share: Share) -> str:
    return f"{share.hits} of {share.of}, 95 % {share.low:.2g} to {share.high:.2g}"


def _cost() -> Figure:
    """Matching one face with the photos of all cases, one case after the other as the search does."""
    rng = np.random.default_rng(1)
    gallery = unit(rng.standard_normal((MATCHED, 128)).astype(np.float32))
    faces = unit(rng.standard_normal((200, 128)).astype(np.float32))
    cases = [slice(begin, begin + PHOTOS_A_CASE) for begin in range(0, MATCHED, PHOTOS_A_CASE)]
    nearest(faces[0], gallery, cases)
    begin_s = time.perf_counter()
    for face in faces:
        nearest(face, gallery, cases)
    each_ms = (time.perf_counter() - begin_s) / len(faces) * 1000
    detail = f"of {len(cases)} cases that cover the camera; 128 numbers a photo"
    return at_most(f"matching a face with {MATCHED:,} photos", each_ms, 1.0, "ms", detail)


def _alerts(wanted: int) -> list[Figure]:
    """A live job with a real face: how soon it is an alert, and who is looked at where no case covers the camera."""
    from cluster.bench.alerts import measure as alerts

    seen = alerts(wanted)
    if not seen.after_s:
        raise DomeError("bench faces: expected alerts of a searched person, none came")
    after_s = np.array(seen.after_s)
    spread = (
        f"{len(after_s)} alerts, {after_s.min():.2f} to {after_s.max():.2f} s; 720p, 12.5 fps, 2 frames agree"
    )
    uncovered, other = float(seen.looked["hall-2"]), f"{seen.looked['hall-1']} on the one beside it"
    return [
        at_most("crop's capture to alert in Redis, median", float(np.median(after_s)), 1.0, "s", spread),
        at_most("faces looked at on a camera that no case covers", uncovered, 0, "", other),
    ]


def write(pair: FacePair, measured: Measured) -> Path:
    """Writes the table that searches use."""
    table = measured.table
    path = TABLES / f"{pair.name}.json"
    path.write_text(
        json.dumps(
            {
                "model": table.model,
                "measured": measured.words,
                "sizes": list(table.sizes),
                "similarities": table.similarities.tolist(),
                "false_alarms": [[float(f"{rate:.3g}") for rate in row] for row in table.rates],
            }
        )
        + "\n"
    )
    return path


if __name__ == "__main__":
    _pair = load(sys.argv[1] if len(sys.argv) > 1 else "dlib", Settings.from_env())
    sys.stdout.write(f"{write(_pair, measure(_pair, SEARCHES))}\n")
