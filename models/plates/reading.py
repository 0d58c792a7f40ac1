"""What a recogniser saw: characters with their probabilities, before any grammar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Character:
    """One place of a text.

    Attributes:
        chances: Probability of each character that may stand there; together at most 1.
        at: Where on its line it stands, as a share of the line's width; None where that is not known.
    """

    chances: Mapping[str, float]
    at: float | None = None

    @property
    def best(self) -> str:
        """The likeliest character."""
        return max(self.chances, key=lambda c: self.chances[c])

    @property
    def confidence(self) -> float:
        """Its probability."""
        return self.chances[self.best]


@dataclass(frozen=True, slots=True)
class Reading:
    """One line, or several read one after another.

    Attributes:
        characters: In reading order.
        breaks: How many characters stand on each line.
    """

    characters: tuple[Character, ...]
    breaks: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The likeliest text."""
        return "".join(character.best for character in self.characters)

    @property
    def confidence(self) -> float:
        """Probability that all of the likeliest text is right, places being independent; 0 without any."""
        if not self.characters:
            return 0.0
        product = 1.0
        for character in self.characters:
            product *= character.confidence
        return product

    @classmethod
    def of(cls, text: str, confidence: float = 1.0) -> Reading:
        """A reading that is equally sure of each character.

        >>> Reading.of("123ABC02", 0.9).text
        '123ABC02'
        """
        return cls(tuple(Character({c: confidence}) for c in text), (len(text),))

    @classmethod
    def joined(cls, lines: Iterable[Reading]) -> Reading:
        """Lines from top to bottom as one text."""
        kept = [line for line in lines if line.characters]
        every = tuple(character for line in kept for character in line.characters)
        return cls(every, tuple(len(line.characters) for line in kept))
