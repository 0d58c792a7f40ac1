"""What single pages of the console show, on material of their own, at a desk and on a tablet."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from apiclient import config_for, stored, token, write
from browsing import CHROMIUM, check_accessible, served
from evidencestore import store_in
from searching import DAY, make_case, make_found

from flows.court.verify import verify
from flows.domain.cases import SearchTerms, Window
from flows.domain.events import Event, KeyMoment
from flows.domain.places import Places
from flows.domain.site import District
from flows.domain.status import CameraStatus, Outline
from flows.store.audit import AuditStore
from flows.store.cameras import CameraStore
from flows.store.cases import CaseStore
from flows.store.leads import LeadStore
from flows.store.pictures import PictureStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.reports import ReportsStore
from flows.store.vault import Vault
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


def glimpse() -> bytes:
    """What a camera sends while somebody looks."""
    with av.open(str(HALL)) as hall:
        small = next(hall.decode(video=0)).to_image(width=320, height=180)
    out = io.BytesIO()
    small.save(out, "JPEG")
    return out.getvalue()


def test_a_small_thing_is_marked_and_shown_larger(desk: Any, shots: Path, config: ApiConfig) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    names = ("placing", "leaving", "now")
    moments = [KeyMoment(name=name, at=at, xyxy=BAG).model_dump(mode="json") for name in names]
    data = {"object": "", "moments": moments, "placed_at": at.isoformat(), "measured": {}}
    event = Event.of("dome.object.abandoned.v1", camera_id="hall", district="esil", at=at, data=data)
    files = dict(zip((f"{name}.jpg" for name in names), frames(70, 90, 215), strict=True))
    store_in(config.settings.evidence).write(f"x/{event.id}", files, b"{}")
    write(config.redis_url, event, stored(event, *files))
    page = opened(desk, "objects", "operator")
    boxes = page.locator(".overlay > .box")
    boxes.nth(2).wait_for()  # the list may be drawn anew meanwhile, as things happen
    assert boxes.count() == 3
    assert sorted(page.locator("figcaption").all_inner_texts()) == ["Now", "Owner leaves", "Put down"]
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


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_what_machines_name_is_said_in_the_language_of_whoever_reads(
    desk: Any, shots: Path, config: ApiConfig, language: str
) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    measured = {"alone": {"value": 31.0, "low": 30.0, "high": 32.0, "unit": "s"},
                "distance": {"value": 6.2, "low": 5.0, "high": 7.4, "unit": "widths"}}  # fmt: skip
    data = {"object": "", "measured": measured}
    about: dict[str, Any] = {"camera_id": "quay", "district": "alatau", "at": at, "data": data}
    write(config.redis_url, Event.of("dome.object.unwatched.v1", **about, key=(language,)))
    cameras = CameraStore(config.redis_url)
    cameras.put([CameraStatus(
        camera_id="quay", district="alatau", state="running", refusals={"too_few": 3, "camera_moved": 1},
        errors={"decode": 2}, unfit=("camera_moved",),
    )])  # fmt: skip
    cameras.close()
    for page_name, role in (("objects", "operator"), ("cameras", "operator"), ("audit", "auditor")):
        page = opened(desk, page_name, role, language=language, districts=("alatau",))
        page.wait_for_selector(".card, tbody tr, .empty")
        page.screenshot(path=shots / f"{page_name}-{language}.png")
        said = page.locator("main").inner_text().replace("quay", "").replace("alatau", "")
        assert re.findall("[A-Za-z]{3,}", said) == [], said


REFUSED = [
    (409, {"code": "held", "detail": "anna is reviewing it"}, "Это рассматривает другой человек"),
    (403, {"detail": "expected the role auditor"}, "На это у вас нет прав"),
    (502, {}, "Ошибка на сервере, она записана в журнал"),
    (0, {}, "Нет связи с сервером"),
    (409, {"code": "new", "detail": "it is full"}, "Сейчас это невозможно (it is full)"),
    (422, {"detail": "too far", "errors": [{"field": "body.alert_radius_m", "expected": "less"}]},
     "Введённое значение не принято: Радиус вызова (too far)"),
]  # fmt: skip


def test_what_the_api_refuses_is_said_in_the_language_of_the_page(desk: Any) -> None:
    explain = "async ([status, said]) => new (await import('/console/api.js')).Problem(status, said).message"
    russian, english = (opened(desk, "cameras", "operator", language=language) for language in ("ru", "en"))
    assert [russian.evaluate(explain, [status, said]) for status, said, _ in REFUSED] == [
        r[2] for r in REFUSED
    ]
    assert english.evaluate(explain, [409, REFUSED[0][1]]) == "anna is reviewing it", "as the API says it"
    assert english.evaluate(explain, [0, {}]) == "No connection to the server"


def found_lead(config: ApiConfig, radius_m: float) -> str:
    """A child is searched for in esil, and a machine takes somebody before a camera for them."""
    url, vault = config.redis_url, Vault.of(config.settings.probe_key.get_secret_value())
    cases, leads, now = CaseStore(url, vault), LeadStore(url, vault), datetime.now(UTC)
    case = make_case(
        id="c-child", purpose="missing_child", cameras=(), districts=("esil",), alert_radius_m=radius_m,
        window=Window(begins_at=now - DAY, ends_at=now + DAY), expires_at=now + DAY,
        terms=SearchTerms(longest_days=30, first=True), steps=({"deed": "created", "by": "asel", "at": now},),
    )  # fmt: skip
    cases.create(case, {"p1": frames(0)[0]})
    cases.authorise("c-child", "bolat", "seen")
    cases.activate("c-child", "asel")
    at = datetime.now(UTC)
    found = make_found(case="c-child", crop=vault.seal(frames(215)[0]), template=vault.seal(b"0"),
                       latitude=51.12, longitude=71.42)  # fmt: skip
    event = found.event(camera_id="hall", district="esil", at=at)
    assert leads.take(event)
    cases.close_connections(), leads.close_connections()
    return event.id


def test_a_child_s_lead_is_seen_at_once_and_confirmed_by_two_it_calls_the_patrols_near(
    desk: Any, shots: Path, config: ApiConfig, address: str
) -> None:
    operator = desk("operator")
    operator.wait_for_selector(".link.open")
    patrol = opened(desk, "patrol", "patrol", sub="timur")
    patrol.context.grant_permissions(["geolocation"])
    patrol.context.set_geolocation({"latitude": 51.125, "longitude": 71.42})
    patrol.click("button[aria-pressed=false]")
    patrol.wait_for_selector("button[aria-pressed=true]")
    lead = found_lead(config, radius_m=2000)
    operator.wait_for_selector(".lead-row.first:has-text('Missing child')")
    operator.wait_for_selector(".tile.presses")
    check_accessible(operator)
    operator.screenshot(path=shots / "now-lead.png")
    assert patrol.locator(".card").count() == 0, "a machine's hit calls nobody"
    leads = LeadStore(config.redis_url)
    leads.confirm(lead, "erlan")
    operator.click(".lead-row a")
    operator.click(".lead button.good")
    operator.click(".lead button:text('Dispatch')")
    with operator.expect_download() as package:
        operator.click(".lead a:text('Evidence package')")
    assert verify(Path(package.value.path()).read_bytes()).event == lead
    operator.screenshot(path=shots / "lead-package.png")
    patrol.wait_for_selector(".banner.called:has-text('556 m')")
    assert patrol.locator(".card.calls .pill.first").count() == 1
    check_accessible(patrol)
    patrol.screenshot(path=shots / "patrol-called.png")
    on_a_tablet(patrol, shots / "patrol-called-tablet.png")
    patrol.click("button:text('Accept')")
    patrol.wait_for_selector(".banner.called", state="hidden")
    shown = patrol.locator(".card .pair img[src^=blob]")
    shown.nth(1).wait_for()
    wide = "images => images.map((image) => image.decode().then(() => image.naturalWidth))"
    assert patrol.evaluate(f"Promise.all(({wide})([...document.querySelectorAll('.pair img')]))") == [
        1280,
        1280,
    ]
    patrol.wait_for_selector(".banner[role=status]", state="hidden")
    check_accessible(patrol)
    patrol.screenshot(path=shots / "patrol-pictures-tablet.png")
    patrol.click("button:text('Arrived')")
    patrol.wait_for_selector(".pill:text('on the spot')")
    assert shown.count() == 2
    log = AuditStore(config.redis_url)
    looks = [(e.who, e.action) for e in log.entries() if e.who == "timur" and e.details.get("picture")]
    assert sorted(looks) == [("timur", "lead.viewed"), ("timur", "probe.viewed")], (
        "each picture is fetched once"
    )
    for language, said in (("kk", "Кім ізделуде"), ("ru", "Кого ищут")):
        other = opened(desk, "patrol", "patrol", sub="timur", language=language)
        other.locator(f".pair[aria-label='{said}'] img[src^=blob]").nth(1).wait_for()
        check_accessible(other)
        on_a_tablet(other, shots / f"patrol-pictures-{language}.png")
        other.close()
    url, own = f"{address}/api/v1/cases/c-child", {"Authorization": f"Bearer {token(config, 'operator')}"}
    why = {"why": "found by her mother", "version": httpx.get(url, headers=own).json()["version"]}
    assert httpx.put(f"{url}/close", headers=own, json=why).is_success
    patrol.wait_for_selector(".banner:has-text('The task has ended: Search lead, hall, the case was closed')")
    assert shown.count() == 0
    check_accessible(patrol)
    patrol.screenshot(path=shots / "patrol-ended-tablet.png")
    log.close_connections(), leads.close_connections()


def test_a_camera_says_why_it_is_no_evidence_and_shows_its_zones_over_its_picture(
    desk: Any, shots: Path, config: ApiConfig
) -> None:
    now = datetime.now(UTC)
    lane = Outline(kind="zone", name="hall", points=((0.1, 0.95), (0.45, 0.42), (0.75, 0.45), (0.95, 0.95)))
    line = Outline(kind="line", name="gate", points=((0.2, 0.6), (0.8, 0.62)))
    about: dict[str, Any] = {"district": "esil", "state": "running", "rate_hz": 24.8, "last_at": now}
    cameras, pictures = CameraStore(config.redis_url), PictureStore(config.redis_url)
    cameras.put([
        CameraStatus(camera_id="fit", fitness="fit", moved_px=0.3, unfit=(), **about),
        CameraStatus(camera_id="unfit", unfit=("clock", "calibration_expired"), **about),
    ], {"unfit": (lane, line)})  # fmt: skip
    pictures.put({"unfit": (now, glimpse())})
    page = opened(desk, "cameras", "operator")
    page.wait_for_selector("[aria-label=fit] .pill:text('Fit for evidence')")
    reasons = page.locator("[aria-label=unfit] .reasons-list li").all_inner_texts()
    assert reasons == ["nobody vouches for the clock", "survey has expired"]
    page.click("[aria-label=unfit] button")
    page.wait_for_selector(".look .outline.line")
    assert page.locator(".look .overlay text").all_text_contents() == ["hall", "gate"]
    assert page.locator(".look polygon.outline").get_attribute("points").startswith("32,171 ")
    check_accessible(page)
    page.screenshot(path=shots / "cameras.png")
    on_a_tablet(page, shots / "cameras-tablet.png")
    cameras.close(), pictures.close()


def test_a_camera_that_ended_shows_where_its_zones_lie_why_there_is_no_picture_and_what_it_found(
    desk: Any, shots: Path, config: ApiConfig
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    lane = Outline(kind="zone", name="lane", points=((0.1, 0.95), (0.45, 0.42), (0.75, 0.45), (0.95, 0.95)))
    lines = [
        Outline(kind="line", name=name, points=((0.2, 0.6), (0.8, 0.62))) for name in ("stop", "stop_all")
    ]
    cameras = CameraStore(config.redis_url)
    cameras.put([
        CameraStatus(camera_id="over", name="Abay Avenue", district="esil", state="ended", rate_hz=25.0,
                     latitude=51.1, longitude=71.4, rules=("speeding", "solid_line"), unfit=()),
        CameraStatus(camera_id="beside", district="esil", state="running"),
    ], {"over": (lane, *lines)})  # fmt: skip
    cameras.close()
    said = {"rule": "speeding", "track": 1, "cls": "car", "threshold": {"limit_kmh": 60.0}, "state": "stands",
            "measured": {"speed": {"value": 92.4, "low": 90.1, "high": 94.7, "unit": "km/h"}}}  # fmt: skip
    own, other = (
        Event.of("dome.violation.speeding.v1", camera_id=id, district="esil", at=now, key=(id,), data=said)
        for id in ("over", "beside")
    )
    write(config.redis_url, own, other)
    page = opened(desk, "cameras", "operator")
    page.wait_for_selector("[aria-label=over] .note:text('No picture: the camera sends none any more')")
    page.click("[aria-label=over] h2 a")
    page.wait_for_selector("figcaption:has-text('kept for seconds')")
    names = page.locator(".stage.bare .overlay text")
    assert names.all_text_contents() == ["lane", "stop", "stop_all"]
    tops = sorted(box["y"] for box in (name.bounding_box() for name in names.all()))
    assert all(below - above > 10 for above, below in pairwise(tops)), "none on another"
    assert page.locator(".facts li").all_inner_texts() == ["Speeding", "Solid line"]
    assert page.locator("main button").count() == 0
    assert page.locator(".queue li").count() == 1
    check_accessible(page)
    page.screenshot(path=shots / "camera.png")
    on_a_tablet(page, shots / "camera-tablet.png")
    page.click(".queue a")
    page.wait_for_selector("h1:has-text('Speeding')")
    assert page.url.endswith(own.id)
    patrol = opened(desk, "cameras/over", "patrol")
    patrol.wait_for_selector(".stage.bare")
    assert patrol.locator("h2").count() == 0, "violations are not theirs to see"


def test_a_camera_s_own_page_shows_its_picture_to_who_may_look_and_lines_of_what_changes(
    desk: Any, config: ApiConfig
) -> None:
    line = Outline(kind="line", name="gate", points=((0.2, 0.6), (0.8, 0.62)))
    cameras, pictures = CameraStore(config.redis_url), PictureStore(config.redis_url)

    def told(rate_hz: float) -> None:
        status = CameraStatus(camera_id="eye", district="esil", state="running", rate_hz=rate_hz)
        cameras.put([status], {"eye": (line,)})

    told(25.0)
    pictures.put({"eye": (datetime.now(UTC), glimpse())})
    page = opened(desk, "cameras/eye", "operator")
    page.wait_for_selector(".stage.bare .outline.line")
    assert page.locator(".spark").count() == 0
    page.click("button:text('Look')")
    page.wait_for_selector(".stage img + .overlay .outline.line")
    address = page.url.split("#")[0]
    for rate_hz, lines in ((25.0, 0), (12.5, 1)):
        told(rate_hz)
        page.goto(f"{address}#/cameras")
        page.wait_for_selector("[aria-label=eye]")
        assert page.locator("[aria-label=eye] .spark").count() == lines
        page.goto(f"{address}#/cameras/eye")
        page.wait_for_selector(".stage")
    reviewer = opened(desk, "cameras/eye", "reviewer")
    reviewer.wait_for_selector("figcaption:has-text('Operators and administrators')")
    assert reviewer.locator("main button").count() == 0
    cameras.close(), pictures.close()


def test_a_thing_is_called_what_it_is_taken_for_and_its_owner_s_distance_is_told_where_it_says_something(
    desk: Any, config: ApiConfig
) -> None:
    at = datetime.now(UTC).replace(microsecond=0)

    def left(name: str, known_as: str, owner: str, low: float, **more: Any) -> Event:
        measured = {"alone": {"value": 8.2, "low": 7.7, "high": 8.7, "unit": "s"},
                    "distance": {"value": low + 0.2, "low": low, "high": low + 0.4, "unit": "m"}}  # fmt: skip
        data = {
            "object": name,
            "known_as": known_as,
            "owner": owner,
            "measured": measured,
            "size_m": [0.35, 0.61],
        }
        return Event.of("dome.object.abandoned.v1", camera_id="hall", district="things", at=at, key=(name,),
                        data=data | more)  # fmt: skip

    write(config.redis_url, left("a", "suitcase", "away", 3.4), left("b", "", "gone", 0.0))
    page = opened(desk, "objects", "operator", districts=("things",))
    cards = {name: page.locator(f"article[aria-label={name}]") for name in "ab"}
    cards["a"].locator("h2:text('Suitcase') + .pill:text('abandoned')").wait_for()
    told = {name: card.locator(".facts").inner_text().split("\n") for name, card in cards.items()}
    assert cards["b"].locator("h2").inner_text() == "Object"
    assert "3.6 m 95 % interval 3.4 – 3.8" in told["a"]
    assert "out of sight" in told["b"]
    assert not any("How far off" in line for line in told["b"]), "they may have stood at it"
    check_accessible(page)
    day = opened(desk, "now", "patrol", districts=("things",))
    row = day.locator(".alert[data-id=a]")
    row.locator("b:text('Suitcase')").wait_for()
    again = left("a", "suitcase", "gone", 3.4).model_copy(
        update={"id": "a-2", "type": "dome.object.escalated.v1"}
    )
    day.wait_for_selector(".link.open")
    write(config.redis_url, again)
    day.wait_for_selector(".alert.fresh[data-id=a]:has-text('escalated')")
    assert row.count() == 1, "one row a thing"
    assert day.locator(".chart").is_hidden(), "whoever may not see violations sees no empty box for them"


def test_an_alert_of_another_day_says_of_which(desk: Any, config: ApiConfig) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    data = {"rule": "speeding", "measured": {}, "state": "stands"}
    about: dict[str, Any] = {"camera_id": "days", "district": "days", "data": data}
    days = [now - timedelta(days=n) for n in (0, 1, 400)]
    write(config.redis_url, *(Event.of("dome.violation.speeding.v1", **about, at=at) for at in days))
    empty = desk("operator", districts=("nowhere",))
    empty.wait_for_selector(".empty:text('alerts appear here by themselves')")
    page = desk("operator", districts=("days",), timezone_id="UTC")
    page.wait_for_selector(".alert >> nth=2")
    today, yesterday, long_ago = page.locator(".alert time").all_inner_texts()
    assert today == f"{days[0]:%H:%M:%S}"
    assert yesterday.startswith(f"{days[1]:%d/%m}")
    assert long_ago == f"{days[2]:%d/%m/%y, %H:%M}"
    assert page.locator(".empty:visible").count() == 0


def test_the_log_says_what_was_done_with_a_violation_and_why(
    desk: Any, shots: Path, config: ApiConfig, address: str
) -> None:
    event = Event.of("dome.violation.speeding.v1", camera_id="log", district="log", at=datetime.now(UTC),
                     data={"rule": "speeding", "measured": {}, "state": "stands"})  # fmt: skip
    write(config.redis_url, event)
    own = {"Authorization": f"Bearer {token(config, 'reviewer', districts=('log',))}"}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("claim", {}), ("release", {}), ("claim", {}), ("reject", {"reason": "not_visible", "detail": "snow"}),
    ]  # fmt: skip
    for version, (step, more) in enumerate(steps):
        url = f"{address}/api/v1/violations/{event.id}/{step}"
        assert httpx.post(url, headers=own, json={"version": version, **more}).is_success
    page = opened(desk, "audit", "auditor", districts=("log",))
    page.wait_for_selector("tbody tr >> nth=3")
    cells = [row.locator("td").all_inner_texts() for row in page.locator("tbody tr").all()]
    assert [(row[3], row[5]) for row in cells] == [
        ("violation rejected", "Not visible: snow"), ("violation taken for review", ""),
        ("violation put back", ""), ("violation taken for review", ""),
    ]  # fmt: skip
    heads = page.locator("thead th").all_inner_texts()
    assert all(re.fullmatch("[0-9a-f]{8}", row[heads.index("Hash")]) for row in cells)
    times = page.locator("tbody time")
    assert times.first.bounding_box()["height"] < 30, "on one line"
    check_accessible(page)
    page.screenshot(path=shots / "audit-log.png")
    on_a_tablet(page, shots / "audit-tablet.png")
    page.click(f"a:text('{event.id}') >> nth=0")
    page.wait_for_selector("h1 .state:text('rejected')")


def test_the_map_draws_the_districts_that_the_site_describes(
    desk: Any, shots: Path, config: ApiConfig
) -> None:
    north = ((51.20, 71.30), (51.24, 71.42), (51.21, 71.55), (51.15, 71.50), (51.16, 71.33))
    south = ((51.16, 71.33), (51.15, 71.50), (51.08, 71.52), (51.06, 71.36))
    reports, cameras = ReportsStore(config.redis_url), CameraStore(config.redis_url)
    reports.put_places(Places(districts=(
        District(id="north", name="Saryarka", polygon=north), District(id="south", polygon=south), District(id="west"),
    )))  # fmt: skip
    for n, district in enumerate(("north", "north", "south", "west")):
        place = {"latitude": 51.19 - 0.03 * n, "longitude": 71.44 - 0.04 * n}
        status = CameraStatus(camera_id=f"map-{n}", district=district, state="running", **place)
        cameras.put([status])
    page = desk("operator", districts=("north", "south", "west"))
    page.wait_for_selector(".map polygon.district >> nth=1")
    assert page.locator(".map circle.district").count() == 1, "west has no border"
    assert page.locator(".map .name").all_text_contents() == ["Saryarka", "south", "west"]
    boxes = [
        page.locator(f".map {what}").first.bounding_box() for what in ("polygon.district", "circle.camera")
    ]
    area, camera = boxes
    assert area["x"] < camera["x"] < area["x"] + area["width"]
    assert area["y"] < camera["y"] < area["y"] + area["height"]
    check_accessible(page)
    page.screenshot(path=shots / "map.png")
    on_a_tablet(page, shots / "map-tablet.png")
    own = desk("operator", sub="dana", districts=("south",))
    own.wait_for_selector(".map polygon.district")
    assert own.locator(".map polygon.district").count() == 1
    reports.close(), cameras.close()


def test_a_camera_that_fell_silent_keeps_its_name_and_its_place_on_the_map(
    desk: Any, config: ApiConfig
) -> None:
    cameras = CameraStore(config.redis_url)
    told = CameraStatus(camera_id="quiet", name="Quiet St", district="zhetysu", state="running", rate_hz=25.0,
                        frames_read=700, latitude=51.1, longitude=71.4)  # fmt: skip
    cameras.put([told, CameraStatus(camera_id="lost", district="zhetysu", state="running")])
    for camera in ("quiet", "lost"):
        cameras._client.delete(f"{{dome}}:status:{camera}")
    page = desk("operator", districts=("zhetysu",))
    page.wait_for_selector(".map a[aria-label='Quiet St (quiet): silent']")
    ground, label = (page.locator(f".map {what}").bounding_box() for what in ("rect.ground", "text.axis"))
    assert ground["x"] <= label["x"], "without a place: it is said in full"
    page = opened(desk, "cameras", "operator", districts=("zhetysu",))
    card = page.locator("[aria-label=quiet]")
    card.locator("h2 a:text('Quiet St')").wait_for()
    assert "700" in card.inner_text()
    assert "Rate" not in card.inner_text(), "nobody knows how fast it runs"
    assert card.locator("button").count() == 0, "it sends no picture"
    check_accessible(page)
    cameras.close()


def test_who_leaves_in_a_violation_is_the_vehicle_and_no_owner(desk: Any) -> None:
    page = desk("operator")
    said = "import('/console/words.js').then((w) => w.moment('leaving'))"
    assert page.evaluate(said) == "leaving"


PLAYED = """new Promise((done) => {
    const video = document.querySelector("video");
    video.addEventListener("timeupdate", () => video.currentTime > 0.2 && done());
})"""


def clips(config: ApiConfig, **codecs: bytes | None) -> dict[str, str]:
    """Violations with such a clip, or without one. Their ids."""
    found = {}
    for n, (name, clip) in enumerate(codecs.items()):
        at = datetime.now(UTC).replace(microsecond=0)
        moments = [KeyMoment(name="first", at=at, xyxy=BAG).model_dump(mode="json")]
        event = Event.of("dome.violation.speeding.v1", camera_id=f"clip-{name}", district="esil", at=at, key=(n,),
                         data={"rule": "speeding", "article": "", "track": n, "cls": "car", "moments": moments,
                               "measured": {}, "threshold": {}, "trace": [], "state": "stands"})  # fmt: skip
        files = {"first.jpg": frames(70)[0]} | ({} if clip is None else {"clip.mp4": clip})
        store_in(config.settings.evidence).write(f"x/{event.id}", files, b"{}")
        write(config.redis_url, event, stored(event, "first.jpg", *([] if clip is None else ["clip.mp4"])))
        found[name] = event.id
    return found


def mpeg4() -> bytes:
    """What no browser plays."""
    out = io.BytesIO()
    with av.open(out, "w", "mp4") as made, av.open(str(HALL)) as hall:
        stream = made.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for n, frame in enumerate(hall.decode(video=0)):
            if n == 5:
                break
            small = frame.reformat(320, 180, "yuv420p")
            small.pts, small.time_base = n, Fraction(1, 5)
            made.mux(stream.encode(small))
        made.mux(stream.encode())
    return out.getvalue()


def test_a_clip_is_played_and_stepped_through_by_keys_and_one_that_cannot_be_is_told(
    desk: Any, shots: Path, config: ApiConfig
) -> None:
    ids = clips(config, plays=HALL.read_bytes(), odd=mpeg4(), none=None)
    page = opened(desk, f"review/{ids['plays']}", "reviewer", language="ru")
    at = "document.querySelector('video').currentTime"
    page.wait_for_selector("video[poster^=blob]")
    page.keyboard.press("c")
    page.evaluate(PLAYED)
    page.keyboard.press("c")
    assert page.evaluate("document.querySelector('video').paused")
    page.evaluate(f"{at} = 1")
    page.keyboard.press(".")
    assert page.evaluate(at) == pytest.approx(1.04, abs=0.005)
    page.keyboard.press(",")
    assert page.evaluate(at) == pytest.approx(1, abs=0.005)
    opened_at = page.url.split("#")[0]
    page.goto(f"{opened_at}#/review/{ids['odd']}")
    page.wait_for_selector(f"video[src*='{ids['odd']}'][poster^=blob]")  # no longer the one before
    page.keyboard.press("c")
    page.wait_for_selector(".clip a[download]:text('Сохранить запись')")
    check_accessible(page)
    page.screenshot(path=shots / "clip-odd.png")
    page.goto(f"{opened_at}#/review/{ids['none']}")
    page.wait_for_selector(".clip .note:text('Видеозаписи нет')")


def test_keys_are_listed_and_do_nothing_meanwhile(desk: Any, shots: Path, config: ApiConfig) -> None:
    (id_,) = clips(config, keys=HALL.read_bytes()).values()
    page = opened(desk, f"review/{id_}", "reviewer", language="ru")
    page.click("button:text('Взять')")
    page.wait_for_selector("button.good kbd:text('Y')")
    page.keyboard.press("?")
    told = page.locator("dialog .keys")
    assert told.locator("dt").all_inner_texts() == [
        "Y", "N", "P", "1–7", "←→", "C", ",.", "⇧ 1", "⇧ 2", "⇧ 3", "⇧ 4", "?",
    ]  # fmt: skip
    check_accessible(page)
    page.screenshot(path=shots / "keys.png")
    page.keyboard.press("y")
    page.keyboard.press("Escape")
    told.wait_for(state="detached")
    page.wait_for_selector("h1 .state:text('на проверке')")
    page.click("button:text('Клавиши')")
    told.wait_for()


def test_names_on_the_map_do_not_lie_on_one_another(desk: Any, shots: Path, config: ApiConfig) -> None:
    reports = ReportsStore(config.redis_url)
    side = 0.006
    near = [(43.250 + 0.002 * n, 76.925 + 0.004 * n) for n in range(5)]
    squares = [((a, b), (a + side, b), (a + side, b + side), (a, b + side)) for a, b in near]
    far = District(id="far", name="Алыс", polygon=((43.3, 77.0), (43.31, 77.0), (43.31, 77.02)))
    named = [
        District(id=f"near-{n}", name=f"Ауданның ұзақ атауы {n}", polygon=p) for n, p in enumerate(squares)
    ]
    reports.put_places(Places(districts=(*named, far)))
    reports.close()
    page = desk("operator", districts=("far", *(f"near-{n}" for n in range(5))))
    page.wait_for_selector(".map polygon.district >> nth=5")
    names = page.locator(".map .name")
    boxes = [name.bounding_box() for name in names.all()]
    assert len(boxes) >= 3
    for n, a in enumerate(boxes):
        for b in boxes[:n]:
            apart = a["x"] >= b["x"] + b["width"] or b["x"] >= a["x"] + a["width"]
            assert apart or a["y"] >= b["y"] + b["height"] or b["y"] >= a["y"] + a["height"]
    assert page.locator(".map polygon title").count() == 6, "one without room is told by pointing at it"
    page.screenshot(path=shots / "map-names.png")


def patrolled(config: ApiConfig, address: str, camera: str) -> None:
    """A thing left behind where a camera stands, that a patrol is asked to look at."""
    cameras = CameraStore(config.redis_url)
    cameras.put([CameraStatus(camera_id=camera, district="esil", latitude=51.1282, longitude=71.4304)])
    cameras.close()
    about: dict[str, Any] = {"camera_id": camera, "district": "esil", "at": datetime.now(UTC)}
    write(config.redis_url, Event.of("dome.object.abandoned.v1", **about, data={"object": f"{camera}-bag"}))
    signed = {"Authorization": f"Bearer {token(config, 'operator')}"}
    asked = {"kind": "object", "about": f"{camera}-bag"}
    answer = httpx.post(f"{address}/api/v1/patrol/tasks", json=asked, headers=signed)
    assert answer.status_code == 201, answer.text


PLACE = "51.12820, 71.43040"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Tablet) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"
)


def test_a_patrol_s_phone_finds_the_way_whichever_it_is(desk: Any, address: str, config: ApiConfig) -> None:
    patrolled(config, address, "way")
    android = opened(desk, "patrol", "patrol", user_agent=ANDROID).locator(".card[aria-label$='way']")
    link = android.locator(f"a:text('{PLACE}')")
    link.wait_for()
    assert link.get_attribute("href") == "geo:51.1282,71.4304?q=51.1282,71.4304"
    page = opened(
        desk, "patrol", "patrol", user_agent=IPHONE, permissions=["clipboard-read", "clipboard-write"]
    )
    card = page.locator(".card[aria-label$='way']")
    card.locator(f"dd:has-text('{PLACE}')").wait_for()
    assert card.locator("a[href^='geo:']").count() == 0, "nothing takes it there"
    card.locator("button:text('Copy')").click()
    page.wait_for_selector("#said p:text('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == PLACE


READY = """Promise.race([navigator.serviceWorker.ready,
  new Promise((_, reject) => setTimeout(reject, 20000, new Error("nothing keeps its files")))]).then(() => {})"""
KEPT = """async () => {
  const names = await caches.keys();
  const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  return { names, paths: requests.flat().map(({ url }) => new URL(url).pathname), own: Object.keys(localStorage) };
}"""


def test_a_patrol_s_page_opens_without_a_connection_and_keeps_nothing_that_it_was_told(
    browser: Any, config: ApiConfig, shots: Path
) -> None:
    context = browser.new_context(locale="en", viewport={"width": 800, "height": 1200})
    page = context.new_page()
    with served(config) as address:
        patrolled(config, address, "tunnel")
        page.goto(f"{address}/console#token={token(config, 'patrol', sub='bolat')}")
        page.wait_for_selector("nav a")
        page.goto(f"{address}/console#/patrol")
        page.wait_for_selector(".card[aria-label$='tunnel']")
        page.evaluate(READY)
        page.reload()  # from now on whatever the page asks for comes by what keeps its files
        page.wait_for_selector(".card[aria-label$='tunnel']")
        assert page.evaluate("navigator.serviceWorker.controller !== null")
        kept = page.evaluate(KEPT)
    accept = page.locator(".card[aria-label$='tunnel'] button:text('Accept')")
    accept.click()
    page.wait_for_selector(".banner:text('1 (Accept)')")
    page.reload()
    page.wait_for_selector(".banner:text('Not sent yet, goes by itself once there is a connection: 1')")
    page.wait_for_selector(".empty:text('connection lost, trying again')")
    page.screenshot(path=shots / "patrol-offline.png")
    assert "tunnel" not in page.content()
    assert page.evaluate(KEPT) == kept | {"own": ["dome.patrol.queue.bolat"]}
    (name,) = kept["names"]
    assert name.startswith("dome.shell.")
    assert "/console/pages/patrol.js" in kept["paths"]
    assert [path for path in kept["paths"] if not re.fullmatch(r"/console(/.+\.(js|css|svg))?", path)] == []
    with served(config, int(address.rsplit(":", 1)[1])):
        page.wait_for_selector(".card[aria-label$='tunnel'] .pill:text('accepted')")
        page.wait_for_selector(".banner.waits", state="hidden")
        context.close()
