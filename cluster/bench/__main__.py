"""``make bench``: what the whole path costs. ``make bench-accuracy``: how right everything is, in one table."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from math import nan

from rich.console import Console

from cluster.bench import report
from cluster.bench.material import Absent
from flows.domain.errors import DomeError

COST = ("results", "path", "crops")
ACCURACY = (
    *("accuracy", "section", "positions", "rules", "signals", "plates", "photographs", "belts", "faces"),
    *("abandoned", "drift", "tracking"),
)
SERVICE = ("api", "reports", "verify", "uploads")
"""Modules of this package; each has ``run(quick) -> list`` of figures. Those that are not here are left out."""
TABLES = ("accuracy", "api")
"""Written by what measures all of them; a suite that is called so too writes beside it when it runs alone."""


def main() -> None:
    """Runs the suites one after another (never at once: they would measure each other)."""
    parser = argparse.ArgumentParser(prog="python -m cluster.bench", description=__doc__)
    known = [*COST, *ACCURACY, *SERVICE]
    parser.add_argument("suite", nargs="*", choices=[[], *known], help="only these (the cost, by default)")
    parser.add_argument("--accuracy", action="store_true", help="how right everything is, in one table")
    parser.add_argument("--api", action="store_true", help="the control centre's figures, in one table")
    parser.add_argument("--hard", action="store_true", help="rules alone: where everybody has lawful company")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, not a figure to quote")
    args = parser.parse_args()
    if args.hard and (args.suite != ["rules"] or args.accuracy or args.api):
        parser.error("--hard goes with rules alone: python -m cluster.bench rules --hard")
    if args.accuracy:
        together(TABLES[0], args.suite or present(ACCURACY), present(ACCURACY), args.quick)
        return
    if args.api:
        together(TABLES[1], args.suite or present(SERVICE), present(SERVICE), args.quick)
        return
    failed = []
    for name in args.suite or COST:
        try:
            more = {"hard": True} if args.hard else {}
            figures = import_module(f"cluster.bench.{name}").run(quick=args.quick, **more)
        except DomeError as error:
            failed.append(f"{name}: {error}")
            continue
        title = f"{name}-hard" if args.hard else f"{name}-alone" if name in TABLES else name
        report.write(title, figures)
        report.show(title, figures)
    if failed:
        raise SystemExit("\n".join(failed))


def present(names: Sequence[str]) -> list[str]:
    """Those suites that there are."""
    return [name for name in names if find_spec(f"cluster.bench.{name}") is not None]


def together(title: str, names: Sequence[str], all_of_them: Sequence[str], quick: bool) -> None:
    """Measures and prints all figures together; writes ``.bench/TITLE.json`` unless it was only a look.

    A suite that cannot run here (no OpenGL, say) or fails is a row that is not met, and the others go on; that real
    footage is not on this machine is no failure. After each suite the file is written: an end before the last one
    costs no figures, and those that were not come to are in it as not measured.
    """
    console = Console(stderr=True)
    rows: dict[str, Sequence[report.Row]] = {name: [_not_measured(name, "not come to")] for name in names}
    failed = []
    for name in names:
        began = time.monotonic()
        try:
            rows[name] = import_module(f"cluster.bench.{name}").run(quick=quick)
        except Absent as error:
            rows[name] = []
            console.print(f"[yellow]left out[/yellow] {name}: {error}")
        except Exception as error:  # noqa: BLE001  the others' figures have no part in it
            failed.append(name)
            rows[name] = [_not_measured(name, f"{type(error).__name__}: {error}")]
            if not isinstance(error, DomeError):
                console.print_exception()
        console.print(f"{name}: {(time.monotonic() - began) / 60:.1f} minutes")
        if not quick and list(names) == list(all_of_them):
            report.write(title, list(chain(*rows.values())))
    report.show(title, list(chain(*rows.values())))
    if failed:
        raise SystemExit(f"not measured: {', '.join(failed)}")


def _not_measured(name: str, why: str) -> report.Figure:
    return report.at_least(f"{name}: not measured", nan, nan, "", why)


if __name__ == "__main__":
    main()
