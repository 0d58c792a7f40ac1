"""What the electronic proceedings get of a violation: one filing a decision that concerns them."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.domain.errors import DomeError
from flows.domain.events import Measured


class Filing(BaseModel):
    """A case for the proceedings, or its withdrawal.

    Attributes:
        key: The decision's id: the same filing always has the same key, and a receiver takes it once.
        action: ``issue`` opens a case, ``withdraw`` takes it back.
        violation: The violation's id: the case's own number.
        number: Of the decision; of two filings on one violation the higher one holds.
        captured_at: When it happened.
        district: Where.
        camera: By which camera.
        rule: The rule's kind.
        article: Article of the code.
        profile: The jurisdiction profile.
        vehicle: The vehicle's class.
        plate: Its plate, as confirmed.
        measured: What was measured, with intervals.
        threshold: What it was held against.
        decided_at: When the decision was made.
        decided_by: By whom.
        detail: Why, in their words; the reason of a mass correction.
        confirmed_by: Who had confirmed it.
        evidence: Folder of the evidence package.
        manifest_sha256: Of the package's manifest.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["dome.filing/1"] = "dome.filing/1"
    key: str
    action: Literal["issue", "withdraw"]
    violation: str
    number: int
    captured_at: AwareDatetime
    district: str
    camera: str
    rule: str
    article: str = ""
    profile: str = ""
    vehicle: str = ""
    plate: str = ""
    measured: dict[str, Measured] = Field(default_factory=dict)
    threshold: dict[str, float] = Field(default_factory=dict)
    decided_at: AwareDatetime
    decided_by: str
    detail: str = ""
    confirmed_by: str = ""
    evidence: str = ""
    manifest_sha256: str = ""


class Receipt(BaseModel):
    """What became of a filing.

    Attributes:
        key: The filing's.
        violation: The violation's id.
        district: Its district.
        action: See :class:`Filing`.
        state: ``waiting`` in the outbox; ``delivered``; ``refused``: the receiver will not have it, a person must look.
        at: When.
        attempts: How often it was sent.
        answer: What the receiver said.
        barred_at: When it first met a :class:`ReceiverBars`.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    violation: str
    district: str = ""
    action: str
    state: Literal["waiting", "delivered", "refused"]
    at: AwareDatetime | None = None
    attempts: int = 0
    answer: str = ""
    barred_at: AwareDatetime | None = None


class ReceiverAway(DomeError):
    """The proceedings do not answer now; the same filing may be sent again."""


class ReceiverBars(ReceiverAway):
    """The proceedings answer that this does not go there: the way is wrong or, where that lasts, the filing."""


class ReceiverRefuses(DomeError):
    """The proceedings do not take this filing; sending it again would hardly help."""


class Receiver(Protocol):
    """Whoever takes filings. It takes each key once, however often it is sent."""

    def deliver(self, filing: Filing) -> str:
        """Hands a filing over; what the receiver said.

        Raises:
            ReceiverAway: If it may or may not have it; send it again.
            ReceiverBars: If it has not, and its way there may be at fault; send it again for some days.
            ReceiverRefuses: If it will not have it.
        """
        ...
