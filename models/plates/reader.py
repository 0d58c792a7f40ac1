"""A vehicle's plate from its pictures: found, set upright, read, voted on, held against grammars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.domain.plates import PlateAnswer, PlateRequest
from models.plates.finder import Found, Image, PlateFinder
from models.plates.glances import glances
from models.plates.grammar import Fit, Grammar, home_first, resolve, unmarked
from models.plates.reading import Reading
from models.plates.recogniser import RapidOcr, Recogniser
from models.plates.voting import support, vote, weight

CANDIDATES = 3
"""Boxes of a picture that are read: a sticker may outscore the plate, but is not read as one."""
LEAST_WIDTH_PX = 28
"""Narrower plates cannot be read: their letters are three pixels wide."""
LEAST_SCORE, LEAST_CONFIDENCE = 0.35, 0.10
"""What is found with less certainty is more often a sign or a badge; what is read with less is no text."""
CONFIDENT, CONFIDENT_WEAKEST, CONFIDENT_SUPPORT = 0.80, 0.90, 0.60
"""A text is confident if it is right as a whole, each character, and in its length with these probabilities:
chosen on drawn plates so that fewer than one in 200 confident ones is wrong (``cluster.bench.plates``)."""
CONFIDENT_SCORE = 0.50
"""And only if the finder is at least so sure of a plate; of drawn ones 98 % are, of letters elsewhere 7 %."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A plate in one of the pictures, with what was read there."""

    crop: int
    found: Found
    readings: tuple[Reading, ...]

    @property
    def worth(self) -> float:
        """How much this is a plate that can be read."""
        return self.found.score * max((weight(r) for r in self.readings), default=0.0)


class PlateReader:
    """Reads plates; one caller at a time.

    Args:
        finder: Finds them; the embedded network by default.
        recogniser: Reads a line; PP-OCRv6 by default.
    """

    def __init__(self, finder: PlateFinder | None = None, recogniser: Recogniser | None = None) -> None:
        self._finder = finder or PlateFinder()
        self._recogniser = recogniser or RapidOcr()

    @property
    def versions(self) -> dict[str, str]:
        """sha256 of the weights, by part."""
        return {"finder": self._finder.version, "recogniser": self._recogniser.version}

    def read(self, request: PlateRequest) -> PlateAnswer:
        """The plate of the vehicle that all of the crops show."""
        grammars = home_first(request.country)
        each = [self.sighting(crop, grammars, index) for index, crop in enumerate(request.crops)]
        sightings = [sighting for sighting in each if sighting is not None]
        return answer(sightings, grammars, self.versions)

    def find(self, picture: Image) -> list[Found]:
        """All that look like plates on a picture, best first."""
        return self._finder.find(picture)

    def glance(
        self, picture: Image, found: Found, grammars: Sequence[Grammar] = (), crop: int = 0
    ) -> Sighting:
        """The plate in a given box of a picture; of two lines only where the first grammar has such."""
        two_lines = any(grammar.two_lines for grammar in grammars[:1])
        return Sighting(crop, found, tuple(glances(picture, found.xyxy, self._recogniser, two_lines)))

    def sighting(self, picture: Image, grammars: Sequence[Grammar], crop: int = 0) -> Sighting | None:
        """The plate on a picture: of all that look like one, the one that reads best; None without any."""
        return self.best(picture, self.find(picture), grammars, crop)

    def best(
        self, picture: Image, found: Sequence[Found], grammars: Sequence[Grammar], crop: int = 0
    ) -> Sighting | None:
        """Of boxes found on a picture, best first, the one that reads best; None without any."""
        seen = [
            self.glance(picture, each, grammars, crop)
            for each in found[:CANDIDATES]
            if each.xyxy[2] - each.xyxy[0] >= LEAST_WIDTH_PX
        ]
        return max(seen, key=lambda s: (_fits(s, grammars[:1]), s.worth), default=None)


def _fits(sighting: Sighting, grammars: Sequence[Grammar]) -> bool:
    return any(resolve(reading, grammars) is not None for reading in vote(sighting.readings))


def answer(
    sightings: Sequence[Sighting], grammars: Sequence[Grammar], versions: dict[str, str]
) -> PlateAnswer:
    """One answer from all that was seen of a vehicle."""
    readings = _readings(sightings, grammars)
    if not any(reading.characters for reading in readings):
        return PlateAnswer("unread", reason="no plate was found", seen=len(sightings), versions=versions)
    fit, reading = _chosen(readings, grammars)
    best = max(sightings, key=lambda s: s.worth)
    score = max(sighting.found.score for sighting in sightings)
    told = PlateAnswer(
        "unread",
        confidence=fit.confidence if fit else reading.confidence,
        crop=best.crop,
        xyxy=best.found.xyxy,
        seen=len(sightings),
        versions=versions,
    )
    if score < LEAST_SCORE or told.confidence < LEAST_CONFIDENCE:
        return replace(told, reason=_unsure(score, told.confidence))
    if fit is None and score < CONFIDENT_SCORE:  # letters of a sign are not kept as a plate's
        return replace(told, reason=_unsure(score, told.confidence))
    if fit is None:
        fits_none = "the text fits no plate that is known here"
        return replace(told, text=reading.text, shown=reading.text, reason=fits_none)
    doubt = _doubt(fit, support(readings, reading), score)
    return replace(
        told,
        outcome="read",
        text=fit.text,
        shown=fit.shown,
        country=fit.country,
        kind=fit.kind,
        confident=not doubt,
        reason=doubt,
    )


def text_of(sightings: Sequence[Sighting], grammars: Sequence[Grammar]) -> str:
    """The likeliest text, however unsure and whether a plate or not: for measuring."""
    readings = _readings(sightings, grammars)
    if not any(reading.characters for reading in readings):
        return ""
    fit, reading = _chosen(readings, grammars)
    return fit.text if fit else reading.text


def _readings(sightings: Sequence[Sighting], grammars: Sequence[Grammar]) -> list[Reading]:
    return [unmarked(reading, grammars[0]) for sighting in sightings for reading in sighting.readings]


def _chosen(readings: Sequence[Reading], grammars: Sequence[Grammar]) -> tuple[Fit | None, Reading]:
    """The fit that is best supported and surest; else the best supported reading, as it is."""
    voted = vote(readings)
    fits = [(fit, reading) for reading in voted if (fit := resolve(reading, grammars)) is not None]
    if not fits:
        return None, voted[0]
    return max(fits, key=lambda each: each[0].confidence * support(readings, each[1]))


def _doubt(fit: Fit, agreed: float, score: float) -> str:
    """Why a fit may not stand by itself; empty if it may."""
    if score < CONFIDENT_SCORE:
        return _unsure(score, fit.confidence)
    if fit.confidence < CONFIDENT or fit.weakest < CONFIDENT_WEAKEST:
        return f"the text is right with probability {fit.confidence:.2f}, its weakest character {fit.weakest:.2f}"
    if fit.hole:
        return f"there is room for one more character {fit.hole}"
    if fit.remnant:
        return f"it may be a longer plate ({fit.remnant}) of which a character is covered"
    if fit.rival:
        return f"it may also be {fit.rival}"
    if agreed < CONFIDENT_SUPPORT:
        return f"only {agreed:.0%} of the looks agree on its length"
    return ""


def _unsure(score: float, confidence: float) -> str:
    return f"it is a plate with probability {score:.2f} and read right with {confidence:.2f}"
