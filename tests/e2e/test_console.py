"""A browser at the console: each page's main task as a person does it, by the rules of accessibility, with pictures.

The pictures lie in ``DOME_SCREENSHOTS`` (a temporary folder by default).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from apiclient import config_for, write
from browsing import CHROMIUM, check_accessible
from citizens import signed
from evidencestore import store_in
from PIL import Image

from cluster.cli.doors import PAGE, doors
from flows.domain.events import EVIDENCE_STORED, Event, KeyMoment
from flows.domain.places import CameraPlace, Places
from flows.domain.plates import PlateRecord, plate_event
from flows.domain.site import District
from flows.domain.status import CameraStatus
from flows.store.cameras import CameraStore
from flows.store.channels import ChannelBook
from flows.store.evidence import EvidenceStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.reports import ReportsStore
from serve.api.config import ApiConfig

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
STREET = Path(__file__).resolve().parents[2] / "cluster/demo/clips/crossing.mp4"
FILES = ["first.jpg", "first-crop.jpg", "last.jpg", "last-crop.jpg", "plate.jpg"]


def picture(width: int, height: int, shade: int) -> bytes:
    """A street, roughly."""
    pixels = np.full((height, width, 3), shade, np.uint8)
    pixels[: height // 3] = (150, 180, 210)
    pixels[height // 2 : height // 2 + height // 8, width // 3 : width // 2] = (40, 60, 160)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def violation(n: int, at: datetime) -> Event:
    box = (420.0, 360.0, 640.0, 450.0)
    moments = [KeyMoment(name=name, at=at, xyxy=box).model_dump(mode="json") for name in ("first", "last")]
    speed = {"value": 92.4 + n, "low": 90.1 + n, "high": 94.7 + n, "unit": "km/h"}
    return Event.of(
        "dome.violation.speeding.v1", camera_id=f"esil-{abs(n) % 3}", district="esil", at=at, key=(n,),
        data={
            "rule": "speeding", "rule_version": "1", "article": "KoAP RK 592", "track": n, "cls": "car",
            "measured": {"speed": speed}, "threshold": {"limit_kmh": 60.0, "tolerance_kmh": 10.0},
            "moments": moments, "trace": [], "state": "stands", "profile": "kz@1",
        },
    )  # fmt: skip


def stored(event: Event, evidence: EvidenceStore) -> Event:
    folder = f"{event.camera_id}/{event.id}"
    contents = {name: picture(1280, 720, 90) for name in FILES}
    evidence.write(folder, contents, b"{}")
    data = {"violation": event.id, "folder": folder, "files": FILES, "problems": []}
    about: dict[str, Any] = {"camera_id": event.camera_id, "district": event.subject, "at": event.time}
    return Event.of(EVIDENCE_STORED, **about, key=(event.id,), data=data)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiConfig]:
    home = tmp_path_factory.mktemp("console")
    with EmbeddedRedis(home / "redis") as server:
        config = config_for(server.url, home)
        evidence = store_in(config.settings.evidence)
        now = datetime.now(UTC).replace(microsecond=0)
        events = [violation(n, now - timedelta(minutes=25 * n)) for n in range(9)]
        read = PlateRecord(outcome="read", text="123ABC02", confident=True)
        plates = [plate_event(e, read) for e in events[:-1]]  # nobody has read the severest one's
        write(server.url, *events, *plates, *(stored(e, evidence) for e in events))
        cameras = CameraStore(server.url)
        cameras.put(
            [
                CameraStatus(
                    camera_id=f"esil-{n}", name=f"Esil {n}", district="esil", state="running", rate_hz=25.0,
                    latitude=51.12 + 0.01 * n, longitude=71.42 + 0.02 * (n % 2), frames_read=5000, gated=3100,
                    fitness="fit", last_at=now,
                )
                for n in range(3)
            ]
        )  # fmt: skip
        cameras.close()
        places = [CameraPlace(id="esil-0", district="esil", latitude=51.12, longitude=71.42)]
        reports = ReportsStore(server.url)
        reports.put_places(
            Places(districts=(District(id="esil"), District(id="almaly")), cameras=tuple(places))
        )
        reports.close()
        yield config


def test_a_sign_in_link_opens_the_day_and_does_not_stay_in_the_address(
    desk: Any, shots: Path, config: ApiConfig
) -> None:
    page = desk("operator")
    page.wait_for_selector(".alert")
    assert "token" not in page.url
    page.wait_for_selector(".link.open")
    before = page.locator(".alert").count()
    write(config.redis_url, violation(-20, datetime.now(UTC)))
    page.wait_for_selector(".alert.fresh")
    assert page.locator(".alert").count() == before + 1
    check_accessible(page)
    page.screenshot(path=shots / "now.png")


def test_the_page_of_links_signs_in_whoever_is_chosen_also_into_an_open_console(
    browser: Any, shots: Path, config: ApiConfig, address: str
) -> None:
    with doors(config, address):
        page = browser.new_page()
        page.goto((config.settings.home / PAGE).as_uri())
        check_accessible(page)
        page.screenshot(path=shots / "sign-in.png")
        other = page.locator("a:has-text('erlan')").get_attribute("href")
        page.click("a:has-text('bolat')")
        page.wait_for_selector(".who:has-text('bolat')")
        page.goto(other)
        page.wait_for_selector(".who:has-text('erlan')")
        assert "token" not in page.url
        page.close()


def test_what_is_written_before_the_stream_opens_is_shown(desk: Any, config: ApiConfig) -> None:
    page = desk("operator")
    page.goto(page.url.split("#")[0] + "#/cameras")
    page.wait_for_selector(".card, tbody tr, .empty")
    late = violation(-21, datetime.now(UTC))

    def opens(route: Any) -> None:
        write(config.redis_url, late)
        route.continue_()

    page.route("**/api/v1/alerts/stream*", opens)
    page.goto(page.url.split("#")[0] + "#/now")
    page.wait_for_selector(f".alert[data-id='{late.id}']")


def test_a_bad_token_is_told_in_words(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/console")
    page.fill("#token", "x" * 30)
    page.click("button.good")
    page.wait_for_selector("[role=alert]")
    check_accessible(page)
    page.close()


def test_a_reviewer_confirms_one_and_rejects_the_next_by_keys(desk: Any, shots: Path) -> None:
    page = desk("reviewer")
    page.goto(page.url.split("#")[0] + "#/review")
    page.click("button.big")
    page.wait_for_selector(".stage img[src^=blob]")
    page.wait_for_selector(".overlay .box")
    check_accessible(page)
    page.screenshot(path=shots / "review.png")
    page.set_viewport_size({"width": 800, "height": 1200})
    stage, steps, crops = (
        page.locator(f".case {part}").bounding_box() for part in (".stage", ".steps", ".side")
    )
    assert stage["y"] < steps["y"] < crops["y"], "what is decided stands under the picture"
    page.screenshot(path=shots / "review-tablet.png")
    page.set_viewport_size({"width": 1440, "height": 900})
    first = page.url
    page.wait_for_selector("button.good:enabled")
    page.keyboard.press("y")
    page.wait_for_selector("#said p.bad:has-text('plate is unread')")
    assert page.evaluate("document.activeElement.id") == "plate", "what is missing is theirs to type"
    page.keyboard.press("Escape")
    keys = []

    def breaks_once(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.abort() if len(keys) == 1 else route.continue_()

    page.route("**/api/v1/violations/*/confirm", breaks_once)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("p")
    page.keyboard.type("777kaz01")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first)
    assert len(keys) == 2
    assert len(set(keys)) == 1, "the connection broke off: the same is sent again, to be done once"
    page.wait_for_selector(".stage img[src^=blob]")
    second = page.url
    page.keyboard.press("n")
    page.wait_for_selector(".reasons:not([hidden])")
    page.keyboard.press("Escape")
    page.wait_for_selector(".reasons", state="hidden")
    page.keyboard.press("2")  # nothing is asked any more
    page.keyboard.press("n")
    page.wait_for_selector(".reasons:not([hidden])")
    page.keyboard.press("2")
    page.wait_for_url(lambda url: url != second)
    for address, state in ((first, "confirmed"), (second, "rejected")):
        page.goto(address)
        page.wait_for_selector(f"h1 .state:text('{state}')")
    page.goto(first)
    page.wait_for_selector(".plate:text('777KAZ01')")


def test_two_presses_at_once_decide_once_and_claim_one(desk: Any) -> None:
    page = desk("reviewer", sub="dana")
    page.goto(page.url.split("#")[0] + "#/review")
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url.rpartition("/")[2]) if r.method == "POST" else None)
    page.wait_for_selector("button.big")
    page.evaluate("for (const n of [1, 2]) document.querySelector('button.big').click()")
    page.wait_for_selector(".stage img[src^=blob]")
    first = page.url
    page.wait_for_selector("button.good:enabled")
    page.evaluate(
        "for (const n of [1, 2]) dispatchEvent(new KeyboardEvent('keydown', { code: 'KeyY', key: 'y' }))"
    )
    page.wait_for_url(lambda url: url != first)
    page.wait_for_selector(".stage img[src^=blob]")
    assert asked == ["next", "confirm", "next"]


def test_who_may_not_decide_sees_no_buttons(desk: Any) -> None:
    page = desk("auditor")
    page.goto(page.url.split("#")[0] + "#/review")
    page.click("tbody a >> nth=-1")
    page.wait_for_selector(".facts")
    assert page.locator(".steps button").count() == 0


def test_a_case_is_asked_for_by_one_and_authorised_by_another(desk: Any, shots: Path) -> None:
    page = desk("operator", sub="aigul")
    page.goto(page.url.split("#")[0] + "#/searches")
    page.click("text=New case")
    page.select_option("select[name=purpose]", "wanted_by_court_order")
    for name, value in (("law", "KPK RK 232"), ("document", "17-2026")):
        page.fill(f"input[name={name}]", value)
    page.click("form .good")
    page.wait_for_selector("form .bad:text('name and photo are needed')")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1440, "height": 900})
    for name, value in (("plate", "123ABC02"), ("registration", "R-1"),
                        ("impact_assessment", "F-1")):  # fmt: skip
        page.fill(f"input[name={name}]", value)
    check_accessible(page)
    page.click("form .good")
    page.wait_for_url(lambda url: "#/searches/" in url)
    page.wait_for_selector("h1 .pill:text('draft')")
    assert page.locator("button:text('Authorise')").count() == 0
    other = desk("authoriser", sub="bolat")
    other.goto(page.url)
    other.click("button:text('Authorise')")
    other.fill("#why", "court order seen")
    other.click("dialog .good")
    other.wait_for_selector("h1 .pill:text('authorised')")
    assert other.locator("h1 button").all_inner_texts() == ["Reject", "Begin", "Close"], "that is done"
    auditor = desk("auditor", sub="erlan")
    auditor.goto(other.url)
    auditor.wait_for_selector("h1 .pill")
    assert auditor.locator("h1 button").count() == 0
    check_accessible(other)
    other.screenshot(path=shots / "search.png")


def test_the_stop_switch_asks_for_a_reason_and_is_seen_by_all(desk: Any) -> None:
    page = desk("operator")
    page.goto(page.url.split("#")[0] + "#/searches")
    page.click("button:text('Stop all searching')")
    page.fill("#why", "a wrong photo")
    page.click("dialog .good")
    page.wait_for_selector(".banner")
    check_accessible(page)
    other = desk("authoriser", sub="bolat")
    other.goto(page.url)
    other.click("button:text('Resume searching')")
    other.fill("#why", "photo removed")
    other.click("dialog .good")
    other.wait_for_selector("button:text('Stop all searching')")


@pytest.mark.parametrize(
    ("name", "role"), [("cameras", "operator"), ("objects", "operator"), ("audit", "auditor")]
)
def test_other_pages_show_what_there_is(desk: Any, shots: Path, name: str, role: str) -> None:
    page = desk(role)
    page.goto(page.url.split("#")[0] + f"#/{name}")
    page.wait_for_selector("h1")
    page.wait_for_selector(".card, tbody tr, .empty")
    check_accessible(page)
    page.screenshot(path=shots / f"{name}.png")


def send_a_patrol(desk: Any, thing: str) -> None:
    operator = desk("operator")
    operator.goto(operator.url.split("#")[0] + "#/objects")
    operator.click(f"article[aria-label='{thing}'] button:text('Send a patrol')")
    operator.fill("#why", "a suitcase by the entrance")
    operator.click("dialog .good")
    operator.wait_for_selector("#said p")


def test_an_operator_sends_a_patrol_that_steps_on_though_the_connection_fails(
    desk: Any, shots: Path, config: ApiConfig
) -> None:
    data = {"object": "bag-1"}
    write(
        config.redis_url,
        Event.of(
            "dome.object.abandoned.v1", camera_id="esil-1", district="esil", at=datetime.now(UTC), data=data
        ),
    )
    send_a_patrol(desk, "bag-1")
    patrol = desk("patrol", sub="bolat")
    patrol.set_viewport_size({"width": 800, "height": 1200})
    patrol.goto(patrol.url.split("#")[0] + "#/patrol")
    patrol.click("button:text('Accept')")
    patrol.wait_for_selector(".pill:text('accepted')")
    patrol.wait_for_selector(".banner[role=status]", state="hidden")
    patrol.route("**/api/v1/patrol/tasks/**", lambda route: route.abort())
    patrol.click("button:text('Arrived')")
    patrol.wait_for_selector(".pill:text('on the spot')")
    check_accessible(patrol)
    patrol.screenshot(path=shots / "patrol.png")
    patrol.click("button:text('Resolve')")
    patrol.fill("#why", "an empty suitcase")
    patrol.click("dialog .good")
    patrol.wait_for_selector(".banner:text('2 (Arrived, Resolve)')")
    patrol.wait_for_selector(".pill.unsent")
    patrol.wait_for_selector("h1 .link.away")
    kept = patrol.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('dome.patrol'))")
    assert kept == ["dome.patrol.queue.bolat"], "who signs in next sends none of it"
    patrol.unroute("**/api/v1/patrol/tasks/**")
    patrol.wait_for_selector(".banner[role=status]", state="hidden")
    patrol.wait_for_selector(".pill:text('resolved')")
    patrol.wait_for_selector("h1 .link.open")
    assert patrol.locator(".pill.unsent").count() == 0
    patrol.click("article a:text('Look')")
    patrol.wait_for_selector(".card.asked[aria-label='bag-1']")


def test_a_step_taken_while_another_is_on_its_way_is_sent_after_it_and_once(
    desk: Any, config: ApiConfig
) -> None:
    left = Event.of(
        "dome.object.abandoned.v1",
        camera_id="esil-1",
        district="esil",
        at=datetime.now(UTC),
        data={"object": "bag-2"},
    )
    write(config.redis_url, left)
    send_a_patrol(desk, "bag-2")
    patrol = desk("patrol", sub="daniyar")
    held, sent = [], []
    patrol.on(
        "request",
        lambda request: sent.append(request.url.rsplit("/", 1)[-1]) if request.method == "POST" else None,
    )
    patrol.route("**/patrol/tasks/*/accept", lambda route: held.append(route))
    patrol.goto(patrol.url.split("#")[0] + "#/patrol")
    with patrol.expect_request("**/patrol/tasks/*/accept"):
        patrol.click("button:text('Accept')")
    patrol.click("button:text('Arrived')")
    patrol.wait_for_selector(".banner:text('2')")
    assert len(held) == 1
    for route in held:
        route.continue_()
    patrol.wait_for_selector(".banner[role=status]", state="hidden")
    patrol.wait_for_selector(".pill:text('on the spot')")
    assert sent == ["accept", "arrive"]


def test_a_step_that_was_not_taken_is_told_until_the_next_one(desk: Any, config: ApiConfig) -> None:
    about: dict[str, Any] = {"camera_id": "esil-1", "district": "esil", "at": datetime.now(UTC)}
    write(config.redis_url, Event.of("dome.object.abandoned.v1", **about, key=(3,), data={"object": "bag-3"}))
    send_a_patrol(desk, "bag-3")
    patrol = desk("patrol", sub="late", language="ru")
    said = {"code": "task", "detail": "accept: expected a task open, got one accepted"}
    patrol.route("**/patrol/tasks/*/accept", lambda route: route.fulfill(status=409, json=said))
    patrol.goto(patrol.url.split("#")[0] + "#/patrol")
    patrol.click("button:text('Принять')")
    missed = patrol.locator(".banner:text('Шаг не принят: Принять. Задание сейчас этого не допускает')")
    missed.wait_for()
    check_accessible(patrol)
    patrol.unroute("**/patrol/tasks/*/accept")
    patrol.click("button:text('Принять')")
    missed.wait_for(state="hidden")


def filed(
    address: str, key: str, reference: str, photo: bytes = b"", channel: str = "egov", **more: Any
) -> str:
    """A citizen's report with a photo, as a channel sends it; its tracking id."""
    place = {
        "lat": "51.1201",
        "long": "71.4202",
        "service_code": "speeding",
        "address_string": "Mangilik El 8",
    }
    at = {"attribute[reference]": reference, "attribute[happened_at]": datetime.now(UTC).isoformat()}
    files = [("media", ("a.jpg", photo or picture(1280, 720, 120 + len(reference)), "image/jpeg"))]
    request = httpx.Request(
        "POST", f"{address}/api/v1/open311/v2/requests.json", data=place | at | more, files=files
    )
    body = request.read()
    own = signed(channel, key, "POST", "/api/v1/open311/v2/requests.json", body)
    kind = {"Content-Type": request.headers["content-type"]}
    answer = httpx.post(str(request.url), content=body, headers=own | kind, timeout=30)
    assert answer.status_code == 201, answer.text
    return str(answer.json()[0]["service_request_id"])


def standing(address: str, key: str, tracking: str) -> dict[str, Any]:
    """What the channel hears of it."""
    target = f"/api/v1/open311/v2/requests/{tracking}.json"
    answer = httpx.get(f"{address}{target}", headers=signed("egov", key, "GET", target, b""), timeout=30)
    row: dict[str, Any] = answer.json()[0]
    return row


def test_a_citizen_s_report_is_followed_from_its_channel_to_its_end(
    desk: Any, shots: Path, config: ApiConfig, address: str
) -> None:
    key = ChannelBook(config.channels_path).add("egov")
    tracking = filed(address, key, "r-1", description="A white car, far too fast by the school")
    page = desk("operator")
    page.goto(page.url.split("#")[0] + "#/reports")
    page.wait_for_selector(".report.forwarded")  # the machine has looked at it
    filed(address, key, "r-22", description="Same car here, call +7 701 123 45 67")
    page.wait_for_selector(".report .sign:has-text('told of it')")
    check_accessible(page)
    page.screenshot(path=shots / "reports.png")
    page.wait_for_selector(
        ".report >> nth=1", state="detached"
    )  # of two that tell of the same one is to be worked on
    page.keyboard.press("Enter")
    page.wait_for_selector(".stage img[src^=blob]")
    page.wait_for_selector(".queue li a")
    assert "701" not in page.locator(".told").inner_text()
    check_accessible(page)
    page.screenshot(path=shots / "report.png")
    page.click("button:text('Open the original')")
    page.fill("#why", "the plate is needed")
    page.click("dialog .good")
    page.wait_for_selector(".stage .original")
    page.keyboard.press("y")
    page.fill("#why", "A camera saw it as well")
    page.click("dialog .good")
    page.wait_for_selector("h1 .pill:text('confirmed')")
    check_accessible(page)
    row = standing(address, key, tracking)
    assert (row["status"], row["status_notes"]) == ("closed", "confirmed: A camera saw it as well")


def test_whoever_works_on_a_report_says_which_vehicle_it_is_about(
    desk: Any, shots: Path, config: ApiConfig, address: str
) -> None:
    key = ChannelBook(config.channels_path).add("bank")
    with av.open(str(STREET)) as street:
        frame = next(f for n, f in enumerate(street.decode(video=0)) if n == 50)
    photo = io.BytesIO()
    frame.to_image().save(photo, "JPEG", quality=92)
    tracking = filed(address, key, "b-1", photo.getvalue(), channel="bank", lat="51.1302")
    page = desk("reviewer")
    page.goto(page.url.split("#")[0] + "#/reports")
    page.wait_for_selector(f".report.forwarded[href$='{tracking}']")
    page.goto(page.url.split("#")[0] + f"#/reports/{tracking}")
    page.wait_for_selector(".stage img[src^=blob]")
    before = page.locator(".overlay .box").count()
    assert before == page.locator(".about .steps button").count() - 1 >= 2
    assert page.locator(".about button[aria-pressed=true]").inner_text().startswith("1 ")
    page.hover(".about button[data-thing='2']")
    assert page.locator(".overlay .lit").get_attribute("data-thing") == "2", "which box a button means"
    check_accessible(page)
    page.keyboard.press("2")
    page.wait_for_selector(".about .note:text('Chosen by: aigul.')")
    chosen = page.locator(".about button[aria-pressed=true]")
    assert chosen.count() == 1
    assert chosen.inner_text().startswith("2 "), "numbers stay as they are"
    assert page.locator(".overlay .box.kept").count() == 1
    page.wait_for_selector(".stage img[src^=blob]")
    page.screenshot(path=shots / "report-subject.png")
    page.keyboard.press("0")
    page.wait_for_selector(".about button[aria-pressed=true]:text('None of these')")
    check_accessible(page)


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_the_console_speaks_the_languages_of_the_country(desk: Any, language: str) -> None:
    page = desk("operator", language=language)
    page.wait_for_selector("nav a")
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("nav a").first.inner_text() == {"kk": "Қазір", "ru": "Сейчас"}[language]


def test_a_tablet_needs_no_sideways_scrolling(desk: Any) -> None:
    page = desk("operator")
    page.set_viewport_size({"width": 800, "height": 1200})
    page.wait_for_selector(".tile")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("where", "role", "content"),
    [("now", "operator", ".tile"), ("review", "reviewer", ".queue"), ("searches", "operator", "tbody td"),
     ("objects", "operator", ".card"), ("reports", "operator", ".report:has(img[src])"),
     ("patrol", "operator", ".card"), ("cameras", "operator", ".card"), ("audit", "auditor", "tbody td")],
)  # fmt: skip
def test_a_phone_shows_the_page_and_not_its_header(
    desk: Any, shots: Path, where: str, role: str, content: str
) -> None:
    page = desk(role, language="ru")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(page.url.split("#")[0] + f"#/{where}")
    page.wait_for_selector(
        f"main :is({content}, .empty):visible"
    )  # none is on the page that was shown before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("header#top").bounding_box()["height"] < 120
    chosen = page.locator("nav a[aria-current]").bounding_box()
    assert 0 <= chosen["x"] <= chosen["x"] + chosen["width"] <= 390, "the page that is shown is in sight"
    page.screenshot(path=shots / f"phone-{where}.png")


def test_a_heading_does_not_hide_behind_the_header_that_stays(desk: Any) -> None:
    page = desk("reviewer", sub="daur")
    page.goto(page.url.split("#")[0] + "#/review")
    page.click("tbody a >> nth=-1")
    page.wait_for_selector(".case .stage img[src^=blob]")
    header, heading = (page.locator(what).bounding_box() for what in ("header#top", "main h1"))
    assert heading["y"] >= header["y"] + header["height"]


def test_degrees_are_two_numbers_in_every_language(desk: Any, config: ApiConfig) -> None:
    page = desk("operator", language="ru", districts=("*",))
    page.goto(page.url.split("#")[0] + "#/reports")
    page.select_option("h1 select", "")
    page.click("a.report >> nth=0")
    page.wait_for_selector("dl.facts:has-text('Поступило')")
    assert re.search(r"\d+\.\d{5}, \d+\.\d{5}", page.locator("main").inner_text())


def test_numbers_and_days_are_written_as_the_language_writes_them(desk: Any) -> None:
    told = "import('/console/words.js').then((w) => [w.number(1234.5, 1), w.day('2026-11-05')])"
    written = {
        language: desk("operator", language=language).evaluate(told) for language in ("kk", "ru", "en")
    }
    assert written == {
        "kk": ["1\u00a0234,5", "05.11.2026"],
        "ru": ["1\u00a0234,5", "05.11.2026"],
        "en": ["1,234.5", "05/11/2026"],
    }
