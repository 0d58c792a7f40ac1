"""What single pages of the console show, on material of their own, at a desk and on a tablet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest
from apiclient import config_for, stored, write
from browsing import CHROMIUM, check_accessible

from flows.domain.events import Event, KeyMoment
from flows.store.evidence import EvidenceStore
from flows.store.redis_server import EmbeddedRedis
from serve.api.config import ApiConfig

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
HALL = Path(__file__).resolve().parents[2] / "cluster/demo/clips/hall.mp4"
BAG = (448.0, 339.0, 467.0, 372.0)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiConfig]:
    home = tmp_path_factory.mktemp("pages")
    with EmbeddedRedis(home / "redis") as server:
        yield config_for(server.url, home)


def opened(desk: Any, page_name: str, *roles: Any, **more: Any) -> Any:
    page = desk(*roles, **more)
    page.goto(page.url.split("#")[0] + f"#/{page_name}")
    return page


def on_a_tablet(page: Any, shot: Path) -> None:
    """Nothing sticks out on a tablet."""
    page.set_viewport_size({"width": 800, "height": 1200})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=shot)


def frames(*numbers: int) -> list[bytes]:
    """Pictures of the demo's hall, JPEG."""
    with av.open(str(HALL)) as hall:
        shown = {n: f.to_image() for n, f in enumerate(hall.decode(video=0)) if n in numbers}
    pictures = []
    for n in numbers:
        out = io.BytesIO()
        shown[n].save(out, "JPEG", quality=90)
        pictures.append(out.getvalue())
    return pictures


def test_a_small_thing_is_marked_and_shown_larger(desk: Any, shots: Path, config: ApiConfig) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    names = ("placing", "leaving", "now")
    moments = [KeyMoment(name=name, at=at, xyxy=BAG).model_dump(mode="json") for name in names]
    data = {"object": "", "moments": moments, "placed_at": at.isoformat(), "measured": {}}
    event = Event.of("dome.object.abandoned.v1", camera_id="hall", district="esil", at=at, data=data)
    files = dict(zip((f"{name}.jpg" for name in names), frames(70, 90, 215), strict=True))
    EvidenceStore(config.settings.evidence).write(f"x/{event.id}", files, b"{}")
    write(config.redis_url, event, stored(event, *files))
    page = opened(desk, "objects", "operator")
    page.wait_for_selector(".card .overlay >> nth=2")
    boxes = page.locator(".overlay > .box")
    assert boxes.count() == 3
    left, width = (float(boxes.first.get_attribute(name)) for name in ("x", "width"))
    assert left < BAG[0] < BAG[2] < left + width
    seen = page.locator(".inset svg").first.get_attribute("viewBox").split()
    x, y, wide, high = map(float, seen)
    assert x < BAG[0] < BAG[2] < x + wide
    assert y < BAG[1] < BAG[3] < y + high
    assert wide < 6 * (BAG[2] - BAG[0]), "larger than in the whole picture"
    check_accessible(page)
    page.screenshot(path=shots / "object.png")
    on_a_tablet(page, shots / "object-tablet.png")
