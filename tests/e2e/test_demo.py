"""The demo as somebody tries it: what it found is worked through to the end in the console, by the people it names.

Its packaged clips are played, as on a machine without OpenGL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, check_accessible

from cluster.cli.doors import PEOPLE
from cluster.demo import clips, home_of, run_demo, search
from cluster.demo.report import Outcome
from flows.domain.events import OBJECT_ABANDONED
from flows.store.redis_server import redis_beside
from serve.api.config import ApiConfig

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
OPERATOR, SECOND = (name for name, roles in PEOPLE.items() if roles == ("operator",))
REVIEWER = next(name for name, roles in PEOPLE.items() if roles == ("reviewer",))
AUTHORISER = next(name for name, roles in PEOPLE.items() if roles == ("authoriser",))
PATROL = next(name for name, roles in PEOPLE.items() if roles == ("patrol",))


@dataclass(frozen=True)
class Played:
    folder: Path
    outcome: Outcome


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOME_CACHE", str(folder / "cache"))
        patch.setattr(clips, "render", lambda *_: "no OpenGL")
        return Played(folder, run_demo(folder, progress=False))


@pytest.fixture(scope="module")
def config(played: Played) -> Iterator[ApiConfig]:
    settings = home_of(played.folder)
    with redis_beside(settings) as url:
        yield ApiConfig.from_env(url, settings, env={})


def page_of(desk: Any, who: str, where: str) -> Any:
    page = desk(*PEOPLE[who], sub=who, districts=("*",))
    page.goto(page.url.split("#")[0] + f"#/{where}")
    return page


def test_the_demo_finds_the_thing_and_the_person_and_looks_at_nobody_else(played: Played) -> None:
    station = played.outcome.station
    assert played.outcome.worked
    assert station is not None
    (things,) = station.things
    assert (things.score.tp, things.score.fp, things.score.fn) == (1, 0, 0)
    assert station.search.wrong == 0
    assert [lead.camera for lead in station.search.leads] == ["passage"]
    assert station.search.looked["passage"] > 0
    assert {id: n for id, n in station.search.looked.items() if id != "passage"} == {
        "gantry": 0, "crossing": 0, "junction": 0, "hall": 0,
    }  # fmt: skip


def test_two_different_people_confirm_the_lead_side_by_side_and_blind(
    desk: Any, shots: Path, played: Played
) -> None:
    assert played.outcome.station is not None
    case = played.outcome.station.search.case
    first = page_of(desk, OPERATOR, f"searches/{case.id}")
    first.wait_for_selector(".lead img[src^=blob] >> nth=1")
    assert first.locator("dd", has_text=search.REQUESTER).count() > 0
    check_accessible(first)
    first.screenshot(path=shots / "lead.png")
    first.click(".lead button.good")
    first.wait_for_selector(".lead dd:text('confirmed once')")
    assert first.locator(".lead .steps button").count() == 0, "nobody confirms twice"

    second = page_of(desk, SECOND, f"searches/{case.id}")
    second.wait_for_selector(".lead")
    assert second.locator(".lead", has_text=OPERATOR).count() == 0, "blind to the first answer"
    assert second.locator(".lead dd:text('confirmed once')").count() == 0
    second.click(".lead button.good")
    second.wait_for_selector(".lead button:text('Dispatch')")
    second.click(".lead button:text('Dispatch')")
    second.wait_for_selector(".lead dd:text('dispatched')")


def test_the_thing_is_looked_at_and_cleared_by_a_patrol(desk: Any, shots: Path, played: Played) -> None:
    assert played.outcome.station is not None
    (alarm,) = played.outcome.station.things[0].found
    assert alarm.type == OBJECT_ABANDONED
    operator = page_of(desk, OPERATOR, "objects")
    operator.wait_for_selector(".card img[src^=blob] >> nth=1")
    check_accessible(operator)
    operator.screenshot(path=shots / "object.png")
    operator.click("button:text('Send a patrol')")
    operator.fill("#why", "a suitcase alone in the hall")
    operator.click("dialog .good")
    operator.wait_for_selector("#said p")

    patrol = page_of(desk, PATROL, "patrol")
    patrol.click("button:text('Accept')")
    patrol.click("button:text('Arrived')")
    patrol.wait_for_selector(".pill:text('on the spot')")
    patrol.click("button:text('Resolve')")
    patrol.fill("#why", "lost luggage, handed to its owner")
    patrol.click("dialog .good")
    patrol.wait_for_selector(".pill:text('resolved')")
    check_accessible(patrol)
    operator.wait_for_selector(".card .pill:text('Patrol: resolved')")
    assert operator.locator("button:text('Send a patrol')").count() == 1, (
        "it still stands: one may be sent again"
    )


def test_a_violation_of_the_demo_is_confirmed_by_one_and_issued_by_another(desk: Any, shots: Path) -> None:
    reviewer = page_of(desk, REVIEWER, "review")
    reviewer.click("button.big")
    reviewer.wait_for_selector(".steps button.good:enabled")  # a picture has stood there for a moment
    place = reviewer.url.split("#")[1].strip("/")
    read = reviewer.input_value("#plate") or "123ABC02"  # nobody may have read it: who confirms has looked
    reviewer.keyboard.press("p")
    reviewer.keyboard.type(read)
    reviewer.keyboard.press("Enter")
    reviewer.wait_for_url(lambda url: not url.endswith(place))
    reviewer.goto(f"{reviewer.url.split('#')[0]}#/{place}")
    reviewer.wait_for_selector("h1 .state:text('confirmed')")
    reviewer.wait_for_selector(f".plate:text('{read}')")
    assert reviewer.locator("button:text('Issue')").count() == 0, "who confirms does not issue"

    authoriser = page_of(desk, AUTHORISER, place)
    authoriser.wait_for_selector("h1 .state:text('confirmed')")
    check_accessible(authoriser)
    authoriser.click("button:text('Issue')")
    authoriser.wait_for_selector("h1 .state:text('issued')")
    authoriser.screenshot(path=shots / "issued.png")


def test_another_violation_of_the_demo_is_rejected_with_a_reason(desk: Any) -> None:
    page = page_of(desk, REVIEWER, "review")
    page.click("button.big")
    page.wait_for_selector(".stage img[src^=blob]")
    place = page.url.split("#")[1].strip("/")
    page.keyboard.press("n")
    page.wait_for_selector(".reasons:not([hidden])")
    page.keyboard.press("2")
    page.wait_for_url(lambda url: not url.endswith(place))
    page.goto(f"{page.url.split('#')[0]}#/{place}")
    page.wait_for_selector("h1 .state:text('rejected')")


def test_the_citizen_s_report_is_worked_through_beside_what_the_camera_saw(desk: Any, shots: Path) -> None:
    page = page_of(desk, OPERATOR, "reports")
    page.wait_for_selector(".report.forwarded", timeout=240_000)  # its clip was looked at meanwhile
    page.keyboard.press("Enter")
    page.wait_for_selector(".stage img[src^=blob]")
    page.wait_for_selector(".queue li a:text('Failure to yield')")
    page.wait_for_selector("details li:has-text('survey of the camera')")
    check_accessible(page)
    page.screenshot(path=shots / "report.png")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".stage video")
    page.keyboard.press("y")
    page.fill("#why", "The camera at the crosswalk saw it as well")
    page.click("dialog .good")
    page.wait_for_selector("h1 .pill:text('confirmed')")
