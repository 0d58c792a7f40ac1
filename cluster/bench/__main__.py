"""``make bench``: the cost and speed of the whole path, an idle camera, memory, and results a second."""

from __future__ import annotations

import argparse
from importlib import import_module

from cluster.bench import report

SUITES = ("results", "path", "section")
"""Modules of this package; each has ``run(quick) -> list`` of figures."""


def main() -> None:
    """Runs the suites one after another (never at once: they would measure each other)."""
    parser = argparse.ArgumentParser(prog="python -m cluster.bench", description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[[], *SUITES], help="only these (all by default)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, not a figure to quote")
    args = parser.parse_args()
    for name in args.suite or SUITES:
        figures = import_module(f"cluster.bench.{name}").run(quick=args.quick)
        report.write(name, figures)
        report.show(name, figures)


if __name__ == "__main__":
    main()
