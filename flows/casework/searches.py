"""New search cases from what a person filled in: complete by the law of the place, or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from flows.domain.cases import SearchCase, VehicleTarget
from flows.domain.errors import FieldError
from flows.domain.platetext import normal_plate
from flows.domain.probes import ProbeChecker
from flows.jurisdiction import JurisdictionProfile
from flows.pictures.jpeg import jpeg
from flows.site.validation import complaints

LONGEST_SIDE_PX: Final = 2048
"""Larger photos show a face no better than a camera does; and the smaller, the less is kept."""
JPEG_QUALITY: Final = 95
GIVEN: Final = frozenset({"id", "terms", "profile", "state", "version", "steps"})
"""Fields that nobody fills in."""

Decode = Callable[[bytes], NDArray[np.uint8]]
"""A photo's bytes to ``(h, w, 3)`` uint8 BGR, upright; refuses by its header what is no picture or too large."""


class IncompleteCase(FieldError):
    """Everything that is missing in a new case or wrong with it; stands for the first."""

    def __init__(self, problems: Sequence[FieldError]) -> None:
        first = problems[0]
        super().__init__(first.field, first.expected, first.got, first.hint)
        self.problems = tuple(problems)
        self.args = ("\n".join(str(problem) for problem in problems),)


def new_case(
    values: Mapping[str, Any], profile: JurisdictionProfile, case_id: str, now: datetime
) -> SearchCase:
    """A draft from the fields of :class:`flows.domain.cases.SearchCase` that a person fills in.

    Args:
        values: JSON values; a probe for each photo that is brought with it.
        profile: The law of the place; its terms for the purpose are kept in the case.
        case_id: Its id (:func:`flows.store.cases.new_id`).
        now: The present.

    Raises:
        FieldError: If anything is missing or wrong (:class:`IncompleteCase` names it all), or the profile allows no
            search for the purpose.
    """
    unknown = sorted(GIVEN & set(values))
    if unknown:
        raise FieldError(
            unknown[0], "nothing: it is not for you to say", repr(values[unknown[0]])[:80], "remove it"
        )
    refused, terms = [], {}
    try:
        terms = {"terms": profile.search_terms(str(values.get("purpose", ""))).model_dump(mode="json")}
    except FieldError as error:  # told with all else that can be told without them
        refused = [error]
    document = {
        **values,
        **terms,
        "id": case_id,
        "profile": profile.version,
        "steps": [{"deed": "created", "by": values.get("requester", ""), "at": now.isoformat()}],
    }
    try:
        case = SearchCase.model_validate(document)
    except ValidationError as error:
        raise IncompleteCase([*refused, *_problems(error, document, refused)]) from None
    if isinstance(case.target, VehicleTarget) and not normal_plate(case.target.plate):
        raise FieldError("target.plate", "a plate, with letters or digits", repr(case.target.plate))
    return case


def row(case: SearchCase) -> dict[str, Any]:
    """What a list says of a case: not who is searched for."""
    return {
        "id": case.id,
        "state": case.state,
        "version": case.version,
        "purpose": case.purpose,
        "target": case.target.kind,
        "cameras": list(case.cameras),
        "districts": list(case.districts),
        "requester": case.requester,
        "urgent": case.urgent,
        "authorised": case.authorised,
        "ends_at": case.ends_at,
    }


def _problems(
    error: ValidationError, document: Mapping[str, Any], refused: Sequence[FieldError]
) -> list[FieldError]:
    """What is wrong beside what was refused already, in fields that a person fills in."""
    found = complaints(error, SearchCase, document)
    told = {"steps", "terms", *(each.field for each in refused)}
    mine = [c for c in found if not c.loc or c.loc[0] not in told]
    if not (mine or refused):
        mine = found
    return [FieldError(".".join(map(str, c.loc)) or "case", c.expected, c.got, c.hint) for c in mine]


def prepared(photos: Mapping[str, bytes], decode: Decode, checker: ProbeChecker) -> dict[str, bytes]:
    """Photos as they are kept: checked, upright, not larger than needed, without what a telephone writes into them.

    Args:
        photos: Files as they came, by probe id.
        decode: Refuses what is no picture or too large before anything is decoded.
        checker: Says whether one face is in it, large, sharp and from the front.

    Returns:
        JPEG by probe id.

    Raises:
        FieldError: If one cannot be searched with, by its name.
    """
    kept = {}
    for name, photo in photos.items():
        try:
            bgr = _shrunk(decode(photo))
        except FieldError as error:
            raise FieldError(f"photos.{name}", error.expected, error.got, error.hint) from None
        check = checker.check(bgr)
        if not check.accepted:
            raise FieldError(f"photos.{name}", "a photo to search with", f"one with {check.faces} faces",
                             "; ".join(check.problems))  # fmt: skip
        kept[name] = jpeg(bgr, JPEG_QUALITY, whole_colour=False)
    return kept


def _shrunk(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    longest = max(bgr.shape[:2])
    if longest <= LONGEST_SIDE_PX:
        return bgr
    scale = LONGEST_SIDE_PX / longest
    size = (max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale)))
    return np.ascontiguousarray(np.asarray(Image.fromarray(bgr).resize(size, Image.Resampling.LANCZOS)))
