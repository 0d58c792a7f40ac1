"""YAML with line numbers, for files that people write by hand: every mistake is told with its line.

YAML 1.2 by ruamel.yaml's composer; values are built here, so that nothing but mappings, lists, strings,
numbers, booleans and nulls can come out, duplicate keys are errors, and aliases cannot blow a small file up.
Times and dates stay strings: pydantic reads them with their time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from flows.domain.errors import FieldError

Loc = tuple[str | int, ...]
"""Where a value stands: keys of mappings and indexes of lists, from the root."""

MAX_BYTES: Final = 16 * 2**20
"""A site of ten thousand cameras has about 8 MB; anything larger is a mistake."""
MAX_VALUES: Final = 2_000_000
"""Values after aliases are followed; the same site has about a million."""
MAX_DEPTH: Final = 40
"""A site file nests eight deep."""

_PREFIX = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says, and where.

    Attributes:
        data: Mappings, lists, strings, numbers, booleans and None.
        lines: Line of each value (of its key in a mapping), 1-based.
        problems: Mistakes that leave the rest readable (a key given twice), each with its place.
    """

    data: Any
    lines: Mapping[Loc, int]
    problems: list[tuple[Loc, FieldError]] = field(default_factory=list)

    def line(self, loc: Loc) -> int | None:
        """Line of the value at ``loc``, or of the nearest thing around it that the file names."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc)


def read_yaml(path: Path) -> Document:
    """Reads one YAML file.

    Raises:
        FieldError: If it cannot be read, is no YAML, or is too large; with the line where there is one.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FieldError(str(path), f"at most {MAX_BYTES} bytes", path.stat().st_size)
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise FieldError(
            str(path), "text in UTF-8", f"byte 0x{error.object[error.start]:02x} at {error.start}"
        ) from error
    except FileNotFoundError as error:
        raise FieldError(str(path), "a file that exists", "nothing there") from error
    except IsADirectoryError as error:
        raise FieldError(str(path), "a file", "a folder") from error
    except OSError as error:
        raise FieldError(str(path), "a readable file", error.strerror or str(error)) from error


def parse_yaml(text: str, name: str = "document") -> Document:
    """Reads YAML text; ``name`` stands for it in messages.

    Raises:
        FieldError: If it is no YAML, holds several documents, or grows too large or too deep.
    """
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise _syntax_error(error, name) from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise FieldError(name, "YAML", " ".join(str(error).split())[:200]) from error
    if root is None:
        raise FieldError(name, "a mapping of keys to values", "an empty file")
    _check_size(root, name)
    builder = _Builder()
    data = builder.build(root, ())
    return Document(data, builder.lines, builder.problems)


def _syntax_error(error: MarkedYAMLError, name: str) -> FieldError:
    mark = error.problem_mark or error.context_mark
    got = (error.problem or error.context or "something else").removeprefix("but ")
    hint = "indent with spaces" if "\\t" in got else ""
    if error.context and error.problem and error.context_mark:
        hint = hint or f"{error.context} that starts in line {error.context_mark.line + 1}"
    return FieldError(name, "YAML", got, hint, None if mark is None else mark.line + 1)


def _check_size(root: Node, name: str) -> None:
    """Counts values as if aliases were written out, without writing them out."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Node, depth: int) -> int:
        line = node.start_mark.line + 1
        if id(node) in open_nodes:
            raise FieldError(name, "aliases to finished values", "an alias inside its own anchor", line=line)
        if depth > MAX_DEPTH:
            raise FieldError(name, f"at most {MAX_DEPTH} levels", "deeper nesting", line=line)
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size(child, depth + 1) for child in _children(node))
            open_nodes.discard(id(node))
        if sizes[id(node)] > MAX_VALUES:
            raise FieldError(
                name, f"at most {MAX_VALUES} values", "more, by aliases of aliases or by size", line=line
            )
        return sizes[id(node)]

    size(root, 0)


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


class _Builder:
    """Turns nodes into values and remembers the lines."""

    def __init__(self) -> None:
        self.lines: dict[Loc, int] = {}
        self.problems: list[tuple[Loc, FieldError]] = []

    def build(self, node: Node, loc: Loc) -> Any:
        self.lines.setdefault(loc, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, SequenceNode):
            return [self.build(child, (*loc, i)) for i, child in enumerate(node.value)]
        return self._scalar(node, loc)

    def _mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if str(key_node.tag) == _PREFIX + "merge":
                merged = {**self._merged(value_node, loc), **merged}
                continue
            key = str(key_node.value) if isinstance(key_node, ScalarNode) else "?"
            here = (*loc, key)
            if key in out:
                got = f"it again (first in line {self.lines[here]})"
                self._problem(here, "each key once", got, "remove one of the two", line)
                continue
            self.lines[here] = line
            out[key] = self.build(value_node, here)
        return {**merged, **out}

    def _merged(self, node: Node, loc: Loc) -> dict[str, Any]:
        """The mappings behind ``<<:``; earlier ones win, as YAML's merge keys say."""
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        out: dict[str, Any] = {}
        for source in nodes:
            if isinstance(source, MappingNode):
                anchored = _Builder()
                out = {**anchored._mapping(source, loc), **out}
                self.lines = {**anchored.lines, **self.lines}
            else:
                line = source.start_mark.line + 1
                self._problem(loc, "a mapping (or a list of them) behind '<<'", repr(source.value), "", line)
        return out

    def _scalar(self, node: Node, loc: Loc) -> Any:
        text, tag = str(node.value), str(node.tag).removeprefix(_PREFIX)
        try:
            match tag:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return (
                        int(text.replace("_", ""), 0) if text[:1] != "0" or text[1:2] in "xob" else int(text)
                    )
                case "float":
                    return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
                case "str" | "timestamp":
                    return text
        except ValueError:
            return text
        self._problem(loc, "plain YAML values", f"the tag {tag}", "remove the tag", node.start_mark.line + 1)
        return None

    def _problem(self, loc: Loc, expected: str, got: str, hint: str, line: int) -> None:
        self.problems.append((loc, FieldError(dotted(loc), expected, got, hint, line)))


def dotted(loc: Loc) -> str:
    """A place as people write it.

    >>> dotted(("cameras", 3, "source", "url"))
    'cameras.3.source.url'
    """
    return ".".join(str(part) for part in loc) or "document"
