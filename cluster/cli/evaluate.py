"""``dome evaluate``: how good events, tracks and detections are, against truth."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.shell import known_detector, print_json, stdout

if TYPE_CHECKING:
    from pydantic import BaseModel

app = typer.Typer(no_args_is_help=True, help="Compare what was found with the truth.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]


def _show(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(values)
        return
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for key, value in _rows(values):
        table.add_row(key, value)
    stdout().print(table)


def _rows(values: dict[str, Any], indent: str = "") -> Iterator[tuple[str, str]]:
    """A line a value; what holds others of several values each stands above them.

    >>> list(_rows({"tp": 1, "error": {"mean": 0.25}, "by_type": {"a": {"tp": 1}}, "missed": []}))
    [('tp', '1'), ('error', 'mean 0.250'), ('by_type', ''), ('  a', 'tp 1'), ('missed', 'none')]
    """
    for key, value in values.items():
        if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
            yield indent + key, ""
            yield from _rows(value, indent + "  ")
        else:
            yield indent + key, _said(value)


def _said(value: Any) -> str:
    if isinstance(value, float):
        return "-" if isnan(value) else f"{value:.3f}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(_said(each) for each in value) or "none"
    return "-" if value is None else str(value)


def _plain(score: BaseModel | Any) -> dict[str, Any]:
    """A score as JSON values, whether it is a model or a dataclass."""
    from dataclasses import asdict, is_dataclass

    from pydantic import BaseModel

    if isinstance(score, BaseModel):
        return score.model_dump(mode="json")
    return asdict(score) if is_dataclass(score) and not isinstance(score, type) else dict(score)


@app.command()
def events(
    truth: Annotated[Path, typer.Option(metavar="FILE.json", help="A scene's truth (dome scene --truth).")],
    events: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="Events (dome run --events).")],
    tolerance_kmh: Annotated[
        float | None, typer.Option(help="Tolerance over the limit; what the events state by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Precision and recall of events, errors of their speeds, and how often the intervals hold the truth."""
    from flows.evaluation.events import evaluate_events

    _show(_plain(evaluate_events(truth, events, tolerance_kmh)), as_json)


@app.command()
def abandoned(
    truth: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A hall's truth (.json), or clips and when owners left (.csv)."),
    ],
    events: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="Events (dome run --events).")],
    as_json: AsJson = False,
) -> None:
    """Things left behind: precision, recall, how soon after the owner left, and how they ended."""
    from flows.evaluation.abandoned import evaluate_abandoned

    _show(_plain(evaluate_abandoned(truth, events)), as_json)


@app.command()
def tracking(
    truth: Annotated[Path, typer.Option(metavar="gt.txt", help="MOTChallenge truth.")],
    detections: Annotated[Path, typer.Option(metavar="det.txt", help="MOTChallenge detections.")],
    fps: Annotated[float, typer.Option(help="Frames a second of the sequence.")],
    as_json: AsJson = False,
) -> None:
    """MOTA, IDF1, HOTA and identity switches of the tracker on given detections."""
    from flows.evaluation.tracking import evaluate_tracking

    _show(_plain(evaluate_tracking(truth, detections, fps)), as_json)


@app.command()
def detector(
    name: Annotated[
        str, typer.Option(metavar="NAME", help="A detector (see dome weights list).")
    ] = "embedded",
    as_json: AsJson = False,
) -> None:
    """Mean average precision of a detector on rendered scenes that it was not trained on."""
    known_detector("--name", name)
    from cluster.evaluate_detector import evaluate_detector

    _show(_plain(evaluate_detector(name)), as_json)


@app.command()
def signals(
    video: Annotated[Path, typer.Option(metavar="FILE", help="Footage of a junction.")],
    labels: Annotated[
        Path, typer.Option(metavar="FILE.json", help="Its heads, and what each shows in which frames.")
    ],
    as_json: AsJson = False,
) -> None:
    """Traffic lights read rightly: share of frames, confusions, milliseconds a look."""
    from flows.evaluation.signals import evaluate_signals

    _show(_plain(evaluate_signals(video, labels)), as_json)


@app.command()
def plates(
    images: Annotated[
        Path, typer.Option(metavar="DIR", help="NAME.jpg and NAME.txt (file, x, y, w, h, plate) each.")
    ],
    country: Annotated[str, typer.Option(help="Whose plates they are; found out by default.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Plates of photographs read whole: with their boxes given, and found by us."""
    from cluster.evaluate_plates import evaluate_plates

    _show(_plain(evaluate_plates(images, country)), as_json)


@app.command()
def faces(
    pairs: Annotated[
        Path, typer.Option(metavar="FILE.csv", help="Columns file_x, file_y, same_person (yes or no).")
    ],
    images: Annotated[Path, typer.Option(metavar="DIR", help="The photographs.")],
    model: Annotated[str, typer.Option(help="Finder and embedder, for example yunet+sface.")] = "dlib",
    as_json: AsJson = False,
) -> None:
    """Same people told from others: found at no false match, and searches that fail or raise an alarm."""
    from cluster.evaluate_faces import evaluate_faces
    from flows.settings import Settings
    from models.faces import load

    _show(_plain(evaluate_faces(pairs, images, load(model, Settings.from_env()))), as_json)
