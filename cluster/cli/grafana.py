"""``dome grafana``: dashboards of a running site."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.shell import counted, stdout


def grafana(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of Grafana.")] = "",
    prometheus: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Where Grafana finds the Prometheus that scrapes Ray; its own by default."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write files to be provisioned instead; no Grafana is asked."),
    ] = None,
) -> None:
    """Make the dashboards of a Grafana (cameras; detectors and readers), or make them anew.

    DOME_GRAFANA_TOKEN is the token of a service account that may edit. Prometheus finds Ray's metrics by
    /tmp/ray/prom_metrics_service_discovery.json on the head node.
    """
    from cluster.grafana import SOURCE, dashboards, push
    from flows.domain.errors import FieldError

    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        boards = dashboards()
        for each in boards:
            path = out / f"{each['uid']}.json"
            path.write_text(json.dumps(each, indent=1) + "\n", encoding="utf-8")
        stdout().print(
            f"{counted(len(boards), 'dashboard')} written to {out}; they ask the data source with uid {SOURCE}",
            markup=False,
            soft_wrap=True,
        )
        return
    if not url:
        raise FieldError("URL", "the address of a Grafana, or --out DIR", "nothing")
    for address in push(url, os.environ.get("DOME_GRAFANA_TOKEN", ""), prometheus):
        stdout().print(address, markup=False, soft_wrap=True)
