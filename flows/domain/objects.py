"""What events about things left behind carry."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from flows.domain.events import KeyMoment, Measured

Xyxy = tuple[float, float, float, float]


class AbandonedObject(BaseModel):
    """The payload (``data``) of the events about one thing.

    Attributes:
        rule: ``abandoned_object``.
        rule_version: Version of the rule's definition.
        object: Id of the thing's first event, which all its events share.
        state: ``abandoned`` first, ``escalated`` if it stays, ``unwatched`` where the picture cannot tell any more,
            ``closed`` when it has been taken.
        outcome: When closed: ``reclaimed`` by its owner, or ``removed`` by somebody else (or nobody knows whom).
        placed_at: When it was put down.
        left_at: When its owner was last seen near it.
        taken_at: When it had gone.
        owner: ``away``: still in sight, too far off; ``gone``: not to be seen any more.
        owner_number: The owner's number among the people before this camera; no identity.
        measured: ``distance`` of the owner when last seen (m, or widths of a person without a survey), ``alone``.
        threshold: The bounds of the site file.
        xyxy: Where it stands, full-resolution px.
        position_m: The same in metres in the survey's frame; None without a survey.
        size_m: Its width and height, m, by the survey or by the people around.
        confidence: 0 to 1: how it stands out, how it was brought, whether a detector knows what it is.
        known_as: What the detector calls it; empty if it does not know it.
        moments: What evidence shows: ``placing``, ``leaving``, ``now``.
        bystanders: Boxes of people in those pictures, by moment, who are not its presumed owner: made unrecognisable
            before a picture is stored.
        clock: Source and errors of the camera's clock.
        evidence: Folder of the evidence package.
        needs_review: A machine's alarm is a lead.
    """

    model_config = ConfigDict(frozen=True)

    rule: str = "abandoned_object"
    rule_version: str
    object: str = ""
    state: Literal["abandoned", "escalated", "unwatched", "closed"]
    outcome: Literal["", "reclaimed", "removed"] = ""
    placed_at: AwareDatetime
    left_at: AwareDatetime
    taken_at: AwareDatetime | None = None
    owner: Literal["away", "gone"]
    owner_number: int
    measured: dict[str, Measured] = Field(default_factory=dict)
    threshold: dict[str, float] = Field(default_factory=dict)
    xyxy: Xyxy
    position_m: tuple[float, float] | None = None
    size_m: tuple[float, float]
    confidence: float
    known_as: str = ""
    moments: list[KeyMoment] = Field(default_factory=list)
    bystanders: dict[str, list[Xyxy]] = Field(default_factory=dict)
    clock: dict[str, JsonValue] = Field(default_factory=dict)
    evidence: str = ""
    needs_review: bool = True
