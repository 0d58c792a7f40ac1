"""Grafana dashboards of cameras and of what serves them, made from the metrics that there are.

Written through grafana-client, or to files that Grafana provisions. Panels name metrics of :mod:`flows.stream.gauges`
and of Ray Serve; none of them bears a plate, a track or a case, so nobody can be found in a dashboard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException

from flows.domain.errors import DomeError, FieldError
from flows.domain.masking import masked

FOLDER: Final = ("digital-dome", "Digital Dome")
"""Uid and title."""
SOURCE: Final = "digital-dome-prometheus"
"""Uid of the data source."""
WIDTH: Final = 24
"""Of a dashboard, in Grafana's columns."""
SINCE: Final = "now-1h"

_BY_CAMERA: Final = '{camera=~"$camera", district=~"$district"}'


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph, a number or a table.

    Attributes:
        title: What a person reads.
        exprs: Legend and PromQL.
        unit: Grafana's name of the unit.
        kind: ``timeseries``, ``stat`` or ``table``.
        columns: Width.
        bad_from: Value from which it is shown red; None: never.
        help: What it means, shown on the panel's corner.
    """

    title: str
    exprs: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    columns: int = 8
    bad_from: float | None = None
    help: str = ""


def _rate(name: str, by: str = "camera") -> str:
    return f"sum by ({by}) (rate(ray_dome_camera_{name}_total{_BY_CAMERA}[$__rate_interval]))"


def _sum(name: str) -> str:
    return f"sum(increase(ray_dome_camera_{name}_total{_BY_CAMERA}[$__range]))"


CAMERAS: Final = (
    Panel(
        "Cameras that send",
        {"": f"count(sum by (camera) (rate(ray_dome_camera_frames_read_total{_BY_CAMERA}[2m])) > 0)"},
        kind="stat",
        columns=4,
    ),
    Panel("Events", {"": _sum("events")}, kind="stat", columns=4),
    Panel(
        "Events lost",
        {"": _sum("lost")},
        kind="stat",
        columns=4,
        bad_from=1,
        help="Disk and Redis were both full or away.",
    ),
    Panel("Errors survived", {"": _sum("errors")}, kind="stat", columns=4),
    Panel(
        "Waiting on disk",
        {"": f"sum(ray_dome_camera_spooled{_BY_CAMERA})"},
        kind="stat",
        columns=4,
        bad_from=1000,
        help="Events that the results actor has not taken yet.",
    ),
    Panel(
        "Faces looked at",
        {"": _sum("faces")},
        kind="stat",
        columns=4,
        help="0 while no authorised search case covers a camera.",
    ),
    Panel("Frames a second", {"{{camera}}": _rate("frames_read")}, unit="fps"),
    Panel(
        "Held back by the gate",
        {"{{camera}}": f"{_rate('gated')} / {_rate('frames_read')}"},
        unit="percentunit",
        help="Nothing moved: the detector was spared.",
    ),
    Panel(
        "Lag",
        {"{{camera}}": f"max by (camera) (ray_dome_camera_lag_s{_BY_CAMERA})"},
        unit="s",
        bad_from=5,
        help="Age of the newest processed frame behind the newest captured one.",
    ),
    Panel(
        "Dropped",
        {"{{camera}}": _rate("dropped")},
        unit="fps",
        help="Of live cameras, because newer frames came: the detectors are too few.",
    ),
    Panel("Events by district", {"{{district}}": _rate("events", "district")}, unit="eps"),
    Panel("CPU of the actors", {"{{camera}}": _rate("processing_s")}, unit="percentunit"),
    Panel("Sources opened again", {"{{camera}}": _rate("reconnects")}, unit="ops", columns=12),
    Panel("Detections", {"{{camera}}": _rate("detections")}, unit="ops", columns=12),
)

SERVING: Final = (
    Panel(
        "Replicas that are well",
        {"{{deployment}}": "sum by (deployment) (ray_serve_deployment_replica_healthy)"},
        columns=12,
    ),
    Panel(
        "Requests a second",
        {
            "{{deployment}}": "sum by (deployment) "
            "(rate(ray_serve_deployment_request_counter_total[$__rate_interval]))"
        },
        unit="reqps",
        columns=12,
    ),
    Panel(
        "Requests under way",
        {"{{deployment}}": "sum by (deployment) (ray_serve_replica_processing_queries)"},
        columns=12,
    ),
    Panel(
        "Time of a request, 95 of 100",
        {
            "{{deployment}}": "histogram_quantile(0.95, sum by (deployment, le) "
            "(rate(ray_serve_deployment_processing_latency_ms_bucket[$__rate_interval])))"
        },
        unit="ms",
        columns=12,
    ),
)

_VARIABLES: Final = ("district", "camera")


def dashboards(source_uid: str = SOURCE) -> list[dict[str, Any]]:
    """All dashboards as Grafana takes them.

    Args:
        source_uid: Of the Prometheus that scrapes Ray.
    """
    cameras = _dashboard("cameras", "Cameras", CAMERAS, source_uid)
    cameras["templating"] = {"list": [_variable(name, source_uid) for name in _VARIABLES]}
    return [cameras, _dashboard("serving", "Detectors and readers", SERVING, source_uid)]


def push(url: str, token: str, prometheus_url: str | None = None) -> list[str]:
    """Makes the folder, the data source and the dashboards of a Grafana what they are here; any number of times.

    Args:
        url: Of Grafana.
        token: Of a service account that may edit; empty where the address holds name and password.
        prometheus_url: Where Grafana finds Prometheus; None: the one it has is used, of several its default.

    Returns:
        Addresses of the dashboards.

    Raises:
        FieldError: If the address is none.
        DomeError: If Grafana does not answer, or refuses.
    """
    origin = _origin(url)
    try:
        grafana: Any = GrafanaApi.from_url(url.rstrip("/") + "/", token or None)  # untyped
        _folder(grafana)
        source_uid = _source(grafana, prometheus_url)
        return [
            origin
            + str(
                grafana.dashboard.update_dashboard(
                    {"dashboard": each, "folderUid": FOLDER[0], "overwrite": True, "message": "Digital Dome"}
                )["url"]
            )
            for each in dashboards(source_uid)
        ]
    except (GrafanaException, OSError) as error:
        raise DomeError(f"Grafana at {masked(url)}: {_why(error)}") from error
    except (KeyError, TypeError, ValueError) as error:  # a page where an answer should be
        raise DomeError(
            f"Grafana at {masked(url)}: expected Grafana's API, got something else's answer; is there a sign-in page "
            "before it, or a path missing?"
        ) from error


def _origin(url: str) -> str:
    """The address without name, password and path: Grafana's own answers say where below it they lie."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            port = f":{parts.port}" if parts.port else ""
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return f"{parts.scheme}://{host}{port}"
    except ValueError:  # a port that is none
        pass
    raise FieldError("URL", "the address of a Grafana, such as http://grafana:3000", repr(masked(url)))


def _folder(grafana: Any) -> None:
    uid, title = FOLDER
    try:
        grafana.folder.get_folder(uid)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        grafana.folder.create_folder(title, uid)


def _source(grafana: Any, prometheus_url: str | None) -> str:
    """Uid of the data source that panels ask."""
    if prometheus_url is None:
        theirs = [s for s in grafana.datasource.list_datasources() if s["type"] == "prometheus"]
        if theirs:
            return str(max(theirs, key=lambda s: bool(s.get("isDefault")))["uid"])
        raise DomeError("Grafana has no Prometheus data source: expected --prometheus URL, got nothing")
    wanted = {
        "uid": SOURCE, "name": "Digital Dome", "type": "prometheus", "access": "proxy", "url": prometheus_url,
    }  # fmt: skip
    try:
        grafana.datasource.get_datasource_by_uid(SOURCE)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        grafana.datasource.create_datasource(wanted)
    else:
        grafana.datasource.update_datasource_by_uid(SOURCE, wanted)
    return SOURCE


def _why(error: Exception) -> str:
    if isinstance(error, GrafanaClientError) and error.status_code in (401, 403):
        return f"{error.status_code}: expected a token that may edit (DOME_GRAFANA_TOKEN), got one it refuses"
    return masked(str(getattr(error, "message", "") or error))


def _dashboard(uid: str, title: str, panels: Sequence[Panel], source_uid: str) -> dict[str, Any]:
    return {
        "uid": f"dome-{uid}",
        "title": title,
        "tags": ["digital-dome"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": SINCE, "to": "now"},
        "panels": list(_placed(panels, source_uid)),
    }


def _placed(panels: Sequence[Panel], source_uid: str) -> Iterator[dict[str, Any]]:
    """Panels from left to right, row by row."""
    x = y = 0
    for number, panel in enumerate(panels, 1):
        height = 4 if panel.kind == "stat" else 8
        yield {
            "id": number,
            "title": panel.title,
            "description": panel.help,
            "type": panel.kind,
            "datasource": {"type": "prometheus", "uid": source_uid},
            "gridPos": {"x": x, "y": y, "w": panel.columns, "h": height},
            "fieldConfig": {"defaults": _shown(panel), "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + k), "expr": expr, "legendFormat": legend}
                for k, (legend, expr) in enumerate(panel.exprs.items())
            ],
        }
        x += panel.columns
        if x >= WIDTH:
            x, y = 0, y + height


def _shown(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    return {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}


def _variable(name: str, source_uid: str) -> dict[str, Any]:
    """A choice above the dashboard: some, or all."""
    return {
        "name": name,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": source_uid},
        "query": f"label_values(ray_dome_camera_frames_read_total, {name})",
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
    }
