"""The table of rules, made from the rules themselves: for ``dome rules`` and the README."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flows.domain.ruleset import RULES, RuleConfig, kind_of, places
from flows.jurisdiction import JurisdictionProfile

UNITS: Final = {"kmh": "km/h", "mps": "m/s", "m": "m", "s": "s", "deg": "°", "px": "px"}
"""What the end of a parameter's name says of its unit."""
COMMON: Final = ("kind", *RuleConfig.model_fields)
"""What all rules share; told once, below the table."""
BEGIN: Final = "<!-- rules -->"
END: Final = "<!-- /rules -->"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a rule.

    Attributes:
        name: In the site file.
        what: What it must name (``zone``, ``line``, ``signal``) or its unit; empty for a plain value.
        default: As the site file would say it; None where it must be given.
        help: What it means.
    """

    name: str
    what: str
    default: str | None
    help: str

    def short(self) -> str:
        """For a table.

        >>> Parameter("min_m", "m", "8", "").short(), Parameter("lane", "zone", None, "").short()
        ('`min_m` 8 m', '`lane` (zone)')
        """
        if self.default is None:
            return f"`{self.name}`" + (f" ({self.what})" if self.what else "")
        if self.default == "none" or self.what in ("zone", "line", "signal"):
            return f"[`{self.name}`" + (f" ({self.what})]" if self.what else "]")
        return f"`{self.name}` {self.default}" + (f" {self.what}".replace(" °", "°") if self.what else "")


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule of the table.

    Attributes:
        kind: The tag in the site file.
        definition: One sentence.
        parameters: Beyond those that all rules share.
        articles: By the profile's name.
    """

    kind: str
    definition: str
    parameters: tuple[Parameter, ...]
    articles: Mapping[str, str]


def rows(profiles: Sequence[JurisdictionProfile]) -> list[RuleRow]:
    """All rules that a site file may state, in the union's order."""
    return [_row(model, profiles) for model in RULES]


def markdown(profiles: Sequence[JurisdictionProfile]) -> str:
    """The README's table: what is in brackets may be left out, what has a value is its default."""
    head = ["rule", "definition", "parameters", *(f"{p.name}: article" for p in profiles)]
    lines = [head, ["---"] * len(head)]
    for row in rows(profiles):
        parameters = ", ".join(p.short() for p in row.parameters)
        lines.append([f"`{row.kind}`", row.definition, parameters, *row.articles.values()])
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    shared = ", ".join(f"`{name}`" for name in COMMON[1:])
    doubtful = [p.title for p in profiles if not p.confirmed]
    note = f" Articles of {' and '.join(doubtful)} are to be confirmed by counsel." if doubtful else ""
    return f"{table}\n\nIn brackets: may be left out. All rules take {shared} too.{note}"


def between_markers(text: str, table: str) -> str:
    """A document with the table between its markers replaced.

    Raises:
        ValueError: If the markers are not there.
    """
    if BEGIN not in text or END not in text:
        raise ValueError(f"expected the markers {BEGIN} and {END}, got a document without them")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.split(END, 1)[1]}"


def _row(model: type[RuleConfig], profiles: Sequence[JurisdictionProfile]) -> RuleRow:
    kind = kind_of(model)
    doc = getdoc(model) or ""
    helps = _attributes(doc)
    parameters = tuple(
        _parameter(name, info, model, helps.get(name, ""))
        for name, info in model.model_fields.items()
        if name not in COMMON
    )
    articles = {profile.name: _article(profile, kind) for profile in profiles}
    return RuleRow(kind, doc.split("\n", 1)[0].rstrip("."), parameters, articles)


def _article(profile: JurisdictionProfile, kind: str) -> str:
    law = profile.law(kind)
    return (law.article or "-") + (" (for review)" if law.needs_review else "")


def _parameter(name: str, info: FieldInfo, model: type[RuleConfig], text: str) -> Parameter:
    named = places(model).get(name)
    unit = UNITS.get(name.rsplit("_", 1)[-1], "") if "_" in name else ""
    required = info.is_required()
    default = None if required else _value(info.get_default(call_default_factory=True))
    return Parameter(name, named.removesuffix("s") if named else unit, default, text)


def _value(value: Any) -> str:
    """A default as people write it."""
    if value is None or value is PydanticUndefined or value in ((), {}, ""):
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(_value(v) for v in value)
    return str(value)


def _attributes(doc: str) -> dict[str, str]:
    """What a docstring's ``Attributes`` say, by name."""
    _, _, section = doc.partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        start = re.match(r"^    (\w+): (.*)$", line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.startswith("        "):
            found[name] += " " + line.strip()
        else:
            name = ""
    return found
