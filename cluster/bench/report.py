"""One measured figure against its target, as a table for people and JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict


class Figure(BaseModel):
    """One measured figure.

    Attributes:
        figure: What was measured.
        value: The measured value.
        target: The value to reach.
        unit: Unit of both.
        ok: Whether the target is met.
        detail: How it was measured: counts, spread, cores.
    """

    model_config = ConfigDict(frozen=True)

    figure: str
    value: float
    target: float
    unit: str
    ok: bool
    detail: str = ""


Row = Figure | dict[str, Any]


def at_least(figure: str, value: float, target: float, unit: str, detail: str = "") -> Figure:
    """A figure that should be ``target`` or more."""
    return Figure(figure=figure, value=value, target=target, unit=unit, ok=value >= target, detail=detail)


def at_most(figure: str, value: float, target: float, unit: str, detail: str = "") -> Figure:
    """A figure that should be ``target`` or less."""
    return Figure(figure=figure, value=value, target=target, unit=unit, ok=value <= target, detail=detail)


def write(name: str, figures: Sequence[Row], folder: Path = Path(".bench")) -> Path:
    """Writes ``.bench/NAME.json`` and returns its path; what is not a number is null there."""
    rows = [json.loads((f if isinstance(f, Figure) else Figure(**f)).model_dump_json()) for f in figures]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def show(name: str, figures: Sequence[Row]) -> None:
    """Prints the figures as a table, those that fall short in red."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=name, title_justify="left")
    for column in ("figure", "value", "target", "unit", "", "how"):
        table.add_column(column, justify="right" if column in ("value", "target") else "left")
    for row in figures:
        f = row if isinstance(row, Figure) else Figure(**row)
        style, word = ("green", "met") if f.ok else ("red", "FALLS SHORT")
        state = f"[{style}]{word}[/{style}]"
        table.add_row(f.figure, f"{f.value:.4g}", f"{f.target:.4g}", f.unit, state, escape(f.detail))
    console = Console()
    # A pipe has no width; eighty columns would break every word.
    (console if console.is_terminal else Console(width=200)).print(table)
