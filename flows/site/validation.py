"""What pydantic finds wrong, as :class:`flows.domain.errors.FieldError`: place, expected, got, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flows.domain.masking import masked
from flows.site.yamlfile import Loc

ID_WORDS: Final = "lower-case letters, digits, '-' and '_' (at most 64, a letter or digit first)"
URL_WORDS: Final = (
    "an address that starts with rtsp://, rtsps://, http://, https://, srt://, udp:// or tcp://"
)
_PATTERNS: Final = {"^[a-z0-9][a-z0-9_-]{0,63}$": ID_WORDS, "^(rtsps?|https?|srt|udp|tcp)://.+": URL_WORDS}

_BY_TYPE: Final[Mapping[str, str]] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "date_from_datetime_parsing": "a day such as 2026-09-01",
    "date_parsing": "a day such as 2026-09-01",
    "date_type": "a day such as 2026-09-01",
    "datetime_from_date_parsing": "a time with its zone, such as 2026-09-01T08:30:00+05:00",
    "datetime_parsing": "a time with its zone, such as 2026-09-01T08:30:00+05:00",
    "datetime_type": "a time with its zone, such as 2026-09-01T08:30:00+05:00",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "path_type": "a path",
    "string_type": "text",
    "timezone_aware": "a time with its zone, such as 2026-09-01T08:30:00+05:00",
    "tuple_type": "a list",
}
_MODEL_WORDS: Final = {"SurveyPoint": "[u_px, v_px, x_m, y_m] or {px: [u, v], m: [x, y]}"}
_BY_ANNOTATION: Final[Mapping[Any, str]] = {
    str: "text",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    Path: "a path",
    date: "a day such as 2026-09-01",
    datetime: "a time with its zone",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong with one value.

    Attributes:
        loc: The value's place, without the tags that pydantic adds for unions.
        expected: What would have been accepted.
        got: What came, shortened, passwords masked.
        hint: What to do about it.
    """

    loc: Loc
    expected: str
    got: str
    hint: str = ""


def complaints(error: ValidationError, model: type[BaseModel], data: object) -> list[Complaint]:
    """Everything that pydantic found wrong with ``data``, most useful first, without echoes.

    Args:
        error: What validation raised.
        model: The model that was validated against; unknown keys are compared with its fields.
        data: What was validated.
    """
    found = [_complaint(e, model, data) for e in error.errors(include_url=False) if not _echo(e)]
    misspelt = {(*c.loc[:-1], _suggested(c.hint)) for c in found if c.hint.startswith("did you mean")}
    return [c for c in found if not (c.got == "nothing" and c.loc in misspelt)]


def _echo(error: ErrorDetails) -> bool:
    """A list is called too short where its items are wrong: they are told, and there are enough of them."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def shown(value: object) -> str:
    """A value for a message: short, and without passwords.

    >>> shown("rtsp://cam:s3cret@10.0.0.7/main"), shown([1, 2]), shown({})
    ("'rtsp://cam:***@10.0.0.7/main'", 'a list of 2', 'a mapping')
    """
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = masked(repr(value) if not isinstance(value, Path) else repr(str(value)))
    return text if len(text) <= 80 else text[:77] + "..."


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint that names the likeliest of the known words, or nothing.

    >>> did_you_mean("detectr", ["detector", "district"])
    "did you mean 'detector'?"
    """
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def _suggested(hint: str) -> str:
    return hint.split("'")[1]


def _complaint(error: ErrorDetails, model: type[BaseModel], data: object) -> Complaint:
    loc, annotation, owner = _locate(tuple(error["loc"]), model, data)
    context = error.get("ctx", {})
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return _unknown_key(loc, owner)
    if kind == "missing":
        words = _annotation_words(annotation)
        return Complaint(loc, f"{words} (required)", "nothing")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(loc, kind, value, annotation)
    if kind == "value_error":
        return _own_words(loc, str(context.get("error", error["msg"])), value)
    special = _SPECIAL.get(kind)
    expected = special(context) if special else _BY_TYPE.get(kind) or _plain(error["msg"])
    return Complaint(loc, expected, shown(value))


def _unknown_key(loc: Loc, owner: type[BaseModel] | None) -> Complaint:
    known = sorted(owner.model_fields) if owner else []
    key = str(loc[-1])
    hint = did_you_mean(key, known) or "remove it"
    return Complaint(
        loc, "one of " + ", ".join(known) if known else "no such key", f"the unknown key {key!r}", hint
    )


def _wrong_tag(loc: Loc, kind: str, value: Any, annotation: Any) -> Complaint:
    tags = [tag for m in _models(annotation) for tag in _tags(m)]
    given = value.get("kind") if isinstance(value, Mapping) else None
    here = (*loc, "kind") if kind == "union_tag_invalid" else loc
    expected = f"kind: {', '.join(tags)}" if len(tags) == 1 else f"kind: one of {', '.join(tags)}"
    return Complaint(here, expected, shown(given), did_you_mean(str(given), tags) if given else "")


def _own_words(loc: Loc, message: str, value: object) -> Complaint:
    """A model's own validator speaks as our errors do: ``field: expected X, got Y; hint``.

    Without ``field`` it speaks of the value as a whole.
    """
    field, _, rest = (
        message.rpartition("expected ")
        if message.startswith("expected ")
        else message.partition(": expected ")
    )
    expected, _, got = rest.partition(", got ")
    if not got:
        return Complaint(loc, message, shown(value))
    got, _, hint = got.partition("; ")
    return Complaint((*loc, *(field.split(".") if field else ())), expected, masked(got), hint)


def _plain(message: str) -> str:
    return message.removeprefix("Input should be ").removeprefix("a valid ")


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _pattern(context: Mapping[str, Any]) -> str:
    return _PATTERNS.get(str(context["pattern"]), f"text that matches {context['pattern']}")


_SPECIAL: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "greater_than": lambda c: f"a number above {c['gt']:g}",
    "greater_than_equal": lambda c: f"a number of at least {c['ge']:g}",
    "less_than": lambda c: f"a number below {c['lt']:g}",
    "less_than_equal": lambda c: f"a number of at most {c['le']:g}",
    "literal_error": lambda c: f"one of {c['expected']}",
    "model_type": lambda c: _MODEL_WORDS.get(str(c.get("class_name")), "a mapping of keys to values"),
    "model_attributes_type": lambda _: "a mapping of keys to values",
    "dict_type": lambda _: "a mapping of keys to values",
    "string_pattern_mismatch": _pattern,
    "too_long": lambda c: f"at most {_items(c['max_length'])}",
    "too_short": lambda c: f"at least {_items(c['min_length'])}",
}


def _locate(loc: Loc, model: type[BaseModel], data: object) -> tuple[Loc, Any, type[BaseModel] | None]:
    """The place without union tags, the annotation there, and the model that owns the last key."""
    annotation: Any = model
    owner: type[BaseModel] | None = None
    out: list[str | int] = []
    for part in loc:
        candidates = list(_models(annotation))
        tagged = [m for m in candidates if part in _tags(m)]
        if tagged and len(candidates) > 1:  # of one model a field may be called like its tag
            annotation = tagged[0]
            continue
        out.append(part)
        if isinstance(part, int):
            annotation = _item(annotation)
        else:
            owner = next(
                (m for m in candidates if part in m.model_fields), candidates[0] if candidates else None
            )
            info = owner.model_fields.get(part) if owner else None
            annotation = info.annotation if info else None
        data = _child(data, part)
    return tuple(out), annotation, owner


def _child(data: object, part: str | int) -> object:
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for option in get_args(annotation):
            yield from _models(option)


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    info = model.model_fields.get("kind")
    if info is None or get_origin(info.annotation) is not Literal:
        return ()
    return get_args(info.annotation)


def _item(annotation: Any) -> Any:
    """What a list's items are."""
    if get_origin(annotation) is Annotated:
        return _item(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        lists = [a for a in get_args(annotation) if get_origin(a) in (tuple, list)]
        return _item(lists[0]) if lists else None
    arguments = [a for a in get_args(annotation) if a is not Ellipsis]
    return arguments[0] if arguments else None


def _annotation_words(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _annotation_words(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        options = [a for a in get_args(annotation) if a is not NoneType]
        return _annotation_words(options[0]) if len(options) == 1 else "a mapping with its kind"
    if get_origin(annotation) in (tuple, list):
        return "a list"
    if any(True for _ in _models(annotation)):
        return "a mapping of keys to values"
    return _BY_ANNOTATION.get(annotation, "a value")
