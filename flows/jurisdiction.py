"""What the law of a place asks of a rule: profiles, which are data (``flows/jurisdictions/*.yaml``)."""

from __future__ import annotations

import difflib
import hashlib
import json
from datetime import date, datetime
from functools import cache, cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator

from flows.domain.cases import Purpose, SearchTerms
from flows.domain.config import Config, Name
from flows.domain.errors import FieldError
from flows.domain.ruleset import RULE_KINDS

FOLDER = Path(__file__).parent / "jurisdictions"


class SpeedBand(Config):
    """An article that applies from so many km/h above the limit."""

    above_kmh: float = Field(ge=0)
    article: str


class EvidenceLaw(Config):
    """What a package must hold; without it a violation needs review, and nobody can confirm it.

    Attributes:
        pictures: Pictures of decisive moments, of both cameras of a section in all.
        clip_s: Seconds that each clip covers. Cameras keep 20 s: what asks for much more than 30 is never complete.
    """

    pictures: int = Field(default=2, ge=1, le=10)
    clip_s: float = Field(default=10.0, gt=0, le=120)


MOST_VIOLATION_DAYS = 370
"""A year and some days. Lists of exempt plates keep what has ended for 30 more (``flows.casework.exemptions.KEPT``):
who was on one then must be found there for as long as a violation can be decided on again."""


class RuleRetention(Config):
    """How many days violations may be kept.

    Attributes:
        violation_days: Violations with all that is kept of them, since they were written; while an appeal runs or a
            filing waits they stay, and 30 days after the last decision.
        unconfirmed_days: A machine's hit that nobody confirmed, since it was written or decided on last: a violation
            goes with its decisions, its plate and its package, unless somebody has it in review, or confirmed it.
    """

    violation_days: int = Field(ge=1, le=MOST_VIOLATION_DAYS)
    unconfirmed_days: int = Field(ge=1)


class RuleLaw(Config):
    """What the law says of one rule.

    Attributes:
        article: The article as a whole.
        tolerance_kmh: No violation up to so much above a limit.
        bands: Articles by how far a limit is exceeded, ascending.
        exemptions_max_age_h: A list of exempt plates older than this decides nothing: violations that depend on
            it wait. None: no list is asked unless the site file names one; the profile's age holds for that.
        exemption_lists: The lists that must be there before a plate is said to be on none, where the site file names
            none. Without any, those that are loaded are asked, and a person decides on whoever is on none of them.
        needs_review: A machine's verdict is never final.
        evaluated_may_stand: Except at a camera whose own evaluation report is good enough.
        evidence: What its packages must hold, where that is not what the profile asks of all: the whole of it.
        retention: How long its violations are kept, likewise.
    """

    article: str
    tolerance_kmh: float = Field(default=0.0, ge=0, le=50)
    bands: tuple[SpeedBand, ...] = ()
    exemptions_max_age_h: float | None = Field(default=None, gt=0)
    exemption_lists: tuple[Name, ...] = ()
    needs_review: bool = False
    evaluated_may_stand: bool = False
    evidence: EvidenceLaw | None = None
    retention: RuleRetention | None = None

    @model_validator(mode="after")
    def _lists_have_an_age(self) -> RuleLaw:
        if self.exemption_lists and self.exemptions_max_age_h is None:
            raise ValueError("exemptions_max_age_h: expected hours beside exemption_lists, got none")
        return self

    @model_validator(mode="after")
    def _ascending(self) -> RuleLaw:
        starts = [band.above_kmh for band in self.bands]
        if starts != sorted(set(starts)):
            raise ValueError(f"bands: expected ascending above_kmh, got {starts}")
        return self

    def article_for(self, excess_kmh: float) -> str:
        """The article for a speed that is surely ``excess_kmh`` above the limit.

        >>> law = RuleLaw(article="7", tolerance_kmh=10, bands=[{"above_kmh": 20, "article": "7(2)"}])
        >>> law.article_for(15), law.article_for(25)
        ('7', '7(2)')
        """
        return next((b.article for b in reversed(self.bands) if excess_kmh >= b.above_kmh), self.article)


TASK_DAYS = 30
"""Long enough to answer for what a patrol did and to write the month's report. To be confirmed by counsel."""


class RetentionLaw(RuleRetention):
    """How many days what is kept may be kept; violations: unless the law on their rule says otherwise.

    Attributes:
        plate_hash_days: Hashes of plates that belong to no violation and no case.
        task_days: A patrol's task, since it was resolved or ended by itself; nobody is on the way for longer.
    """

    plate_hash_days: int = Field(ge=1)
    task_days: int = Field(default=TASK_DAYS, ge=1)


LIST_AGE_H = 24.0
"""As our profiles say of each rule that asks lists. To be confirmed by counsel."""


class JurisdictionProfile(Config):
    """The law of one place, as far as machines need it.

    Attributes:
        name: Short name, for example ``kz``.
        title: Name for people.
        timezone: IANA zone in which days (a survey's validity, counters) begin and end.
        country: Whose plates are expected first, ISO code; the profile's name by default.
        confirmed: True once counsel has confirmed every value.
        exemptions_max_age_h: How old a list may be that the site file names for a rule on which the law states no age.
        rules: The law on each rule, by the rule's kind.
        evidence: What a package must hold, unless the law on its rule says otherwise.
        retention: How long things are kept, likewise.
        searches: What is asked of searches, by purpose; there are none for purposes that are not named.
    """

    name: Name
    title: str
    timezone: str
    country: str = Field(default="", pattern=r"^([a-zA-Z]{2})?$")
    confirmed: bool = False
    exemptions_max_age_h: float = Field(default=LIST_AGE_H, gt=0)
    rules: dict[Name, RuleLaw]
    evidence: EvidenceLaw = EvidenceLaw()
    retention: RetentionLaw
    searches: dict[Purpose, SearchTerms] = Field(default_factory=dict)

    @field_validator("rules")
    @classmethod
    def _known_rules(cls, value: dict[str, RuleLaw]) -> dict[str, RuleLaw]:
        """What is said of a rule that there is not would hold for none, and its exemptions would not be asked for."""
        unknown = next((kind for kind in value if kind not in RULE_KINDS), None)
        if unknown is not None:
            raise ValueError(f"{unknown}: expected one of {', '.join(RULE_KINDS)}, got {unknown!r}")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"expected an IANA time zone such as Asia/Almaty, got {value!r}") from None
        return value

    @cached_property
    def version(self) -> str:
        """``name@digest``: any change of a value is another version; what came later and is as usual changes none."""
        said = self.model_dump(mode="json", exclude=set() if self.country else {"country"})
        if self.retention.task_days == TASK_DAYS:
            del said["retention"]["task_days"]
        if self.exemptions_max_age_h == LIST_AGE_H:
            del said["exemptions_max_age_h"]
        for law in said["rules"].values():
            for name in ("exemption_lists", "evidence", "retention"):
                if not law[name]:
                    del law[name]
        text = json.dumps(said, sort_keys=True, ensure_ascii=False)
        return f"{self.name}@{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def plates(self) -> str:
        """Country whose plates are expected first, in capitals."""
        return (self.country or self.name).upper()

    def law(self, kind: str) -> RuleLaw:
        """The law on a rule; without an article, and for review only, where the profile says nothing of it."""
        return self.rules.get(kind, RuleLaw(article="", needs_review=True))

    def evidence_for(self, kind: str) -> EvidenceLaw:
        """What a package of a rule must hold."""
        return self.law(kind).evidence or self.evidence

    def search_terms(self, purpose: str) -> SearchTerms:
        """What is asked of a search.

        Raises:
            FieldError: If the profile allows none for that purpose.
        """
        terms = {str(name): terms for name, terms in self.searches.items()}
        if purpose not in terms:
            allowed = ", ".join(terms) or "none at all"
            raise FieldError(
                "purpose", f"one that profile {self.name} allows searches for: {allowed}", repr(purpose)
            )
        return terms[purpose]

    def local_day(self, at: datetime) -> date:
        """The calendar day of a capture time there."""
        return at.astimezone(ZoneInfo(self.timezone)).date()


def profile_names() -> list[str]:
    """Names of the built-in profiles."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_profile(name: str, base: Path | None = None) -> JurisdictionProfile:
    """A built-in profile by name, or one from a file.

    Args:
        name: ``kz``, or the path of a YAML file.
        base: Folder that a relative path starts from (the site file's).

    Raises:
        FieldError: If there is no such profile or it is not valid.
    """
    path = _path_of(name, base)
    return _built_in(path) if path.parent == FOLDER else _read(path)


@cache
def _built_in(path: Path) -> JurisdictionProfile:
    """These do not change while the program runs; every command and camera asks for them."""
    return _read(path)


def _read(path: Path) -> JurisdictionProfile:
    # Imported here: a camera actor gets its profile ready-made and never parses YAML.
    from flows.site.validation import complaints
    from flows.site.yamlfile import dotted, read_yaml

    document = read_yaml(path)
    if document.problems:
        raise document.problems[0][1]
    try:
        return JurisdictionProfile.model_validate(document.data)
    except ValidationError as error:
        first = complaints(error, JurisdictionProfile, document.data)[0]
        field, line = dotted(first.loc) or "profile", document.line(first.loc)
        raise FieldError(f"{path.name}: {field}", first.expected, first.got, first.hint, line) from error


def _path_of(name: str, base: Path | None) -> Path:
    if name in profile_names():
        return FOLDER / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")):
        path = (base or Path()) / name
        if path.is_file():
            return path
        raise FieldError("jurisdiction", "a profile file that exists", str(path))
    near = difflib.get_close_matches(name, profile_names(), 1)
    raise FieldError(
        "jurisdiction",
        f"one of {', '.join(profile_names())} or the path of a .yaml file",
        repr(name),
        f"did you mean {near[0]!r}?" if near else "",
    )
