"""The evaluation of the belt classifier at one camera: what may spare its verdicts a person's review."""

from __future__ import annotations

from datetime import date
from typing import Final

from pydantic import Field, model_validator

from flows.domain.config import Config, Name
from flows.domain.shares import wilson

RIGHT_FROM: Final = 0.98
"""Share of accusations that must surely be right: the precision asked of every rule. It takes 189 without a mistake."""


class BeltReport(Config):
    """What people found when they checked a camera's verdicts, one after the other, none left out.

    Attributes:
        camera: The camera's id: glass, light and angle are its own.
        models: sha256 of the networks that gave the verdicts, by name; other ones are another classifier.
        measured_on: Last day of the check.
        valid_until: Last day on which it may be relied on.
        accused: Verdicts "without a belt" that were checked.
        right: Of these, those that were right.
        checked_by: Who did it.
    """

    camera: Name
    models: dict[str, str] = Field(min_length=1)
    measured_on: date
    valid_until: date
    accused: int = Field(ge=1)
    right: int = Field(ge=0)
    checked_by: str = Field(min_length=1)

    @model_validator(mode="after")
    def _is_possible(self) -> BeltReport:
        if self.right > self.accused:
            raise ValueError(
                f"right: expected at most the {self.accused} verdicts of accused, got {self.right}"
            )
        if self.valid_until < self.measured_on:
            raise ValueError(
                f"valid_until: expected {self.measured_on} (measured_on) or later, got {self.valid_until}"
            )
        return self

    @property
    def surely_right(self) -> float:
        """Lower end of the 95 % interval of the share of accusations that are right."""
        return wilson(self.right, self.accused)[0]

    def doubt(self, day: date) -> str:
        """Why it spares nobody a review on that day; empty if it does."""
        if not self.measured_on <= day <= self.valid_until:
            return f"its report is valid from {self.measured_on} to {self.valid_until}, not on {day}"
        if self.surely_right < RIGHT_FROM:
            return (
                f"of {self.accused} checked verdicts {self.right} were right, surely {self.surely_right:.3f} of all; "
                f"{RIGHT_FROM:g} is asked"
            )
        return ""
