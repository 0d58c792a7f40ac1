"""``dome readjudicate``: decide violations again when what they rested on proved wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.shell import counted, print_json, stdout

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from flows.desks.docket import Change

Names = list[str] | None


def readjudicate(
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Violations captured from then on: 2026-09-01T08:30:00+05:00, or a day in UTC.",
        ),
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in every new decision.")],
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Captured before then; now by default.")
    ] = None,
    calibration: Annotated[Names, typer.Option(metavar="ID", help="A survey that proved wrong.")] = None,
    model: Annotated[
        Names,
        typer.Option(
            metavar="NAME[@SHA256]",
            help="A network that did: a detector, one for belts, or plates, plates.finder, plates.recogniser.",
        ),
    ] = None,
    rule: Annotated[Names, typer.Option(metavar="KIND[@VERSION]", help="A rule that did.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; decide nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")
    ] = False,
) -> None:
    """Decide affected violations again, keep both decisions, and say case by case what changed.

    Without --calibration, --model or --rule, those that depend on lists of exempt plates are decided by the lists
    now in force. With any of them, those that rest on what is named are dismissed; without its plate reader a
    violation needs a person who reads the plate.
    """  # fmt: skip
    from datetime import UTC, datetime

    from flows.casework.adjudication import Withdrawal
    from flows.domain.errors import FieldError

    first = moment("--since", since)
    last = moment("--until", until) if until else datetime.now(UTC)
    if not reason.strip():
        raise FieldError("--reason", "why they are decided again", "nothing")
    if last <= first:
        raise FieldError("--until", f"a time after --since ({first.isoformat()})", last.isoformat())
    withdrawal = Withdrawal(tuple(calibration or ()), tuple(model or ()), tuple(map(known_rule, rule or ())))
    changes = _decide(first, last, reason, withdrawal, dry_run)
    if as_json:
        print_json(as_object(changes, reason, first, last, dry_run))
        return
    if changes:
        stdout().print(table(changes))
    changed = sum(change.changed for change in changes)
    done = (
        f"would be decided again, {changed} would change" if dry_run else f"decided again, {changed} changed"
    )
    said = f"{counted(len(changes), 'violation')} {done}: {reason}"
    stdout().print(said, markup=False)
    if withdrawal and not changes:
        named = ", ".join([*withdrawal.calibrations, *withdrawal.models, *withdrawal.rules])
        said = f"no violation captured from {first.isoformat()} to {last.isoformat()} rests on {named}"
        stdout().print(said, markup=False)


def moment(option: str, text: str) -> datetime:
    """A time that a person gave.

    Raises:
        FieldError: If it is none, or without a zone.
    """
    from datetime import UTC, datetime

    from flows.domain.errors import FieldError

    try:
        day = len(text) == len("2026-09-01")
        found = datetime.fromisoformat(text).replace(tzinfo=UTC) if day else datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
    except ValueError:
        pass
    expected = "a time with its zone, such as 2026-09-01T08:30:00+05:00, or a day such as 2026-09-01 (UTC)"
    raise FieldError(option, expected, repr(text))


def known_rule(named: str) -> str:
    """A rule's name, or ``KIND@VERSION``, that a person gave.

    Raises:
        FieldError: If there is no rule of that kind.
    """
    from flows.domain.errors import FieldError
    from flows.domain.ruleset import RULE_KINDS
    from flows.site.validation import did_you_mean

    kind = named.partition("@")[0]
    if kind not in RULE_KINDS:
        raise FieldError(
            "--rule", f"one of {', '.join(RULE_KINDS)}", repr(named), did_you_mean(kind, RULE_KINDS)
        )
    return named


def _decide(first: Any, last: Any, reason: str, withdrawal: Any, dry_run: bool) -> list[Change]:
    from datetime import UTC, datetime

    from flows.desks.docket import correct
    from flows.desks.docket import readjudicate as decide
    from flows.settings import Settings
    from flows.store.exemptions import ExemptionsStore
    from flows.store.redis_server import redis_beside
    from flows.store.results import ResultsStore

    with redis_beside(Settings.from_env()) as url:
        store, lists = ResultsStore(url), ExemptionsStore(url)
        asked = store.violations(first, last), lists.lists(), reason, withdrawal, datetime.now(UTC)
        return decide(*asked) if dry_run else correct(store, *asked)


def table(changes: list[Change]) -> Table:
    """One row a case, those that changed first."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("violation", "captured", "camera", "rule", "was", "is", "why"):
        shown.add_column(name)
    for change in sorted(changes, key=lambda c: not c.changed):
        violation = change.case.violation
        style = "bold" if change.changed else "dim"
        shown.add_row(
            violation.id,
            f"{violation.time:%Y-%m-%d %H:%M:%S}",
            violation.camera_id,
            str(violation.data.get("rule", "")),
            change.case.state,
            change.state,
            Text(change.finding.detail or change.finding.reason),
            style=style,
        )
    return shown


def as_object(changes: list[Change], reason: str, first: Any, last: Any, dry_run: bool) -> dict[str, Any]:
    """All cases as JSON values."""
    return {
        "reason": reason,
        "since": first.isoformat(),
        "until": last.isoformat(),
        "dry_run": dry_run,
        "affected": len(changes),
        "changed": sum(change.changed for change in changes),
        "cases": [_case(change) for change in changes],
    }


def _case(change: Change) -> dict[str, Any]:
    before, violation = change.case.decision, change.case.violation
    after = change.event.data if change.event is not None else None
    return {
        "violation": violation.id,
        "captured_at": violation.time.isoformat(),
        "camera": violation.camera_id,
        "rule": violation.data.get("rule"),
        "changed": change.changed,
        "before": {"state": change.case.state} | (before.model_dump(mode="json") if before else {}),
        "after": after if after is not None else {"state": change.state, "same_as_before": True},
    }
