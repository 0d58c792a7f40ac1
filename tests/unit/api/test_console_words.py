"""The console says everything in all of its languages: what a page asks for by a word, and what is named by a code."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args

import pytest

from flows.casework.adjudication import Reason as MachineReason
from flows.domain.audit import Action
from flows.domain.belts import Doubt
from flows.domain.cases import PURPOSES, CaseState
from flows.domain.errors import ChangedMeanwhile, DomeError, StoreError
from flows.domain.events import OBJECT_EVENTS
from flows.domain.filing import Filing, Receipt
from flows.domain.frames import ClockSource
from flows.domain.leads import LeadState
from flows.domain.leads import Reason as LeadReason
from flows.domain.objects import AbandonedObject
from flows.domain.patrol import Ending, Kind, Step, TaskState
from flows.domain.people import ROLES
from flows.domain.reports import SERVICE_CODES, SERVICES
from flows.domain.reports import State as ReportState
from flows.domain.review import Action as ReviewAction
from flows.domain.review import ReviewReason, State, StepRefused
from flows.domain.ruleset import RULE_KINDS, AbandonedObjectRule
from flows.domain.status import CameraState, Fitness
from flows.reports.watch import SAYS, what_is_missing
from flows.road.encounter import Refused
from flows.road.speed import Reason as SpeedReason
from flows.uploads.kinds import UploadRefused
from serve.api import routes
from serve.api.problems import problem_of

ROOT = Path(__file__).resolve().parents[3]
STATIC = ROOT / "serve/console/static"
ROW = re.compile(r'^  "?([^":]+|[^"]+)"?: \["(.+?)", "(.+?)", "(.+?)"\],$')
LITERAL = re.compile(r'\bt\("([^"]+)"\)')
LISTED = re.compile(r'\[((?:"[\w#]+"(?:, )?)+)\]\.map\(\((?:k)\)')
LABELLED = re.compile(r'labelled\("(\w+)"')
NAMES = {"Digital Dome", "#"}
CYRILLIC = re.compile("[а-яәғқңөұүһіА-ЯӘҒҚҢӨҰҮҺІ]")


def words() -> dict[str, tuple[str, ...]]:
    found = {}
    for file in ("words.js", "codes.js"):
        for line in (STATIC / file).read_text().splitlines():
            if (row := ROW.match(line)) is not None:
                assert row[1] not in found, f"{row[1]} stands there twice"
                found[row[1]] = row.groups()[1:]
    return found


WORDS = words()


def asked() -> Iterator[tuple[str, str]]:
    for page in sorted(STATIC.rglob("*.js")):
        text = page.read_text()
        for key in LITERAL.findall(text) + LABELLED.findall(text):
            yield page.name, key
        for names in LISTED.findall(text):
            yield from ((page.name, key) for key in re.findall(r'"([^"]+)"', names))


def refusals() -> set[str]:
    """Reasons that rules count, as their source writes them."""
    found = set()
    for path in ROOT.glob("flows/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = getattr(node, "func", None)
            name = getattr(called, "attr", getattr(called, "id", ""))
            parts: list[Any] = []
            if isinstance(node, ast.Call) and name in ("_refuse", "Refusal", "_dismiss", "_end"):
                parts = [arg for arg in node.args if isinstance(arg, ast.Constant)]
            elif isinstance(node, ast.Subscript) and "refus" in ast.unparse(node.value):
                parts = [each for each in ast.walk(node.slice) if isinstance(each, ast.Constant)]
            found |= {
                p.value for p in parts if isinstance(p.value, str) and re.fullmatch(r"[a-z_.]+", p.value)
            }
    return found - {"entry"}


def measures() -> set[str]:
    """Names of what rules measure, and of their moments, as their source writes them."""
    found = set()
    for path in [*ROOT.glob("flows/rules/**/*.py"), ROOT / "flows/casework/sections.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg in ("measured", "moments"):
                family = {"measured": "measured", "moments": "moment"}[node.arg]
                for each in ast.walk(node.value):
                    if isinstance(each, ast.Dict):
                        found |= {f"{family}.{k.value}" for k in each.keys if isinstance(k, ast.Constant)}
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("KeyMoment", "moment_of"):
                names = [k.value for k in node.keywords if k.arg == "name"] + node.args[:1]
                found |= {f"moment.{n.value}" for n in names if isinstance(n, ast.Constant)}
    return found


def problems() -> set[str]:
    """Codes and statuses with which the API refuses, as its source and the errors behind it write them."""
    found = {"0", "500"}  # nobody answered; nobody foresaw it
    for path in [*ROOT.glob("flows/**/*.py"), *ROOT.glob("serve/**/*.py")]:
        text = path.read_text()
        for node in (
            ast.walk(ast.parse(text)) if "code=" in text or "code = " in text or "Problem(" in text else ()
        ):
            name = getattr(getattr(node, "func", None), "id", "")
            parts: list[Any] = []
            if isinstance(node, ast.Call) and (name == "Problem" or name in ERRORS):
                parts = [k.value for k in node.keywords if k.arg == "code"]
                parts += node.args[:1] if name == "Problem" else []
            elif isinstance(node, ast.ClassDef) and node.name in ERRORS:
                parts = [each.value for each in node.body if isinstance(each, ast.Assign)]
            found |= {str(p.value) for p in parts if isinstance(p, ast.Constant)}
    return found


def kinds(root: type[Exception]) -> Iterator[type[Exception]]:
    for each in root.__subclasses__():
        yield from (each, *kinds(each))


ERRORS = {kind.__name__ for kind in kinds(DomeError)}


def bodies() -> Iterator[str]:
    """Names of the fields that the console sends."""
    for module in iter_modules(routes.__path__):
        for route in import_module(f"{routes.__name__}.{module.name}").router.routes:
            if route.path not in OF_CHANNELS and getattr(route, "body_field", None) is not None:
                yield from fields(route.body_field.field_info.annotation)


def fields(kind: Any) -> Iterator[str]:
    for name, field in getattr(kind, "model_fields", {}).items():
        yield from (name, *fields(field.annotation))
    for part in get_args(kind):
        yield from fields(part)


def of_a_thing(field: str) -> set[str]:
    """What an event about a thing may say there."""
    return {each for each in get_args(AbandonedObject.model_fields[field].annotation) if each}


OF_CHANNELS = {"/reports", "/reports/uploads", "/webhooks"}
"""Programs send these, and read English."""
STATES = {*get_args(State), *get_args(CaseState), *get_args(LeadState), *get_args(TaskState), *get_args(CameraState),
          *(kind.split(".")[2] for kind in OBJECT_EVENTS), "silent"}  # fmt: skip
FAMILIES = {
    "state": STATES, "rule": RULE_KINDS, "service": {each.code for each in SERVICES}, "purpose": PURPOSES,
    "kind": get_args(Kind), "ended": get_args(Ending), "report": get_args(ReportState), "role": ROLES,
    "clock": get_args(ClockSource),
    "why": {*get_args(ReviewReason), *get_args(MachineReason), *get_args(LeadReason)}, "action": get_args(Action),
    "fit": {each for each in get_args(Fitness) if each}, "fitness": {"displaced", "restored", "shaking", "steady"},
    "refused": lambda: {*refusals(), *get_args(SpeedReason), *get_args(Refused), "camera_moved", "camera_shakes",
                        *(f"belt_{doubt}" for doubt in get_args(Doubt) if doubt)},
    "unit": {"km/h", "m", "s", "deg", "widths", "probability", "km", "min", "h", "d"},
    "problem": problems,
    "cls": {"car", "truck", "bus", "motorcycle", "thing"},
    "filing": {each for model, name in ((Filing, "action"), (Receipt, "state"))
               for each in get_args(model.model_fields[name].annotation)},
    "decided": {*get_args(State), "released"}, "thing": AbandonedObjectRule.model_fields["classes"].default,
    "owner": of_a_thing("owner"), "outcome": of_a_thing("outcome"),
}  # fmt: skip
"""What is read from the source is read when it is asked for: every process that tests run in comes by here."""
BARE = {
    *get_args(ReviewAction),
    *get_args(Step),
    "authorise",
    "activate",
    "person",
    "vehicle",
    "seen",
    "probe",
}


def test_every_word_that_a_page_asks_for_is_there() -> None:
    missing = [f"{page}: {key}" for page, key in asked() if key not in WORDS and key not in NAMES]
    assert missing == []
    assert len(list(asked())) > 150, "they are found"


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_code_has_its_words(family: str) -> None:
    codes = FAMILIES[family]
    known = sorted(codes() if callable(codes) else codes)
    assert [code for code in known if f"{family}.{code}" not in WORDS] == []


def test_what_cannot_be_known_of_a_clip_is_said_in_each_language() -> None:
    said = [what_is_missing(service).partition(": ")[2] for service in SERVICE_CODES] + list(SAYS.values())
    for name in ("watch", "work"):
        tree = ast.parse((ROOT / f"flows/reports/{name}.py").read_text())
        said += [
            text.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "said.append"
            for text in ast.walk(node)
            if isinstance(text, ast.Constant) and isinstance(text.value, str)
        ]
    table = re.findall(r'\[/\^(.+)/, "(cannot\.\w+)"\]', (STATIC / "pages/reports.js").read_text())
    assert len(said) > 10, "they are found"
    assert [text for text in said if not any(re.match(known, text) for known, _ in table)] == []
    assert [key for _, key in table if key not in WORDS] == []


@pytest.mark.slow
def test_every_way_to_refuse_is_found() -> None:
    assert {"401", "403", "404", "422", "503", "held", "four_eyes", "changed", "task", "token"} <= problems()


def test_every_field_that_the_console_sends_has_its_words() -> None:
    sent = set(bodies())
    assert {"why", "plate", "alert_radius_m", "begins_at", "version"} <= sent, "they are found"
    assert [name for name in sorted(sent) if not {name, f"field.{name}"} & WORDS.keys()] == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StepRefused("it is held", code="held"), "held"),
        (StepRefused("its state"), "step"),
        (ChangedMeanwhile("look again"), "changed"),
        (UploadRefused("no picture"), "upload"),
        (StoreError("away"), None),
    ],
)
def test_a_refusal_says_in_a_word_what_it_is(error: DomeError, code: str | None) -> None:
    body = problem_of(pickle.loads(pickle.dumps(error))).body()
    assert (body.get("code"), body["detail"]) == (code, str(error))


@pytest.mark.slow
def test_every_step_measure_and_moment_has_its_words() -> None:
    assert [word for word in sorted(BARE) if word not in WORDS] == []
    found = measures()
    assert {"measured.against", "moment.still_stands", "moment.placing"} <= found, "they are found"
    assert [name for name in sorted(found) if name not in WORDS] == []
    assert "unwatched" in str(AbandonedObject.model_fields["state"].annotation)


def test_each_word_is_said_in_each_language() -> None:
    blank = [key for key, row in WORDS.items() if not all(text.strip() for text in row)]
    foreign = [
        key
        for key, (kazakh, russian, english) in WORDS.items()
        if english not in ("°", "%") and not all(CYRILLIC.search(text) for text in (kazakh, russian))
    ]
    assert (blank, foreign) == ([], [])
    assert len(WORDS) > 400, "they are found"
