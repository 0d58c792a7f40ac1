"""What is issued reaches the proceedings once, whoever dies in whichever moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from apiclient import AT, speeding, write

from flows.casework.proceedings import BARRED_FOR, REFUSALS, Courier
from flows.casework.receivers import FolderReceiver, HttpReceiver, receiver_for
from flows.casework.review import step
from flows.domain.errors import FieldError, StoreError
from flows.domain.events import Event
from flows.domain.filing import Filing, Receipt, ReceiverAway, ReceiverBars, ReceiverRefuses
from flows.domain.people import ROLES, Person
from flows.domain.plates import PlateRecord, plate_event
from flows.domain.review import Action, StepRefused
from flows.store import keys
from flows.store.audit import AuditStore
from flows.store.proceedings import ProceedingsStore
from flows.store.results import ResultsStore, Retention

ANYONE = Person(sub="anyone", roles=frozenset(ROLES), districts=frozenset("*"))
ANOTHER = ANYONE.model_copy(update={"sub": "another"})


class Died(Exception):
    """The process was killed here."""


class Taken:
    """A receiver that knows its keys, as all must."""

    def __init__(self) -> None:
        self.filings: dict[str, Filing] = {}
        self.asked: list[str] = []
        self.fault: Callable[[Filing, bool], None] = lambda filing, taken: None

    def deliver(self, filing: Filing) -> str:
        self.asked.append(filing.key)
        self.fault(filing, False)
        self.filings.setdefault(filing.key, filing)
        self.fault(filing, True)
        return "taken"

    @property
    def actions(self) -> list[tuple[str, str]]:
        return [(f.violation, f.action) for f in self.filings.values()]


class Bureau:
    """An outbox with violations that people issue and cancel."""

    def __init__(self, url: str) -> None:
        self.url, self.results = url, ResultsStore(url)
        self.receiver, self.now = Taken(), AT
        self.restart()

    def restart(self) -> None:
        """The process that delivers was killed and is there again; its turn has lapsed."""
        self.store = ProceedingsStore(self.url, self.results)
        self.store._redis.delete("{dome}:turn:proceedings")
        self.courier = Courier(self.store, self.receiver, lambda: self.now)

    def take(self, of: Event, *actions: Action) -> None:
        for action in actions:
            entry = self.results.event(of.id)
            assert entry is not None
            person = ANOTHER if action == "issue" else ANYONE
            self.results.write([step(entry.case, action, person, AT)])

    def issued(self, n: int) -> Event:
        made = speeding(n)
        write(self.url, made, plate_event(made, PlateRecord(outcome="read", text="123ABC02", confident=True)))
        self.take(made, "claim", "confirm", "issue")
        return made


@pytest.fixture
def bureau(redis_url: str) -> Bureau:
    return Bureau(redis_url)


def test_what_is_issued_is_filed_with_what_a_court_asks(bureau: Bureau) -> None:
    made = bureau.issued(0)
    assert bureau.courier.deliver() == 1
    (filing,) = bureau.receiver.filings.values()
    assert (filing.violation, filing.plate, filing.confirmed_by) == (made.id, "123ABC02", "anyone")
    assert filing.measured["speed"].low == 85.0
    assert bureau.courier.deliver() == bureau.store.length() == 0
    (receipt,) = bureau.store.receipts(made.id)
    assert (receipt.state, receipt.attempts) == ("delivered", 1)


@pytest.mark.parametrize("moment", ["before", "after", "settling", "settled"])
def test_death_in_any_moment_neither_loses_nor_doubles(
    bureau: Bureau, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [bureau.issued(n) for n in range(3)]
    deaths = 0

    def dies(filing: Filing, taken: bool) -> None:
        nonlocal deaths
        if deaths < 5 and taken == (moment == "after"):
            deaths += 1
            raise Died

    if moment in ("before", "after"):
        bureau.receiver.fault = dies
    settle = ProceedingsStore.settle

    def settle_or_die(self: ProceedingsStore, place: str, receipt: Receipt) -> None:
        nonlocal deaths
        if moment == "settled":
            settle(self, place, receipt)
        if moment.startswith("settl") and deaths < 2:
            deaths += 1
            raise Died
        if moment != "settled":
            settle(self, place, receipt)

    monkeypatch.setattr(ProceedingsStore, "settle", settle_or_die)
    while bureau.store.length():
        try:
            bureau.courier.deliver()
        except Died:
            bureau.restart()
    assert deaths >= 2
    assert sorted(bureau.receiver.actions) == sorted((event.id, "issue") for event in made)


def test_a_withdrawal_never_overtakes_and_others_do_not_wait(bureau: Bureau) -> None:
    first, second = bureau.issued(0), bureau.issued(1)
    bureau.take(first, "cancel")

    def away(filing: Filing, taken: bool) -> None:
        if (
            filing.violation == first.id
            and filing.action == "issue"
            and bureau.now < AT + timedelta(minutes=1)
        ):
            raise ReceiverAway("down")

    bureau.receiver.fault = away
    assert bureau.courier.deliver() == 1
    assert bureau.receiver.actions == [(second.id, "issue")]
    bureau.courier.deliver()
    assert len(bureau.receiver.asked) == 2, "who is away is not asked again at once"
    bureau.now += timedelta(minutes=2)
    assert bureau.courier.deliver() == 2
    assert bureau.receiver.actions[1:] == [(first.id, "issue"), (first.id, "withdraw")]


def test_what_is_refused_for_good_is_put_aside_and_shown(bureau: Bureau) -> None:
    made = bureau.issued(0)

    def refuse(filing: Filing, taken: bool) -> None:
        raise ReceiverRefuses("422 no such article")

    bureau.receiver.fault = refuse
    for _ in range(REFUSALS):
        bureau.courier.deliver()
        bureau.now += timedelta(hours=1)
    (receipt,) = bureau.store.receipts(made.id)
    assert (receipt.state, receipt.attempts, bureau.store.length()) == ("refused", REFUSALS, 0)
    assert bureau.store.refused() == [receipt]


def refused(bureau: Bureau, *made: Event) -> None:
    """The receiver will have none of what is in the outbox; later it will."""

    def refuse(filing: Filing, taken: bool) -> None:
        raise ReceiverRefuses("400 the key is not known")

    bureau.receiver.fault = refuse
    for _ in range(REFUSALS):
        bureau.courier.deliver()
        bureau.now += timedelta(hours=1)
    assert {r.violation for r in bureau.store.refused()} == {event.id for event in made}
    bureau.receiver.fault = lambda filing, taken: None


def test_what_was_refused_is_sent_again_when_a_person_says_so(bureau: Bureau) -> None:
    first, second = bureau.issued(0), bureau.issued(1)
    refused(bureau, first, second)
    bureau.store.again(first.id, "boss")
    with pytest.raises(StepRefused, match="got one waiting"):
        bureau.store.again(first.id, "boss")
    assert bureau.courier.deliver() == 1
    assert bureau.receiver.actions == [(first.id, "issue")]
    assert [r.state for r in bureau.store.receipts(first.id)] == ["delivered"]
    assert [r.violation for r in bureau.store.refused()] == [second.id]
    with pytest.raises(StepRefused, match="got one delivered"):
        bureau.store.again(first.id, "boss")
    said = [e for e in AuditStore(bureau.url).entries() if e.action == "violation.filed_again"]
    assert [(e.who, e.subject) for e in said] == [("boss", first.id)]


def test_what_was_withdrawn_since_is_not_sent_again(bureau: Bureau) -> None:
    made = bureau.issued(0)
    refused(bureau, made)
    bureau.take(made, "cancel")
    assert bureau.store.refused() == []
    bureau.courier.deliver()
    with pytest.raises(StepRefused, match="got one delivered"):
        bureau.store.again(made.id, "boss")
    assert bureau.receiver.actions == [(made.id, "withdraw")]


def test_a_violation_that_is_deleted_is_no_longer_told_as_refused(bureau: Bureau) -> None:
    refused(bureau, bureau.issued(0))
    ResultsStore(bureau.url, retention=Retention(keep_days=1)).prune(time.time() + 86400 * 40)
    assert redis.Redis.from_url(bureau.url).exists(keys.REFUSED) == 0


async def test_who_authorises_sees_what_the_proceedings_do_not_have_and_sends_it_again(api: Any) -> None:
    bureau = Bureau(api.config.redis_url)
    first, second = bureau.issued(0), bureau.issued(1)
    refused(bureau, first, second)
    waits = bureau.issued(2)

    async def open_to(*districts: str) -> list[tuple[str, str]]:
        rows = (await api.get("/exports", "authoriser", districts=districts)).json()["items"]
        return [(row["violation"], row["state"]) for row in rows]

    told = [(first.id, "refused"), (second.id, "refused"), (waits.id, "waiting")]
    assert (await open_to("*"), await open_to("esil"), await open_to("almaly")) == (told, told, [])
    path = f"/violations/{first.id}/exports/again"
    assert (await api.post(path, None, "authoriser", districts=("almaly",))).status_code == 404
    once = {"Idempotency-Key": "k-1234567890"}
    for _ in range(2):
        answer = await api.post(path, None, "authoriser", headers=once)
        assert [row["state"] for row in answer.json()["items"]] == ["waiting"], answer.text
    assert (await api.post(path, None, "authoriser")).status_code == 409
    assert await open_to("esil") == [told[1], told[2], (first.id, "waiting")]


def test_who_had_the_turn_before_does_not_call_delivered_back(bureau: Bureau) -> None:
    made = bureau.issued(0)
    bureau.courier.deliver()
    (had,) = bureau.store.receipts(made.id)
    bureau.store.note(had.model_copy(update={"state": "waiting"}))
    assert bureau.store.receipts(made.id) == [had]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_a_gateway_that_is_being_changed_costs_no_filing(bureau: Bureau, status: int) -> None:
    made, answers = bureau.issued(0), [status]
    transport = httpx.MockTransport(lambda _: httpx.Response(answers[0]))
    receiver = HttpReceiver("https://court.example/cases", client=httpx.Client(transport=transport))
    courier = Courier(bureau.store, receiver, lambda: bureau.now)
    for _ in range(100):
        courier.deliver()
        bureau.now += timedelta(minutes=5)
    (waits,) = bureau.store.receipts(made.id)
    assert (waits.state, waits.attempts, f"{status}" in waits.answer) == ("waiting", 100, True), (
        "after a night"
    )
    answers[0] = 201
    courier.deliver()
    bureau.now += timedelta(minutes=5)
    courier.deliver()
    assert [r.state for r in bureau.store.receipts(made.id)] == ["delivered"]


def test_what_is_barred_for_a_week_is_put_aside_whoever_restarts_and_what_comes_after_it_is_sent(
    bureau: Bureau,
) -> None:
    made = bureau.issued(0)
    bureau.take(made, "cancel")

    def unknown(filing: Filing, taken: bool) -> None:
        if filing.action == "issue":
            raise ReceiverBars("404 no such case")

    bureau.receiver.fault = unknown
    began = bureau.now
    for _ in range(30):
        bureau.restart()
        bureau.courier.deliver()
        if bureau.store.length() < 2:
            break
        bureau.now += timedelta(hours=12)
    assert bureau.now - began == BARRED_FOR
    assert [r.state for r in bureau.store.receipts(made.id)] == ["refused", "delivered"]
    assert bureau.receiver.actions == [(made.id, "withdraw")]


def test_who_is_not_reached_for_a_week_is_not_barred_by_one_answer(bureau: Bureau) -> None:
    made = bureau.issued(0)
    answers: list[type[ReceiverAway]] = [ReceiverAway]

    def away(filing: Filing, taken: bool) -> None:
        raise answers[0]("away")

    bureau.receiver.fault = away
    bureau.courier.deliver()
    bureau.now += 2 * BARRED_FOR
    answers[0] = ReceiverBars
    bureau.courier.deliver()
    assert [r.state for r in bureau.store.receipts(made.id)] == ["waiting"]


def test_however_many_are_in_trouble_what_waits_behind_them_is_sent(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.store.proceedings.STEP", 2)
    made = [bureau.issued(n) for n in range(5)]
    bureau.take(made[0], "cancel")

    def barred(filing: Filing, taken: bool) -> None:
        if filing.violation != made[4].id:
            raise ReceiverAway("down")

    bureau.receiver.fault = barred
    assert bureau.courier.deliver() == 1
    assert bureau.receiver.actions == [(made[4].id, "issue")]
    assert len(bureau.receiver.asked) == 5, "a withdrawal waits for what it withdraws, also pages later"


@pytest.mark.slow
def test_a_violation_knows_its_filings_without_a_walk_through_the_outbox(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    others, made = [bureau.issued(n) for n in range(3)], bureau.issued(3)
    bureau.take(made, "cancel")

    def states() -> list[tuple[str, str]]:
        return [(r.action, r.state) for r in bureau.store.receipts(made.id)]

    with monkeypatch.context() as away:
        away.setattr(bureau.store._redis, "xrange", None)
        assert states() == [("issue", "waiting"), ("withdraw", "waiting")]
        assert [r.district for r in bureau.store.receipts(others[0].id)] == ["esil"]
    (*_, (place, _, key), _) = bureau.store.waiting()
    bureau.store.settle(place, Receipt(key=key, violation=made.id, action="issue", state="delivered"))
    assert states() == [("issue", "delivered"), ("withdraw", "waiting")]
    bureau.courier.deliver()
    assert states() == [("issue", "delivered"), ("withdraw", "delivered")]
    bureau.results.write([made])
    assert states() == [("issue", "delivered"), ("withdraw", "delivered")], (
        "what is written twice is told once"
    )


def test_one_process_delivers_at_a_time(bureau: Bureau) -> None:
    bureau.issued(0)
    other = ProceedingsStore(bureau.url, bureau.results)
    assert other.my_turn()
    assert bureau.courier.deliver() == 0
    redis.Redis.from_url(bureau.url).delete(keys.turn("proceedings"))  # it died, and its turn lapsed
    assert bureau.courier.deliver() == 1


def test_redis_away_is_said_and_nothing_is_sent() -> None:
    url = "unix:///nowhere/redis.sock"
    courier = Courier(ProceedingsStore(url, ResultsStore(url)), Taken())
    with pytest.raises(StoreError):
        courier.deliver()


def filing(**changes: Any) -> Filing:
    values = {"key": "k1", "action": "issue", "violation": "v", "number": 3, "captured_at": AT, "district": "esil",
              "camera": "c", "rule": "speeding", "decided_at": AT, "decided_by": "a"}  # fmt: skip
    return Filing.model_validate(values | changes)


def test_a_folder_takes_each_key_once_also_when_it_was_taken_away(tmp_path: Path) -> None:
    receiver = FolderReceiver(tmp_path / "out")
    assert [receiver.deliver(filing()) for _ in range(2)] == ["written", "had it"]
    (file,) = (tmp_path / "out").iterdir()
    assert json.loads(file.read_text())["violation"] == "v"
    (tmp_path / "out" / "taken").mkdir()
    file.rename(tmp_path / "out" / "taken" / file.name)
    assert receiver.deliver(filing()) == "had it"
    (tmp_path / "full").write_text("")
    with pytest.raises(ReceiverAway):
        FolderReceiver(tmp_path / "full").deliver(filing())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, "201"), (409, "had it"), (503, ReceiverAway), (429, ReceiverAway), (302, ReceiverAway),
     (401, ReceiverAway), (403, ReceiverBars), (404, ReceiverBars), (405, ReceiverBars), (410, ReceiverBars),
     (400, ReceiverRefuses), (413, ReceiverRefuses), (422, ReceiverRefuses)],
)  # fmt: skip
def test_an_address_answers_by_its_status(status: int, outcome: Any) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    receiver = HttpReceiver("https://court.example/cases", "secret", client)
    if isinstance(outcome, str):
        assert receiver.deliver(filing()) == outcome
    else:
        with pytest.raises(outcome) as met:
            receiver.deliver(filing())
        assert met.type is outcome
    assert seen[0].headers["idempotency-key"] == "k1"
    assert seen[0].headers["dome-signature"].startswith("sha256=")


def test_only_safe_addresses_are_filed_to() -> None:
    assert receiver_for("") is None
    with pytest.raises(FieldError, match="DOME_PROCEEDINGS"):
        receiver_for("http://court.example/cases")
