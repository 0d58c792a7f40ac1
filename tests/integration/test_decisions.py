"""Sections, lists and decisions in a real Redis: once each, whatever is restarted, sent twice or comes late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from evidencestore import store_in
from sections import START, TERMS, manifest_of, passage
from typer.testing import CliRunner
from violations import AT, package, permits, plate, violation

from cluster.cli import app
from flows.casework.adjudication import Decision
from flows.casework.exemptions import Exemption, ExemptionList
from flows.desks.docket import PATIENCE, Docket
from flows.desks.sections import SectionDesk
from flows.domain.errors import FieldError
from flows.domain.events import DECISION, EVIDENCE_STORED, PASSAGE, Event
from flows.domain.passages import Passage
from flows.domain.plates import PLATE_READ
from flows.store import keys
from flows.store.delivery import Policy, Results
from flows.store.evidence import KEEP
from flows.store.exemptions import ExemptionsStore
from flows.store.owed import Owed
from flows.store.redis_server import EmbeddedRedis
from flows.store.results import ResultsStore, Retention
from flows.store.spool import Spool

SECTION = "dome.violation.section_speed.v1"
TRAVEL_S = TERMS.length_m / 100 * 3.6


class House:
    """What stands behind the results actor, without the actor."""

    def __init__(self, home: Path, server: EmbeddedRedis) -> None:
        self.home, self.server = home, server
        self.store, self.lists = ResultsStore(server.url), ExemptionsStore(server.url)
        self.evidence = store_in(home / "evidence")
        self.now = AT + timedelta(hours=1)
        self.start()

    def start(self) -> None:
        """The actor's logic, afresh: it remembers nothing."""
        owed = Owed.of(self.server.url, keys.PASSAGES_UNREMOVED, self.evidence.remove)
        self.sections = SectionDesk(self.store, self.evidence, owed, now=lambda: START + timedelta(minutes=5))
        self.docket = Docket(self.store, self.lists, now=lambda: self.now)
        self.clock_s = 0.0
        self.results = Results(
            ResultsStore(self.server.url),
            Spool(self.home, "results", 10_000),
            clock=lambda: self.clock_s,
            policy=Policy(retry_s=(0.05, 0.2)),
            desks=(self.sections, self.docket),
        )
        self.results.drain()

    def restart(self) -> None:
        """It was killed and is there again."""
        self.results.close()
        self.start()

    def submit(self, *events: Event) -> None:
        assert self.results.submit(events).safe

    def sweep(self) -> None:
        """Half a minute goes by."""
        self.clock_s += 31
        self.results.drain()
        self.results.drain()

    def of_type(self, type: str) -> list[Event]:
        return [entry.event for entry in self.store.events(type=type, count=1000)]

    def decisions(self, on: Event) -> list[Decision]:
        return [Decision.model_validate(event.data) for event in self.store.decisions(on.id)]

    def state(self, of: Event) -> str:
        """What Redis lists it under."""
        states = ("undecided", "stands", "dismissed", "held_stale_exemptions", "needs_review")
        (found,) = [state for state in states if of.id in self.store.in_state(state)]
        return found

    def passes(
        self, role: str, at_s: float, plate: str = "hash-a", text: str = "123ABC02", **k: Any
    ) -> Event:
        """A passage whose package lies in the evidence store."""
        made = passage(role, at_s, plate, **k)
        record = {"outcome": "read", "text": text, "confident": True}
        manifest = manifest_of(made, plate=record)
        self.evidence.write(made.evidence, {"gate.jpg": b"picture"}, json.dumps(manifest).encode())
        return made.event()

    def has(self, event: Event) -> bool:
        return (self.home / "evidence" / Passage.of(event).evidence / "gate.jpg").exists()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with EmbeddedRedis(tmp_path / "redis") as server:
        house = House(tmp_path, server)
        yield house
        house.results.close()


# Sections


def test_passages_of_two_cameras_become_one_violation_with_both_packages(house: House) -> None:
    entry, exit = house.passes("entry", 0), house.passes("exit", TRAVEL_S)
    house.submit(entry)
    house.submit(exit)
    (event,) = house.of_type(SECTION)
    entered, left = event.data["entry"], event.data["exit"]
    assert entered["plate"]["text"] == left["plate"]["text"] == "123ABC02"  # type: ignore[index,call-overload]
    (stored,), (read,) = house.of_type(EVIDENCE_STORED), house.of_type(PLATE_READ)
    assert stored.data["violation"] == read.data["violation"] == event.id
    assert house.state(event) == "stands"
    assert all(
        (house.home / "evidence" / str(stored.data[f]) / KEEP).exists() for f in ("folder", "entry_folder")
    )
    entry_held = house.store.event(event.id)
    assert entry_held is not None
    assert entry_held.plate == read


def test_no_passage_tells_the_plate(house: House) -> None:
    house.submit(house.passes("entry", 0), house.passes("exit", 60))
    assert all("123ABC02" not in event.model_dump_json() for event in house.of_type(PASSAGE))
    assert house.of_type(SECTION) == []
    assert house.of_type(PLATE_READ) == []


@pytest.mark.parametrize("late", [False, True])
def test_redelivered_passages_and_restarts_state_nothing_twice(house: House, late: bool) -> None:
    pair = [house.passes("entry", 0), house.passes("exit", TRAVEL_S)]
    pair = pair[::-1] if late else pair
    house.submit(pair[0], pair[0])
    house.restart()
    house.submit(pair[0], pair[1], pair[0])
    house.restart()
    house.submit(pair[1])
    house.sweep()
    assert len(house.of_type(SECTION)) == 1
    assert len(house.of_type(EVIDENCE_STORED)) == 1


def test_what_was_written_but_not_matched_when_it_died_is_matched_afterwards(house: House) -> None:
    house.store.write([house.passes("entry", 0), house.passes("exit", TRAVEL_S)])
    house.restart()
    assert len(house.of_type(SECTION)) == 1


def test_passages_that_waited_on_disk_while_redis_was_away_are_matched(house: House) -> None:
    house.submit(house.passes("entry", 0))
    house.server.kill()
    house.submit(house.passes("exit", TRAVEL_S))
    assert house.results.waiting == 1
    house.server.start()
    house.clock_s += 1
    for _ in range(3):
        house.results.drain()
    assert len(house.of_type(SECTION)) == 1


def test_packages_of_passages_that_did_nothing_are_removed(house: House) -> None:
    lawful = [house.passes("entry", 0, "hash-b"), house.passes("exit", 60, "hash-b")]
    alone = house.passes("entry", 1, "hash-c")
    fast = [house.passes("entry", 2), house.passes("exit", 2 + TRAVEL_S)]
    house.submit(*lawful, alone, *fast)
    assert all(map(house.has, [*lawful, alone, *fast]))
    house.submit(house.passes("entry", 9000, "later"), house.passes("exit", 9001, "later"))
    house.sweep()
    assert not any(map(house.has, [*lawful, alone]))
    assert all(map(house.has, fast))
    house.restart()
    house.sweep()
    assert all(map(house.has, fast))


def test_hashes_of_passages_expire(house: House) -> None:
    house.submit(house.passes("entry", 0))
    store = ResultsStore(house.server.url, retention=Retention(passage_days=1.0))
    assert store.prune() == 0
    assert store.prune(datetime.now(UTC).timestamp() + 2 * 86_400) == 1
    assert house.of_type(PASSAGE) == []
    store.close()


def test_a_section_violation_waits_for_lists_as_others_do(house: House) -> None:
    depends = {"exemptions": ("permits",), "exemptions_max_age_h": 24.0, "state": "undecided"}
    house.submit(house.passes("entry", 0, **depends), house.passes("exit", TRAVEL_S, **depends))
    (event,) = house.of_type(SECTION)
    assert house.state(event) == "held_stale_exemptions"
    house.lists.put(ExemptionList(name="permits", issued_at=event.time, entries=()))
    house.sweep()
    assert house.state(event) == "stands"


# Lists


def test_a_violation_is_decided_when_its_plate_is_known(house: House) -> None:
    house.lists.put(permits(-1, "123ABC02"))
    exempt, other = violation(0), violation(1)
    house.submit(exempt, other)
    assert house.state(exempt) == house.state(other) == "undecided"
    assert house.of_type(DECISION) == []
    house.submit(package(exempt), plate(exempt), plate(other, "999ZZZ09"))
    assert (house.state(exempt), house.state(other)) == ("dismissed", "stands")
    (decision,) = house.decisions(exempt)
    assert decision.lists[0].issued_at == AT - timedelta(hours=1)


def test_a_plate_that_comes_first_decides_as_well(house: House) -> None:
    house.lists.put(permits(-1))
    late = violation()
    house.submit(plate(late), late)
    assert house.state(late) == "stands"


def test_with_a_stale_list_violations_wait_until_a_fresh_one_arrives(house: House) -> None:
    house.lists.put(permits(-48, "123ABC02"))
    exempt, other, unread = violation(0), violation(1), violation(2)
    house.submit(exempt, other, unread)
    house.submit(plate(exempt), plate(other, "999ZZZ09"), plate(unread, ""))
    assert [house.state(v) for v in (exempt, other, unread)] == [
        "held_stale_exemptions", "held_stale_exemptions", "needs_review",
    ]  # fmt: skip
    house.sweep()
    assert len(house.of_type(DECISION)) == 3
    house.lists.put(permits(2, "123ABC02"))
    house.sweep()
    assert [house.state(v) for v in (exempt, other, unread)] == ["dismissed", "stands", "needs_review"]
    assert [d.state for d in house.decisions(exempt)] == ["held_stale_exemptions", "dismissed"]
    assert len(house.of_type(DECISION)) == 5
    house.restart()
    house.sweep()
    assert len(house.of_type(DECISION)) == 5


def test_a_plate_that_never_comes_is_for_a_person(house: House) -> None:
    house.lists.put(permits(-1))
    lost = violation()
    house.submit(lost)
    house.now = datetime.now(UTC)
    house.sweep()
    assert house.state(lost) == "undecided"
    house.now += PATIENCE + timedelta(minutes=1)
    house.sweep()
    assert house.state(lost) == "needs_review"


def test_two_that_decide_at_once_leave_one_decision(house: House) -> None:
    """The actor and a person's command, of which one has not seen the newest list."""
    house.lists.put(permits(-48))
    waits = violation()
    house.submit(waits, plate(waits))
    slow = Docket(house.store, ExemptionsStore(house.server.url), now=lambda: house.now)
    house.lists.put(permits(1))
    made = slow.sweep()
    house.lists.put(permits(2, "123ABC02"))
    house.sweep()
    assert house.state(waits) == "dismissed"
    assert house.store.write(made).written == 0
    assert house.state(waits) == "dismissed"
    assert [d.number for d in house.decisions(waits)] == [1, 2]


def test_only_a_newer_list_takes_the_place_of_one_in_force(house: House) -> None:
    house.lists.put(permits(0, "123ABC02"))
    house.lists.put(permits(0, "123ABC02"))
    for other in (permits(-1), permits(0, "999ZZZ09")):
        with pytest.raises(FieldError, match="later than the list 'permits' in force"):
            house.lists.put(other)
    assert [e.plate for e in house.lists.lists()["permits"].entries] == ["123ABC02"]
    house.lists.put(permits(1, "123ABC02", "777TX02"))
    assert ExemptionsStore(house.server.url).lists()["permits"] == permits(1, "123ABC02", "777TX02")


def test_what_is_pruned_leaves_no_state_behind(house: House) -> None:
    house.submit(violation(), plate(violation()))
    store = ResultsStore(house.server.url)
    assert store.prune(datetime.now(UTC).timestamp() + 100 * 86_400) == 3
    assert [store.in_state(s) for s in ("undecided", "held_stale_exemptions")] == [[], []]
    store.close()


# What a person does


@pytest.fixture
def dome(house: House, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DOME_HOME", str(house.home))

    def run(*args: object, status: int = 0) -> Any:
        result = CliRunner().invoke(app, [*map(str, args)])
        assert result.exit_code == status, result.output
        return json.loads(result.stdout) if "--json" in args else result.output

    return run


def yaml_list(folder: Path, *plates: str, issued_at: datetime) -> Path:
    path = folder / "permits.yaml"
    rows = "".join(f" - {{plate: {p}, reason: a permit}}\n" for p in plates)
    path.write_text(
        f"name: permits\nissued_at: {issued_at.isoformat()}\nentries:{' []' * (not rows)}\n{rows}"
    )
    return path


def test_loading_a_list_decides_what_waited_beside_a_running_job(house: House, dome: Any) -> None:
    exempt, other = violation(0), violation(1)
    house.submit(exempt, other, plate(exempt), plate(other, "999ZZZ09"))
    file = yaml_list(house.home, "123ABC02", issued_at=AT)
    answer = dome("exemptions", "load", file, "--json")
    assert answer["decided"] == {"dismissed": 1, "stands": 1}
    assert (house.state(exempt), house.state(other)) == ("dismissed", "stands")
    assert "nothing" not in dome("exemptions", "load", file)
    assert dome("exemptions", "list", "--json")["held_stale_exemptions"] == 0
    house.sweep()
    assert len(house.of_type(DECISION)) == 4  # two held, two decided


def test_a_list_that_is_issued_no_more_is_named_with_what_it_holds_up_and_removed(
    house: House, dome: Any
) -> None:
    house.lists.put(permits(-48, "123ABC02", name="pilot"))
    waits = violation(exemptions=("*",))
    house.submit(waits, plate(waits, "999ZZZ09"))
    answer = dome("exemptions", "load", yaml_list(house.home, "777TX02", issued_at=AT), "--json")
    assert answer["held_up"] == {"pilot": 1}
    told = dome("exemptions", "list")
    assert "1 violation held up by pilot" in told
    answer = dome("exemptions", "remove", "pilot", "--as", "dana", "--why", "the pilot is over", "--json")
    assert (answer["decided"], answer["held_up"]) == ({"needs_review": 1}, {})
    rows = {row["name"]: row for row in dome("exemptions", "list", "--json")["lists"]}
    assert {name: (row["removed"], row["holds_up"]) for name, row in rows.items()} == {
        "permits": (False, 0), "pilot": (True, 0),
    }  # fmt: skip


def test_a_malformed_list_changes_nothing_and_says_why(house: House, dome: Any) -> None:
    house.lists.put(permits(-48, "123ABC02"))
    waits = violation()
    house.submit(waits, plate(waits))
    file = yaml_list(house.home, "123ABC02", "'!'", issued_at=AT)
    answer = dome("exemptions", "load", file, "--json", status=2)
    assert [(p["field"], p["line"]) for p in answer["problems"]] == [("entries.1.plate", 5)]
    assert "stays in force" in dome("exemptions", "load", file, status=2)
    assert house.state(waits) == "held_stale_exemptions"
    assert house.lists.lists()["permits"] == permits(-48, "123ABC02")


def test_a_list_that_was_cut_off_is_refused_and_the_one_before_holds(house: House, dome: Any) -> None:
    """Else whoever stood in the part that is gone would be fined until somebody notices."""
    expired = {"valid_until": AT - timedelta(days=1)}
    old = [Exemption(plate=f"{n} OLD 02", **expired) for n in range(100, 200)]
    new = [Exemption(plate=f"{n} ABC 02") for n in range(120, 130)]
    house.lists.put(permits(-1).model_copy(update={"entries": (*old, *new)}))
    car = violation()
    house.submit(car, plate(car))
    assert house.state(car) == "dismissed"
    cut = yaml_list(house.home, *(f"{n} ABC 02" for n in range(125, 129)), issued_at=AT)
    answer = dome("exemptions", "load", cut, "--json", status=2)
    assert [(p["field"], p["got"]) for p in answer["problems"]] == [("entries", "4")]
    assert len(house.lists.lists()["permits"].entries) == 110
    dome("exemptions", "load", yaml_list(house.home, *(f"{n} ABC 02" for n in range(125, 130)), issued_at=AT))
    empty = yaml_list(house.home, issued_at=AT + timedelta(hours=1))
    assert "--fewer" in dome("exemptions", "load", empty, status=2)
    dome("exemptions", "load", empty, "--fewer")
    assert house.lists.lists()["permits"].exempting("125ABC02", AT + timedelta(hours=2)) is None


def test_readjudication_after_a_late_list_says_case_by_case_what_changed(house: House, dome: Any) -> None:
    house.lists.put(permits(-1))
    permitted, other, free = violation(0), violation(1), violation(2, exemptions=(), state="stands")
    house.submit(permitted, other, free, plate(permitted), plate(other, "999ZZZ09"))
    house.lists.put(permits(5, "123ABC02"))
    since = (AT - timedelta(minutes=1)).isoformat()
    command = ("readjudicate", "--since", since, "--reason", "permits came late")
    planned = dome(*command, "--dry-run", "--json")
    assert (planned["affected"], planned["changed"]) == (2, 1)
    assert house.state(permitted) == "stands"
    done = dome(*command, "--json")
    (case,) = [c for c in done["cases"] if c["changed"]]
    assert case["violation"] == permitted.id
    assert (case["before"]["state"], case["after"]["state"]) == ("stands", "dismissed")
    assert case["after"]["readjudication"] == "permits came late"
    assert [d.state for d in house.decisions(permitted)] == ["stands", "dismissed"]
    assert [d.state for d in house.decisions(other)] == ["stands", "stands"]
    again = dome(*command, "--json")
    assert (again["affected"], again["changed"]) == (2, 0)
    assert len(house.decisions(permitted)) == 2
    assert "dismissed" in dome(*command)


def test_readjudication_dismisses_what_a_withdrawn_survey_measured_and_it_stays_so(
    house: House, dome: Any
) -> None:
    house.lists.put(permits(-1))
    wrong = violation(0, exemptions=(), state="stands")
    right = violation(1, exemptions=(), state="stands", calibration={"id": "survey-8"})
    listed = violation(2)
    house.submit(wrong, right, listed, plate(listed))
    day = f"{AT:%Y-%m-%d}"
    done = dome("readjudicate", "--since", day, "--reason", "knocked", "--calibration", "survey-7", "--json")
    assert done["changed"] == 2
    assert [house.state(v) for v in (wrong, right, listed)] == ["dismissed", "stands", "dismissed"]
    assert house.decisions(wrong)[0].reason == "withdrawn"
    house.lists.put(permits(5))
    dome("readjudicate", "--since", day, "--reason", "another list", "--json")
    assert house.state(listed) == "dismissed"


def test_readjudication_by_model_looks_at_the_packages(house: House, dome: Any) -> None:
    old, new = violation(0, exemptions=()), violation(1, exemptions=())
    house.submit(old, new, package(old, sha256="aa" * 32), package(new, sha256="bb" * 32))
    options = ("--reason", "blind at dusk", "--model", "embedded@aaaa", "--json")
    done = dome("readjudicate", "--since", f"{AT:%Y-%m-%d}", *options)
    assert [case["violation"] for case in done["cases"]] == [old.id]


def test_readjudication_by_plate_reader_asks_a_person_for_the_plate(house: House, dome: Any) -> None:
    old, new = (violation(n, exemptions=(), state="stands") for n in (0, 1))
    house.submit(old, new, plate(old, finder="aa" * 32), plate(new, finder="bb" * 32))
    command = ("readjudicate", "--since", f"{AT:%Y-%m-%d}", "--reason", "B was read as 8", "--json")
    done = dome(*command, "--model", "plates.finder@aaaa")
    assert [case["violation"] for case in done["cases"]] == [old.id]
    assert (house.state(old), house.state(new)) == ("needs_review", "stands")
    assert house.decisions(old)[0].reason == "plate_unread"
    dome(*command, "--calibration", "survey-7")
    dome(*command, "--model", "plates")
    assert house.state(old) == "dismissed"  # a survey that was withdrawn stays so


def test_times_that_people_give_may_be_of_any_zone(house: House, dome: Any) -> None:
    """Midnight in Almaty is the evening before in UTC: what was captured between the two is decided again as well."""
    evening = [
        violation(-60 * h, exemptions=(), state="stands") for h in (8, 11)
    ]  # 23 and 20 h UTC the day before
    house.submit(*evening)
    ends = (
        "--until",
        "2026-09-01T04:30:00+05:00",
        "--reason",
        "knocked",
        "--calibration",
        "survey-7",
        "--json",
    )
    done = dome("readjudicate", "--since", "2026-09-01T00:30:00+05:00", *ends)
    assert {case["violation"] for case in done["cases"]} == {v.id for v in evening}


def test_times_that_people_give_need_a_zone(house: House, dome: Any) -> None:
    output = dome("readjudicate", "--since", "2026-09-01T08:00:00", "--reason", "x", status=2)
    assert "with its zone" in output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--reason", " "), "--reason: expected why they are decided again, got nothing"),
        (
            ("--reason", "x", "--until", "2026-08-01"),
            "--until: expected a time after --since (2026-09-01T00:00:00+00:00)",
        ),
        (("--reason", "x", "--rule", "speding@1"), "got 'speding@1'; did you mean 'speeding'?"),
    ],
)
def test_what_would_decide_nothing_again_is_refused(
    options: tuple[str, ...], said: str, house: House, dome: Any
) -> None:
    assert said in dome("readjudicate", "--since", "2026-09-01", *options, status=2)


def test_what_people_write_in_brackets_is_shown_as_it_is(house: House, dome: Any) -> None:
    """An office's reason and a person's are text, and no markup that may break the table."""
    house.lists.put(permits(-1))
    permitted = violation(0)
    house.submit(permitted, plate(permitted))
    house.lists.put(
        permits(5, "123ABC02").model_copy(update={"entries": (Exemption(plate="123ABC02", reason="[/7]"),)})
    )
    output = dome("readjudicate", "--since", f"{AT:%Y-%m-%d}", "--reason", "see [/letter] 7")
    assert "see [/letter] 7" in output
    assert "[/7]" in output


def test_a_survey_on_which_nothing_rests_is_said(house: House, dome: Any) -> None:
    output = dome("readjudicate", "--since", "2026-09-01", "--reason", "x", "--calibration", "survey-77")
    assert "rests on survey-77" in " ".join(output.split())
