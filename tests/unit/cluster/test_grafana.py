"""Dashboards: what Grafana gets, and that its panels name metrics that there are."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

import cluster.cli
from cluster.grafana import FOLDER, SOURCE, dashboards, push
from flows.domain.errors import DomeError, FieldError
from flows.domain.status import CameraStatus
from flows.stream.gauges import COUNTS, FLEET_LEVELS, LEVELS, FleetGauges, Gauges

DEPLOY = Path(__file__).parents[3] / "cluster" / "deploy"


class Grafana(BaseHTTPRequestHandler):
    """As much of Grafana's API as is asked of it (https://grafana.com/docs/grafana/latest/developers/http_api)."""

    server: Server

    def do_GET(self) -> None:
        known = {
            "/api/health": {"version": "12.0.0", "database": "ok"},
            "/api/datasources": self.server.sources,
        }
        self.path = self.path.removeprefix(self.server.below)
        kept = self.server.kept.get(self.path)
        self._say(200, kept or known[self.path]) if kept or self.path in known else self._say(
            404, {"message": "none"}
        )

    def do_POST(self) -> None:
        self._keep()

    def do_PUT(self) -> None:
        self._keep()

    def _keep(self) -> None:
        if self.headers["Authorization"] not in (
            "Bearer right",
            f"Basic {b64encode(b'ann:s3cret').decode()}",
        ):
            self._say(401, {"message": "no"})
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.path = self.path.removeprefix(self.server.below)
        self.server.calls.append((self.command, self.path))
        if self.path == "/api/dashboards/db":
            board = body["dashboard"]
            self.server.kept[f"board/{board['uid']}"] = body
            self._say(200, {"url": f"{self.server.below}/d/{board['uid']}"})
            return
        if self.path == "/api/folders":
            self.server.kept[f"/api/folders/{body['uid']}"] = body
        else:
            self.server.kept[f"/api/datasources/uid/{body['uid']}"] = body
        self._say(200, body)

    def _say(self, status: int, body: object) -> None:
        said = json.dumps(body).encode() if not self.server.page else self.server.page
        self.send_response(200 if self.server.page else status)
        self.send_header("Content-Type", "text/html" if self.server.page else "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """A Grafana that has nothing yet."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Grafana)
        self.kept: dict[str, Any] = {}
        self.calls: list[tuple[str, str]] = []
        self.sources: list[dict[str, Any]] = []
        self.below = ""
        self.page = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def grafana() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_dashboards_are_made_and_made_anew(grafana: Server) -> None:
    first = push(grafana.url, "right", "http://prometheus:9090")
    assert first == [f"{grafana.url}/d/dome-cameras", f"{grafana.url}/d/dome-serving"]
    assert grafana.kept[f"/api/folders/{FOLDER[0]}"] == {"uid": FOLDER[0], "title": FOLDER[1]}
    assert grafana.kept[f"/api/datasources/uid/{SOURCE}"]["url"] == "http://prometheus:9090"
    sent = grafana.kept["board/dome-cameras"]
    assert (sent["overwrite"], sent["folderUid"]) == (True, FOLDER[0])
    before = len(grafana.calls)
    assert push(grafana.url, "right", "http://prometheus:9091") == first
    assert grafana.calls[before:] == [
        ("PUT", f"/api/datasources/uid/{SOURCE}"),
        *[("POST", "/api/dashboards/db")] * 2,
    ]
    assert grafana.kept[f"/api/datasources/uid/{SOURCE}"]["url"] == "http://prometheus:9091"


def test_without_an_address_grafanas_own_prometheus_is_asked(grafana: Server) -> None:
    with pytest.raises(DomeError, match="expected --prometheus URL"):
        push(grafana.url, "right")
    grafana.sources = [{"type": "loki", "uid": "l"}, {"type": "prometheus", "uid": "its-own"}]
    push(grafana.url, "right")
    panels = grafana.kept["board/dome-serving"]["dashboard"]["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {"its-own"}


def test_of_several_the_default_one_is_asked(grafana: Server) -> None:
    grafana.sources = [
        {"type": "prometheus", "uid": "first", "isDefault": False},
        {"type": "prometheus", "uid": "default", "isDefault": True},
    ]
    push(grafana.url, "right")
    panels = grafana.kept["board/dome-serving"]["dashboard"]["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {"default"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_grafana_below_a_path_is_reached_and_no_password_is_printed(grafana: Server, slash: str) -> None:
    grafana.below = "/grafana"
    address = grafana.url.replace("//", "//ann:s3cret@") + grafana.below + slash
    done = CliRunner().invoke(
        cluster.cli.app,
        ["grafana", address, "--prometheus", "http://prometheus:9090"],
        env={"DOME_GRAFANA_TOKEN": ""},
    )
    assert done.exit_code == 0
    assert "s3cret" not in done.output
    assert done.output.split() == [f"{grafana.url}/grafana/d/dome-{name}" for name in ("cameras", "serving")]


@pytest.mark.parametrize("url", ["grafana:3000", "nonsense", "http://", "http://ann:s3cret@grafana:99999"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(FieldError, match="URL: expected the address of a Grafana") as refused:
        push(url, "right")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("prometheus", [None, "http://prometheus:9090"])
def test_a_sign_in_page_is_no_grafana(grafana: Server, prometheus: str | None) -> None:
    grafana.page = b"<html>Sign in</html>"
    with pytest.raises(DomeError, match="expected Grafana's API, got something else's answer"):
        push(grafana.url, "right", prometheus)


def test_a_grafana_that_refuses_or_is_away_is_named(grafana: Server) -> None:
    with pytest.raises(DomeError, match=r"401: expected a token that may edit \(DOME_GRAFANA_TOKEN\)"):
        push(grafana.url, "wrong", "http://prometheus:9090")
    with pytest.raises(DomeError, match=r"Grafana at http://127\.0\.0\.1:1"):
        push("http://127.0.0.1:1", "right")


def test_panels_ask_for_metrics_that_there_are() -> None:
    cameras, serving = dashboards()
    ours = {f"ray_dome_camera_{name}_total" for name in (*COUNTS, "events", "errors")}
    ours |= {f"ray_dome_camera_{name}" for name in LEVELS}
    asked = _asked(cameras)
    assert asked <= ours
    assert {f"ray_dome_camera_{name}" for name in ("lag_s", "spooled", "lost_total", "faces_total")} <= asked
    assert all(name.startswith("ray_serve_") for name in _asked(serving))


def test_panels_lie_side_by_side() -> None:
    for board in dashboards():
        places = [panel["gridPos"] for panel in board["panels"]]
        taken = [
            (x, y)
            for p in places
            for x in range(p["x"], p["x"] + p["w"])
            for y in range(p["y"], p["y"] + p["h"])
        ]
        assert len(taken) == len(set(taken))
        assert max(p["x"] + p["w"] for p in places) == 24


def test_files_for_provisioning(tmp_path: Path) -> None:
    done = CliRunner().invoke(cluster.cli.app, ["grafana", "--out", str(tmp_path / "boards")])
    assert done.exit_code == 0
    assert f"data source with uid {SOURCE}" in done.output  # which must be provisioned as well
    written = sorted((tmp_path / "boards").iterdir())
    assert [json.loads(path.read_text()) for path in written] == dashboards()


def _asked(board: dict[str, Any]) -> set[str]:
    exprs = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    queries = [variable["query"] for variable in board.get("templating", {"list": []})["list"]]
    return {name for text in exprs + queries for name in re.findall(r"ray_\w+", text)}


def test_alerts_ask_for_metrics_that_there_are() -> None:
    yaml = YAML(typ="safe")
    settings = yaml.load(DEPLOY / "prometheus.yml")
    (group,) = yaml.load(DEPLOY / settings["rule_files"][0])["groups"]
    ours = {f"ray_dome_camera_{name}_total" for name in COUNTS} | {
        f"ray_dome_camera_{name}" for name in LEVELS
    }
    ours |= {f"ray_dome_fleet_{name}" for name in FLEET_LEVELS}
    for rule in group["rules"]:
        asked = set(re.findall(r"ray_\w+", rule["expr"]))
        assert asked
        assert asked <= ours
        assert rule["annotations"]["summary"]


def test_a_camera_of_which_all_figures_are_gone_is_missed() -> None:
    """No rate of its own can be 0 then: whoever knows that it is to run must say so, and that somebody knows at all."""
    (group,) = YAML(typ="safe").load(DEPLOY / "alerts.yml")["groups"]
    exprs = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    expected, reporting = exprs["CameraMissing"].split(" unless on (camera, district) ")
    assert expected == "ray_dome_fleet_expected > 0"
    assert reporting in {f"ray_dome_camera_{name}" for name in LEVELS}, (
        "Ray keeps the counters of who is gone"
    )
    assert exprs["NoJob"] == "absent(ray_dome_fleet_expected)"


def test_a_camera_that_was_changed_or_taken_out_is_not_called_silent() -> None:
    """What the process before it counted stands still for ever."""
    (group,) = YAML(typ="safe").load(DEPLOY / "alerts.yml")["groups"]
    (silent,) = (rule["expr"] for rule in group["rules"] if rule["alert"] == "CameraSilent")
    rates, expected = silent.split(" and on (camera, district) ")
    assert rates.startswith("sum by (camera, district) (rate(")
    assert expected == "ray_dome_fleet_expected > 0"


def test_who_is_to_run_is_told_until_it_leaves_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[tuple[str, str], float] = {}

    class Gauge:
        def __init__(self, name: str, text: str, keys: tuple[str, ...]) -> None:
            assert (name, keys) == ("dome_fleet_expected", ("camera", "district"))

        def set(self, value: float, tags: dict[str, str]) -> None:
            told[tags["camera"], tags["district"]] = value

    monkeypatch.setattr("flows.stream.gauges.Gauge", Gauge)
    gauges = FleetGauges()
    gauges.tell({"a": "north", "b": "north", "c": "south"})
    gauges.tell({"a": "north", "b": "south"})
    assert told == {("a", "north"): 1, ("b", "north"): 0, ("b", "south"): 1, ("c", "south"): 0}


def test_what_has_not_happened_yet_is_told_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that comes with its first loss shows no increase: nobody would be called."""
    told: dict[str, list[float]] = {}

    class Metric:
        def __init__(self, name: str, text: str, keys: tuple[str, ...]) -> None:
            self._said = told.setdefault(name.removeprefix("dome_camera_"), [])

        def set_default_tags(self, tags: dict[str, str]) -> None:
            assert tags == {"camera": "a", "district": "north"}

        def _record(self, value: float) -> None:
            self._said.append(value)

        inc = set = _record

    for kind in ("Counter", "Gauge"):
        monkeypatch.setattr(f"flows.stream.gauges.{kind}", Metric)
    gauges = Gauges("a", "north")
    assert all(told[name] == [0.0] for name in (*COUNTS, "events", "errors"))
    gauges.tell(CameraStatus(camera_id="a", district="north", lost=3))
    assert told["lost"] == [0.0, 3.0]
    assert told["dropped"] == [0.0]
