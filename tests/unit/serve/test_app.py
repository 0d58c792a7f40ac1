"""What is deployed where, without Ray."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ray.serve.config import HTTPOptions, ProxyLocation

from flows.domain.errors import DomeError
from serve import app

HERE = ("127.0.0.1", 8000)


def runs(monkeypatch: pytest.MonkeyPatch, where: tuple[str, int], location: ProxyLocation) -> None:
    """A Serve that runs; Ray's own start leaves it as it is."""
    client = SimpleNamespace(
        http_config=HTTPOptions(host=where[0], port=where[1]),
        get_serve_details=lambda: {"proxy_location": location, "http_options": {}},
    )
    monkeypatch.setattr(app.serve, "start", lambda **_: None)
    monkeypatch.setattr(app, "_get_global_client", lambda: client)


@pytest.mark.parametrize(
    ("where", "location", "said"),
    [
        (HERE, ProxyLocation.Disabled, "listens nowhere"),
        (("127.0.0.1", 9000), ProxyLocation.HeadOnly, "listens at 127.0.0.1:9000"),
        (("0.0.0.0", 8000), ProxyLocation.EveryNode, "listens at 0.0.0.0:8000"),
    ],
)
def test_an_address_at_which_nothing_listens_is_refused(
    monkeypatch: pytest.MonkeyPatch, where: tuple[str, int], location: ProxyLocation, said: str
) -> None:
    runs(monkeypatch, where, location)
    with pytest.raises(DomeError, match=f"{said}.*, not at 127.0.0.1:8000"):
        app.start_serve(HERE)


@pytest.mark.parametrize("location", [ProxyLocation.HeadOnly, ProxyLocation.EveryNode])
def test_a_serve_that_listens_there_is_joined(
    monkeypatch: pytest.MonkeyPatch, location: ProxyLocation
) -> None:
    runs(monkeypatch, HERE, location)
    app.start_serve(HERE)


def test_a_job_without_an_api_joins_any(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, HERE, ProxyLocation.Disabled)
    app.start_serve()
