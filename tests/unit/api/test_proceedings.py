"""What is issued reaches the proceedings once, whoever dies in whichever moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from apiclient import AT, speeding, write

from flows.casework.proceedings import REFUSALS, Courier
from flows.casework.receivers import FolderReceiver, HttpReceiver, receiver_for
from flows.casework.review import step
from flows.domain.errors import FieldError, StoreError
from flows.domain.events import Event
from flows.domain.filing import Filing, Receipt, ReceiverAway, ReceiverRefuses
from flows.domain.people import ROLES, Person
from flows.domain.plates import PlateRecord, plate_event
from flows.domain.review import Action
from flows.store import keys
from flows.store.proceedings import ProceedingsStore
from flows.store.results import ResultsStore

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
    (*_, (place, filing), _) = bureau.store.waiting()
    assert filing is not None
    bureau.store.settle(place, Receipt(key=filing.key, violation=made.id, action="issue", state="delivered"))
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
     (422, ReceiverRefuses)],
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
        with pytest.raises(outcome):
            receiver.deliver(filing())
    assert seen[0].headers["idempotency-key"] == "k1"
    assert seen[0].headers["dome-signature"].startswith("sha256=")


def test_only_safe_addresses_are_filed_to() -> None:
    assert receiver_for("") is None
    with pytest.raises(FieldError, match="DOME_PROCEEDINGS"):
        receiver_for("http://court.example/cases")
