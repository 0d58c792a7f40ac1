"""Search cases: who may be searched for, where, when and on whose word. Pure; nothing is searched without one.

The life of a case, each arrow a function here::

    draft --authorise--> authorised --activate--> active --close--> closed
      |  urgent: --activate--> active (24 h) --authorise--> active      |
      +------------- reject, or time runs out, at any point ------------+--> rejected | expired

Nobody authorises what they asked for themselves. An urgent case is searched before anybody authorised it, for
24 hours at most. What ends without ever having been authorised, and whatever is rejected, leaves nothing behind
(:func:`leaves_nothing`). Times are aware UTC; a case is asked with two of them, the capture time and now, because
footage may be old and a frame may be in work while its case ends.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, get_args

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator, model_validator

from flows.domain.config import Config, Name
from flows.domain.errors import CaseError, FieldError
from flows.domain.places import distance_m

Purpose = Literal["missing_child", "missing_person", "victim_search", "wanted_by_court_order"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
MISSING: Final[tuple[Purpose, ...]] = ("missing_child", "missing_person")
"""Purposes for which a last sighting is known, and the search grows from there."""

CaseState = Literal["draft", "authorised", "active", "closed", "expired", "rejected"]
OPEN: Final[tuple[CaseState, ...]] = ("draft", "authorised", "active")
ENDED: Final[tuple[CaseState, ...]] = ("closed", "expired", "rejected")
Deed = Literal["created", "authorised", "activated", "closed", "expired", "rejected"]

LONGEST: Final = timedelta(days=30)
"""No window and no life is longer, whatever a profile says (EU AI Act 5(2): limited in time)."""
URGENT_LIFE: Final = timedelta(hours=24)
"""An urgent case without authorisation ends so long after it became active (EU AI Act 5(3))."""
URGENT_PAUSE: Final = timedelta(days=7)
"""For so long after an urgent start that nobody authorised, and after a rejection, the same target is searched on
authorisation alone: one urgent case after another would be a search without it, and one after a no a search against it.
Long enough for whoever authorises to be back."""
SYSTEM: Final = "system"
"""Who acts where nobody does: time ran out."""

_LOGIN: Final = r"^[a-z0-9][a-z0-9._@-]{0,63}$"
Person = Annotated[str, Field(pattern=_LOGIN)]
"""A login: one spelling for one person, so that nobody is two by writing a capital letter."""
Filled = Annotated[str, Field(pattern=r"\S", max_length=500)]


def person(name: str) -> str:
    """A login, if it is one.

    Raises:
        FieldError: If it is none, or the system's own name.
    """
    if name == SYSTEM or not re.fullmatch(_LOGIN, name):
        expected = f"a login: lower-case letters, digits and ._@- (and not {SYSTEM!r})"
        raise FieldError(
            "by", expected, repr(name), "one spelling for one person, so that nobody counts twice"
        )
    return name


def reason(why: str) -> str:
    """A person's reason, if there is one.

    Raises:
        FieldError: If there is none.
    """
    if not why.strip():
        raise FieldError("why", "a reason, which is kept", "nothing")
    return why


class LegalBasis(Config):
    """Why the search is lawful.

    Attributes:
        law: The article, for example ``KPK RK 232``.
        document: Number of the order, the report or the decision.
    """

    law: Filled
    document: Filled


class PersonTarget(Config):
    """One named person.

    Attributes:
        name: Who is searched for.
        probes: Ids of the photos, at least one; they are kept encrypted, see :mod:`flows.store.probes`.
    """

    kind: Literal["person"] = "person"
    name: Filled
    probes: tuple[Name, ...] = Field(min_length=1, max_length=10)


class VehicleTarget(Config):
    """One vehicle by its plate."""

    kind: Literal["vehicle"] = "vehicle"
    plate: Annotated[str, Field(pattern=r"\S{3,}")]


class ForgottenTarget(Config):
    """What is left of a target when all that a case brought is gone."""

    kind: Literal["forgotten"] = "forgotten"
    was: Literal["person", "vehicle"]


Target = Annotated[PersonTarget | VehicleTarget | ForgottenTarget, Field(discriminator="kind")]


class Window(Config):
    """Which footage may be searched, by capture time: from ``begins_at`` until before ``ends_at``."""

    begins_at: AwareDatetime
    ends_at: AwareDatetime

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if self.ends_at <= self.begins_at:
            raise ValueError(
                f"ends_at: expected after {self.begins_at.isoformat()}, got {self.ends_at.isoformat()}"
            )
        return self

    def holds(self, at: datetime) -> bool:
        """Whether a capture time lies in it."""
        return self.begins_at <= at < self.ends_at


class LastSeen(Config):
    """Where and when a missing person was seen last.

    Attributes:
        latitude: Degrees north.
        longitude: Degrees east.
        at: When.
        radius_m: How sure the place is.
    """

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    at: AwareDatetime
    radius_m: float = Field(default=500.0, gt=0, le=100_000)


class SearchTerms(Config):
    """What the law of the place asks of searches for one purpose; a case carries those it was made under.

    Attributes:
        longest_days: Of the window and of the case's life.
        requires: Numbers that must be given besides the basis.
        look_back: Whether what was kept before the case became active may be searched.
        false_alarms_per_day: Leads of other people that a case may bring in a day, on all its cameras together:
            thresholds follow from it, from the faces seen in a day and from how many photos the case has. Each case
            has its own; what people are shown by all together adds up.
        votes: Frames of a track that must agree before it is a lead; fewer are faster.
        first: Its alerts go before all others.
        lead_hours: A lead that two people have not confirmed by then is deleted.
        kept_days: Confirmed leads are kept for so long after the case has ended.
        grows_kmh: How fast the circle round the last sighting grows.
        most_radius_m: How large it gets.
    """

    longest_days: float = Field(gt=0, le=LONGEST.days)
    requires: tuple[Literal["impact_assessment", "registration"], ...] = ()
    look_back: bool = False
    false_alarms_per_day: float = Field(default=1.0, gt=0)
    votes: int = Field(default=3, ge=1)
    first: bool = False
    lead_hours: float = Field(default=72.0, gt=0, le=72)
    kept_days: float = Field(default=30.0, ge=0)
    grows_kmh: float = Field(default=5.0, ge=0)
    most_radius_m: float = Field(default=50_000.0, gt=0)


class Step(Config):
    """Who did what, when, and why."""

    deed: Deed
    by: Person
    at: AwareDatetime
    why: str = ""


class SearchCase(Config):
    """One search: its grounds, its target, its limits, and how far it has come.

    Attributes:
        id: Its id, safe in keys, paths and addresses.
        purpose: What it is for.
        terms: What the law asks, as it was when the case was made.
        profile: The jurisdiction profile, ``name@version``.
        state: How far it has come.
        version: Number of changes; who changes it names the one they saw.
        steps: Everything that was done, in order.
        basis: Why it is lawful.
        target: The one person or vehicle.
        districts: Districts that may be searched, with all their cameras, by id ...
        cameras: ... and cameras. At least one of both.
        window: Capture times that may be searched.
        alert_radius_m: Patrols within this distance of a lead's camera are told.
        requester: Who asked for it.
        expires_at: When it ends by itself.
        urgent: Whether it may be active before it is authorised.
        impact_assessment: Number of the impact assessment, where the law asks for one.
        registration: Number in the register of searches, where the law asks for one.
        last_seen: Last sighting of a missing person.
    """

    id: Name
    purpose: Purpose
    terms: SearchTerms
    profile: str = ""
    state: CaseState = "draft"
    version: int = Field(default=0, ge=0)
    steps: tuple[Step, ...] = ()
    basis: LegalBasis
    target: Target
    districts: tuple[Name, ...] = ()
    cameras: tuple[Name, ...] = Field(default=(), validate_default=True)
    window: Window
    alert_radius_m: float = Field(gt=0, le=100_000)
    requester: Person
    expires_at: AwareDatetime
    urgent: bool = False
    impact_assessment: str = Field(default="", validate_default=True)
    registration: str = Field(default="", validate_default=True)
    last_seen: LastSeen | None = None

    # Each looks at its own field, once what it needs of those above it is right: so all that is wrong is told at once.

    @field_validator("cameras")
    @classmethod
    def _somewhere(cls, cameras: tuple[str, ...], given: ValidationInfo) -> tuple[str, ...]:
        if not cameras and given.data.get("districts") == ():
            raise ValueError("expected at least one camera or district, got none")
        return cameras

    @field_validator("window")
    @classmethod
    def _no_longer_than_is_lawful(cls, window: Window, given: ValidationInfo) -> Window:
        terms, long = given.data.get("terms"), window.ends_at - window.begins_at
        if terms is not None and long > timedelta(days=terms.longest_days):
            raise ValueError(
                f"ends_at: expected at most {terms.longest_days:g} days after begins_at "
                f"for {given.data.get('purpose')}, got {long / timedelta(days=1):.1f}"
            )
        return window

    @field_validator("expires_at")
    @classmethod
    def _over_in_time(cls, at: datetime, given: ValidationInfo) -> datetime:
        terms, steps = given.data.get("terms"), given.data.get("steps", ())
        made_at = next((s.at for s in steps if s.deed == "created"), None)
        if terms is None or made_at is None or made_at < at <= made_at + timedelta(days=terms.longest_days):
            return at
        raise ValueError(
            f"expected within {terms.longest_days:g} days after {made_at.isoformat()} "
            f"for {given.data.get('purpose')}, got {at.isoformat()}"
        )

    @field_validator("impact_assessment", "registration")
    @classmethod
    def _numbered(cls, number: str, given: ValidationInfo) -> str:
        terms = given.data.get("terms")
        if terms is not None and given.field_name in terms.requires and not number.strip():
            raise ValueError(f"expected its number ({given.data.get('purpose')}), got nothing")
        return number

    @field_validator("last_seen")
    @classmethod
    def _of_a_missing_one(cls, seen: LastSeen | None, given: ValidationInfo) -> LastSeen | None:
        purpose = given.data.get("purpose")
        if seen is not None and purpose is not None and purpose not in MISSING:
            raise ValueError(f"expected nothing for {purpose}, got a place")
        return seen

    def step(self, deed: Deed) -> Step | None:
        """The last step of a kind, None if it was not taken."""
        return next((s for s in reversed(self.steps) if s.deed == deed), None)

    @property
    def authorised(self) -> bool:
        """Whether somebody has authorised it."""
        return self.step("authorised") is not None

    @property
    def active_since(self) -> datetime | None:
        """When it became active."""
        step = self.step("activated")
        return step.at if step else None

    @property
    def ends_at(self) -> datetime:
        """When it ends by itself, as things stand: at its expiry, or 24 h after an urgent start."""
        since = self.active_since
        if since is not None and not self.authorised:
            return min(self.expires_at, since + URGENT_LIFE)
        return self.expires_at

    @property
    def searches_from(self) -> datetime | None:
        """The first capture time that may be searched; None while it is not active."""
        since = self.active_since
        if since is None:
            return None
        return self.window.begins_at if self.terms.look_back else max(self.window.begins_at, since)


# May this be searched?


def lives(case: SearchCase, now: datetime) -> bool:
    """Whether a case may still be searched, now or once it is authorised, even if nobody has put it away yet."""
    return case.state in OPEN and now < case.ends_at


def runs(case: SearchCase, now: datetime) -> bool:
    """Whether a case is active and its time is not over, even if nobody has put it away yet."""
    return case.state == "active" and now < case.ends_at


def covers(
    case: SearchCase,
    camera_id: str,
    district: str,
    at: datetime,
    now: datetime,
    place: tuple[float, float] | None = None,
) -> bool:
    """Whether a case allows a camera's frame to be searched. Asked before the search and again before a lead.

    Args:
        case: The case.
        camera_id: The camera.
        district: Its district.
        at: Capture time of the frame.
        now: The present: the case may have ended since.
        place: Latitude and longitude of the camera, where known: outside of the circle round the last sighting
            of a missing person it is not searched yet. A camera without a place is searched by its name alone.
    """
    first = case.searches_from
    if first is None or not runs(case, now):
        return False
    if not case.window.holds(at) or at < first:
        return False
    if camera_id not in case.cameras and district not in case.districts:
        return False
    return (
        case.last_seen is None
        or place is None
        or distance_m(_place(case.last_seen), place) <= radius_m(case, at)
    )


def radius_m(case: SearchCase, at: datetime) -> float:
    """Radius of the circle in which a missing person may be by then, metres; infinite without a last sighting."""
    seen = case.last_seen
    if seen is None:
        return math.inf
    grown_m = max(0.0, (at - seen.at).total_seconds()) * case.terms.grows_kmh / 3.6
    return max(seen.radius_m, min(seen.radius_m + grown_m, case.terms.most_radius_m))


def _place(seen: LastSeen) -> tuple[float, float]:
    return seen.latitude, seen.longitude


# Its life. Each gives the case after the step, or raises CaseError saying why it cannot be taken.


def authorise(case: SearchCase, by: str, at: datetime, why: str = "") -> SearchCase:
    """Somebody else than the requester says that the search is lawful.

    Raises:
        CaseError: If it is the requester, or the case is not waiting for it.
    """
    _alive(case, at)
    if case.state != "draft" and not (case.state == "active" and not case.authorised):
        raise _not_now(case, "authorised", "a draft, or an urgent case that is active")
    if by == case.requester:
        raise CaseError(
            f"case {case.id}: expected another person than the requester to authorise it, got {by!r}",
            code="four_eyes",
        )
    state: CaseState = "active" if case.state == "active" else "authorised"
    return _after(case, state, "authorised", by, at, why)


def activate(case: SearchCase, by: str, at: datetime, why: str = "") -> SearchCase:
    """The search begins.

    Raises:
        CaseError: If it is not authorised and not urgent, or has begun before.
    """
    _alive(case, at)
    if case.state == "draft" and not case.urgent:
        raise _not_now(case, "active", "an authorised case (or an urgent one)", "have it authorised first")
    if case.state not in ("draft", "authorised"):
        raise _not_now(case, "active", "an authorised case")
    return _after(case, "active", "activated", by, at, why)


def reject(case: SearchCase, by: str, at: datetime, why: str) -> SearchCase:
    """Somebody else than the requester says that it must not be: whatever it brought is deleted.

    Raises:
        CaseError: If it is the requester (who closes it instead), or the case has ended.
        FieldError: If there is no reason.
    """
    if case.state in ENDED:
        raise _not_now(case, "rejected", "a case that has not ended")
    if by == case.requester:
        raise CaseError(
            f"case {case.id}: expected another person than the requester to reject it; close it instead",
            code="four_eyes",
        )
    return _after(case, "rejected", "rejected", by, at, reason(why))


def close(case: SearchCase, by: str, at: datetime, why: str) -> SearchCase:
    """The search is over: found, withdrawn, or pointless now.

    Raises:
        CaseError: If it has ended.
        FieldError: If there is no reason.
    """
    if case.state in ENDED:
        raise _not_now(case, "closed", "a case that has not ended")
    return _after(case, "closed", "closed", by, at, reason(why))


def expire(case: SearchCase, at: datetime) -> SearchCase:
    """Its time is over.

    Raises:
        CaseError: If it is not, or the case has ended otherwise.
    """
    if case.state in ENDED:
        raise _not_now(case, "expired", "a case that has not ended")
    if at < case.ends_at:
        raise CaseError(
            f"case {case.id}: expected to expire at {case.ends_at.isoformat()}, got {at.isoformat()}"
        )
    unauthorised = case.active_since is not None and not case.authorised
    why = "urgent, and nobody authorised it in time" if unauthorised else "its time is over"
    return _after(case, "expired", "expired", SYSTEM, at, why)


def leaves_nothing(case: SearchCase) -> bool:
    """Whether everything it brought goes at once: it was rejected, or ended without having been authorised."""
    return case.state == "rejected" or (case.state in ENDED and not case.authorised)


def forget_after(case: SearchCase) -> datetime | None:
    """When the last of what an ended case brought goes; None while it has not ended."""
    ended = case.steps[-1].at if case.state in ENDED and case.steps else None
    if ended is None:
        return None
    return ended if leaves_nothing(case) else ended + timedelta(days=case.terms.kept_days)


def forgotten(case: SearchCase) -> SearchCase:
    """An ended case without what says who was searched for; its grounds and its steps are kept for the record.

    >>> ForgottenTarget(was="person").model_dump()
    {'kind': 'forgotten', 'was': 'person'}
    """
    if isinstance(case.target, ForgottenTarget):
        return case
    target = ForgottenTarget(was=case.target.kind)
    return case.model_copy(update={"target": target, "last_seen": None, "version": case.version + 1})


def _alive(case: SearchCase, at: datetime) -> None:
    if case.state in OPEN and at >= case.ends_at:
        raise CaseError(
            f"case {case.id}: expected a step before its end at {case.ends_at.isoformat()}, got {at.isoformat()}; "
            "make a new case"
        )


def _not_now(case: SearchCase, wanted: str, expected: str, hint: str = "") -> CaseError:
    last = case.steps[-1] if case.steps else None
    who = f" (by {last.by} at {last.at.isoformat(timespec='seconds')})" if last else ""
    tail = f"; {hint}" if hint else ""
    return CaseError(
        f"case {case.id}: cannot become {wanted}: expected {expected}, got {case.state}{who}{tail}"
    )


def _after(case: SearchCase, state: CaseState, deed: Deed, by: str, at: datetime, why: str) -> SearchCase:
    step = Step(deed=deed, by=by, at=at, why=why)
    changes = {"state": state, "version": case.version + 1, "steps": (*case.steps, step)}
    return case.model_copy(update=changes)
