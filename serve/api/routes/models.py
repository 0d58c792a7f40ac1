"""Models for other services: a picture in, a typed result out; nothing of either is kept."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request

from serve.api.access import may
from serve.api.schemas import Answer
from serve.api.scope import services_of
from serve.api.seers import decoded

router = APIRouter(prefix="/models", tags=["models"])
PICTURE_BYTES = 8 * 1024 * 1024
Picture = Annotated[bytes, Body(media_type="image/jpeg", description="A JPEG or PNG of at most 8 MB.")]


class Found(Answer):
    """One thing found.

    Attributes:
        cls: What it is.
        score: How sure the detector is, 0 to 1.
        xyxy: Left, top, right, bottom, px of the picture.
    """

    cls: str
    score: float
    xyxy: tuple[float, float, float, float]


class Detected(Answer):
    """What a detector found in a picture."""

    detector: str
    version: str
    width_px: int
    height_px: int
    items: list[Found]


class PlateFound(Answer):
    """What was read on a vehicle."""

    outcome: str
    text: str
    shown: str
    country: str
    confidence: float
    confident: bool
    reason: str
    xyxy: tuple[float, float, float, float] | None
    versions: dict[str, str]


@router.post("/detect", max_body_size=PICTURE_BYTES)
@may("operator", "analyst", "administrator")
async def detect(request: Request, picture: Picture) -> Detected:
    """Persons and vehicles in a picture."""
    bgr = await asyncio.to_thread(decoded, picture)
    spec, found = await services_of(request).seers.detect(bgr)
    items = [
        Found(cls=found.names[int(label)], score=round(float(score), 4), xyxy=_box(box))
        for box, score, label in zip(found.xyxy, found.score, found.label, strict=True)
    ]
    height_px, width_px = bgr.shape[:2]
    return Detected(
        detector=spec.name, version=spec.version, width_px=width_px, height_px=height_px, items=items
    )


@router.post("/plates", max_body_size=PICTURE_BYTES)
@may("operator", "administrator")
async def plates(
    request: Request,
    picture: Picture,
    country: Annotated[
        str, Query(pattern="^[A-Z]{2}$", description="Whose plates are expected first.")
    ] = "KZ",
) -> PlateFound:
    """The plate of the vehicle that a picture shows."""
    bgr = await asyncio.to_thread(decoded, picture)
    answer = await services_of(request).seers.read_plate(bgr, country)
    return PlateFound(
        outcome=answer.outcome, text=answer.text, shown=answer.shown, country=answer.country,
        confidence=round(answer.confidence, 4), confident=answer.confident, reason=answer.reason, xyxy=answer.xyxy,
        versions=answer.versions,
    )  # fmt: skip


def _box(box: object) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (round(float(v), 2) for v in box)  # type: ignore[attr-defined]
    return x0, y0, x1, y1
