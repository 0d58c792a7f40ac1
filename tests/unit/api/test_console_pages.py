"""The console's pages as somebody uses them, in Node: a small page, and a clock and a network that the test sets."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.domain.ruleset import RULE_KINDS
from serve.console.routes import STATIC

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node: apt-get install nodejs")
BROWSER = Path(__file__).with_name("browser.mjs")
HANDS = "import * as browser from './browser.mjs';\nObject.assign(globalThis, browser);\nawait ready();\n"

Node = Callable[[str], Any]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """Runs a script beside the console's files; what it tells."""
    shutil.copytree(STATIC, tmp_path, dirs_exist_ok=True)
    shutil.copy(BROWSER, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')

    def run(script: str) -> Any:
        (tmp_path / "script.js").write_text(HANDS + script, "utf-8")
        told = subprocess.run(["node", "script.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert told.stdout, told.stderr
        return json.loads(told.stdout)

    return run


QUEUE = """
const reviewer = { roles: ["reviewer"] };
const violation = (id, more = {}) => ({
  id, version: 1, rule: "speeding", severity: 5, state: "in_review", steps: ["confirm", "reject", "release"],
  evidence: [{ name: "first.jpg", href: `/pictures/${id}` }],
  moments: [{ name: "first", xyxy: [0, 0, 9, 9], at: "2026-11-27T10:00:00Z" }],
  problems: [], decisions: [], measured: {}, threshold: {}, plate: { text: "123ABC02", confident: true },
  captured_at: "2026-11-27T10:00:00Z", camera: "c", district: "esil", ...more });
let claimed = 0;
const queue = ({ url }, more) => {
  if (url === "/review/next") return { item: violation(`v${++claimed}`, more), waiting: 9 };
  if (url.includes("/review/queue")) return { items: [], waiting: 9 };
  const [, id, step] = /violations\\/(\\w+)(?:\\/(\\w+))?/.exec(url) || [];
  return id ? violation(id, step ? { state: "confirmed", steps: [], ...more } : more) : { items: [], next: null };
};
const confirmed = () => posts().filter(({ url }) => url.endsWith("/confirm")).map(({ url }) => url.split("/")[2]);
"""


def test_a_key_that_is_held_down_confirms_one_violation(node: Node) -> None:
    told = node(
        QUEUE
        + """
    server(queue);
    await go("review", reviewer);
    button("Take").click();
    await pass(1000);
    key("KeyY");
    for (let n = 0; n < 90; n++) { await pass(33); key("KeyY", { repeat: true }); }
    tell(confirmed());
    """
    )
    assert told == ["v1"]


def test_nobody_confirms_a_violation_before_its_picture_was_there_to_be_seen(node: Node) -> None:
    told = node(
        QUEUE
        + """
    let picture;
    const coming = () => new Promise((come) => { picture = () => come({}); });
    server((request) => request.url.startsWith("/pictures") ? coming() : queue(request));
    await go("review", reviewer);
    button("Take").click();
    await pass(5000);
    const press = async () => {
      key("KeyY");
      enter(main.querySelector("input"));
      button("Confirm").click();
      await pass();
      return confirmed();
    };
    const blank = await press();
    picture();
    await pass(300);
    const glimpsed = await press();
    await pass(300);
    tell([blank, glimpsed, await press()]);
    """
    )
    assert told == [[], [], ["v1"]]


def test_a_reviewer_is_told_what_the_law_asks_and_the_package_lacks(node: Node) -> None:
    told = node(
        QUEUE
        + """
    server((request) => queue(request, { missing: ["pictures", "clip_short"] }));
    await go("review", reviewer, "v1");
    await pass(1000);
    tell(main.querySelector("p.bad").textContent);
    """
    )
    assert told.endswith(": pictures, a clip of the required length")


def test_of_a_section_a_reviewer_sees_the_entry_beside_the_exit(node: Node) -> None:
    told = node(
        QUEUE
        + """
    const at = "2026-11-27T09:59:00Z";
    const names = ["gate.jpg", "gate-crop.jpg", "plate.jpg"];
    const both = {
      rule: "section_speed", moments: [{ name: "gate", xyxy: [0, 0, 9, 9], at }],
      entry: { camera: "gate-7", at, plate: { text: "123ABC02" }, moments: [{ name: "gate", xyxy: [0, 0, 9, 9], at }] },
      evidence: [...names, ...names.map((name) => `entry/${name}`), "entry/clip.mp4"]
        .map((name) => ({ name, href: `/pictures/${name}` })),
      doubts: ["car at the entry, truck at the exit"] };
    server((request) => queue(request, both));
    await go("review", reviewer, "v1");
    await pass(1000);
    tell({ tabs: main.querySelectorAll("[role=tab]").map((tab) => tab.textContent),
      crops: main.querySelector(".side").querySelectorAll("img").map((image) => image.getAttribute("alt")),
      asked: asked.map(({ url }) => url).filter((url) => url.startsWith("/pictures/")), said: main.textContent });
    """
    )
    assert told["tabs"] == ["entry of the section: at the gate", "at the gate"]
    assert told["crops"] == [
        "entry of the section: Plate", "entry of the section: Vehicle", "Plate", "Vehicle",
    ]  # fmt: skip
    pictures = {f"/pictures/{side}{name}.jpg" for side in ("", "entry/") for name in ("gate-crop", "plate")}
    assert pictures | {"/pictures/entry/gate.jpg"} <= {*told["asked"]}
    assert "truck at the exit" in told["said"]
    assert "gate-7" in told["said"]


def test_who_gets_an_appeal_finds_its_violation_and_who_closes_what_is_left_to_close(node: Node) -> None:
    told = node(
        QUEUE
        + """
    server(({ url }) => url === "/districts" ? { items: [{ id: "esil", name: "Esil" }] } : queue({ url }));
    const field = (name) => main.querySelectorAll("label").find((each) => each.textContent.startsWith(name))?.lastChild;
    const choose = async (name, value) => {
      field(name).value = value;
      field(name).dispatchEvent(new Event("change"));
      await pass();
    };
    const offers = (name) => field(name).children.map((each) => each.getAttribute("value"));
    await go("review", { roles: ["auditor"] });
    await pass();
    const offered = [offers("State"), offers("Rule"), offers("District")];
    await choose("State", "upheld");
    await choose("Plate", "123ABC02");
    await choose("Rule", "speeding");
    await choose("District", "esil");
    await choose("From", "2026-11-01T10:00");
    const { searchParams: sent } = new URL(asked.at(-1).url, "http://here");
    const since = new Date("2026-11-01T10:00").toISOString();
    await go("review", { roles: ["analyst"] });
    const narrowed = ["state", "plate", "rule", "district"].map((name) => sent.get(name));
    tell([offered, narrowed, sent.get("since") === since, field("Plate") === undefined]);
    """
    )
    (states, rules, districts), sent, since, blind = told
    assert {"upheld", "cancelled"} < {*states}
    assert {*rules} == {"", *RULE_KINDS} - {"abandoned_object"}
    assert districts == ["", "esil"]
    assert (sent, since) == (["upheld", "123ABC02", "speeding", "esil"], True)
    assert blind, "plates are not shown to them"


@pytest.mark.parametrize(
    ("confident", "typed", "sent"),
    [
        (False, "123ABC02", ["123ABC02"]),  # the machine was not sure: the person who agrees has read it
        (True, "123ABC02", [None]),
        (True, "123ABC03", ["123ABC03"]),
        (True, "", []),
    ],
)
def test_a_violation_is_confirmed_with_the_plate_that_the_reviewer_says(
    node: Node, confident: bool, typed: str, sent: list[str | None]
) -> None:
    seen = {"confident": confident, "typed": typed}
    told = node(
        QUEUE
        + f"const {{ confident, typed }} = {json.dumps(seen)};"
        + """
    server((request) => queue(request, { plate: { text: "123ABC02", confident } }));
    await go("review", reviewer, "v1");
    await pass(1000);
    const field = main.querySelector("input");
    field.value = typed;
    key("KeyY");
    await pass();
    tell({ sent: posts().map(({ body }) => body.plate ?? null), said: hear(), held: document.activeElement === field });
    """
    )
    assert told["sent"] == sent
    assert told["held"] == (not sent)
    assert ("unread" in told["said"]) == (not sent), "what is missing is said, and is theirs to type"


@pytest.mark.parametrize(("role", "buttons"), [("authoriser", 1), ("auditor", 0)])
def test_what_the_proceedings_refused_is_told_and_sent_again(node: Node, role: str, buttons: int) -> None:
    told = node(
        QUEUE
        + f"const me = {{ roles: ['{role}'] }};"
        + """
    let state = "refused";
    const [at, answer] = ["2026-11-27T10:00:00Z", "422 no such article"];
    const filing = () => ({ violation: "v1", action: "issue", state, at, answer });
    server((request) => {
      if (request.method === "POST") state = "waiting";
      return request.url.includes("/exports") ? { items: [filing()] } : queue(request, { state: "issued", steps: [] });
    });
    await go("review", me);
    await pass();
    const link = main.querySelector("li").querySelector("a").getAttribute("href");
    await go("review", me, "v1");
    await pass();
    const said = main.textContent.includes("refused") && main.textContent.includes(answer);
    const again = main.querySelectorAll("button").filter((each) => each.textContent === "Send again");
    again.forEach((each) => { each.click(); each.click(); });
    await pass();
    const sent = posts().map(({ url }) => url);
    tell({ link, said, buttons: again.length, sent, left: Boolean(button("Send again")) });
    """
    )
    sent = ["/violations/v1/exports/again"] * buttons
    assert told == {"link": "#/review/v1", "said": True, "buttons": buttons, "sent": sent, "left": False}


def test_a_picture_is_not_let_go_of_while_a_page_shows_it(node: Node) -> None:
    told = node("""
    const { shelf } = await import("./api.js");
    const { h } = await import("./dom.js");
    const { picture } = shelf();
    const show = (name, count) => Promise.all(Array.from({ length: count }, (_, n) => {
      const image = h("img");
      main.append(image);
      return picture(`/${name}/${n}`).then((url) => { image.src = url; });
    }));
    const shown = () => main.querySelectorAll("img").filter((image) => good(image.src)).length;
    await show("page", 66);
    await pass(1000);
    const [whole, urls] = [shown(), main.querySelectorAll("img").map((image) => image.src)];
    main.replaceChildren();
    await show("next", 66);
    await pass(1000);
    tell([whole, shown(), urls.filter(good).length]);
    """)
    assert told == [66, 66, 0], "and it is once the page is another"


PATROL = """
const patrol = { roles: ["patrol"] };
const task = (more = {}) => ({ id: "t1", kind: "object", state: "open", holder: "", version: 0, camera: "gate",
  district: "esil", latitude: null, made_at: "2026-11-27T10:00:00Z", ...more });
const tasks = ({ url, method }) => {
  if (url.includes("stream")) return problem(503, "away");
  const name = url.split("/").at(-1);
  const state = { accept: "accepted", arrive: "arrived" }[name];
  if (method === "POST") return task({ holder: "me", version: 9, state });
  return { items: [{ task: task(), away_m: null, calls: false }] };
};
const waits = (...names) => localStorage.setItem("dome.patrol.queue.me", JSON.stringify(names.map((name, version) => (
  { id: "t1", name, path: `/api/v1/patrol/tasks/t1/${name}`, body: { version }, key: name }))));
const steps = () => posts().map(({ url }) => url.split("/").at(-1));
"""


def test_a_patrol_s_page_that_is_opened_without_a_connection_comes_to_life_with_it(node: Node) -> None:
    told = node(
        PATROL
        + """
    waits("accept");
    server(down);
    const opened = go("patrol", patrol).then(() => "opened", (error) => error.message);
    await pass(12000);
    const dead = main.textContent;
    asked.length = 0;
    server(tasks);
    await pass(12000);
    tell([await opened, dead, steps(), main.textContent]);
    """
    )
    opened, dead, steps, shown = told
    assert opened == "opened"
    assert "Not sent yet" in dead, "who reads the page knows what waits"
    assert steps == ["accept"]
    assert "gate" in shown


def test_whom_a_patrol_looks_for_is_shown_once_there_is_a_connection(node: Node) -> None:
    told = node(
        PATROL
        + """
    const accepted = task({ kind: "lead", state: "accepted", holder: "me" });
    const looked = { items: [{ task: accepted, away_m: null, calls: false }] };
    let picture = down;
    const answers = { pictures: () => picture(), stream: down };
    server(({ url }) => (answers[Object.keys(answers).find((part) => url.includes(part))] || (() => looked))());
    go("patrol", patrol);
    await pass(20000);
    const shown = () => main.querySelectorAll("img").map((image) => good(image.src));
    const dead = shown();
    picture = () => ({});
    await pass(20000);
    tell([dead, shown()]);
    """
    )
    assert told == [[False, False], [True, True]]


def test_a_patrol_that_is_on_its_way_reads_which_vehicle_it_is_and_then_forgets_it(node: Node) -> None:
    told = node(
        PATROL
        + """
    let held = task({ kind: "violation", state: "accepted", holder: "me" });
    const plate = { text: "777AAA01" };
    const seen = { what: "speeding", at: "2026-11-27T09:00:00Z", vehicle: "car", plate, picture: true };
    server(({ url }) => url.includes("stream") ? problem(503, "away") : url.endsWith("pictures/seen") ? {}
      : url.endsWith("/seen") ? seen : { items: [{ task: held, away_m: null, calls: false }] });
    await go("patrol", patrol);
    await pass(100);
    const [image] = main.querySelectorAll("img");
    const shown = [main.textContent, good(image.src)];
    held = { ...held, holder: "dana" };
    await go("patrol", patrol);
    await pass(100);
    tell([...shown, main.textContent.includes("777AAA01"), good(image.src)]);
    """
    )
    text, pictured, *after = told
    assert [word for word in ("777AAA01", "Speeding", "car") if word not in text] == []
    assert (pictured, after) == (True, [False, False])


def test_a_patrol_that_is_sent_to_a_citizen_s_report_reads_what_they_say(node: Node) -> None:
    told = node(
        PATROL
        + """
    const held = task({ kind: "report", camera: "", state: "accepted", holder: "me" });
    const claim = { text: "a van", address: "Abay 17", vehicle: "", plate: null, picture: false };
    const seen = { what: "prohibited_stopping", at: "2026-11-27T09:00:00Z", ...claim };
    server(({ url }) => url.includes("stream") ? problem(503, "away")
      : url.endsWith("/seen") ? seen : { items: [{ task: held, away_m: null, calls: false }] });
    await go("patrol", patrol);
    await pass(100);
    const card = main.querySelector("article");
    tell([main.textContent, card.attributes["aria-label"], main.querySelectorAll("img").length]);
    """
    )
    text, name, pictures = told
    assert [word for word in ("a van", "Abay 17", "esil", "topping") if word not in text] == []
    assert (name, pictures) == ("Citizen's report", 0)
    assert "not read" not in text, "a report has no plate that anybody would have read"


DRIVEN = """
    const about = (url) => new URL(url, "http://console").searchParams;
    const listed = () => asked.filter(({ url }) => /patrol.tasks(?:[?]|$)/.test(url));
    const lists = () => listed().map(({ url }) => about(url).get("latitude"));
    const near = ({ url }) => {
      if (url.includes("stream")) return problem(503, "away");
      const from = about(url).get("latitude");
      return { items: [{ task: task(), away_m: from && (from === "43.3" ? 140 : 16600), calls: from === "43.3" }] };
    };
    const called = () => main.querySelector(".called").textContent;
    const begin = async () => {
      server(near);
      await go("patrol", patrol);
      button("Near me").click();
      stand(43.2, 76.8);
      await pass(100);
    };
"""


def test_a_patrol_that_drives_on_is_measured_and_called_from_where_it_is(node: Node) -> None:
    told = node(
        PATROL
        + DRIVEN
        + """
    await begin();
    const before = main.textContent;
    for (let n = 1; n < 9; n++) { stand(43.2 + n / 2500, 76.8); await pass(1000); }
    const crawled = lists();
    stand(43.3, 76.8);
    await pass(5000);
    const there = called();
    button("Near me").click();
    await pass(100);
    tell([before.includes("16.6 km"), crawled, there, called(), lists().at(-1), watched()]);
    """
    )
    far, crawled, there, *off = told
    assert far
    assert crawled[:2] == [None, "43.2"]
    assert len(crawled) == 3, "not at each of its steps"
    assert there.endswith("140 m")
    assert off == ["", None, 0], "until it wants to be found no more"


def test_a_patrol_is_called_where_it_is_once_the_line_is_back(node: Node) -> None:
    told = node(
        PATROL
        + DRIVEN
        + """
    await begin();
    server(down);
    stand(43.3, 76.8);
    await pass(20000);
    const dead = called();
    server(near);
    await pass(20000);
    tell([dead, called()]);
    """
    )
    assert told == ["", "You are called: Object left behind, gate, 140 m"]


def test_a_patrol_that_opens_its_page_again_is_still_called(node: Node) -> None:
    told = node(
        PATROL
        + DRIVEN
        + """
    server(near);
    const shown = async (more) => {
      await go("patrol", { ...patrol, ...more });
      stand(43.3, 76.8);
      await pass(100);
      return [called() !== "", button("Near me").attributes["aria-pressed"], watched()];
    };
    await go("patrol", patrol);
    button("Near me").click();
    const again = await shown();
    const other = await shown({ sub: "other" });
    const back = await shown();
    hide();
    await pass(100);
    tell([again, other, back, await shown()]);
    """
    )
    near, not_near = [True, "true", 1], [False, "false", 0]
    assert told == [near, not_near, near, not_near], "each person for themselves, as long as they allow it"


@pytest.mark.parametrize("online", [False, True], ids=["in time", "with the next connection"])
def test_a_line_that_is_dead_and_does_not_say_so_holds_no_step_back(node: Node, online: bool) -> None:
    told = node(
        PATROL
        + f"const online = {json.dumps(online)};"
        + """
    let dead = true;
    server((request) => request.method === "POST" && dead ? stalled() : tasks(request));
    await go("patrol", patrol);
    button("Accept").click();
    await pass(100);
    dead = false;
    if (online) dispatchEvent(new Event("online"));
    await pass(online ? 100 : 21000);
    tell([steps(), new Set(posts().map(({ headers }) => headers["Idempotency-Key"])).size]);
    """
    )
    assert told == [["accept", "accept"], 1], "sent again, to be taken once"


def test_who_asks_over_a_dead_line_is_told_that_there_is_none(node: Node) -> None:
    told = node("""
    server(({ method }) => method === "POST" ? new Response(new ReadableStream()) : stalled());
    const { ask, post } = await import("./api.js");
    const said = [ask("/me"), post("/cases", {})].map((asked) => asked.catch((error) => [error.status, error.message]));
    await pass(60000);
    tell(await Promise.all(said));
    """)
    assert told == [[0, "No connection to the server"]] * 2


def test_a_live_stream_that_has_fallen_silent_is_opened_anew(node: Node) -> None:
    told = node("""
    const beats = new ReadableStream({ start(stream) {
      setInterval(() => stream.enqueue(new TextEncoder().encode(": still here\\n\\n")), 15000);
    } });
    const { follow } = await import("./api.js");
    server(({ url }) => new Response(url.includes("beats") ? beats : new ReadableStream()));
    const heard = [];
    const leave = new AbortController();
    follow("type=silent", (event, what) => heard.push(what), leave.signal);
    follow("type=beats", (event, what) => what === "away" && heard.push("cut off"), leave.signal);
    await pass(45000);
    tell([heard, asked.length]);
    """)
    assert told == [["open", "away", "open"], 3], "and one that beats is left alone"


@pytest.mark.parametrize("answer", ["confirm", "next"])
def test_who_goes_to_another_page_stays_there_and_claims_nothing_more(node: Node, answer: str) -> None:
    told = node(
        QUEUE
        + f"const slow = {json.dumps(answer)};"
        + """
    let come;
    const held = (request) => new Promise((done) => { come = () => done(queue(request)); });
    server((request) => claimed && request.url.endsWith(slow) ? held(request) : queue(request));
    await go("review", reviewer);
    button("Take").click();
    await pass(1000);
    key("KeyY");
    await pass();
    away();
    come();
    await pass(1000);
    tell([main.textContent, location.hash, confirmed(), claimed]);
    """
    )
    shown, address, confirmed, claimed = told
    assert (shown, address, confirmed) == ("elsewhere", "#/now", ["v1"])
    assert claimed == (1 if answer == "confirm" else 2), "what is on its way cannot be called back"


def test_who_was_too_late_goes_on_with_the_next_of_the_queue(node: Node) -> None:
    told = node(
        QUEUE
        + """
    server((request) => {
      if (request.url === "/violations/v1/confirm") return problem(409, "changed");
      return request.url === "/violations/v1" ? violation("v1", { state: "rejected", steps: [] }) : queue(request);
    });
    await go("review", reviewer);
    button("Take").click();
    await pass(1000);
    key("KeyY");
    await pass(1000);
    tell([location.hash, hear(), main.querySelector(".count").textContent]);
    """
    )
    assert told == ["#/review/v2", "Somebody was faster: look again", "9"]


def test_a_plate_that_was_typed_outlives_a_conflict(node: Node) -> None:
    told = node(
        QUEUE
        + """
    let version = 1;
    server((request) => {
      if (request.url === "/violations/v1/confirm" && version === 1) return version = 2, problem(409, "changed");
      return queue(request, { version });
    });
    await go("review", reviewer);
    button("Take").click();
    await pass(1000);
    main.querySelector("input").value = "777KAZ01";
    key("KeyY");
    await pass(1000);
    key("KeyY");
    await pass(1000);
    tell(posts().slice(1, 3).map(({ url, body }) => [url, body.version, body.plate]));
    """
    )
    assert told == [["/violations/v1/confirm", version, "777KAZ01"] for version in (1, 2)]


CASES = """
let version = 3;
const found = () => ({
  id: "c1", version, state: "draft", purpose: "missing_person", requester: "other", steps: [], cameras: [],
  target: { kind: "vehicle", plate: "123ABC02" }, basis: { law: "", document: "" }, districts: ["esil"],
  window: { begins_at: "2026-11-27T10:00:00Z", ends_at: "2026-11-28T10:00:00Z" } });
const told = () => ({
  id: "r1", version, state: "forwarded", may: ["confirm", "forward"], service: "speeding", steps: [], told: [],
  attachments: [], proposed: [], unknown: [], nearby: 0, cameras_saw: [], happened_at: "2026-11-27T10:00:00Z",
  latitude: 51, longitude: 71, address: "here" });
const PAGES = {
  searches: { id: "c1", role: "authoriser", press: "Authorise", now: found },
  reports: { id: "r1", role: "operator", press: "Confirm", now: told },
};
const say = async (text) => {
  dialog().querySelector("textarea,input").value = text;
  dialog().querySelector("form").submit();
  await pass(1000);
};
"""


@pytest.mark.parametrize("name", ["searches", "reports"])
def test_a_reason_that_was_written_outlives_a_step_that_was_not_taken(node: Node, name: str) -> None:
    told = node(
        CASES
        + f"const name = {json.dumps(name)};"
        + """
    const { id, role, press, now } = PAGES[name];
    const answers = [down, () => { version++; return problem(409, "changed"); }, now];
    let line = answers.shift();
    server((request) => request.method === "POST" ? line() : now());
    await go(name, { roles: [role] }, id);
    button(press).click();
    await say("seen twice");
    await pass(60000);
    const lost = [dialog().querySelector("textarea").value, dialog().textContent.includes("No connection")];
    line = answers.shift();
    await say("seen twice");
    const late = dialog().textContent.includes("Somebody was faster");
    line = answers.shift();
    await say("seen twice");
    tell([lost, late, !dialog(), posts().map(({ body }) => [body.why ?? body.note, body.version]).slice(-2)]);
    """
    )
    lost, late, closed, sent = told
    assert lost == ["seen twice", True]
    assert late, "and what is there now stands behind it"
    assert closed
    assert sent == [["seen twice", 3], ["seen twice", 4]]


def test_who_does_not_wait_for_a_step_is_told_that_it_was_not_taken(node: Node) -> None:
    told = node(
        CASES
        + """
    let come;
    const late = () => new Promise((done) => { come = () => done(problem(409, "changed")); });
    server((request) => request.method === "POST" ? late() : told());
    await go("reports", { roles: ["operator"] }, "r1");
    button("Confirm").click();
    await say("seen");
    dialog().querySelectorAll("button").find((each) => each.textContent === "Cancel").click();
    come();
    await pass(100);
    tell([hear(), !dialog()]);
    """
    )
    said, closed = told
    assert "Somebody was faster" in said
    assert closed


def test_who_leaves_a_report_while_a_step_is_on_its_way_stays_away(node: Node) -> None:
    told = node(
        CASES
        + """
    let come;
    server((request) => request.method === "POST" ? new Promise((done) => { come = () => done(told()); }) : told());
    await go("reports", { roles: ["operator"] }, "r1");
    button("Confirm").click();
    await say("seen");
    away();
    come();
    await pass(1000);
    tell([main.textContent, !dialog()]);
    """
    )
    assert told == ["elsewhere", True]


def test_what_cameras_saw_beside_a_report_can_be_opened_a_thing_among_it(node: Node) -> None:
    told = node(
        CASES
        + """
    const at = { camera: "esil-1", captured_at: "2026-11-27T10:00:00Z", measured: {}, threshold: {} };
    const saw = [{ id: "v1", kind: "violation", rule: "speeding", ...at }, { id: "o1", kind: "object", rule: "abandoned_object", ...at }];
    server(() => ({ ...told(), nearby: 3, cameras_saw: saw }));
    await go("reports", { roles: ["operator"] }, "r1");
    const links = main.querySelectorAll("a").map((link) => [link.textContent, link.getAttribute("href")]);
    tell([links.filter(([, href]) => href !== "#/reports"), main.textContent.includes("others: 1")]);
    """  # noqa: E501
    )
    links, others = told
    assert links == [["Speeding", "#/review/v1"], ["Abandoned object", "#/objects/o1"]]
    assert others, "what lies in another's district is counted"


def test_a_step_of_a_patrol_does_not_wait_for_a_connection(node: Node) -> None:
    told = node(
        PATROL
        + """
    server((request) => request.method === "POST" ? stalled()
      : { items: [{ task: task({ state: "arrived", holder: "me" }), away_m: null, calls: false }] });
    go("patrol", patrol);
    await pass(1000);
    button("Resolve").click();
    dialog().querySelector("textarea").value = "an empty box";
    dialog().querySelector("form").submit();
    await pass(1000);
    tell([!dialog(), main.textContent.includes("Not sent yet")]);
    """
    )
    assert told == [True, True]


def test_a_stream_that_breaks_off_before_its_first_event_goes_on_where_it_was(node: Node) -> None:
    told = node("""
    server(() => new Response(": connected\\nretry: 2000\\nid: 17-4\\n\\n"));
    const { follow } = await import("./api.js");
    follow("type=dome.report.", () => {}, new AbortController().signal);
    await pass(1000);
    tell(asked.slice(0, 2).map(({ headers }) => headers["Last-Event-ID"] ?? ""));
    """)
    assert told == ["", "17-4"]


def test_what_was_written_before_the_stream_opened_is_shown(node: Node) -> None:
    told = node(
        CASES
        + """
    const camera = { id: "gate", district: "esil", silent: true, status: null, outlines: [] };
    const at = "2026-11-27T10:00:00Z";
    const written = { reports: told(), cameras: { id: "v", rule: "speeding", state: "detected", captured_at: at } };
    let items;
    let open;
    server(({ url }) => {
      const stream = new Response(new ReadableStream());
      if (url.includes("stream")) return new Promise((done) => { open = () => done(stream); });
      if (url.startsWith("/objects")) return { items: [] };
      return url === "/cameras/gate" ? camera : { items, next: null };
    });
    const seen = [];
    for (const [name, ...rest] of [["reports"], ["cameras", "gate"]]) {
      items = [];
      await go(name, { roles: ["operator"] }, ...rest);
      await pass(1000);
      items = [written[name]];
      open();
      await pass(1000);
      seen.push(main.querySelectorAll(".report,.queue").length);
    }
    tell(seen);
    """
    )
    assert told == [1, 1]


@pytest.mark.parametrize("what", ["a", "button"])
def test_whoever_goes_by_keys_stays_where_they_are_when_a_page_is_drawn_anew(node: Node, what: str) -> None:
    told = node(
        f"const what = {json.dumps(what)};"
        + """
    const camera = (id) => ({ id, district: "esil", silent: false, last_report_at: null,
      status: { name: id, state: "running", frames_read: 1, unfit: null, refusals: {}, errors: {} } });
    let cameras = [camera("gate"), camera("yard")];
    server(() => ({ items: cameras }));
    await go("cameras", { roles: ["operator"] });
    const cards = () => main.querySelectorAll("article");
    cards()[1].querySelector(what).focus();
    cameras = [camera("attic"), ...cameras];
    await pass(5100);
    const held = document.activeElement;
    const stays = held === cards()[2].querySelector(what);
    cameras = cameras.slice(0, 2);
    await pass(5100);
    tell([stays, document.activeElement === document.body]);
    """
    )
    assert told == [True, True], "what has gone is not followed by its neighbour"


def test_whoever_authorises_a_search_sees_all_that_they_say_yes_to_and_who_said_it_before(node: Node) -> None:
    told = node(
        CASES
        + """
    const asks = { ...found(), urgent: true, registration: "R-1", impact_assessment: "DPIA-7", alert_radius_m: 1500,
      target: { kind: "person", name: "A. B.", probes: ["p1", "p2"] },
      last_seen: { latitude: 51.1, longitude: 71.4, at: "2026-11-27T08:00:00Z", radius_m: 400 },
      steps: [{ deed: "created", by: "asel", at: "2026-11-27T09:00:00Z", why: "" },
              { deed: "activated", by: "dana", at: "2026-11-27T09:30:00Z", why: "the child is five" }] };
    server(({ url }) => url === "/cases/c1" ? asks : {});
    const photos = () => asked.filter(({ url }) => url.startsWith("/cases/c1/photos")).map(({ url }) => url);
    await go("searches", { roles: ["operator"] }, "c1");
    await pass(100);
    const unseen = photos().length;
    await go("searches", { roles: ["authoriser"] }, "c1");
    await pass(100);
    tell([unseen, photos(), main.textContent]);
    """
    )
    unseen, photos, text = told
    assert (unseen, photos) == (0, ["/cases/c1/photos/p1", "/cases/c1/photos/p2"])
    asked = ("Urgent", "R-1", "DPIA-7", "1.5 km", "51.10000, 71.40000", "400 m")
    assert [word for word in (*asked, "search begun", "dana", "the child is five") if word not in text] == []


def test_a_search_is_asked_for_from_where_somebody_was_seen_last_and_on_single_cameras(node: Node) -> None:
    told = node("""
    server(({ method }) => method === "POST" ? { id: "c1" } : { items: [], stopped: "" });
    await go("searches", { roles: ["operator"] });
    button("New case").click();
    const form = main.querySelector("form");
    const set = (name, value) => { form.querySelector(`input[name=${name}]`).value = value; };
    set("plate", "123ABC02");
    set("districts", "");
    set("cameras", "gate-1, gate-2");
    form.submit();
    await pass(100);
    set("latitude", "51.1");
    set("longitude", "71.4");
    set("seen_at", "2026-11-27T08:00");
    form.submit();
    await pass(100);
    const at = new Date("2026-11-27T08:00").toISOString();
    const [first, second] = posts().map(({ body }) => body);
    tell([first.cameras, first.districts, "last_seen" in first, second.last_seen, at]);
    """)
    cameras, districts, told_at_first, seen, at = told
    assert (cameras, districts, told_at_first) == (["gate-1", "gate-2"], [], False)
    assert seen == {"latitude": 51.1, "longitude": 71.4, "at": at, "radius_m": 500}


def test_a_case_that_is_created_twice_is_one(node: Node) -> None:
    told = node("""
    let come;
    const held = () => new Promise((done, fail) => { come = { done, fail }; });
    server(({ method }) => method === "POST" ? held() : { items: [], stopped: "" });
    await go("searches", { roles: ["operator"] });
    button("New case").click();
    const form = main.querySelector("form");
    const set = (name, value) => { form.querySelector(`input[name=${name}]`).value = value; };
    set("plate", "123ABC02");
    const press = async () => { form.submit(); await pass(100); };
    await press();
    await press();
    const pressed = posts().length;
    come.done(problem(500, "internal"));
    await pass(100);
    await press();
    come.done(problem(500, "internal"));
    await pass(100);
    set("plate", "777KAZ01");
    await press();
    come.done({ id: "c1" });
    await pass(100);
    tell([pressed, posts().map(({ headers }) => headers["Idempotency-Key"]), location.hash]);
    """)
    pressed, keys, address = told
    assert pressed == 1
    assert keys[0] == keys[1], "tried again, it is the same case"
    assert keys[2] != keys[1], "and another draft is another"
    assert address == "#/searches/c1"


LOG = """
const made = { at: "2026-11-27T10:00:00Z", who: "w", action: "case.viewed", details: {}, hash: "abcdefgh" };
const log = ({ url }) => {
  const before = Math.min(301, Number(new URLSearchParams(url.split("?")[1]).get("before")));
  const items = Array.from({ length: 100 }, (_, n) => ({ ...made, seq: before - 1 - n }));
  return { items, next: before > 101 ? before - 100 : null };
};
const numbers = () => main.querySelectorAll("tbody")[0].children.map((row) => row.children[0].textContent);
"""


def test_entries_stand_in_a_list_once_however_often_more_is_asked_for(node: Node) -> None:
    told = node(
        LOG
        + """
    server(log);
    await go("audit", { roles: ["auditor"] });
    button("More").click();
    button("More").click();
    await pass(100);
    const twice = numbers();
    button("More").click();
    await pass(100);
    tell([twice.length, new Set(twice).size, numbers().at(-1), numbers().length, button("More").hidden]);
    """
    )
    assert told == [200, 200, "1", 300, True]


def test_a_list_shows_what_was_asked_for_last(node: Node) -> None:
    told = node(
        QUEUE
        + """
    const waiting = {};
    server(({ url }) => {
      const state = new URLSearchParams(url.split("?")[1]).get("state");
      const found = { items: [violation("v", { state: state || "detected" })], next: null };
      return state ? new Promise((done) => { waiting[state] = () => done(found); }) : found;
    });
    await go("review", { roles: ["operator"] });
    const chosen = main.querySelector("select");
    for (chosen.value of ["confirmed", "issued"]) chosen.dispatchEvent(new Event("change"));
    waiting.issued();
    await pass(100);
    waiting.confirmed();
    await pass(100);
    tell(main.querySelectorAll(".state").map((each) => each.textContent));
    """
    )
    assert told == ["issued"]


STEADY = """
    let feed, changes = 0;
    const start = (stream) => { feed = (text) => stream.enqueue(new TextEncoder().encode(text)); };
    const stream = new ReadableStream({ start });
    const change = () => { changes++; feed('event: dome.report.filed.v1\\ndata: {"data": {}}\\n\\n'); };
    server(({ url }) => {
      if (url.includes("stream")) return new Response(stream);
      const page = Number(new URLSearchParams(url.split("?")[1]).get("cursor"));
      const item = { ...told(), id: `r${page}`, text: `${changes}` };
      const found = { items: [item], next: page < 9 ? `${page + 1}` : null };
      return new Promise((done) => setTimeout(() => done(found), 50));
    });
    const opened = go("reports", { roles: ["operator"] });
    await pass(1000);
    await opened;
    const rows = () => main.querySelectorAll(".said").map((each) => Number(each.textContent));
"""


def test_a_list_keeps_up_with_reports_that_come_faster_than_it_is_read(node: Node) -> None:
    told = node(
        CASES
        + STEADY
        + """
    for (let n = 0; n < 9; n++) { button("More").click(); await pass(1000); }
    const [before, seen] = [asked.length, []];
    for (let n = 0; n < 40; n++) { change(); await pass(250); seen.push(rows()[0]); }
    await pass(2000);
    tell([rows(), Math.min(...seen.slice(8).map((each, n) => each - n)), asked.length - before]);
    """
    )
    rows, late, asks = told
    assert rows == [40] * 10
    assert late > 0, "of eight changes, two seconds, at least one is shown"
    assert asks <= 220


def test_more_of_a_list_is_shown_though_it_is_being_read_anew(node: Node) -> None:
    told = node(
        CASES
        + STEADY
        + """
    change();
    await pass(20);
    button("More").click();
    button("More").click();
    await pass(1000);
    tell(rows());
    """
    )
    assert told == [1, 1]


def test_a_list_that_somebody_has_read_on_in_stays_as_long_when_it_is_read_anew(node: Node) -> None:
    told = node(
        CASES
        + """
    let feed;
    const start = (stream) => { feed = (text) => stream.enqueue(new TextEncoder().encode(text)); };
    const stream = new ReadableStream({ start });
    let fresh = "";
    server(({ url }) => {
      if (url.includes("stream")) return new Response(stream);
      const cursor = new URLSearchParams(url.split("?")[1]).get("cursor");
      const row = (n) => ({ ...told(), id: `r${n}`, text: `${fresh}${n}` });
      return cursor ? { items: [row(2)], next: null } : { items: [row(1)], next: "c" };
    });
    await go("reports", { roles: ["operator"] });
    await pass(100);
    button("More").click();
    await pass(100);
    fresh = "new ";
    feed('event: dome.report.filed.v1\\ndata: {"data": {}}\\n\\n');
    await pass(100);
    tell(main.querySelectorAll(".said").map((each) => each.textContent));
    """
    )
    assert told == ["new 1", "new 2"]


DOOR = """
const kept = {};
const sessionStorage = { getItem: (name) => kept[name] ?? null, setItem: (name, value) => { kept[name] = value; },
  removeItem: (name) => { delete kept[name]; } };
Object.defineProperty(globalThis, "sessionStorage", { value: sessionStorage });
Object.assign(location, { replace: (hash) => { location.hash = hash; }, assign: (url) => { location.gone = url; } });
history.replaceState = (state, title, url) => { location.hash = url.replace("/console", ""); };
let person = null, issuer = "https://id.example/realms/dome";
const reviewer = { sub: "aigul", name: "Aigul", roles: ["reviewer"], districts: ["esil"] };
server(({ method, url }) => {
  if (url === "/me") return person || problem(401, "token", "no token");
  if (url === "/console/session") return method === "DELETE" ? { at: "https://id.example/leave" } : { issuer };
  return { items: [], next: null };
});
const opens = async () => { await import("./console.js"); await pass(1000); };
const has = (selector) => main.querySelector(selector) !== null;
const seen = () => ({ link: has("a[href=/console/login]"), field: has("[id=token]"), text: main.textContent,
  hash: location.hash, kept });
"""


def test_people_are_sent_to_the_issuer_and_come_back_to_the_page_that_they_wanted(node: Node) -> None:
    told = node(DOOR + 'location.hash = "#/review/v1"; await opens(); tell(seen());')
    assert (told["link"], told["field"]) == (True, False)
    assert "id.example" in told["text"]
    assert told["kept"] == {"dome.back": "#/review/v1"}
    back = node(DOOR + 'person = reviewer; kept["dome.back"] = "#/review/v1"; await opens(); tell(seen());')
    assert (back["hash"], back["kept"]) == ("#/review/v1", {})


def test_who_was_not_signed_in_is_told_why_and_may_try_again(node: Node) -> None:
    told = node(DOOR + 'location.hash = "#not-in=sign_in_unknown"; await opens(); tell(seen());')
    assert "does not say what you may do here" in told["text"]
    assert (told["link"], told["hash"]) == (True, "")


def test_where_there_is_no_issuer_people_paste_a_token(node: Node) -> None:
    told = node(DOOR + 'issuer = ""; await opens(); tell(seen());')
    assert (told["link"], told["field"]) == (False, True)


def test_who_signs_out_leaves_the_issuer_and_the_other_tabs_too(node: Node) -> None:
    told = node(
        DOOR
        + """
    person = reviewer;
    await opens();
    button("Sign out").click();
    await pass(1000);
    tell({ gone: location.gone, left: "dome.left" in localStorage, ...seen() });
    """
    )
    assert (told["gone"], told["left"], told["link"]) == ("https://id.example/leave", True, True)
    other = node(
        DOOR
        + """
    person = reviewer;
    await opens();
    person = null;
    page.dispatchEvent(Object.assign(new Event("storage"), { key: "dome.left" }));
    await pass(1000);
    tell(seen());
    """
    )
    assert other["link"]
