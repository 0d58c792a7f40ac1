"""Plate grammars: which texts are plates, and which of two look-alikes a place must be.

Grammars are data (``grammars/*.yaml``). A pattern is written with ``#`` for a digit, ``L`` for a letter of the
country, the name of a set (one capital) for one of its values, and ``{ABC}`` for one of the letters named.
Spaces group what belongs together. A reading is never bent to fit: only where a place cannot be what was read
may a look-alike stand for it (O for 0, B for 8), or what the recogniser itself held possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.domain.errors import FieldError
from models.plates.reading import ALPHABET, Character, Reading
from models.plates.spacing import hole

FOLDER = Path(__file__).parent / "grammars"
DIGITS = "0123456789"
LOOKALIKES = ("0ODQ", "1IL", "8B", "5S", "2Z", "6G", "7T", "4A", "UV")
"""Characters that plates' lettering makes hard to tell apart; what is read as one may be another."""
HELD_POSSIBLE = 0.08
"""Probability from which the recogniser's own second thought may replace what a place cannot be."""
MOST_CHANGES = 3
"""More replaced characters than this are guessing."""
FOREIGN_COST, FREE_COST = 1.5, 0.5
"""Against 1 for each replaced character: a vehicle from another country is less likely than one look-alike. Where
the camera's country has plates of any form, a text is rather taken as it is than bent into a known form."""
MARK_COST = 0.5
"""Of taking characters for the country's mark, and again for each that is not quite it (K2 for KZ)."""
RIVAL_COST = 1.0
"""Another text, or the same in another country, that costs less than this above the best might as well be meant."""


class Form(BaseModel):
    """One form of plate.

    Attributes:
        kind: What bears it: car, firm, motorcycle, trailer, diplomatic ...
        pattern: See the module.
        lines: The same on two lines, where that is made; the order of groups may differ from the pattern's.
        series: Year in which the form began, where it is not the current one.
        remnant: The kind whose plate on one line looks like this once its first or last character is covered;
            such a reading never stands by itself. Found when the grammar is read; written only where that does
            not find it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    pattern: str
    lines: tuple[str, ...] = ()
    series: int | None = None
    remnant: str = ""


class Free(BaseModel):
    """Any text of so many characters, with at least so many letters and digits, on at most so many lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: int = Field(ge=1)
    most: int = Field(ge=1)
    letters: int = Field(default=0, ge=0)
    digits: int = Field(default=0, ge=0)
    lines: int = Field(default=1, ge=1, le=2)

    def fits(self, reading: Reading) -> bool:
        """Whether it does."""
        text = reading.text
        digits = sum(c.isdigit() for c in text)
        within = self.least <= len(text) <= self.most and len(reading.breaks) <= self.lines
        return within and digits >= self.digits and len(text) - digits >= self.letters


class Grammar(BaseModel):
    """The plates of a country.

    Attributes:
        country: ISO code, or ``EU``.
        title: Name for people.
        mark: Letters beside the number that are no part of it.
        neighbours: Countries whose plates are common there, so that look-alikes are resolved in them as well.
        letters: Letters that are issued.
        sets: Values of named groups, such as regions; all of a set have one length.
        forms: The forms, likeliest first.
        free: What else is taken for a plate, if anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: str
    title: str
    mark: str = ""
    neighbours: tuple[str, ...] = ()
    letters: str
    sets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    forms: tuple[Form, ...] = ()
    free: Free | None = None

    @property
    def two_lines(self) -> bool:
        """Whether any of its plates has two lines."""
        return any(form.lines for form in self.forms) or (self.free is not None and self.free.lines > 1)


@dataclass(frozen=True, slots=True)
class Place:
    """What may stand somewhere: one of some strings of the same length, as part of the pattern."""

    values: frozenset[str]
    length: int
    gap: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A reading held against a grammar.

    Attributes:
        country: Of the grammar.
        kind: Of the form; ``other`` where only the free form fits.
        text: The number without spaces.
        shown: The same in groups.
        confidence: Probability that all of it is right.
        weakest: Least probability of a character.
        changes: Characters replaced by look-alikes.
        rival: What might as well be meant: another text in another form, or this one in another country; mostly
            empty.
        hole: Where there is room for a character that was not read; mostly empty.
        remnant: Of which kind's plate it may be what remains, a character being covered; mostly empty.
    """

    country: str
    kind: str
    text: str
    shown: str
    confidence: float
    weakest: float
    changes: int
    rival: str = ""
    hole: str = ""
    remnant: str = ""


def resolve(reading: Reading, grammars: Sequence[Grammar]) -> Fit | None:
    """The best fit of a reading, or None: then the text is no plate that is known here.

    Args:
        reading: What was read.
        grammars: The camera's own country first. Only of that one is any text taken that is no known form, and
            only there and in its neighbours is anything replaced.

    >>> resolve(Reading.of("I23ABCO2"), [load("kz")]).shown
    '123 ABC 02'
    >>> resolve(Reading.of("TAXI2GO"), [load("kz")]) is None
    True
    """
    bent = {*(g.country for g in grammars[:1]), *(n for g in grammars[:1] for n in g.neighbours)}
    ranked = [
        (cost + fit.changes + FOREIGN_COST * (place > 0) + FREE_COST * (fit.kind == "other"), place, fit)
        for place, grammar in enumerate(grammars)
        for cost, fit in _fits(reading, grammar, free=place == 0)
        if not fit.changes or grammar.country in bent
    ]
    if not ranked:
        return None
    ranked.sort(key=lambda r: (r[0], r[1], -r[2].confidence))
    cost, _, best = ranked[0]
    near = (
        fit.text if fit.text != best.text else f"{fit.text} of {fit.country}"
        for other, _, fit in ranked
        if (fit.text, fit.country) != (best.text, best.country) and other < cost + RIVAL_COST
    )
    return replace(best, rival=next(near, ""))


@lru_cache(maxsize=32)
def load(name: str) -> Grammar:
    """A built-in grammar, ``kz``, ``ru`` ...

    Raises:
        FieldError: If there is none of that name, or it is not valid.
    """
    return read(FOLDER / f"{name.lower()}.yaml")


def read(path: Path) -> Grammar:
    """A grammar from a file.

    Raises:
        FieldError: If it is not valid.
    """
    from ruamel.yaml import YAML

    if not path.is_file():
        raise FieldError("plate grammar", f"one of {', '.join(names())} or a file", str(path))
    data: Any = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    try:
        grammar = Grammar.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise FieldError(f"{path.name}: {field}", first["msg"], repr(first["input"])[:80]) from error
    for form in grammar.forms:  # a wrong pattern is told now, not at the first plate
        for pattern in (form.pattern, *form.lines):
            places(pattern, grammar)
    return _with_remnants(grammar)


def names() -> list[str]:
    """The built-in grammars."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def home_first(country: str) -> list[Grammar]:
    """All built-in grammars, that of ``country`` first, its neighbours' before the general ones."""
    order = [name for name in (country.lower(), "kz", "ru", "kg", "uz", "br", "eu", "us") if name in names()]
    return [load(name) for name in dict.fromkeys(order)]


def places(pattern: str, grammar: Grammar) -> list[Place]:
    """A pattern's places, in order.

    Raises:
        FieldError: If the pattern has a sign that means nothing.
    """
    found: list[Place] = []
    gap = False
    for token in re.findall(r"\{[A-Z0-9]+\}|.", pattern):
        if token == " ":
            gap = True
            continue
        values = _values(token, grammar)
        if not values:
            raise FieldError(
                f"{grammar.country}: pattern {pattern!r}", "#, L, a set or {letters}", repr(token)
            )
        found.append(Place(values, len(next(iter(values))), gap))
        gap = False
    return found


def _with_remnants(grammar: Grammar) -> Grammar:
    """The grammar with each form saying of which longer one it may be what remains on one line.

    >>> [(form.pattern, form.remnant) for form in load("ru").forms][:2]
    [('L ### LL ###', ''), ('L ### LL ##', 'car')]
    """
    rows = [_row(form.pattern, grammar) for form in grammar.forms]
    forms = (
        form.model_copy(update={"remnant": form.remnant or _left_of(row, rows, grammar)})
        for form, row in zip(grammar.forms, rows, strict=True)
    )
    return grammar.model_copy(update={"forms": tuple(forms)})


_Row = list[frozenset[str]]
"""What may stand at each character of a line."""


def _row(pattern: str, grammar: Grammar) -> _Row:
    return [frozenset(v[i] for v in p.values) for p in places(pattern, grammar) for i in range(p.length)]


def _left_of(row: _Row, rows: Sequence[_Row], grammar: Grammar) -> str:
    """The kind of the first form that, its first or last character covered, may look like this one."""
    for form, longer in zip(grammar.forms, rows, strict=True):
        if len(longer) == len(row) + 1:
            for rest in (longer[1:], longer[:-1]):
                if all(a & b for a, b in zip(row, rest, strict=True)):
                    return form.kind
    return ""


def _values(token: str, grammar: Grammar) -> frozenset[str]:
    if token == "#":
        return frozenset(DIGITS)
    if token == "L":
        return frozenset(grammar.letters)
    if token.startswith("{"):
        return frozenset(token[1:-1])
    return frozenset(grammar.sets.get(token, ()))


def _fits(reading: Reading, grammar: Grammar, free: bool) -> Iterator[tuple[float, Fit]]:
    """Every form that the reading fills, with what was paid for leaving a mark out."""
    for cost, each in ((0.0, reading), *_without_mark(reading, grammar.mark)):
        for form in grammar.forms:
            fit = _fit(each, form, grammar)
            if fit is not None:
                yield cost, fit
    if free and grammar.free is not None and grammar.free.fits(reading):
        weakest = min((c.confidence for c in reading.characters), default=0.0)
        text = reading.text
        remnant = "other" if len(text) < grammar.free.most else ""  # with one more it would be a plate, too
        yield 0.0, Fit(grammar.country, "other", text, text, reading.confidence, weakest, 0, remnant=remnant)


def unmarked(reading: Reading, grammar: Grammar) -> Reading:
    """The reading without the country's mark, where only so it fits a form exactly.

    Looks differ in whether they take in the strip with the mark; without it they can be voted on together.
    """
    if any(_fit(reading, form, grammar) for form in grammar.forms):
        return reading
    for _, rest in _without_mark(reading, grammar.mark):
        fits = (_fit(rest, form, grammar) for form in grammar.forms)
        if any(fit is not None and not fit.changes for fit in fits):
            return rest
    return reading


def _without_mark(reading: Reading, mark: str) -> Iterator[tuple[float, Reading]]:
    """The text without the country's mark (or one letter of it) before or behind it, and the price of that."""
    text, characters = reading.text, reading.characters
    breaks = reading.breaks or (len(text),)
    for part in dict.fromkeys((mark, mark[:1], mark[-1:])):
        size = len(part)
        price = MARK_COST * (1 if part == mark else 3)
        if part and size < breaks[0] and _alike(text[:size], part):
            cost = price + MARK_COST * _unlike(text[:size], part)
            yield cost, Reading(characters[size:], (breaks[0] - size, *breaks[1:]))
        if part and size < breaks[-1] and _alike(text[-size:], part):
            cost = price + MARK_COST * _unlike(text[-size:], part)
            yield cost, Reading(characters[:-size], (*breaks[:-1], breaks[-1] - size))


def _unlike(a: str, b: str) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))


def _alike(a: str, b: str) -> bool:
    return all(y in _family(x) for x, y in zip(a, b, strict=True))


def _fit(reading: Reading, form: Form, grammar: Grammar) -> Fit | None:
    """The form filled by the reading; two lines are put into the order in which the number is told."""
    characters, breaks = reading.characters, reading.breaks
    if len(breaks) < 2:
        slots = places(form.pattern, grammar)
        filled = _filled(characters, slots)
        if filled is None:
            return None
        made = _made(filled, form, grammar.country)
        remnant = form.remnant or _remnant(characters, made.changes, grammar)
        return replace(made, hole=hole(characters, _starts(slots)), remnant=remnant)
    if len(breaks) != len(form.lines):
        return None
    lines = [places(line, grammar) for line in form.lines]
    if breaks != tuple(sum(place.length for place in line) for line in lines):
        return None
    filled = _filled(characters, [place for line in lines for place in line])
    told = None if filled is None else _told(filled, form, grammar)
    return None if told is None else replace(told, hole=_hole(characters, breaks, lines))


def _remnant(characters: tuple[Character, ...], changes: int, grammar: Grammar) -> str:
    """The kind of which this is the plate without its first or last character, if less has to be replaced for that.

    >>> resolve(Reading.of("217HML1"), [load("kz")]).remnant  # 217 HML 1.: no 217 HM 11
    'car'
    """
    if changes == 0:
        return ""
    for form in grammar.forms:
        slots = places(form.pattern, grammar)
        for short in (_without(slots, first=True), _without(slots, first=False)):
            filled = _filled(characters, short)
            if filled is not None and sum(replaced for *_, replaced in filled) < changes:
                return form.kind
    return ""


def _without(slots: Sequence[Place], first: bool) -> list[Place]:
    """The places of a plate whose first or last character cannot be seen."""
    cut = slots[0] if first else slots[-1]
    values = frozenset(value[1:] if first else value[:-1] for value in cut.values)
    rest = [Place(values, cut.length - 1, cut.gap)] if cut.length > 1 else []
    return [*rest, *slots[1:]] if first else [*slots[:-1], *rest]


def _hole(
    characters: tuple[Character, ...], breaks: tuple[int, ...], lines: Sequence[Sequence[Place]]
) -> str:
    first, found = 0, ""
    for count, slots in zip(breaks, lines, strict=True):
        found = found or hole(characters[first : first + count], _starts(slots))
        first += count
    return found


def _starts(slots: Sequence[Place]) -> list[int]:
    """Indices of the characters with which a group begins."""
    starts, index = [], 0
    for slot in slots:
        if slot.gap:
            starts.append(index)
        index += slot.length
    return starts


_Filled = list[tuple[Place, str, tuple[float, ...], int]]
"""Each place with what stands there, the characters' probabilities, and how many were replaced."""


def _filled(characters: tuple[Character, ...], slots: Sequence[Place]) -> _Filled | None:
    if sum(slot.length for slot in slots) != len(characters):
        return None
    filled, start = [], 0
    for slot in slots:
        best = _best(characters[start : start + slot.length], slot)
        if best is None:
            return None
        filled.append((slot, *best))
        start += slot.length
    return filled if sum(changes for *_, changes in filled) <= MOST_CHANGES else None


def _best(seen: tuple[Character, ...], slot: Place) -> tuple[str, tuple[float, ...], int] | None:
    """The value that suits best what was seen: fewest replacements, then most probable."""
    plain = "".join(c.best for c in seen)
    if slot.length == 1:
        options = [value for value in slot.values if _possible(seen[0], value)]
    else:
        near = product(*(sorted(_near(c)) for c in seen))
        options = [value for value in map("".join, near) if value in slot.values]
    if plain in slot.values:
        options = [plain]
    if not options:
        return None

    def rank(value: str) -> tuple[int, float, int]:
        changes = sum(a != b for a, b in zip(value, plain, strict=True))
        chance = 1.0
        for c, v in zip(seen, value, strict=True):
            chance *= _chance(c, v, slot)
        unlike = sum(
            _family(a).find(b) for a, b in zip(plain, value, strict=True)
        )  # O is more like 0 than D is
        return -changes, chance, -unlike

    best = max(sorted(options), key=rank)
    chances = tuple(_chance(c, v, slot) for c, v in zip(seen, best, strict=True))
    return best, chances, -rank(best)[0]


def _possible(character: Character, value: str) -> bool:
    return value in _near(character)


def _near(character: Character) -> set[str]:
    """What may stand for a character: itself, its look-alikes, and what the recogniser held possible."""
    own = {c for c, p in character.chances.items() if p >= HELD_POSSIBLE}
    return own | set(_family(character.best))


def _chance(character: Character, value: str, slot: Place) -> float:
    """Probability of a value at a place: look-alikes that cannot stand there count for it."""
    if slot.length == 1:
        shadows = [c for c in _family(value) if c == value or c not in slot.values]
    else:
        shadows = [c for c in _family(value) if c == value or not c.isdigit()]
    return min(1.0, sum(character.chances.get(c, 0.0) for c in shadows))


@lru_cache(maxsize=64)
def _family(character: str) -> str:
    """A character and its look-alikes."""
    return character + "".join(f for f in LOOKALIKES if character in f).replace(character, "")


def _told(filled: _Filled, form: Form, grammar: Grammar) -> Fit | None:
    """Two lines in the order of the pattern: groups of the same values, in their order."""
    left, ordered = list(filled), []
    for slot in places(form.pattern, grammar):
        found = next((each for each in left if each[0].values == slot.values), None)
        if found is None:
            return None
        left.remove(found)
        ordered.append((slot, *found[1:]))
    return _made(ordered, form, grammar.country)


def _made(filled: _Filled, form: Form, country: str) -> Fit:
    shown = "".join((" " if slot.gap else "") + value for slot, value, _, _ in filled).strip()
    chances = [p for _, _, each, _ in filled for p in each]
    confidence = 1.0
    for p in chances:
        confidence *= p
    changes = sum(n for *_, n in filled)
    return Fit(country, form.kind, shown.replace(" ", ""), shown, confidence, min(chances), changes)


def cleaned(text: str) -> str:
    """Capital letters and digits only.

    >>> cleaned("123 abc-02")
    '123ABC02'
    """
    return "".join(c for c in text.upper() if c in ALPHABET)
